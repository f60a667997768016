"""Rows that a classifier does not decide."""

import numpy as np

from skebm.estimators._lowest_energy import LowestEnergyMixin
from skebm.tables import by_blocks, checked_thresholds, with_rejections
from skebm.utils._types import TableLike


class RejectMixin(LowestEnergyMixin):
    """``predict`` with rejected rows."""

    @by_blocks
    def predict(self, X: TableLike, *, groups=None) -> np.ndarray:
        """Return the class of lowest energy for each row, or that it is rejected.

        Several labels of a row, and the labels of a chain of rows, have the lowest
        energy together.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        groups : array-like of shape (n_samples,), default=None
            Which rows are a chain, as for :meth:`fit`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or an indicator matrix. A row that ``reject_below`` rejects
            gets the label -1 if the classes are numbers, and else None, in an array of
            objects.
        """
        if self.reject_below is None:
            return self._of_lowest_energy(X, groups)
        rows, thresholds = self._read(X), checked_thresholds(self.reject_below)
        labels = self._of_lowest_energy(rows, groups)
        if labels.ndim > 1:
            raise ValueError(
                "reject_below is for one label a row, and y has several. Set "
                "reject_below=None, and decide by predict_proba."
            )
        is_rejected = np.zeros(len(labels), bool)
        if "probability" in thresholds:
            largest = self.predict_proba(rows, groups=groups).max(axis=1)
            is_rejected |= largest < thresholds["probability"]
        if "score" in thresholds:
            is_rejected |= self.score_samples(rows) < thresholds["score"]
        return with_rejections(labels, is_rejected, self.classes_)
