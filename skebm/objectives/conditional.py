"""The conditional likelihood of labels, alone or with a generative objective."""

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator

from skebm.utils._math import row_weights
from skebm.utils._parallel import map_blocks
from skebm.utils._validation import require

_REMEDY = "Use objective='pcd', or an energy with labels such as ClassRBM."


class Conditional(BaseEstimator):
    """The exact conditional log-likelihood of the labels given the inputs [1]_.

    The loss of a row is ``E(x, y) + log sum_k exp(-E(x, k))``, where ``E(x, k)`` is the
    energy of the inputs with label ``k``.

    References
    ----------
    .. [1] H. Larochelle, Y. Bengio. "Classification using discriminative restricted
       Boltzmann machines". ICML 2008.
    """

    requires = ("class_energy", "class_grad")
    # Adam suits an exact gradient. This is its learning rate.
    adam_rate = 0.003

    def init(self, energy, random):
        """Return None: this objective does not have a state."""
        require(energy, self, _REMEDY)

    def loss(self, energy, X, weight=None):
        """Return the weighted mean of ``-log p(y | x)``, in nats.

        Parameters
        ----------
        energy : energy with ``class_energy``
        X : {ndarray, CSR matrix} of shape (n, n_inputs + n_classes)
            Inputs and one-hot labels.
        weight : ndarray of shape (n,), default=None
            Sums to one; None weighs all rows alike.
        """
        x, y = energy.split(X)
        energies = energy.class_energy(x)
        loss = (y * energies).sum(axis=1) + np.logaddexp.reduce(-energies, axis=1)
        return float(row_weights(weight, len(y)) @ loss)

    def gradient(self, energy, X, weight, state, random):
        """Return the gradient of :meth:`loss`, and the state."""
        x, y = energy.split(X)
        weight = row_weights(weight, len(y))

        def slopes(block):
            probability = softmax(-energy.class_energy(x[block]), axis=1)
            return weight[block, None] * (y[block] - probability)

        slope = map_blocks(slopes, len(y), energy.work)
        return energy.class_grad(x, np.concatenate(slope)), state


class Hybrid(BaseEstimator):
    """A weighted sum of the conditional and a generative objective [1]_.

    Parameters
    ----------
    generative : objective
        Estimates the gradient of the joint likelihood of inputs and labels.
    generative_weight : float in [0, 1], default=0.01
        Weight of ``generative``. The weight of the conditional objective is one minus
        this number.

    References
    ----------
    .. [1] H. Larochelle, M. Mandel, R. Pascanu, Y. Bengio. "Learning algorithms for
       the classification restricted Boltzmann machine". JMLR 13 (2012).
    """

    requires = Conditional.requires

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
        conditional, _ = Conditional().gradient(energy, X, weight, None, random)
        share = self.generative_weight
        for name, value in gradient.items():
            value *= value.dtype.type(share)
            value += value.dtype.type(1 - share) * conditional[name]
        return gradient, state
