"""Fits of the detector of anomalies to rows that come in pieces."""

from sklearn.utils.metaestimators import available_if

from skebm.tables import Reservoir, check_weight
from skebm.utils._going_on import whole
from skebm.utils._random import Random
from skebm.utils._sklearn import fit_context, is_fitted
from skebm.utils._types import Self, TableLike, Weights

# Rows that are kept: as many as the experts look at.
_MOST_ROWS = 10_000


def _has_experts(detector):
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
        """Fit the experts and the threshold to the rows so far, and to more rows.

        The detector keeps up to 10,000 rows of the stream, in which newer rows have
        more weight if ``half_life`` is set, and fits anew to them. What it keeps does
        not depend on the pieces in which the rows came. A call takes as long as a fit
        to 10,000 rows, so pass many rows at a time.

        The stream begins with the first call of ``partial_fit``, which without a
        ``half_life`` is ``fit``. To score rows before they are learned, call
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
        self._validate_params()  # scikit-learn checks those of a first fit only
        last = getattr(self, "_reservoir", None)
        if last is None and is_fitted(self):
            raise ValueError(
                "fit keeps no rows, so partial_fit cannot go on from it. Call "
                "partial_fit for the first rows, too, on a new detector."
            )
        with whole(self, "offset_"):
            rows = self._check_rows(X, reset=last is None)
            weight = check_weight(sample_weight, rows)
            if last is None:
                last, self._stream = Reservoir(), Random.from_state(self.random_state)
            facts = self.half_life, _MOST_ROWS, self._stream
            self._reservoir = last.joined(rows, weight, *facts)
            self._fit_rows(self._reservoir.X, self._reservoir.weight)
        return self
