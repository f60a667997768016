"""The base of densities of the rows of a table: fit and scores."""

import numpy as np
from sklearn.base import DensityMixin
from sklearn.utils.validation import check_is_fitted

from skebm.estimators._conditional import ConditionalMixin, has_holes
from skebm.estimators._table_estimator import TableEstimator
from skebm.inference import conditionals
from skebm.monitoring import Misfit, Mixing
from skebm.objectives import OBJECTIVES
from skebm.tables import (
    FirstRows,
    TrainingRows,
    by_blocks,
    check_weight,
    positive,
)
from skebm.utils._parallel import use_threads
from skebm.utils._sklearn import fit_context
from skebm.utils._types import Self, TableLike, Weights
from skebm.utils._validation import resolve


class TableDensity(DensityMixin, ConditionalMixin, TableEstimator):
    """A normalised density of the rows of a table."""

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: TableLike, y=None, sample_weight: Weights = None) -> Self:
        """Learn the distribution of the rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Training rows; NaN, None and pandas.NA are missing. Also a path of Parquet
            or Arrow files, a ``pyarrow.dataset.Dataset``, or a ``numpy.memmap``. Large
            ones stay on disk.
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. None gives every row the weight 1.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a value lies outside the domain of its column, or a column holds neither
            numbers nor categories. The message names the column.
        """
        return self._fit(X, None, sample_weight)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: TableLike, y=None, sample_weight: Weights = None) -> Self:
        """Run one epoch over these rows, starting where the last call ended.

        The learning rate stays at ``learning_rate``, since the end of a stream of rows
        is unknown. The first 100 rows or more settle the scale of real columns.

        Parameters
        ----------
        X, y, sample_weight
            As for :meth:`fit`.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return self._fit(X, None, sample_weight, n_iter=1)

    def _rows_in_memory(self, X, y, sample_weight, go_on, is_stream):
        """Return the rows of a fit in the units of the visible layer."""
        weight = check_weight(sample_weight, X)
        X = self._check_rows(X, weight=weight, reset=not go_on)
        rows = FirstRows(X, positive(weight), None)
        rows, go_on = self._settled(rows, go_on, is_stream)
        Z = self._encoding.encode(rows.X)
        layer = self._encoding.layer(Z.dtype)
        return TrainingRows(Z, rows.weight, layer, {}, go_on, is_stream)

    def _objective(self):
        return resolve(self.objective, OBJECTIVES, "objective")

    def _fitted_attributes(self, training):
        attributes = super()._fitted_attributes(training)
        energy, objective = attributes["_energy"], self._objective()
        attributes["_mixing"] = Mixing.of(energy, training, objective, self.n_jobs)
        return attributes

    def _compared(self, Z, weight, random):
        names = getattr(self, "feature_names_in_", range(self.n_features_in_))
        columns = self._encoding.variables, list(names)
        facts = Z, weight, *columns, random, self.n_jobs, self._kernel
        return Misfit.of(self._energy, *facts)

    @property
    def misfit_(self):
        """Differences between rows and draws, for columns and pairs of columns."""
        if (misfit := getattr(self, "_misfit", None)) is None:
            raise AttributeError("There are no rows of a fit to compare draws with.")
        return misfit.frame

    @property
    def chains_rhat_(self):
        """R-hat of the persistent chains of the training, under the fitted model."""
        return self._chains().figures.rhat

    @property
    def chains_ess_(self):
        """Effective sample size of the persistent chains, under the fitted model."""
        return self._chains().figures.ess

    def _chains(self):
        check_is_fitted(self)
        mixing = getattr(self, "_mixing", None)
        if mixing is None:
            raise AttributeError(
                "There are no persistent chains to look at. Fit with objective='pcd'."
            )
        return mixing

    # -- scores ----------------------------------------------------------------------

    @by_blocks
    def energy_samples(self, X: TableLike) -> np.ndarray:
        """Return the free energy of each row. Low energies are plausible rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Free energies in nats, in the units of ``X``.
        """
        check_is_fitted(self)
        return -self._log_density(self._check_rows(X))

    @by_blocks
    def score_samples(self, X: TableLike) -> np.ndarray:
        """Return the log-likelihood of each row.

        This is ``-energy_samples(X) - log_partition_.value``.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            If Bernoulli units get values strictly between 0 and 1, the formula of the
            log-likelihood is evaluated at these values (the plug-in value).

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Log-probabilities, or log-densities in the units of ``X``, in nats.
        """
        return -self.energy_samples(X) - self.log_partition_.value

    def score(self, X: TableLike, y=None) -> float:
        """Return the mean log-likelihood of the rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        y : Ignored

        Returns
        -------
        float
            Nats a row; higher is better.
        """
        return float(self.score_samples(X).mean())

    @by_blocks
    def pseudo_log_likelihood(self, X, per_feature: bool = False) -> np.ndarray:
        """Return the pseudo-log-likelihood ``sum_i log p(x_i | all other x)`` of rows.

        The conditionals are exact and do not need the partition function. With
        ``per_feature=True`` they tell which values of a row are surprising.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        per_feature : bool, default=False
            Whether to return the term of each column instead of their sum.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_features), float64
            Sums, or terms if ``per_feature`` is true, in nats.
        """
        Z = self._encoded(X)
        if has_holes(Z):
            terms = self._terms(Z) - self._encoding.log_volumes(Z)
            return terms if per_feature else np.nansum(terms, axis=1)
        with use_threads(self.n_jobs):
            terms = self._encoding.in_order(conditionals(self._energy, Z))
        terms -= self._encoding.log_volumes(Z)
        return terms if per_feature else terms.sum(axis=1)
