"""Anomaly detection with an energy-based density."""

from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skebm.estimators._base import store
from skebm.estimators._holder import DensityHolder
from skebm.estimators.density import RBMDensity
from skebm.utils._going_on import whole
from skebm.utils._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    fit_context,
    is_fitted,
)
from skebm.utils._tags import mark_tables
from skebm.utils._types import Automatic, Seed, Self, Spec, TableLike, Weights

# "auto" flags scores this many interquartile ranges below the first quartile: for
# normal scores one row in 300 000, for the skewed scores of real tables a few per cent.
_FENCE = 3.0


class EBMAnomalyDetector(OutlierMixin, DensityHolder, BaseEstimator):
    """Detection of anomalies as rows of low probability density.

    The detector fits a density and flags rows whose log-density is below a threshold
    [1]_. The signs follow scikit-learn: higher scores are more normal, and ``predict``
    returns +1 for inliers and -1 for outliers. Tables need no preprocessing: columns
    are read as :class:`RBMDensity` reads them.

    Parameters
    ----------
    density : estimator with ``score_samples``, default=None
        The density, which is cloned and fitted. None is an :class:`RBMDensity` with the
        parameters below. The parameters below have no effect on another density.
    contamination : "auto" or float in (0, 0.5], default="auto"
        Share of the training rows that are outliers, which sets the threshold.
        ``"auto"`` sets the threshold three interquartile ranges below the first
        quartile of the scores, or just above the lowest score if that is higher.
    n_components : int, default=4
        Number of hidden units. A small number is better, since the model then cannot
        form a mode at the outliers among the training rows. Up to 20 hidden units the
        partition function is exact.
    couplings, learning_rate, batch_size, n_iter, early_stopping, warm_start, n_jobs, \
random_state, verbose
        As for :class:`RBMDensity`.

    Attributes
    ----------
    density_ : estimator
        The fitted density.
    offset_ : float
        Threshold of the scores, in nats:
        ``decision_function(X) = score_samples(X) - offset_``.
    chains_rhat_, chains_ess_ : float
        R-hat and effective sample size of the chains of ``density_``.
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
    .. [1] S. Zhai, Y. Cheng, W. Lu, Z. Zhang. "Deep structured energy based models for
       anomaly detection". ICML 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from skebm import EBMAnomalyDetector
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> X[0] = 9
    >>> int(EBMAnomalyDetector(random_state=0).fit(X).predict(X)[0])
    -1
    """

    _parameter_constraints: dict = {
        "density": [HasMethods(["fit", "score_samples"]), None],
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
        **{
            name: RBMDensity._parameter_constraints[name]
            for name in (
                *("n_components", "couplings", "learning_rate", "batch_size", "n_iter"),
                *("early_stopping", "warm_start", "n_jobs", "random_state", "verbose"),
            )
        },
    }

    def __init__(
        self,
        density: Spec = None,
        *,
        contamination: float | Automatic = "auto",
        n_components: int = 4,
        couplings: str = "auto",
        learning_rate: float | Automatic = "auto",
        batch_size: int | Automatic = "auto",
        n_iter: int | Automatic = "auto",
        early_stopping: bool = False,
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: Seed = None,
        verbose: int = 0,
    ):
        store(self, locals())

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: TableLike, y=None, sample_weight: Weights = None) -> Self:
        """Fit the density and the threshold.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Training rows.
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. None gives every row the weight 1.

        Returns
        -------
        self : EBMAnomalyDetector
            The fitted estimator.
        """
        with whole(self, "offset_"):
            rows = self._check_rows(X, reset=True)
            density = self._density_to_fit(self._new_density())
            # Weights go in as they came, since checking them is the density's affair.
            try:
                self._fit_density(density, rows, sample_weight)
            except (KeyboardInterrupt, Warning):
                if is_fitted(density):  # its scores are enough to go on with
                    self.offset_ = self._threshold(rows, sample_weight)
                raise
            self.offset_ = self._threshold(rows, sample_weight)
        return self

    def _check_rows(self, X, reset=False):
        finite = "allow-nan" if self._takes_holes else True
        options = {"accept_sparse": "csr", "ensure_all_finite": finite}
        return self._checked(X, "auto", reset, **options)

    @property
    def _takes_holes(self):
        return self.density is None or get_tags(self.density).input_tags.allow_nan

    def _new_density(self):
        if self.density is not None:
            return clone(self.density)
        density = RBMDensity(
            self.n_components,
            couplings=self.couplings,
            # Outliers that lie together would be a cluster of their own.
            n_clusters=1,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            n_iter=self.n_iter,
            early_stopping=self.early_stopping,
            warm_start=self.warm_start,
            n_jobs=self.n_jobs,
            random_state=self.random_state,
            verbose=self.verbose,
        )
        # A detector of few hidden units need not draw rows that look real.
        density._shows_draws = False
        return density

    def _threshold(self, X, weight):
        scores = self.density_.score_samples(X)
        if weight is not None:
            weight = np.broadcast_to(np.asarray(weight, np.float64), scores.shape)

        def quantile(q):
            # As repetition: the inverse of the weighted distribution function.
            return np.quantile(scores, q, weights=weight, method="inverted_cdf")

        if self.contamination != "auto":
            weights = np.ones_like(scores) if weight is None else weight
            order = np.argsort(scores)
            share = weights[order].cumsum() / weights.sum()
            kept = np.searchsorted(share, self.contamination + 1e-12, side="right")
            return float(scores[order][min(kept, len(scores) - 1)])
        first, third = quantile(0.25), quantile(0.75)
        lowest = scores.min() if weight is None else scores[weight > 0].min()
        fence = first - _FENCE * (third - first)
        return float(max(fence, np.nextafter(lowest, np.inf)))

    @property
    def chains_rhat_(self):
        """R-hat of the persistent chains of the density."""
        return self._of_chains("chains_rhat_")

    @property
    def chains_ess_(self):
        """Effective sample size of the persistent chains of the density."""
        return self._of_chains("chains_ess_")

    def _of_chains(self, name):
        check_is_fitted(self)
        if not hasattr(type(density := self.density_), name):
            label = type(density).__name__
            raise AttributeError(f"There is no {name} of {label}. Use RBMDensity.")
        return getattr(density, name)

    def score_samples(self, X: TableLike) -> np.ndarray:
        """Return the log-density of each row. Higher scores are more normal.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Log-densities in nats.
        """
        check_is_fitted(self)
        return self.density_.score_samples(self._check_rows(X))

    def decision_function(self, X: TableLike) -> np.ndarray:
        """Return the log-density of each row minus the threshold.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), float64
            ``score_samples(X) - offset_`` in nats, which is negative for outliers.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: TableLike) -> np.ndarray:
        """Return +1 for inliers and -1 for outliers.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), int
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self._takes_holes
        mark_tables(tags, self.density)
        return tags
