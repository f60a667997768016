"""Classification on a cluster of Dask."""

import numpy as np

from skebm.dask._base import TrainsOnCluster
from skebm.dask._parts import computed, is_collection
from skebm.estimators import EnergyClassifier
from skebm.tables import check_classes, is_labelled, label_numbers, settled_classes


def _label(self, **options):
    return np.empty(0, self.classes_.dtype)


def _of_classes(self, **options):
    return np.empty((0, len(self.classes_)))


def _decision(self, **options):
    return np.empty(0) if len(self.classes_) == 2 else _of_classes(self)


class DaskEnergyClassifier(TrainsOnCluster, EnergyClassifier, local=EnergyClassifier):
    """Classification with an energy, on a cluster of Dask.

    See :class:`DaskRBMDensity` for how it trains. Each row has one label.

    Parameters
    ----------
    n_components, energy, loss, ...
        As for :class:`skebm.EnergyClassifier`.
    {cluster}

    Attributes
    ----------
    classes_, ...
        As for :class:`skebm.EnergyClassifier`.
    """

    _lazy = {
        "predict": _label,
        "predict_proba": _of_classes,
        "predict_log_proba": _of_classes,
        "decision_function": _decision,
    }

    def _prepare(self, parts, go_on, first):
        if getattr(self.energy, "is_structured", False):
            raise ValueError(
                f"energy={self.energy!r} is for labels that depend on each other, and "
                "on a cluster each row has a label of its own. Give EnergyClassifier "
                "the rows in memory, as X.compute()."
            )
        values, masses = parts.label_masses()
        if is_labelled(values, self.classes_ if go_on else None) is not None:
            raise ValueError(
                "y has rows without a label (-1 or None). On a cluster the classifier "
                "learns from rows with a label: leave the others out."
            )
        classes = settled_classes(False, None, values)
        if go_on:
            label_numbers(self.classes_, classes)
        else:
            self.classes_, self._is_sparse = classes, False
            self._labels, self._automatic_share = None, 0.0
            numbers = np.arange(len(classes))
            check_classes(classes, numbers, masses, type(self).__name__)
        self._masses = masses

    def _params_of_reader(self):
        """Weights of classes that are balanced over all rows, and not over a shard."""
        if self.class_weight != "balanced":
            return {}
        mass = np.maximum(self._masses, 1e-300)
        factors = self._masses.sum() / (np.count_nonzero(self._masses) * mass)
        pairs = zip(self.classes_.tolist(), factors.tolist(), strict=True)
        return {"class_weight": dict(pairs)}

    def score(self, X, y, sample_weight=None, *, groups=None):
        """Return the accuracy of the labels of lowest energy, computed at once."""
        if is_collection(X):
            X = self.predict(X, groups=groups)
            y, sample_weight = computed(y), computed(sample_weight)
            right = np.asarray(X) == np.asarray(y)
            return float(np.average(right, weights=sample_weight))
        return super().score(X, y, sample_weight, groups=groups)
