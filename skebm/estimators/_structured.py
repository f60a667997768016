"""A classifier of several labels a row, and of chains of rows."""

import numpy as np
from scipy.sparse import issparse
from scipy.special import logit
from sklearn.utils import check_consistent_length

from skebm.layers import Columns
from skebm.objectives import LOSSES
from skebm.tables import (
    FirstRows,
    TrainingRows,
    check_weight,
    positive,
    refuse_groups,
    with_columns,
)
from skebm.utils._parallel import use_threads
from skebm.utils._validation import resolve

# Probabilities at least so far from 0 and 1 have finite logarithms and log-odds.
_LEAST = 1e-300, 1e-16


class StructuredMixin:
    """What a classifier does for labels that depend on each other.

    These are several labels of a row, and the labels of a chain of rows.
    """

    # -- what a fit does for them ----------------------------------------------------

    @property
    def _takes_label_sets(self):
        """Whether ``fit`` takes an indicator matrix."""
        is_chain = getattr(self.energy, "takes_groups", False)
        is_plain = self.loss == "nll" and self.class_weight is None
        return is_plain and not is_chain and self._share == 0

    def _check_structured(self):
        """Raise a sentence if parameters have no meaning for labels in structures."""
        is_likelihood = resolve(self.loss, LOSSES, "loss").is_joint
        if is_likelihood and self._share == 0:
            return
        name = "generative_weight" if is_likelihood else "loss"
        raise ValueError(
            f"{name}={getattr(self, name)!r} is for one label a row. Labels that "
            "depend on each other are learned by their likelihood alone: set "
            "loss='nll' and generative_weight=0."
        )

    def _has_structure(self, groups):
        """Tell whether the labels of the model depend on each other."""
        if getattr(self, "_labels", None) is not None:
            return True
        refuse_groups(groups)
        return False

    def _structured_rows(self, kind, X, y, sample_weight, groups, go_on, is_stream, c):
        """Return the rows of a fit, with their labels behind them."""
        self._is_sparse = (go_on and self._is_sparse) or issparse(X)
        weight = check_weight(sample_weight, X)
        self._labels = kind.of(self._labels if go_on else None, c, y)
        self.classes_ = self._labels.classes
        self._check_structured()
        check_consistent_length(X, y)
        columns = self._labels.columns(y, groups)
        self._labels.check(columns, weight, type(self).__name__)
        X = self._check_rows(X, weight=weight, reset=not go_on)
        columns = columns if weight is None else columns[weight > 0]
        rows = FirstRows(X, positive(weight), columns)
        rows, go_on = self._settled(rows, go_on, is_stream)
        X, weight, columns, _ = rows
        if self.class_weight is not None:
            factors = self._labels.factors(self.class_weight, columns, weight)
            weight = factors * (1 if weight is None else weight)
        Z = with_columns(self._encoding.encode(X), columns)
        layers = self._encoding.layer(Z.dtype), *self._labels.layers(Z.dtype)
        facts = Columns(list(layers)), {}, go_on, is_stream
        chains = self._labels.takes_groups
        return TrainingRows(Z, weight, *facts, in_chains=chains)

    # -- what predictions are made of ------------------------------------------------

    def _log_odds(self, X, groups):
        """Return what ``decision_function`` is for such labels."""
        probability, (low, high) = self._inferred("marginals", X, groups), _LEAST
        is_chain = self._labels.takes_groups
        if is_chain and len(self.classes_) > 2:
            return np.log(np.maximum(probability, low))
        odds = logit(np.clip(probability, low, 1 - high))
        return odds[:, 1] if is_chain else odds

    def _inferred(self, method, X, groups):
        """Return what a method of the energy says of rows whose labels are unknown."""
        Z = self._encoded(X)
        rows = with_columns(Z, self._labels.blank(Z.shape[0], groups))
        with use_threads(self.n_jobs):
            return getattr(self._energy, method)(rows)

    def _structured_energy(self, X, y, groups):
        if y is None:
            raise ValueError(
                "class_energy needs y if labels depend on each other, since there are "
                "too many ways to label the rows. Pass y, or call predict_proba for "
                "the probability of each label."
            )
        Z = self._encoded(X)
        check_consistent_length(Z, y)
        rows = with_columns(Z, self._labels.columns(y, groups))
        return self._energy.energy(rows)
