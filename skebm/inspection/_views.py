"""What a landscape shows: its axes, its energies, and where rows stand."""

from numbers import Real
from typing import NamedTuple

import numpy as np
import pandas as pd

from skebm.inspection._base import model_of
from skebm.inspection._sections import Axis, Plane, Section, typical_row

# Rows and draws that are shown, at most.
_MAX_SHOWN = 1000
# Rows of X that take the place of draws, at most.
_MAX_ROWS = 200


class View(NamedTuple):
    """One or two axes, and the energies of their points.

    Attributes
    ----------
    axes : list of Axis
    function : callable
        Energies of a list of arrays of values, one array for each axis.
    place : callable
        Where the rows of a frame stand in a plot, shape (n, n_axes).
    label : str or None
        What the energies are, if the other columns are averaged out.
    """

    axes: list
    function: object
    place: object
    label: str | None = None

    def energies(self):
        """Return the energies of the grid, with one axis for each axis."""
        return self.function(points_of(self.axes)).reshape(
            [len(axis.values) for axis in self.axes]
        )


def points_of(axes):
    """Return the points of a grid: an array of values for each axis."""
    grid = np.meshgrid(*(axis.values for axis in axes), indexing="ij")
    return [values.ravel() for values in grid]


def over_plane(energy, table, resolution):
    """Return the view of the plane of the first two principal components."""
    plane = Plane.of(energy, table)
    places = plane.place(table.frame)
    axes = [
        Axis.of(f"principal component {k + 1}", pd.Series(x), resolution, False)
        for k, x in enumerate(places.T)
    ]
    return View(axes, plane, plane.place)


def over_columns(energy, table, resolution, features, others, drawn):
    """Return the view of one or two columns."""
    positions = _positions(table, features)
    axes = [
        Axis.of(table.names[k], table.frame.iloc[:, k], resolution) for k in positions
    ]

    def place(frame):
        pairs = zip(axes, positions, strict=True)
        return np.stack([axis.place(frame.iloc[:, k]) for axis, k in pairs], axis=1)

    is_whole = len(positions) == table.frame.shape[1]
    is_marginal = isinstance(others, str) and others == "marginal" and not is_whole
    if is_whole:
        rows = table.frame[:1]  # no cell of it is kept
    else:
        rows = drawn if is_marginal else _row(others, table)
    section = Section(energy, table, positions, rows)
    if not is_marginal:
        return View(axes, section, place)
    log_cell = sum(axis.log_width for axis in axes)
    section = section.marginal(points_of(axes), log_cell)
    kind = "probability" if all(axis.is_levels for axis in axes) else "density"
    return View(axes, section, place, f"-log {kind} (nats)")


def drawn_rows(estimator, table, draws, random):
    """Return draws of the model as a frame, and whether to show them.

    If the model does not draw, or no draws are wanted, they are rows of the table.
    """
    if draws is None or (isinstance(draws, Real) and not draws >= 0):
        raise ValueError(f"draws must be rows, or a number from 0 on; got {draws}.")
    if not isinstance(draws, Real):
        return table.like(draws, "draws"), True
    sample = getattr(model_of(estimator), "sample", None)
    if sample is None or draws == 0:
        return some_of(table.frame, random, _MAX_ROWS), False
    drawn = sample(int(draws), random_state=random.seed())
    return table.like(drawn, "draws"), True


def some_of(frame, random, n_rows=_MAX_SHOWN):
    """Return at most so many rows, chosen at random."""
    if len(frame) <= n_rows:
        return frame
    return frame.iloc[np.sort(random.permutation(len(frame))[:n_rows])]


def _positions(table, features):
    """Return the positions of one or two columns."""
    n_features = table.frame.shape[1]
    if features is None:
        if n_features > 2:
            raise ValueError(
                f"features must name one or two of the {n_features} columns of X, as "
                "in features=(0, 1); or pass plane='pca'."
            )
        return list(range(n_features))
    pair = features if isinstance(features, tuple | list | np.ndarray) else [features]
    # The names of a frame may be tuples.
    if isinstance(features, tuple) and features in list(table.frame.columns):
        pair = [features]
    if len(pair) not in (1, 2):
        raise ValueError(f"features must name one or two columns; got {features!r}.")
    positions = [table.position(feature) for feature in pair]
    if len(set(positions)) < len(positions):
        raise ValueError(f"features must name two different columns; got {features!r}.")
    return positions


def _row(others, table):
    """Return the row whose cells the other columns have."""
    frame = table.frame
    if isinstance(others, str):
        if others == "mean":
            return typical_row(frame)
        raise ValueError(
            f"others must be 'marginal', 'mean' or a row of X; got {others!r}."
        )
    if isinstance(others, dict | pd.Series):
        missing = [name for name in frame.columns if name not in others]
        if missing:
            raise ValueError(
                f"others must be a row with all columns of X; it lacks {missing}."
            )
        others = pd.DataFrame([[others[name] for name in frame.columns]], dtype=object)
    elif np.ndim(others) == 1:
        others = pd.DataFrame([list(others)], dtype=object)
    if np.shape(others) != (1, frame.shape[1]):
        raise ValueError(
            f"others must be one row with the {frame.shape[1]} columns of X; its shape "
            f"is {np.shape(others)}."
        )
    return table.like(others, "others").astype(dict(frame.dtypes))
