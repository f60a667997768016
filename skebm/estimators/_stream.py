"""Fits of the detector of anomalies to rows that come in pieces."""

import numpy as np
from sklearn.utils.metaestimators import available_if

from skebm.tables import Reservoir, check_weight
from skebm.utils._going_on import whole
from skebm.utils._random import Random
from skebm.utils._sklearn import fit_context
from skebm.utils._types import Self, TableLike, Weights

# Rows that are kept: as many as the experts look at. Of tables of 200 to 2000 columns
# there are fewer, so that they add 16 MB to the file of a detector.
_MOST_ROWS, _FEWEST_ROWS, _MOST_CELLS = 10_000, 1_000, 2_000_000


def _has_experts(detector):
    if detector.use_labels:
        raise AttributeError(
            "partial_fit keeps no labels. Set use_labels=False, or fit all rows anew."
        )
    if detector.density == "experts":
        return True
    raise AttributeError(
        "partial_fit needs density='experts'. A density of your own may have a "
        "partial_fit itself."
    )


class StreamMixin:
    """``partial_fit`` of a detector, by a new fit to a sample of the rows so far.

    The detector must have the parameters ``density``, ``half_life`` and
    ``random_state``, and the methods ``_check_rows`` and ``_fit_rows``.
    """

    @available_if(_has_experts)
    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X: TableLike, y=None, sample_weight: Weights = None) -> Self:
        """Fit the experts and the threshold to the rows so far and to more rows.

        The detector keeps up to 10,000 rows (fewer of more than 200 columns) since the
        last ``fit``, in which newer rows have more weight if ``half_life`` is set, and
        fits anew to them. What it keeps does not depend on the pieces in which the rows
        came. A call takes as long as a fit to 10,000 rows, so pass many rows at a time.

        The first call is ``fit``. To score rows before they are learned, call
        ``score_samples`` before ``partial_fit``.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows in time order, newer than all rows before.
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. None gives every row the weight 1.

        Returns
        -------
        self : EBMAnomalyDetector
            The fitted estimator.
        """
        if getattr(self, "_reservoir", None) is None:
            return self.fit(X, sample_weight=sample_weight)
        self._validate_params()  # scikit-learn checks those of a first fit only
        with whole(self, "offset_"):
            self._keep(self._check_rows(X), sample_weight)
            self._fit_rows(self._reservoir.X, self._reservoir.weight)
        return self

    def _begun(self, rows, weight, n_each=1.0):
        """Begin a stream, and return the rows that are to be fitted, and weights.

        Each row stands for ``n_each`` rows of the stream.
        """
        self._reservoir = None
        if self.density != "experts":
            return rows, weight
        self._stream = Random.from_state(self.random_state)
        self._keep(rows, weight, n_each)
        if self.half_life is None:
            return rows, weight
        return self._reservoir.X, self._reservoir.weight

    def _keep(self, rows, weight, n_each=1.0):
        most = max(_FEWEST_ROWS, min(_MOST_ROWS, _MOST_CELLS // max(rows.shape[1], 1)))
        weight = check_weight(weight, rows)
        if n_each != 1:
            weight = n_each * (np.ones(rows.shape[0]) if weight is None else weight)
        facts = weight, self.half_life, most, self._stream
        last = Reservoir() if self._reservoir is None else self._reservoir
        self._reservoir = last.joined(rows, *facts)
