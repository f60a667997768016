"""What displays share: the model that an estimator stands for, rows, and axes."""

from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from skebm.tables import as_frame, is_frame, names_of
from skebm.utils._sklearn import check_matplotlib_support


def model_of(estimator):
    """Return the fitted estimator, or the density that it holds.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    """
    check_is_fitted(estimator)
    return getattr(estimator, "density_", estimator)


def need(estimator, display, *names, remedy=""):
    """Return the first of these attributes that the model of an estimator has.

    Parameters
    ----------
    estimator : fitted estimator
    display : str
        The class that needs the attribute, for the error message.
    *names : str
    remedy : str
        Sentence that tells the user what to do instead.

    Returns
    -------
    name : str
    value : object

    Raises
    ------
    ImportError
        If matplotlib is missing, before anything is computed.
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If the model has none of the attributes.
    """
    check_matplotlib_support(f"{display}.from_estimator")
    model, reason = model_of(estimator), None
    for name in names:
        try:
            return name, getattr(model, name)
        except AttributeError as error:
            reason = error.__cause__ or reason  # what `available_if` has to say
    label = type(model).__name__
    if model is not estimator:
        label = f"{label}, the density_ of {type(estimator).__name__},"
    words = " or ".join(f"`{name}`" for name in names)
    sentences = (f"{display} needs {words}; {label} has none.", str(reason or remedy))
    raise TypeError(" ".join(filter(None, sentences)))


def energy_of(estimator, display):
    """Return a function that gives the energies of rows, and a label for its values.

    The function is ``energy_samples``, or the negative of ``score_samples``.
    """
    name, method = need(
        estimator,
        display,
        "energy_samples",
        "score_samples",
        remedy="Use an estimator that scores rows, such as RBMDensity.",
    )
    if name == "energy_samples":
        return lambda X: np.asarray(method(X)), "energy (nats)"
    return lambda X: -np.asarray(method(X)), "-score_samples"


class Table:
    """Rows as a pandas frame, and back in the form that an estimator takes.

    Parameters
    ----------
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
    estimator : fitted estimator
        Its number of columns has to be the same.

    Attributes
    ----------
    frame : DataFrame
    names : list of str
        Names of the columns for the labels of axes.
    """

    def __init__(self, X, estimator):
        self._is_frame = is_frame(X)
        if self._is_frame:
            names_of(X)  # a sentence about names that occur twice
        self.frame = as_frame(X).reset_index(drop=True)
        columns, n_features = self.frame.columns, self.frame.shape[1]
        expected = getattr(estimator, "n_features_in_", n_features)
        if n_features != expected:
            name = type(estimator).__name__
            raise ValueError(
                f"X has {n_features} columns, but {name} was fitted on {expected}. "
                "Pass rows with all columns of fit."
            )
        self.names = [str(c) if self._is_frame else f"column {c}" for c in columns]
        self._dtype = getattr(X, "dtype", None)

    def like(self, X, what):
        """Return other rows as a frame with the columns and dtypes of this table.

        Raises
        ------
        ValueError
            If the number of columns differs. ``what`` is the argument for the message.
        """
        frame, n_features = as_frame(X), self.frame.shape[1]
        if frame.shape[1] != n_features:
            raise ValueError(
                f"{what} must have the {n_features} columns of X; got {frame.shape[1]}."
            )
        frame = frame.reset_index(drop=True).set_axis(self.frame.columns, axis=1)
        kinds = {
            name: dtype
            for name, dtype in self.frame.dtypes.items()
            if isinstance(dtype, pd.CategoricalDtype)
        }
        return frame.astype(kinds)

    def back(self, frame):
        """Return a frame in the form of ``X``."""
        if self._is_frame:
            return frame
        kinds = {dtype.kind for dtype in frame.dtypes}
        is_whole = self._dtype is not None and self._dtype.kind in "biu"
        return frame.to_numpy(None if is_whole and "f" in kinds else self._dtype)

    def position(self, feature):
        """Return the position of a column that is named or numbered.

        Raises
        ------
        ValueError
            If there is no such column.
        """
        columns = list(self.frame.columns)
        if feature in columns:
            return columns.index(feature)
        n_features = len(columns)
        is_number = isinstance(feature, int | np.integer)
        if is_number and -n_features <= feature < n_features:
            return int(feature) % n_features
        listed = ", ".join(map(repr, columns[:10])) + ", ..." * (n_features > 10)
        raise ValueError(
            f"features names the column {feature!r}, which X does not have. Use a name "
            f"or a position below {n_features}. The columns are {listed}."
        )


def check_number(what, number, least):
    """Raise an error if an argument is not a whole number from ``least`` on."""
    if not isinstance(number, Integral) or number < least:
        raise ValueError(
            f"{what} must be a whole number, at least {least}; got {number!r}."
        )


def one_axes(ax, display):
    """Return a figure and its axes, which are new if ``ax`` is None."""
    check_matplotlib_support(f"{display}.plot")
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(layout="constrained")
    return ax.figure, ax


def many_axes(ax, display, n_rows, n_columns, size=(1.2, 1.2), **options):
    """Return a figure and an array of axes, which take the place of ``ax`` if any.

    The options are those of ``Figure.subplots``. ``size`` is the width and the height
    of each of them in a new figure, in inches.
    """
    check_matplotlib_support(f"{display}.plot")
    import matplotlib.pyplot as plt

    options = {"squeeze": False, **options}
    if ax is None:
        inches = size[0] * n_columns, size[1] * n_rows
        return plt.subplots(
            n_rows, n_columns, figsize=inches, layout="constrained", **options
        )
    ax.set_axis_off()
    ratios = {k: options.pop(k) for k in ("height_ratios",) if k in options}
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            f"ax must be a subplot for {display}, which divides it into several axes. "
            "Make it with plt.subplots()."
        )
    place = place.subgridspec(n_rows, n_columns, **ratios)
    return ax.figure, place.subplots(**options)


def show_image(ax, values, **options):
    """Show a picture without ticks."""
    ax.set(xticks=[], yticks=[])
    return ax.imshow(values, **options)


def name_levels(axis, levels, n_letters=60):
    """Write levels at an axis; more letters than these are slanted below a plot."""
    texts = [f"{v:g}" if isinstance(v, float) else str(v) for v in levels]
    is_long = axis.axis_name == "x" and sum(map(len, texts)) > n_letters
    slant = {"rotation": 30, "ha": "right"} if is_long else {}
    axis.set_ticks(range(len(texts)), texts, **slant)


def check_shape(shape, n_values, what):
    """Raise an error if a picture of this shape does not have as many values."""
    if np.ndim(shape) != 1 or len(shape) != 2 or np.prod(shape) != n_values:
        raise ValueError(
            f"shape must be (height, width) with {n_values} pixels, one for each "
            f"{what}; got {shape!r}. Use shape=None for a table."
        )
