"""Objectives made of single flips: exact gradients without a partition function.

All of them compare a row with the rows that differ from it in one site, for all sites,
through ``d_i = F(x with site i flipped) - F(x)``, in which log Z cancels. Each is
smallest at the distribution of the data, if the model can express it.
"""

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator

from skebm.utils._math import row_weights
from skebm.utils._validation import require

_REMEDY = (
    "Flips need visible units of two values throughout, visible='bernoulli' or 'spin'. "
    "Use objective='pcd' for others."
)
# Beyond this exponent, minimum probability flow goes on as a straight line.
_MAX_EXPONENT = 30.0


class _Sitewise(BaseEstimator):
    """A sum over sites of a function of the flip energy: ``_cost`` and its slope."""

    requires = ("flip_energies", "flip_grad")
    # The gradient is exact: Adam suits it, at this learning rate.
    adam_rate = 0.01

    def init(self, energy, random):
        """Return the state before the first minibatch: none is needed."""
        require(energy, self, _REMEDY)

    def loss(self, energy, X, weight=None):
        """Return the objective, a weighted mean over rows.

        Parameters
        ----------
        energy : energy with ``flip_energies``
        X : {ndarray, CSR matrix} of shape (n, n_visible)
        weight : ndarray of shape (n,), default=None
            Sums to one; None weighs all rows alike.
        """
        cost = self._cost(energy.flip_energies(X)).sum(axis=1)
        return float(row_weights(weight, X.shape[0]) @ cost)

    def gradient(self, energy, X, weight, state, random):
        """Return the gradient of :meth:`loss`, and the state."""
        slope = self._slope(energy.flip_energies(X))
        slope *= row_weights(weight, X.shape[0])[:, None]
        return energy.flip_grad(X, slope), state


class PseudoLikelihood(_Sitewise):
    """Minus the pseudo-likelihood, ``-sum_i log p(x_i | all other x)`` [1]_, [2]_.

    In nats a row. All sites count in every gradient: none is drawn.

    References
    ----------
    .. [1] J. Besag. "Statistical analysis of non-lattice data". The Statistician 24
       (1975).
    .. [2] B. Marlin, K. Swersky, B. Chen, N. de Freitas. "Inductive principles for
       restricted Boltzmann machine learning". AISTATS 2010.
    """

    @staticmethod
    def _cost(flips):
        return np.logaddexp(0, -flips)

    @staticmethod
    def _slope(flips):
        return -expit(-flips)


class RatioMatching(_Sitewise):
    """Ratio matching, ``sum_i g(p(x) / p(x^i))**2`` with ``g(u) = 1 / (1 + u)`` [1]_.

    ``x^i`` is the row with site i flipped, and ``g`` the probability of that against
    the row itself. So this is half the Brier score of the conditionals, where the
    pseudo-likelihood is their log score: a site costs at most 1, however odd it is.

    References
    ----------
    .. [1] A. Hyvarinen. "Some extensions of score matching". Computational Statistics
       and Data Analysis 51 (2007).
    """

    @staticmethod
    def _cost(flips):
        return np.square(expit(-flips))

    @staticmethod
    def _slope(flips):
        other = expit(-flips)
        return -2 * np.square(other) * (1 - other)


class MinimumProbabilityFlow(_Sitewise):
    """Minimum probability flow, ``sum_i exp((F(x) - F(x^i)) / 2)`` [1]_.

    The rate at which probability leaves the data for their neighbours ``x^i``, which
    differ in site i. All flips count. The paper leaves out those that lead from one
    row of the data to another; but counted, both directions of such a flip tell how
    probable the two rows are relative to each other, the sum is one over rows, so that
    minibatches and weights mean what they mean elsewhere, and the true distribution
    remains the minimum where the data cover all configurations.

    Notes
    -----
    A site whose flip would lower the energy by more than 60 nats costs no more than
    linearly in what lies beyond: the exponential would overflow.

    References
    ----------
    .. [1] J. Sohl-Dickstein, P. Battaglino, M. DeWeese. "Minimum probability flow
       learning". ICML 2011.
    """

    @staticmethod
    def _cost(flips):
        bounded = np.minimum(-flips / 2, _MAX_EXPONENT)
        return np.exp(bounded) * (1 - flips / 2 - bounded)

    @staticmethod
    def _slope(flips):
        return -np.exp(np.minimum(-flips / 2, _MAX_EXPONENT)) / 2
