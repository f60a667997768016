"""The energy over two columns, or over the plane of two principal components."""

import numpy as np

from skebm.inspection._base import Table, check_number, energy_of, name_levels, one_axes
from skebm.inspection._minima import local_minima
from skebm.inspection._views import (
    drawn_rows,
    over_columns,
    over_plane,
    some_of,
)
from skebm.utils._random import Random

_NAME = "EnergyLandscapeDisplay"
# The part of the rows whose energies the colours resolve.
_COLOURED = 0.98
_N_CONTOURS = 16
# The part of the colour map that is not too dark for black marks.
_SHADES = np.linspace(0.3, 1, 256)
_ROWS = {"s": 14, "c": "C1", "edgecolors": "w", "linewidths": 0.3, "zorder": 1}
_DRAWS = {"s": 18, "c": "0.15", "marker": "+", "linewidths": 0.8, "zorder": 2}
_MINIMA = {"s": 130, "c": "C3", "marker": "*", "edgecolors": "w", "zorder": 3}
# The width of the cloud of rows at a level, whose distance from the next is 1.
_CLOUD = 0.5


class EnergyLandscapeDisplay:
    """The energy over one or two columns, or over a plane.

    Contours show the energy, where both columns have real values. A column of few
    values (text, two values, or whole numbers in a range of 20) has an axis of levels.
    Rows, draws of the model and local minima are shown on top. Use
    :meth:`from_estimator` to make one.

    Parameters
    ----------
    grid : tuple of ndarray
        The values on the axes: one or two arrays.
    energy : ndarray, with one axis of the array for each axis of the grid
        Energies in nats: ``energy[i, j]`` belongs to ``grid[0][i]`` and ``grid[1][j]``.
    names : list of str
        Labels of the axes.
    is_levels : list of bool
        Which axes have levels.
    rows, draws : ndarray of shape (n, n_axes)
        Where rows and draws stand in the plot. Levels are numbered from 0.
    minima : ndarray of shape (n_minima, n_axes)
        Where the local minima stand, the lowest first.
    minima_energy : ndarray of shape (n_minima,)
        Their energies.
    label : str
        Label of the energies.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    surface_ : QuadContourSet, QuadMesh or artist of a curve
        The artist of the energies.
    rows_, draws_, minima_ : artist or None
        The artists on top.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skebm import RBMDensity
    >>> from skebm.inspection import EnergyLandscapeDisplay
    >>> X = load_iris().data
    >>> density = RBMDensity(4, n_iter=50, random_state=0).fit(X)
    >>> display = EnergyLandscapeDisplay.from_estimator(
    ...     density, X, features=(2, 3), draws=50, random_state=0
    ... )
    >>> display.energy.shape
    (100, 100)
    """

    def __init__(
        self,
        *,
        grid,
        energy,
        names,
        is_levels,
        rows,
        draws,
        minima,
        minima_energy,
        label="energy (nats)",
    ):
        self.grid = grid
        self.energy = energy
        self.names = names
        self.is_levels = is_levels
        self.rows = rows
        self.draws = draws
        self.minima = minima
        self.minima_energy = minima_energy
        self.label = label

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        features=None,
        *,
        others="marginal",
        plane=None,
        grid_resolution=100,
        draws=200,
        random_state=None,
        ax=None,
        **kwargs,
    ):
        """Compute the energies of an estimator on a grid, and plot them.

        Parameters
        ----------
        estimator : fitted estimator
            An estimator with ``energy_samples`` or ``score_samples``. One that holds a
            density, such as :class:`skebm.EBMAnomalyDetector`, stands for its
            ``density_``.
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows. They settle the range of the axes, and are shown.
        features : int, str, or tuple of one or two of them, default=None
            Columns by position or name. None takes all columns of an ``X`` of one or
            two columns.
        others : {"marginal", "mean"} or row, default="marginal"
            What happens to the other columns.

            - ``"marginal"``: they are averaged out. With the draws ``r`` of the model,
              the energy is ``-log mean_r p(a, b | r)``, where ``p(a, b | r)`` is
              ``exp(-E(a, b, r))`` divided by its sum over the grid, times the area of a
              cell. So it is the negative log-density of the two columns, up to the
              error of the average and to the probability beyond the grid. If the model
              cannot draw, rows of ``X`` take the place of draws. Then the columns have
              the average of their conditional densities in the data. The energy of
              each point is computed for each draw.
            - ``"mean"``: they have their means, or their most frequent values if they
              have levels or whole numbers.
            - a row (array, Series, dict, or frame of one row): they have its values.
        plane : {None, "pca"}, default=None
            ``"pca"`` shows the plane of the first two principal components of ``X``
            through its mean, where all columns change together. Rows and draws are
            projected on it, although their own energies differ from those of the plane.
        grid_resolution : int, default=100
            Number of points of an axis without levels.
        draws : int or rows, default=200
            Draws of the model, or their number. 0 shows none, and rows of ``X`` take
            their place where columns are averaged out.
        random_state : int, RandomState or None, default=None
            Seed of the draws.
        ax : matplotlib Axes, default=None
            Axes to plot on. None makes new ones.
        **kwargs : dict
            Arguments of :meth:`plot`.

        Returns
        -------
        EnergyLandscapeDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator does not score rows.
        ValueError
            If a column does not exist, or an argument has a value that is not known.
        """
        energy, label = energy_of(estimator, _NAME)
        if plane not in (None, "pca"):
            raise ValueError(f"plane must be None or 'pca'; got {plane!r}.")
        check_number("grid_resolution", grid_resolution, 3)
        table, random = Table(X, estimator), Random.from_state(random_state)
        drawn, is_shown = drawn_rows(estimator, table, draws, random.fold(0))
        settings = energy, table, grid_resolution
        if plane == "pca":
            view = over_plane(*settings)
        else:
            view = over_columns(*settings, features, others, drawn)
        energies = view.energies()
        minima, minima_energy = local_minima(energies, view.axes, view.function)
        rows = some_of(table.frame, random.fold(1))
        display = cls(
            grid=tuple(axis.values for axis in view.axes),
            energy=energies,
            names=[axis.name for axis in view.axes],
            is_levels=[axis.is_levels for axis in view.axes],
            rows=view.place(rows),
            draws=view.place(some_of(drawn, random.fold(2)) if is_shown else drawn[:0]),
            minima=minima,
            minima_energy=minima_energy,
            label=view.label or label,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, cmap=None, max_energy=None, show_minima=True):
        """Draw the landscape.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None makes new ones.
        cmap : str or Colormap, default=None
            Colour map, from low to high energies. None takes the lighter part of
            ``"Blues_r"``, on which draws can be seen.
        max_energy : float, default=None
            The energy from which on all energies have one colour. None takes the energy
            of the grid below which 98 % of the rows and draws lie.
        show_minima : bool, default=True
            Whether to mark the local minima below ``max_energy``.

        Returns
        -------
        EnergyLandscapeDisplay
        """
        self.figure_, self.ax_ = one_axes(ax, _NAME)
        top = self._highest() if max_energy is None else max_energy
        low = self.minima_energy <= top if show_minima else []
        minima = self.minima[low], self.minima_energy[low]
        if len(self.grid) == 1:
            self._plot_curve(top, *minima)
        else:
            self._plot_surface(cmap, top, minima[0])
        for k, (name, axis) in enumerate(
            zip(self.names, (self.ax_.xaxis, self.ax_.yaxis), strict=False)
        ):
            axis.set_label_text(name)
            if self.is_levels[k]:
                name_levels(axis, self.grid[k])
        if self.ax_.get_legend_handles_labels()[0]:
            self.ax_.legend(loc="best", framealpha=0.9)
        return self

    def _plot_curve(self, top, minima, minima_energy):
        """Draw the energy of one column, with the rows below it."""
        x, shown = self._positions(0), np.where(np.isfinite(self.energy), 1, np.nan)
        style = {"marker": "o", "linestyle": ":"} if self.is_levels[0] else {}
        (self.surface_,) = self.ax_.plot(x, self.energy * shown, color="C0", **style)
        lowest = np.nanmin(self.energy * shown)
        height = max(top - lowest, 1e-6)
        self.ax_.set(
            ylabel=self.label, ylim=(lowest - 0.25 * height, top + height / 10)
        )
        marks = []
        for k, (places, color, label) in enumerate(
            ((self.rows, "C1", "rows"), (self.draws, "0.35", "draws"))
        ):
            x = self._clouded(places, k)[:, 0]
            y = np.full(len(x), lowest - (0.1 + 0.08 * k) * height)
            marks += self.ax_.plot(x, y, "|", color=color, alpha=0.6, label=label)
        self.rows_, self.draws_ = marks
        self.minima_ = self._stars(minima[:, 0], minima_energy)

    def _plot_surface(self, cmap, top, minima):
        """Draw the energy of two axes: contours, or cells if an axis has levels."""
        x, y = (self._positions(k) for k in (0, 1))
        energy = np.ma.masked_invalid(self.energy.T)
        lowest = float(energy.min())
        top = max(min(top, float(energy.max())), lowest + 1e-6)
        if cmap is None:
            from matplotlib import colormaps, colors

            cmap = colors.ListedColormap(colormaps["Blues_r"](_SHADES))
        options = {"cmap": cmap, "zorder": 0}
        if any(self.is_levels):
            options |= {"shading": "nearest", "vmin": lowest, "vmax": top}
            self.surface_ = self.ax_.pcolormesh(x, y, energy, **options)
        else:
            levels = np.linspace(lowest, top, _N_CONTOURS)
            options |= {"levels": levels, "extend": "max"}
            self.surface_ = self.ax_.contourf(x, y, energy, **options)
        bar = {"label": self.label, "ticks": np.linspace(lowest, top, 6)}
        bar |= {"extend": "max"} if any(self.is_levels) else {}
        self.figure_.colorbar(self.surface_, ax=self.ax_, format="%.1f", **bar)
        limits = self.ax_.get_xlim(), self.ax_.get_ylim()
        self.rows_, self.draws_ = (
            self.ax_.scatter(*self._clouded(places, k).T, label=label, **style)
            for k, (places, label, style) in enumerate(
                ((self.rows, "rows", _ROWS), (self.draws, "draws", _DRAWS))
            )
        )
        self.minima_ = self._stars(*minima.T)
        self.ax_.set(xlim=limits[0], ylim=limits[1])

    def _stars(self, x, y):
        return self.ax_.scatter(x, y, label="minima", **_MINIMA) if len(x) else None

    def _positions(self, k):
        """Return where the values of an axis stand."""
        return np.arange(len(self.grid[k])) if self.is_levels[k] else self.grid[k]

    def _clouded(self, places, stream):
        """Return places, of which those at levels are moved a little at random."""
        cloud = Random(0).fold(stream).uniform(places.shape) - 0.5
        return places + _CLOUD * cloud * np.array(self.is_levels)

    def _highest(self):
        """Return the energy of the grid below which most rows and draws lie."""
        places = np.concatenate([self.rows, self.draws])
        places = places[np.isfinite(places).all(axis=1)]
        index = tuple(
            np.abs(places[:, k, None] - self._positions(k)).argmin(axis=1)
            for k in range(len(self.grid))
        )
        energies = self.energy[index] if len(places) else self.energy
        return float(np.quantile(energies[np.isfinite(energies)], _COLOURED))
