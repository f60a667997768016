"""Exact conditional likelihood of labels, alone and beside a generative objective."""

from sklearn.base import BaseEstimator

from skebm.utils._validation import require

_REMEDY = "Use objective='pcd', or an energy with labels such as ClassRBM."


class Conditional(BaseEstimator):
    """The conditional log-likelihood of the labels given the inputs, exactly [1]_.

    References
    ----------
    .. [1] H. Larochelle, Y. Bengio. "Classification using discriminative restricted
       Boltzmann machines". ICML 2008.
    """

    requires = ("conditional_grad",)
    # The gradient is exact: Adam suits it, at this learning rate.
    adam_rate = 0.003

    def init(self, energy, random):
        """Return the state before the first minibatch: none is needed."""
        require(energy, self, _REMEDY)

    def gradient(self, energy, X, weight, state, random):
        """Return the gradient of ``-log p(y | x)``, a weighted mean over rows."""
        return energy.conditional_grad(X, weight), state


class Hybrid(BaseEstimator):
    """A weighted sum of the conditional and a generative objective [1]_.

    Parameters
    ----------
    generative : objective
        Its gradient is that of the joint likelihood of inputs and labels.
    generative_weight : float in [0, 1], default=0.01
        Weight of ``generative``; the conditional part has the rest.

    References
    ----------
    .. [1] H. Larochelle, M. Mandel, R. Pascanu, Y. Bengio. "Learning algorithms for
       the classification restricted Boltzmann machine". JMLR 13 (2012).
    """

    requires = ("conditional_grad",)

    def __init__(self, generative, generative_weight=0.01):
        self.generative = generative
        self.generative_weight = generative_weight

    def init(self, energy, random):
        """Return the state of the generative objective."""
        require(energy, self, _REMEDY)
        return self.generative.init(energy, random)

    def gradient(self, energy, X, weight, state, random):
        """Return the weighted sum of both gradients, and the next state."""
        gradient, state = self.generative.gradient(energy, X, weight, state, random)
        conditional = energy.conditional_grad(X, weight)
        share = self.generative_weight
        for name, value in gradient.items():
            value *= value.dtype.type(share)
            value += value.dtype.type(1 - share) * conditional[name]
        return gradient, state
