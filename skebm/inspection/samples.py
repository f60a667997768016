"""Draws of the model beside rows."""

import numpy as np
import pandas as pd

from skebm.inspection._base import (
    Table,
    check_number,
    check_shape,
    many_axes,
    name_levels,
    need,
    show_image,
)
from skebm.inspection._sections import Axis
from skebm.inspection._views import some_of
from skebm.utils._random import Random

_NAME = "SampleDisplay"
_STYLES = {"rows": "C1", "draws": "C0"}
_N_BINS = 20
# Columns of a scatter matrix if none are named.
_N_COLUMNS = 4
# Levels that have labels, at most.
_MAX_TICKS = 6
# Letters that have room beside each other below a small plot.
_N_LETTERS = 20
# The width of the cloud of rows at a level, whose distance from the next is 1.
_CLOUD = 0.4


class SampleDisplay:
    """Draws of the model beside rows: pictures, or a matrix of scatter plots.

    Use :meth:`from_estimator` to make a display.

    Parameters
    ----------
    rows, draws : DataFrame of shape (n_samples, n_features)
        With the same columns.
    shape : tuple (height, width) or None
        Shape of the pictures. None draws scatter plots.
    names : list of str
        Labels of the columns.

    Attributes
    ----------
    axes_ : ndarray of Axes
        For pictures two axes: of rows and of draws. Else a matrix, with a row and a
        column for each column of the table.
    ax_ : matplotlib Axes
        The first of the axes.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skebm import RBMDensity
    >>> from skebm.inspection import SampleDisplay
    >>> X = (load_digits().data > 7).astype(float)
    >>> rbm = RBMDensity(16, n_iter=5, random_state=0).fit(X)
    >>> display = SampleDisplay.from_estimator(rbm, X, 9, shape=(8, 8), random_state=0)
    >>> display.draws.shape
    (9, 64)
    """

    def __init__(self, *, rows, draws, shape, names):
        self.rows = rows
        self.draws = draws
        self.shape = shape
        self.names = names

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        n_samples=None,
        *,
        shape=None,
        features=None,
        random_state=None,
        ax=None,
        **kwargs,
    ):
        """Draw rows of a fitted estimator, and plot them beside rows of ``X``.

        Parameters
        ----------
        estimator : fitted estimator
            An estimator with ``sample``, or one that holds it in ``density_``.
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows, of which ``n_samples`` are chosen at random.
        n_samples : int, default=None
            Number of draws and of rows. None takes 36 pictures or 300 points, but no
            more than ``X`` has rows.
        shape : tuple (height, width), default=None
            Shape of pictures, whose product is the number of columns. None draws
            scatter plots.
        features : list of str or int, default=None
            Columns of the scatter plots. None takes the first four.
        random_state : int, RandomState or None, default=None
            Seed of the draws.
        ax : matplotlib Axes, default=None
            A subplot whose place is taken. None makes a new figure.
        **kwargs : dict
            Arguments of :meth:`plot`.

        Returns
        -------
        SampleDisplay

        Raises
        ------
        TypeError
            If the estimator does not draw rows.
        ValueError
            If a column does not exist, or the shape does not fit.
        """
        remedy = "Use an estimator that draws rows, such as RBMDensity."
        _, sample = need(estimator, _NAME, "sample", remedy=remedy)
        table, random = Table(X, estimator), Random.from_state(random_state)
        if shape is not None:
            check_shape(shape, table.frame.shape[1], "column of X")
        if n_samples is None:
            n_samples = min(300 if shape is None else 36, len(table.frame))
        check_number("n_samples", n_samples, 1)
        rows = some_of(table.frame, random.fold(0), n_samples)
        drawn = sample(n_samples, random_state=random.fold(1).seed())
        draws = table.like(drawn, "The draws")
        names = table.names
        if shape is None:
            features = range(len(names))[:_N_COLUMNS] if features is None else features
            kept = [table.position(feature) for feature in features]
            rows, draws = rows.iloc[:, kept], draws.iloc[:, kept]
            names = [names[k] for k in kept]
        display = cls(rows=rows, draws=draws, shape=shape, names=names)
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, cmap="gray_r"):
        """Draw rows and draws.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            A subplot whose place is taken. None makes a new figure.
        cmap : str, default="gray_r"
            Colour map of pictures.

        Returns
        -------
        SampleDisplay
        """
        if self.shape is None:
            self._plot_matrix(ax)
        else:
            self._plot_images(ax, cmap)
        self.ax_ = self.axes_.flat[0]
        return self

    def _plot_images(self, ax, cmap):
        self.figure_, self.axes_ = many_axes(ax, _NAME, 1, 2, (3.4, 3.6))
        parts = self.rows, self.draws
        numbers = [part.to_numpy(dtype=float) for part in parts]
        ends = {"vmin": np.nanmin(numbers[0]), "vmax": np.nanmax(numbers[0])}
        from matplotlib import colormaps

        cmap = colormaps[cmap].with_extremes(bad="C0")  # lines between pictures
        for cell, images, title in zip(
            self.axes_[0], numbers, ("rows", "draws"), strict=True
        ):
            show_image(cell, tiled(images, self.shape), cmap=cmap, **ends)
            cell.set_title(title)

    def _plot_matrix(self, ax):
        """Draw pairs of columns, and the marginals on the diagonal."""
        n = len(self.names)
        size = (2.0, 1.9) if n > 1 else (5, 3.5)
        self.figure_, self.axes_ = many_axes(ax, _NAME, n, n, size, sharex="col")
        both = pd.concat([self.rows, self.draws], ignore_index=True)
        axes = [Axis.of(name, both.iloc[:, k], 2) for k, name in enumerate(self.names)]
        places = {
            label: [a.place(frame.iloc[:, k]) for k, a in enumerate(axes)]
            for label, frame in (("rows", self.rows), ("draws", self.draws))
        }
        for i in range(n):
            for j in range(n):
                cell = self.axes_[i, j]
                if i == j:
                    _marginals(cell, axes[i], {k: v[i] for k, v in places.items()})
                else:
                    _scatter(cell, (axes[j], axes[i]), (j, i), places)
                _label(cell, axes, (j, i), (j == 0, i == n - 1))
        handles, labels = self.axes_[0, 0].get_legend_handles_labels()
        if ax is None:
            self.figure_.legend(handles, labels, loc="outside upper center", ncols=2)
        else:
            self.axes_[0, 0].legend()


