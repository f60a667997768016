"""Prediction by lowest energy."""

import numpy as np
from scipy.special import softmax
from sklearn.metrics import accuracy_score

from skebm.estimators._conditional import has_holes
from skebm.inference import observed_energy
from skebm.tables import beside, by_blocks, with_labels
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random
from skebm.utils._types import TableLike, Weights

# The least probability of a label in a structure that has a finite logarithm.
_LEAST = 1e-300


class LowestEnergyMixin:
    """Methods of a classifier that has the energies of all classes."""

    @by_blocks
    def decision_function(self, X: TableLike, *, groups=None) -> np.ndarray:
        """Return the negative energies of all classes.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        groups : array-like of shape (n_samples,), default=None
            Which rows are a chain, as for :meth:`fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes
            Negative energies in nats. For two classes the result is the difference
            ``E(x, classes_[0]) - E(x, classes_[1])``, which is positive for
            ``classes_[1]``. For several labels a row they are the log-odds of each
            label. For chains they are log-probabilities, or log-odds of two classes.
        """
        if self._has_structure(groups):
            return self._log_odds(X, groups)
        energy = self.class_energy(X)
        if len(self.classes_) == 2:
            return energy[:, 0] - energy[:, 1]
        return -energy

    @by_blocks
    def _of_lowest_energy(self, X, groups):
        """Return the labels of lowest energy."""
        if self._has_structure(groups):
            return self._labels.restored(self._inferred("mode", X, groups))
        # The volume of a row in the units of the columns is the same for all classes.
        energy = self._class_energy(self._encoded(X))
        if energy.shape[1] == 2:  # a tenth of the time of the smallest of two
            return self.classes_[(energy[:, 1] < energy[:, 0]).astype(np.intp)]
        return self.classes_[energy.argmin(axis=1)]

    @by_blocks
    def predict_proba(self, X: TableLike, *, groups=None) -> np.ndarray:
        """Return the probability ``p(y | x)`` of each class.

        The probabilities are exact, ``softmax(-energy)``, except for more labels a row
        than ``n_exact`` of :class:`skebm.energies.MultiLabel`. Only the losses
        ``"nll"`` and ``"mee"`` are functions of them, and only ``"nll"`` makes them
        calibrated. After training with a margin they are scores between 0 and 1: wrap
        the classifier in :class:`sklearn.calibration.CalibratedClassifierCV`.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        groups : array-like of shape (n_samples,), default=None
            Which rows are a chain, as for :meth:`fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of ``classes_``. For several labels a row, and
            for chains, they are the marginals of each label.
        """
        if self._has_structure(groups):
            return self._inferred("marginals", X, groups)
        return softmax(-self._class_energy(self._encoded(X)), axis=1)

    @by_blocks
    def predict_log_proba(self, X: TableLike, *, groups=None) -> np.ndarray:
        """Return the log-probability ``log p(y | x)`` of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        groups : array-like of shape (n_samples,), default=None
            Which rows are a chain, as for :meth:`fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Log-probabilities in nats, in the order of ``classes_``.
        """
        if self._has_structure(groups):
            return np.log(np.maximum(self._inferred("marginals", X, groups), _LEAST))
        energy = -self._class_energy(self._encoded(X))
        return energy - np.logaddexp.reduce(energy, axis=1)[:, None]

    def score(self, X, y, sample_weight: Weights = None, *, groups=None) -> float:
        """Return the accuracy of the labels of lowest energy.

        ``reject_below`` has no effect: the accuracy of the rows that are left would be
        highest with hardly any of them.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels), or str
            True labels, or the name of their column if ``X`` is the path of files.
        sample_weight : array-like of shape (n_samples,), default=None
        groups : array-like of shape (n_samples,), default=None
            Which rows are a chain, as for :meth:`fit`.

        Returns
        -------
        float
            The share of right rows. A row of several labels is right if all are.
        """
        X, y = beside(X, y)
        predicted = self._of_lowest_energy(X, groups=groups)
        return accuracy_score(y, predicted, sample_weight=sample_weight)

    def _class_energy(self, Z):
        """Return the energies of all classes, the holes of encoded rows summed out."""
        if not has_holes(Z):
            return self._map_rows(self._energy.class_energy, Z)
        energies = []
        for label in range(len(self.classes_)):
            rows = with_labels(Z, np.full(len(Z), label), len(self.classes_))
            with use_threads(self.n_jobs):
                # The draws are the same for all classes, so they differ less.
                energies.append(
                    observed_energy(self._energy, rows, np.isnan(rows), Random(0))
                )
        return np.stack(energies, axis=1)
