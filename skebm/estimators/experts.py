"""The density of the detector of anomalies: a soft maximum of robust experts."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from skebm.energies.robust import fit_experts
from skebm.estimators._base import store
from skebm.estimators._rows import TableMixin
from skebm.inference import repaired, typical_values
from skebm.tables import (
    RobustUnits,
    Rows,
    check_weight,
    kinds_of_numbers,
    rows_by_weight,
    without_anomalies,
)
from skebm.utils._parallel import map_blocks, use_threads
from skebm.utils._random import Random
from skebm.utils._sparse import dense
from skebm.utils._tags import mark_tables

# Rows that the experts are fitted to: with 10,000 a quantile is off by a hundredth.
_MOST_ROWS = 10_000
# Rows that one thread scores at a time.
_SCORE_ROWS = 512


class RobustExperts(TableMixin, BaseEstimator):
    """Experts with robust scales, for rows with anomalies among them.

    The energy is a soft maximum, in which each expert has equal say: heavy tails of
    each column (:class:`Tails`), a robust ellipse (:class:`Ellipse`), and distances to
    random sets of 8 and of 16 rows (:class:`Neighbours`). It is not normalised.

    Parameters
    ----------
    novelty : bool, default=False
        Whether there are no anomalies among the rows. The experts are then those of the
        columns, distances to sets of 64 rows, and distances in comparison with those
        of the neighbours (:class:`Local`).
    n_jobs : int, default=None
        Number of threads.
    random_state : int, RandomState instance or None, default=None
        Draws the sets of rows.
    """

    handle_unknown = "error"
    _declared = "gaussian"
    # Logs draw far rows in, so the detector looks less far for them. This is Tukey's
    # fence: of normal rows in three columns 1 % are below it.
    _fence = 1.5

    def __init__(self, *, novelty=False, n_jobs=None, random_state=None):
        store(self, locals())

    @property
    def _kinds(self):
        return self._declared

    def fit(self, X, y=None, sample_weight=None):
        """Fit the experts to rows; see :meth:`EBMAnomalyDetector.fit`.

        ``y`` tells which rows are known to be anomalies. The experts do without them.
        """
        random = Random.from_state(self.random_state)
        weight = check_weight(sample_weight, X)
        self._declared = kinds_of_numbers(X)
        X = self._check_rows(X, weight=weight, reset=True)
        X, weight, anomalies = without_anomalies(X, weight, y)
        drawn = rows_by_weight(X.shape[0], weight, _MOST_ROWS, random.fold(0))
        X = dense(X if drawn is None else X[drawn])
        self._typical = typical_values(X)
        is_number = np.array(
            [not c.kind.numbers_categories for c in self._table.columns]
        )
        self._units = RobustUnits.fit(X, np.where(is_number, 0, self._table.sizes))
        Z = self._units.encode(X)
        # What is drawn does not depend on the order of the rows.
        Z = Z[np.lexsort(Z.T)]
        with use_threads(self.n_jobs):
            self._energy = fit_experts(Z, self._units, random, self.novelty, anomalies)
        return self

    def energy_samples(self, X):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        return self._energies(self._read(X).numbers)

    def expert_energies(self, X):
        """Return the term of each expert, float64, shape (n, n_experts)."""
        numbers = self._read(X).numbers
        return self._mapped(numbers, self._energy.energies)

    def score_samples(self, X):
        """Return minus the energy of each row, in nats, float64, shape (n,)."""
        return -self.energy_samples(X)

    def explain(self, X):
        """Return what each column adds to the score: a DataFrame in nats."""
        parts = self._parts(self._read(X).numbers)
        names = getattr(self, "feature_names_in_", None)
        index = X.index if isinstance(X, pd.DataFrame) else None
        return pd.DataFrame(-parts, index=index, columns=names)

    def repair(self, X, limit):
        """Return rows of an energy above ``limit`` with other values where to blame."""
        rows = self._read(X)
        facts = dense(rows.numbers), self._typical, limit
        numbers, changed = repaired(self._energies, self._parts, *facts)
        return self._restore(Rows(numbers, rows.index, rows.source, changed))

    def _energies(self, numbers):
        return self._mapped(numbers, self._energy.energy)

    def _parts(self, numbers):
        def of_units(Z):
            return self._units.by_column(self._energy.parts(Z))

        return self._mapped(numbers, of_units)

    def _mapped(self, numbers, function):
        """Return what a function makes of the rows in units."""

        def of_block(block):
            return function(self._units.encode(dense(numbers[block])))

        with use_threads(self.n_jobs):
            work, n_rows = self._energy.work, numbers.shape[0]
            parts = map_blocks(of_block, n_rows, work, size=_SCORE_ROWS)
        return np.concatenate(parts)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        mark_tables(tags)
        return tags
