"""The likelihood of labels that depend on each other."""

from sklearn.base import BaseEstimator

from skebm.utils._math import row_weights
from skebm.utils._validation import require

_REMEDY = "Use Conditional for energies of classes."


class StructuredLikelihood(BaseEstimator):
    """The negative log-likelihood of structured labels given rows [1]_.

    The energy knows how its labels depend on each other, so it has the likelihood and
    its gradient.

    References
    ----------
    .. [1] J. Lafferty, A. McCallum, F. Pereira. "Conditional random fields:
       probabilistic models for segmenting and labeling sequence data". ICML 2001.
    """

    requires = ("nll_pullback",)
    # As for Conditional.
    adam_rate, only_labels = 0.003, True

    def init(self, energy, random):
        """Return None: this objective does not have a state."""
        require(energy, self, _REMEDY)

    def loss(self, energy, X, weight=None):
        """Return the weighted mean of ``-log p(labels | x)``, in nats a row.

        Parameters
        ----------
        energy : energy with ``nll_pullback``
        X : {ndarray, CSR matrix} of shape (n, n_units)
            Inputs and labels.
        weight : ndarray of shape (n,), default=None
            Sums to one; None weighs all rows alike.
        """
        return float(row_weights(weight, X.shape[0]) @ energy.nll(X))

    def gradient(self, energy, X, weight, state, random):
        """Return the gradient of :meth:`loss`, and the state."""
        _, pullback = energy.nll_pullback(X)
        return pullback(row_weights(weight, X.shape[0])), state
