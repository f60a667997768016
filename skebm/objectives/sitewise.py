"""Objectives of single flips: exact gradients without the partition function.

They compare a row with all rows that differ from it in one site. The difference
``d_i = F(x with site i flipped) - F(x)`` does not depend on the partition function. An
objective is smallest at the distribution of the data, if the model can express it.
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
# Above this exponent the exponential of minimum probability flow is continued by a
# straight line, since it would overflow.
_MAX_EXPONENT = 30.0


class _Sitewise(BaseEstimator):
    """Base of sums over sites of a function of the flip energy.

    A subclass has the function, ``_cost``, and its derivative, ``_slope``.
    """

    requires = ("flip_energies", "flip_grad")
    # Adam suits an exact gradient. This is its learning rate.
    adam_rate = 0.01

    def init(self, energy, random):
        """Return None: this objective does not have a state."""
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
    """Minus the log pseudo-likelihood, ``-sum_i log p(x_i | all other x)`` [1]_, [2]_.

    The unit is nats for each row. Every gradient is a sum over all sites, not over a
    random choice of them.

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

    ``x^i`` is the row with site i flipped, and ``g`` is the probability of ``x^i`` if
    the model chooses one of the two rows. So the objective is half the Brier score of
    the conditionals, while the pseudo-likelihood is their log score. A site costs at
    most 1, however improbable it is.

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

    This is the rate at which probability flows from the data to their neighbours
    ``x^i``, which differ in site i.

    Notes
    -----
    The paper leaves out the flips that lead from one row of the data to another. Here
    all flips count, for three reasons. The two directions of such a flip say which of
    the two rows is more probable. The objective is a sum over rows, so that minibatches
    and weights have their usual meaning. And the true distribution remains the minimum
    if the data cover all configurations.

    If a flip would lower the energy by more than 60 nats, the cost grows linearly with
    the rest: the exponential would overflow.

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
