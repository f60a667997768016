"""Transformers of rows that come before an estimator in a pipeline."""

import warnings
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from skebm.utils._sklearn import (
    Interval,
    StrOptions,
    check_feature_names_in,
    fit_context,
    validate_data,
)
from skebm.utils._stored import Versioned
from skebm.utils._types import Self, TableLike
from skebm.utils._validation import refuse_paths

__all__ = ["WindowTransformer"]

# What a window may give, in the order of the columns of the result.
_FEATURES = ("values", "differences", "mean", "std", "min", "max")


class WindowTransformer(Versioned, TransformerMixin, BaseEstimator):
    """Windows of rows in time order, for estimators that look at single rows.

    Row t of the result holds the last ``width`` rows up to row t, side by side, and no
    later row. There are as many rows in the result as in ``X``, so in a pipeline with
    :class:`skebm.EBMAnomalyDetector` each row gets a score of its own.

    Parameters
    ----------
    width : int, default=10
        Number of rows in a window.
    features : {"values", "differences", "mean", "std", "min", "max"} or list of them, \
default="values"
        What is taken from a window, for each column: all values; the differences of
        consecutive values; or the mean, standard deviation (divided by the number of
        values), least or largest value.
    edge : {"missing", "repeat"}, default="missing"
        What stands for the rows before the first row. ``"missing"`` leaves the cells
        missing (NaN), which estimators of skebm take. ``"repeat"`` repeats the first
        row, for estimators that take no missing values.
    continues : bool, default=False
        Whether the rows of ``transform`` follow the rows of ``fit``. If so, the first
        windows begin with the last rows of ``fit``, as on the test part of a
        :class:`sklearn.model_selection.TimeSeriesSplit` without a gap. If not, each
        call of ``transform`` begins a new series. ``fit_transform`` always does.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of ``X`` in ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns of ``X`` in ``fit``, if it had names.

    Notes
    -----
    A window depends on the rows before its own, so ``transform`` of a part of the rows
    is not a part of ``transform`` of all rows, unless the part begins with the first
    row or ``width`` is 1. Missing values (NaN) stay missing in values and differences,
    and the mean and the like are taken over the values that are there.

    Examples
    --------
    >>> import numpy as np
    >>> from skebm.preprocessing import WindowTransformer
    >>> X = np.array([[1.0], [3.0], [4.0], [8.0]])
    >>> WindowTransformer(3, features=["values", "mean"]).fit_transform(X).round(1)
    array([[nan, nan, 1. , 1. ],
           [nan, 1. , 3. , 2. ],
           [1. , 3. , 4. , 2.7],
           [3. , 4. , 8. , 5. ]])
    """

    _parameter_constraints: dict = {
        "width": [Interval(Integral, 1, None, closed="left")],
        "features": [StrOptions(set(_FEATURES)), list, tuple],
        "edge": [StrOptions({"missing", "repeat"})],
        "continues": ["boolean"],
    }

    def __init__(
        self,
        width: int = 10,
        *,
        features: str | list[str] | tuple[str, ...] = "values",
        edge: str = "missing",
        continues: bool = False,
    ):
        self.width = width
        self.features = features
        self.edge = edge
        self.continues = continues

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: TableLike, y=None, *, groups=None) -> Self:
        """Learn the columns and, with ``continues``, keep the last rows.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_samples, n_features)
            Rows in time order.
        y : Ignored
        groups : array-like of shape (n_samples,), default=None
            The series of each row. None is one series. Rows of several series may
            alternate.

        Returns
        -------
        self : WindowTransformer
            The fitted transformer.
        """
        self._chosen()
        rows = self._checked(X, reset=True)
        groups = _checked_groups(groups, len(rows))
        self._last = None
        if self.continues:
            last = _last_of_each(groups, len(rows), self.width - 1)
            self._last = rows[last], None if groups is None else groups[last]
        return self

    def transform(self, X: TableLike, *, groups=None) -> np.ndarray:
        """Return what is taken from the window of each row.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_samples, n_features)
            Rows in time order.
        groups : array-like of shape (n_samples,), default=None
            The series of each row. No window has rows of two series.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out), float64 or float32
            Values and differences go from the oldest to the newest.
        """
        check_is_fitted(self)
        rows = self._checked(X)
        return self._windows(rows, _checked_groups(groups, len(rows)), self._last)

    def fit_transform(self, X: TableLike, y=None, *, groups=None) -> np.ndarray:
        """Fit to rows, and return what is taken from the window of each.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_samples, n_features)
            Rows in time order. The first of them begins the series.
        y : Ignored
        groups : array-like of shape (n_samples,), default=None
            The series of each row.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out), float64 or float32
        """
        self.fit(X, groups=groups)
        rows = self._checked(X)
        return self._windows(rows, _checked_groups(groups, len(rows)), None)

    def get_feature_names_out(self, input_features=None) -> np.ndarray:
        """Return the names of the columns of the result.

        ``price_lag2`` is the price two rows before, ``price_diff2`` that price minus
        the price a row earlier, and ``price_mean`` the mean of the window.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of ``X``. None takes those of ``fit``.

        Returns
        -------
        ndarray of str objects
        """
        check_is_fitted(self)
        names = check_feature_names_in(self, input_features)
        lags, ends = range(self.width - 1, -1, -1), []
        for feature in self._chosen():
            if feature == "values":
                ends += [f"lag{k}" for k in lags]
            elif feature == "differences":
                ends += [f"diff{k}" for k in lags[1:]]
            else:
                ends.append(feature)
        return np.array([f"{name}_{end}" for end in ends for name in names], object)

    def _chosen(self):
        """Return the features in their order, or raise a sentence."""
        chosen = self.features
        chosen = [chosen] if isinstance(chosen, str) else list(chosen)
        unknown = [feature for feature in chosen if feature not in _FEATURES]
        if unknown or not chosen:
            raise ValueError(
                f"features is {self.features!r}, but it must be one or several of "
                f"{', '.join(_FEATURES)}."
            )
        if chosen == ["differences"] and self.width == 1:
            raise ValueError(
                "features='differences' with width=1 leaves no column. Set width to 2 "
                "or more."
            )
        return [feature for feature in _FEATURES if feature in chosen]

    def _checked(self, X, reset=False):
        options = {"dtype": [np.float64, np.float32], "ensure_all_finite": "allow-nan"}
        refuse_paths(X)
        return validate_data(self, X, reset=reset, **options)

    def _windows(self, rows, groups, last):
        """Return the features of the rows, which follow the last rows if there are any.

        The windows are an array of shape (n_samples, width, n_features).
        """
        n_before = 0
        if last is not None:
            before, groups_before = last
            if (groups is None) != (groups_before is None):
                raise ValueError(
                    "With continues=True, groups must be passed to both fit and "
                    "transform, or to neither of them."
                )
            n_before = len(before)
            rows = np.concatenate([before, rows])
            groups = None if groups is None else np.append(groups_before, groups)
        place = _places(groups, len(rows), self.width, self.edge == "repeat")[n_before:]
        # Place -1 is this row.
        windows = np.vstack([rows, np.full_like(rows[:1], np.nan)])[place]
        parts = [_taken(windows, feature) for feature in self._chosen()]
        return np.concatenate(parts, axis=1).reshape(len(place), -1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _checked_groups(groups, n_rows):
    """Return the number of the series of each row, or the labels as they came."""
    if groups is None:
        return None
    groups = check_array(groups, ensure_2d=False, dtype=None, input_name="groups")
    if groups.shape != (n_rows,):
        raise ValueError(
            f"groups has the shape {groups.shape}, but it must have one label for each "
            f"of the {n_rows} rows of X."
        )
    return groups


def _places(groups, n_rows, width, repeats):
    """Return the numbers of the rows in each window, oldest first; -1 for no row.

    Returns
    -------
    ndarray of int of shape (n_rows, width)
    """
    previous = np.arange(-1, n_rows)
    if groups is not None:
        _, numbers = np.unique(groups, return_inverse=True)
        order = np.argsort(numbers, kind="stable")
        is_first = np.diff(numbers[order], prepend=-1) > 0
        previous[order] = np.where(is_first, -1, np.roll(order, 1))
    else:
        previous = np.append(previous[:-1], -1)
    # The row before no row is no row.
    previous[-1] = -1
    if repeats:
        first = previous[:-1] < 0
        previous[:-1][first] = np.flatnonzero(first)
    place = np.empty((n_rows, width), dtype=np.intp)
    place[:, -1] = np.arange(n_rows)
    for k in range(width - 2, -1, -1):
        place[:, k] = previous[place[:, k + 1]]
    return place


def _last_of_each(groups, n_rows, n_last):
    """Return the numbers of the last rows of each series, in time order."""
    if groups is None:
        return np.arange(max(n_rows - n_last, 0), n_rows)
    _, numbers, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(numbers, kind="stable")
    ends = np.repeat(counts.cumsum(), counts)
    return np.sort(order[ends - np.arange(n_rows) <= n_last])


def _taken(windows, feature):
    """Return a feature of windows, shape (n_samples, n_values, n_features)."""
    if feature == "values":
        return windows
    if feature == "differences":
        return np.diff(windows, axis=1)
    function = {
        "mean": np.nanmean,
        "std": np.nanstd,
        "min": np.nanmin,
        "max": np.nanmax,
    }[feature]
    with warnings.catch_warnings():
        # A window without values has no mean: NaN is right.
        warnings.simplefilter("ignore", RuntimeWarning)
        return function(windows, axis=1, keepdims=True)
