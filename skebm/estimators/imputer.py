"""Imputation of missing values with an energy-based density."""

from itertools import count

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from skebm.estimators._base import store
from skebm.estimators._holder import DensityHolder
from skebm.estimators.density import RBMDensity
from skebm.tables import (
    as_array,
    as_frame,
    by_blocks,
    empty_column,
    in_kind,
    is_frame,
    is_missing,
    missing_columns,
    opened,
    take_columns,
)
from skebm.utils._going_on import whole
from skebm.utils._random import Random
from skebm.utils._sklearn import (
    HasMethods,
    check_feature_names_in,
    fit_context,
    get_output_config,
    is_fitted,
)
from skebm.utils._tags import mark_tables
from skebm.utils._types import Automatic, Seed, Self, Spec, TableLike, Weights

_DENSITY = (
    *("n_components", "visible", "couplings", "handle_unknown", "learning_rate"),
    *(
        "batch_size",
        "n_iter",
        "max_time",
        "warm_start",
        "n_jobs",
        "random_state",
        "verbose",
    ),
)


class EnergyImputer(TransformerMixin, DensityHolder, BaseEstimator):
    """Imputation of missing values from the joint density of all columns.

    ``fit`` learns an :class:`RBMDensity` of a table with numbers, categories, counts
    and missing values. The missing values are drawn together with the hidden units
    during training [1]_. ``transform`` fills in the missing values of any table with
    the same columns. A missing number becomes its posterior mean, and a missing
    category becomes the most probable category. A single draw from the posterior would
    raise the root mean squared error by a factor of 1.4. ``sample_posterior=True``
    fills in draws, for multiple imputation [2]_.

    Parameters
    ----------
    density : RBMDensity, default=None
        The density, which is cloned and fitted. None is an :class:`RBMDensity` with the
        parameters below.
    n_components : int, default=100
        Number of hidden units.
    visible, couplings, handle_unknown, learning_rate, batch_size, n_iter, max_time, \
warm_start, n_jobs, random_state, verbose
        As for :class:`RBMDensity`. ``random_state`` is also the seed of the draws of
        ``sample_posterior``. These draws differ between calls if it is None.
    sample_posterior : bool, default=False
        Whether to fill in draws from the posterior instead of posterior means. Calls
        with different ``random_state`` give multiple imputations. They take the fitted
        parameters as known. For Rubin's rules fit each imputation to a bootstrap of the
        rows, by ``sample_weight``.
    add_indicator : bool, default=False
        Whether to append an indicator column for each column that has missing values in
        ``fit``. The indicator is true where a value is missing.
    keep_empty_features : bool, default=False
        Whether to keep columns that have no value in ``fit``. Columns of numbers are
        filled with 0, and other columns stay missing.

    Attributes
    ----------
    density_ : RBMDensity
        The fitted density of the columns that are not empty.
    indicator_ : MissingIndicator or None
        The indicator of missing values, if ``add_indicator`` is true.
    history_ : dict of str to list
        Measurements of ``density_`` with one entry for each epoch.
    n_iter_ : int
        Number of epochs of ``density_``.
    n_features_in_ : int
        Number of columns of ``X`` in ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns of ``X`` in ``fit``, if it had names.

    References
    ----------
    .. [1] M. Tanner, W. Wong. "The calculation of posterior distributions by data
       augmentation". JASA 82 (1987).
    .. [2] D. Rubin. "Multiple imputation for nonresponse in surveys". Wiley, 1987.

    Examples
    --------
    >>> import pandas as pd
    >>> from skebm import EnergyImputer
    >>> frame = pd.DataFrame({"kind": ["a", "a", "b", "b", None] * 20})
    >>> frame["size"] = [1.2, 1.3, 7.4, 7.5, 7.3] * 20
    >>> imputer = EnergyImputer(n_components=4, random_state=0)
    >>> whole = imputer.set_output(transform="pandas").fit_transform(frame)
    >>> int(whole["kind"].isna().sum())
    0
    """

    _parameter_constraints: dict = {
        "density": [HasMethods(["fit", "posterior_mean", "sample"]), None],
        **{name: RBMDensity._parameter_constraints[name] for name in _DENSITY},
        "sample_posterior": ["boolean"],
        "add_indicator": ["boolean"],
        "keep_empty_features": ["boolean"],
    }

    def __init__(
        self,
        density: Spec = None,
        *,
        n_components: int = 100,
        visible: Spec = "auto",
        couplings: str = "auto",
        handle_unknown: str = "error",
        learning_rate: float | Automatic = "auto",
        batch_size: int | Automatic = "auto",
        n_iter: int | Automatic = "auto",
        max_time: float | None = None,
        sample_posterior: bool = False,
        add_indicator: bool = False,
        keep_empty_features: bool = False,
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: Seed = None,
        verbose: int = 0,
    ):
        store(self, locals())

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: TableLike, y=None, sample_weight: Weights = None) -> Self:
        """Learn the joint density of the columns.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_samples, n_features)
            Training rows, or rows on disk, as for :meth:`RBMDensity.fit`; NaN, None and
            pandas.NA are missing.
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. None gives every row the weight 1.

        Returns
        -------
        self : EnergyImputer
            The fitted estimator.
        """
        with whole(self, "density_"):
            X, source = opened(X)
            first = self._check(X if source is None else source.head(), reset=True)
            rows = first if source is None else source
            some, all_ = missing_columns(first, source)
            self._kept = np.flatnonzero(~all_)
            if not len(self._kept):
                raise ValueError("X has no value at all: every cell is missing.")
            # First, so that a fit that Ctrl-C ends leaves something to go on with.
            self.indicator_ = None
            if self.add_indicator:
                from sklearn.impute import MissingIndicator  # brings much else

                self.indicator_ = MissingIndicator(error_on_new=False)
                self.indicator_.fit(np.where([some, all_], np.nan, 0.0))
            density = self._density_to_fit(self._new_density())
            self._fit_density(density, take_columns(rows, self._kept), sample_weight)
        return self

    def transform(self, X: TableLike, out=None):
        """Return the rows with their missing values filled in.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_samples, n_features)
            Also a large memory-mapped array, or the path of Parquet files.
        out : ndarray of shape (n_samples, n_features_out), default=None
            Where to write rows of numbers, such as a ``numpy.memmap``. None makes a new
            array.

        Returns
        -------
        ndarray or DataFrame of shape (n_samples, n_features_out)
            An array, which is of dtype object if some columns do not hold numbers.
            After ``set_output(transform="pandas")`` it is a data frame with the dtypes
            and categories of the data frame that ``fit`` got.
        """
        check_is_fitted(self)
        filled = self._filled(X, _seeds(self.random_state), out=out)
        if out is not None or not is_frame(filled):
            return filled
        return in_kind(filled, get_output_config("transform", self)["dense"])

    @by_blocks
    def _filled(self, X, seeds):
        """Return a block of rows with their missing values filled in."""
        X = self._check(X)
        kept = take_columns(X, self._kept)
        if self.sample_posterior:
            filled = self.density_.sample(given=kept, random_state=next(seeds))
        else:
            filled = self.density_.posterior_mean(kept)
        return self._output(filled, X)

    def posterior_interval(self, X: TableLike, coverage: float = 0.9):
        """Return posterior intervals of the missing numbers.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_samples, n_features)
        coverage : float in (0, 1), default=0.9
            Probability that a missing number lies inside its interval. The
            probabilities below and above the interval are equal.

        Returns
        -------
        lower, upper : ndarray or DataFrame of shape (n_samples, n_kept)
            Rows with the missing numbers at the ends of their intervals. Observed
            values are the same in both, and missing categories stay missing. Columns
            that are empty in ``fit`` are left out.
        """
        check_is_fitted(self)
        kept = take_columns(self._check(X), self._kept)
        return self.density_.posterior_interval(kept, coverage)

    def _check(self, X, reset=False):
        """Return a frame, or an array of numbers in which NaN is missing."""
        visible = self.visible if self.density is None else self.density.visible
        return self._checked(X, visible, reset, ensure_all_finite="allow-nan")

    def _new_density(self):
        if self.density is not None:
            return clone(self.density)
        return RBMDensity(**{name: getattr(self, name) for name in _DENSITY})

    def _output(self, filled, X):
        """Return the filled columns with the empty ones and the indicators."""
        import pandas as pd

        has_columns = is_frame(filled)
        library = get_output_config("transform", self)["dense"]
        filled = as_frame(filled) if has_columns else filled
        empty = np.delete(np.arange(self.n_features_in_), self._kept)
        if self.keep_empty_features and len(empty):
            filled = pd.DataFrame(filled).set_axis(self._kept, axis=1)
            for j in empty:
                filled[j] = empty_column(X, j)
            filled = filled[np.arange(self.n_features_in_)]
        flags = None
        if self.indicator_ is not None:
            flags = self.indicator_.transform(np.where(is_missing(X), np.nan, 0.0))
        if not has_columns or library == "default":
            parts = [as_array(filled)] + ([] if flags is None else [flags])
            return np.concatenate(parts, axis=1)
        if flags is not None:
            flags = pd.DataFrame(flags, index=filled.index)
            filled = pd.concat([filled, flags], axis=1)
        return filled.set_axis(self.get_feature_names_out(), axis=1)

    def get_feature_names_out(self, input_features=None) -> np.ndarray:
        """Return the names of the columns that ``transform`` returns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of ``X``. They must equal the names in ``fit``, if
            there were names.

        Returns
        -------
        ndarray of str of shape (n_features_out,)
        """
        check_is_fitted(self)
        names = check_feature_names_in(self, input_features)
        out = names if self.keep_empty_features else names[self._kept]
        if self.indicator_ is None:
            return out
        flags = [f"missingindicator_{names[j]}" for j in self.indicator_.features_]
        return np.concatenate([out, np.array(flags, dtype=object)])

    def __sklearn_is_fitted__(self):
        return hasattr(self, "density_") and is_fitted(self.density_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        mark_tables(tags, self.density)
        return tags


def _seeds(random_state):
    """Yield a seed for each block of rows; the first one is that of rows in memory."""
    yield random_state
    random = Random.from_state(random_state)
    for block in count(1):
        yield random.fold(block).stream >> 32
