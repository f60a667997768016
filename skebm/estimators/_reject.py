"""Rows that a classifier does not decide."""

import numpy as np
from sklearn.metrics import accuracy_score

from skebm.estimators._lowest_energy import LowestEnergyMixin
from skebm.utils._types import TableLike, Weights

# The label of a rejected row among numbers, and among other labels.
_NUMBER, _OTHER = -1, None
_METHODS = {"probability": "predict_proba", "score": "score_samples"}


class RejectMixin(LowestEnergyMixin):
    """``predict`` with rejected rows, and ``score`` of all rows."""

    def predict(self, X: TableLike) -> np.ndarray:
        """Return the class of lowest energy for each row, or that it is rejected.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            Class labels. A row that ``reject_below`` rejects gets the label -1 if the
            classes are numbers, and else None, in an array of objects.
        """
        if self.reject_below is None:
            return super().predict(X)
        rows, thresholds = self._read(X), _checked(self.reject_below)
        is_rejected = np.zeros(rows.numbers.shape[0], bool)
        for name, least in thresholds.items():
            values = getattr(self, _METHODS[name])(rows)
            values = values if values.ndim == 1 else values.max(axis=1)
            is_rejected |= values < least
        return _with_rejections(super().predict(rows), is_rejected, self.classes_)

    def score(self, X: TableLike, y, sample_weight: Weights = None) -> float:
        """Return the accuracy of the classes of lowest energy.

        ``reject_below`` has no effect: the accuracy of the rows that are left would be
        highest with hardly any of them.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        float
        """
        return accuracy_score(y, super().predict(X), sample_weight=sample_weight)


def _checked(thresholds):
    """Return the thresholds by name, or raise a sentence."""
    for name, value in thresholds.items():
        is_number = np.isscalar(value) and not isinstance(value, str)
        if name not in _METHODS or not is_number or np.isnan(value):
            raise ValueError(
                f"reject_below={thresholds!r} must map 'probability' to a number in "
                "[0, 1], 'score' to a log-density in nats, or both to such numbers."
            )
    return thresholds


def _with_rejections(labels, is_rejected, classes):
    """Return the labels with -1 or None in place of the labels of rejected rows."""
    if classes.dtype.kind not in "iuf":
        return np.where(is_rejected, _OTHER, labels.astype(object))
    if _NUMBER in classes:
        raise ValueError(
            "reject_below gives rejected rows the label -1, but -1 is a class. Use "
            "another number or a string for that class."
        )
    signed = labels.astype(np.int64) if classes.dtype.kind == "u" else labels
    return np.where(is_rejected, np.array(_NUMBER, signed.dtype), signed)
