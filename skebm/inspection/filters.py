"""The weights of hidden units as pictures or bars."""

import numpy as np

from skebm.inspection._base import (
    check_number,
    check_shape,
    many_axes,
    need,
    show_image,
)

_NAME = "FilterDisplay"


class FilterDisplay:
    """The weights of hidden units, the largest first.

    Each hidden unit is a picture, or the bars of its largest weights. Use
    :meth:`from_estimator` to make a display.

    Parameters
    ----------
    components : ndarray of shape (n_components, n_units)
        Weights, in the order in which they are drawn.
    order : ndarray of shape (n_components,)
        The numbers of the hidden units.
    shape : tuple (height, width) or None
        Shape of the pictures. None draws bars.
    names : list of str of length n_units
        Names of the visible units.

    Attributes
    ----------
    axes_ : ndarray of Axes
    ax_ : matplotlib Axes
        The first of the axes.
    figure_ : matplotlib Figure
    filters_ : list of AxesImage or BarContainer

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skebm import RBMDensity
    >>> from skebm.inspection import FilterDisplay
    >>> X = (load_digits().data > 7).astype(float)
    >>> rbm = RBMDensity(16, n_iter=5, random_state=0).fit(X)
    >>> display = FilterDisplay.from_estimator(rbm, shape=(8, 8))
    >>> len(display.filters_)
    16
    """

    def __init__(self, *, components, order, shape, names):
        self.components = components
        self.order = order
        self.shape = shape
        self.names = names

    @classmethod
    def from_estimator(
        cls, estimator, shape=None, *, n_filters=16, names=None, ax=None, **kwargs
    ):
        """Sort the hidden units by the norm of their weights, and plot the first.

        Parameters
        ----------
        estimator : fitted estimator
            An estimator with ``components_``, or one that holds it in ``density_``.
        shape : tuple (height, width), default=None
            Shape of pictures, whose product is the number of visible units. None draws
            bars, as for tables and documents.
        n_filters : int, default=16
            Number of hidden units that are shown.
        names : list of str, default=None
            Names of the visible units, such as the words of documents. None takes
            ``unit_names_`` or ``feature_names_in_``, and else the positions.
        ax : matplotlib Axes, default=None
            A subplot whose place is taken. None makes a new figure.
        **kwargs : dict
            Arguments of :meth:`plot`.

        Returns
        -------
        FilterDisplay

        Raises
        ------
        TypeError
            If there is no ``components_``.
        ValueError
            If the shape or the names do not fit the number of visible units.
        """
        remedy = "Use an estimator with hidden units, such as RBMDensity."
        components = np.asarray(need(estimator, _NAME, "components_", remedy=remedy)[1])
        n_units = components.shape[1]
        check_number("n_filters", n_filters, 1)
        if shape is not None:
            check_shape(shape, n_units, "visible unit")
        names = _names(estimator, n_units) if names is None else list(names)
        if len(names) != n_units:
            raise ValueError(
                f"names must be one for each of the {n_units} visible units; got "
                f"{len(names)}."
            )
        order = np.argsort(-np.linalg.norm(components, axis=1), kind="stable")
        order = order[:n_filters]
        display = cls(
            components=components[order], order=order, shape=shape, names=names
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, n_bars=8, cmap="RdBu_r"):
        """Draw the weights.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            A subplot whose place is taken. None makes a new figure.
        n_bars : int, default=8
            Number of bars of a unit: its largest weights. Ignored for pictures.
        cmap : str, default="RdBu_r"
            Colour map of pictures, which is white at 0. Ignored for bars.

        Returns
        -------
        FilterDisplay
        """
        n_filters = len(self.components)
        n_columns = min(n_filters, 4 if self.shape is None else 8)
        n_rows = -(-n_filters // n_columns)
        size = (2.6, 0.6 + 0.22 * n_bars) if self.shape is None else (1.1, 1.2)
        self.figure_, self.axes_ = many_axes(ax, _NAME, n_rows, n_columns, size)
        self.ax_, limit = self.axes_.flat[0], np.abs(self.components).max() or 1.0
        self.filters_ = []
        for cell, unit, weights in zip(
            self.axes_.flat, self.order, self.components, strict=False
        ):
            cell.set_title(f"unit {unit}", fontsize="small")
            if self.shape is None:
                self.filters_.append(self._bars(cell, weights, n_bars, limit))
                continue
            image = weights.reshape(self.shape)
            options = {"cmap": cmap, "vmin": -limit, "vmax": limit}
            self.filters_.append(show_image(cell, image, **options))
        for cell in self.axes_.flat[n_filters:]:
            cell.set_axis_off()
        if self.shape is not None:
            self.figure_.colorbar(self.filters_[0], ax=self.axes_, label="weight")
        return self

    def _bars(self, cell, weights, n_bars, limit):
        """Draw the largest weights of a unit, the largest on top."""
        largest = np.argsort(-np.abs(weights), kind="stable")[:n_bars][::-1]
        colors = np.where(weights[largest] < 0, "C0", "C3")
        bars = cell.barh(np.arange(len(largest)), weights[largest], color=colors)
        cell.set_yticks(np.arange(len(largest)), [self.names[k] for k in largest])
        cell.tick_params(labelsize="small")
        cell.set_xlim(-1.05 * limit, 1.05 * limit)
        cell.axvline(0, color="0.5", linewidth=0.6)
        return bars


def _names(estimator, n_units):
    """Return the names of the visible units that an estimator knows."""
    for model in (getattr(estimator, "density_", estimator), estimator):
        for attribute in ("unit_names_", "feature_names_in_"):
            names = getattr(model, attribute, None)
            if names is not None and len(names) == n_units:
                return [str(name) for name in names]
    return [str(k) for k in range(n_units)]
