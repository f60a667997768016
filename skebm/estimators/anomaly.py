"""Anomaly detection with an energy-based density."""

from numbers import Real

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skebm.estimators._base import store
from skebm.estimators._holder import DensityHolder
from skebm.estimators._stream import StreamMixin
from skebm.estimators.density import RBMDensity
from skebm.estimators.experts import RobustExperts
from skebm.tables import by_blocks, sampled_for
from skebm.utils._going_on import whole
from skebm.utils._outliers import DetectorMixin, known_outliers, warn_of_the_rbm
from skebm.utils._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    fit_context,
    is_fitted,
)
from skebm.utils._tags import mark_tables
from skebm.utils._types import Automatic, Seed, Self, Spec, TableLike, Weights

# Parameters of the RBM, which the experts do not have.
_OF_RBM = (
    *("n_components", "couplings", "learning_rate", "batch_size", "n_iter"),
    *("early_stopping", "warm_start"),
)

# What is said of a density without chains.
_NO_CHAINS = ". Use RBMDensity."


class EBMAnomalyDetector(DetectorMixin, StreamMixin, DensityHolder, BaseEstimator):
    """Detection of anomalies as rows of high energy.

    The detector fits an energy and flags rows whose score, minus the energy, is below a
    threshold [1]_. The signs follow scikit-learn: higher scores are more normal, and
    ``predict`` returns +1 for inliers and -1 for outliers. Tables need no
    preprocessing: columns may hold numbers, categories and missing values.

    The default has four experts that outliers among the training rows do not disturb:
    heavy tails of each column, a robust ellipse, and the distances to the nearest row
    of small random sets of rows, of two sizes [2]_. The energy is their soft maximum,
    so a row is an anomaly if one of them is sure of it. It has no normalising constant,
    needs no training, and takes time in proportion to the number of rows.

    Parameters
    ----------
    density : {"experts", "rbm"} or estimator with ``score_samples``, default="experts"
        The density, which is cloned and fitted. ``"experts"`` is the soft maximum of
        the experts, and ``"rbm"`` is an :class:`RBMDensity`, whose scores are
        normalised log-densities.
    contamination : "auto" or float in (0, 0.5], default="auto"
        Share of the training rows that are outliers, which sets the threshold, and the
        mean of ``anomaly_proba``.
        ``"auto"`` sets the threshold 1.5 interquartile ranges below the first quartile
        of the scores, or three for a density other than the experts. If no row is below
        that, the row of the lowest score is flagged. A score that more than one row in
        twenty has is not flagged, and rows of equal scores get equal labels.
    half_life : float, default=None
        For ``density="experts"`` and rows in time order: after this many newer rows, a
        row counts half. None counts all rows alike.
    n_components : int, default=4
        Number of hidden units of ``density="rbm"``. A small number is better, since the
        model then cannot form a mode at the outliers among the training rows. Up to 20
        hidden units the partition function is exact.
    couplings, learning_rate, batch_size, n_iter, early_stopping, warm_start, verbose
        As for :class:`RBMDensity`, for ``density="rbm"``.
    novelty : bool, default=False
        Whether there are no outliers among the training rows. The experts then compare
        distances with those of the nearest rows, which is better for such rows only,
        and ``contamination="auto"`` sets the threshold just below the lowest score.
    use_labels : bool, default=False
        Whether ``y`` in ``fit`` says which rows are known to be anomalies. If so, rows
        like these get lower scores. By default ``y`` is ignored, so that
        ``cross_val_score`` may get true labels to score with. This needs
        ``density="experts"`` and ``half_life=None``.
    n_jobs : int, default=None
        Number of threads; see :class:`RBMDensity`.
    random_state : int, RandomState instance or None, default=None
        Determines the random sets of rows, or the draws of the RBM.

        ``n_jobs`` and ``random_state`` have no effect on a density of your own.

    Attributes
    ----------
    density_ : estimator
        The fitted density.
    offset_ : float
        Threshold of the scores, in nats:
        ``decision_function(X) = score_samples(X) - offset_``.
    chains_rhat_, chains_ess_ : float
        R-hat and effective sample size of the chains of ``density_``, if it has them.
    history_ : dict of str to list
        Measurements of ``density_`` with one entry for each epoch, if it is trained.
    n_iter_ : int
        Number of epochs of ``density_``, if it is trained.
    n_features_in_ : int
        Number of columns of ``X`` in ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns of ``X`` in ``fit``, if it had names.

    References
    ----------
    .. [1] S. Zhai, Y. Cheng, W. Lu, Z. Zhang. "Deep structured energy based models for
       anomaly detection". ICML 2016.
    .. [2] T. Bandaragoda et al. "Isolation-based anomaly detection using
       nearest-neighbor ensembles". Computational Intelligence 34 (2018).

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
        "density": [
            StrOptions({"experts", "rbm"}),
            HasMethods(["fit", "score_samples"]),
        ],
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
        "half_life": [None, Interval(Real, 0, None, closed="neither")],
        "novelty": ["boolean"],
        "use_labels": ["boolean"],
        **{
            name: RBMDensity._parameter_constraints[name]
            for name in (*_OF_RBM, "n_jobs", "random_state", "verbose")
        },
    }

    def __init__(
        self,
        density: Spec = "experts",
        *,
        contamination: float | Automatic = "auto",
        half_life: float | None = None,
        n_components: int = 4,
        couplings: str = "auto",
        learning_rate: float | Automatic = "auto",
        batch_size: int | Automatic = "auto",
        n_iter: int | Automatic = "auto",
        early_stopping: bool = False,
        warm_start: bool = False,
        novelty: bool = False,
        use_labels: bool = False,
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
            Training rows, or rows on disk, as for :meth:`RBMDensity.fit`. Of those a
            uniform sample of at most 100,000 rows settles all but ``density="rbm"``.
        y : array-like of shape (n_samples,) or str, default=None
            For ``use_labels``: -1 for known anomalies, and 0 or 1 for all other rows.
            If ``X`` is a path, the name of the column that holds them.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. None gives every row the weight 1.

        Returns
        -------
        self : EBMAnomalyDetector
            The fitted estimator.
        """
        with whole(self, "offset_"):
            self._label_column = y if isinstance(y, str) else None
            part = sampled_for(self, X, y, sample_weight)
            rows = self._check_rows(part.rows, reset=True)
            known = known_outliers(part.y, rows, self) if self.use_labels else None
            facts = self._begun(rows, part.weight, part.n_each)
            self._fit_rows(*facts, known, part.on_disk)
        return self

    def _fit_rows(self, rows, weight, known=None, on_disk=None):
        """Fit the density, to rows on disk if there are any, and the threshold."""
        density = self._density_to_fit(self._new_density())
        params = {} if known is None else {"y": known}
        # Weights go in as they came, since checking them is the density's affair.
        try:
            self._fit_density(density, *(on_disk or (rows, weight)), **params)
        except (KeyboardInterrupt, Warning):
            if is_fitted(density):  # its scores are enough to go on with
                self._settle(rows, weight, known)
            raise
        self._settle(rows, weight, known)

    def _check_rows(self, X, reset=False):
        finite = "allow-nan" if self._takes_holes else True
        options = {"accept_sparse": "csr", "ensure_all_finite": finite}
        return self._checked(X, "auto", reset, **options)

    @property
    def _reads_tables(self):
        return isinstance(self.density, str)

    @property
    def _takes_holes(self):
        return self._reads_tables or get_tags(self.density).input_tags.allow_nan

    def _new_density(self):
        if not self._reads_tables:
            return clone(self.density)
        if self.density == "experts":
            warn_of_the_rbm(self, _OF_RBM)
            return RobustExperts(
                novelty=self.novelty,
                n_jobs=self.n_jobs,
                random_state=self.random_state,
            )
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

    @property
    def chains_rhat_(self):
        """R-hat of the persistent chains of the density."""
        return self._of_density("chains_rhat_", _NO_CHAINS)

    @property
    def chains_ess_(self):
        """Effective sample size of the persistent chains of the density."""
        return self._of_density("chains_ess_", _NO_CHAINS)

    @by_blocks
    def score_samples(self, X: TableLike) -> np.ndarray:
        """Return minus the energy of each row. Higher scores are more normal.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Scores in nats: log-densities, if the density is normalised.
        """
        check_is_fitted(self)
        return self.density_.score_samples(self._check_rows(X))

    def decision_function(self, X: TableLike) -> np.ndarray:
        """Return the score of each row minus the threshold.

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

    def explain(self, X: TableLike) -> pd.DataFrame:
        """Return what each column adds to the score of each row.

        The columns with the lowest numbers are those that make a row an anomaly. Each
        row sums to ``score_samples(X)``. This needs ``density="experts"``.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        DataFrame of shape (n_samples, n_features)
            In nats, with the index of ``X`` if it is a pandas frame.
        """
        return self._explaining("explain").explain(self._check_rows(X))

    def repair(self, X: TableLike):
        """Return the rows with the most plausible values in the cells to blame.

        Rows that ``predict`` calls inliers stay as they are. In others, cell by cell,
        the change that raises the score the most is made, until the score reaches the
        threshold or no change raises it. New values are values of training rows. This
        needs ``density="experts"``.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray or DataFrame of shape (n_samples, n_features)
            A data frame if ``fit`` got a data frame.
        """
        return self._explaining("repair").repair(self._check_rows(X), -self.offset_)

    def _explaining(self, method):
        """Return the density, which must have a method for reasons."""
        check_is_fitted(self)
        if hasattr(self.density_, method):
            return self.density_
        raise AttributeError(
            f"{type(self.density_).__name__} has no reasons for its scores, which "
            f"`{method}` needs. Use density='experts'."
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self._takes_holes
        mark_tables(tags, None if self._reads_tables else self.density)
        return tags
