"""Maximum likelihood with a negative phase from the reference."""

from scipy.special import softmax
from sklearn.base import BaseEstimator

from skebm.energies import Energy
from skebm.utils._validation import require


class ImportanceSampled(BaseEstimator):
    """The gradient of the log-likelihood by importance sampling [1]_.

    The negative phase is a mean over draws of the reference, with weights that make
    them draws of the model. It needs no chains, and serves models near the reference.

    Parameters
    ----------
    n_draws : int, default=1000
        Draws of the reference for each gradient.

    References
    ----------
    .. [1] Y. Bengio, J.-S. Senecal. "Adaptive importance sampling to accelerate
       training of a neural probabilistic language model". IEEE Transactions on Neural
       Networks 19 (2008).
    """

    requires = ("reference",)
    # The gradient is nearly exact: Adam suits it, at this learning rate.
    adam_rate = 0.01

    def __init__(self, n_draws=1000):
        self.n_draws = n_draws

    def init(self, energy, random):
        """Return the state before the first minibatch: none is needed."""
        require(Energy.of(energy), self, "Give the energy a base layer.")

    def gradient(self, energy, X, weight, state, random):
        """Return the gradient of the negative log-likelihood, and the state."""
        energy = Energy.of(energy)
        draws = energy.reference.sample(self.n_draws, random)
        share = softmax(energy.reference.energy(draws) - energy.energy(draws))
        positive = energy.start_phase(X, weight)
        negative = energy.start_phase(draws, share.astype(energy.dtype))
        return energy.contrast(positive.result(), negative.result()), state