def tiled(images, shape):
    """Return rows as one picture, a square of pictures with lines between them."""
    side = int(np.ceil(np.sqrt(len(images))))
    height, width = shape
    cells = np.full((side * side, height + 1, width + 1), np.nan)
    cells[: len(images), :-1, :-1] = images.reshape(-1, height, width)
    n_rows = -(-len(images) // side)
    cells = cells[: n_rows * side].reshape(n_rows, side, height + 1, width + 1)
    return cells.transpose(0, 2, 1, 3).reshape(n_rows * (height + 1), -1)[:-1, :-1]


def _marginals(cell, axis, places):
    """Draw the distributions of a column in rows and draws."""
    if axis.is_levels:
        edges = np.arange(len(axis.values) + 1) - 0.5
    else:
        every = np.concatenate(list(places.values()))
        every = every[np.isfinite(every)]
        edges = np.histogram_bin_edges(every, _N_BINS)
    for label, x in places.items():
        style = {"color": _STYLES[label], "alpha": 0.5, "label": label}
        cell.hist(x[np.isfinite(x)], edges, density=True, **style)
    cell.set_yticks([])


def _scatter(cell, axes, columns, places):
    for stream, (label, columns_of) in enumerate(places.items()):
        pair = [columns_of[k] for k in columns]
        cloud = Random(0).fold(stream).uniform((2, len(pair[0]))) - 0.5
        pair = [
            x + _CLOUD * axis.is_levels * c
            for x, axis, c in zip(pair, axes, cloud, strict=True)
        ]
        cell.scatter(*pair, s=5, color=_STYLES[label], alpha=0.6, linewidths=0)


def _label(cell, axes, columns, is_outer):
    """Label the axes at the left and at the bottom of the matrix."""
    pairs = zip((cell.yaxis, cell.xaxis), columns[::-1], is_outer, strict=True)
    is_diagonal = columns[0] == columns[1]
    for side, (axis, k, outer) in enumerate(pairs):
        if outer:
            axis.set_label_text(axes[k].name)
        if side == 0 and is_diagonal:
            continue
        if axes[k].is_levels and len(axes[k].values) <= _MAX_TICKS:
            name_levels(axis, axes[k].values, _N_LETTERS)
        if side == 0:
            axis.set_tick_params(labelleft=outer)
