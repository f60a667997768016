"""A loss of labels, alone or with a generative objective."""

from itertools import pairwise

import numpy as np
from scipy.sparse import csr_matrix, hstack, issparse
from scipy.special import softmax
from sklearn.base import BaseEstimator

from skebm.objectives.losses import LOSSES
from skebm.utils._math import row_weights
from skebm.utils._validation import lookup, require

# The learning rate of Adam for hybrids times the root of the generative weight, and its
# limits (asv_bench/compare/hybrid_weights.py). At the weight 0.01, thresholded digits
# have the log-loss 0.160 with the rate 0.01, and 0.184 with 0.003. At 0.05 they have
# 0.284 with 0.01, where weights grow to 11, and 0.188 with 0.003.
_RATE_TIMES_ROOT, _HYBRID_RATES = 0.001, (0.003, 0.01)
_REMEDY = "Use objective='pcd', or an energy with labels such as ClassRBM."


class Conditional(BaseEstimator):
    """A loss of the labels, whose gradient is exact [1]_ [2]_.

    The loss is a function of the energies of all classes. With the default it is the
    negative conditional log-likelihood ``E(x, y) + log sum_k exp(-E(x, k))``, where
    ``E(x, k)`` is the energy of the inputs with label ``k``.

    Parameters
    ----------
    label_loss : str or loss, default="nll"
        A name of :data:`skebm.objectives.LOSSES`, or such an object as
        ``Hinge(margin=2)``.

    References
    ----------
    .. [1] H. Larochelle, Y. Bengio. "Classification using discriminative restricted
       Boltzmann machines". ICML 2008.
    .. [2] Y. LeCun, S. Chopra, R. Hadsell, M. Ranzato, F. Huang. "A tutorial on
       energy-based learning". In: Predicting structured data, MIT Press (2006).
    """

    requires = ("class_energy", "class_grad")
    # Adam suits an exact gradient. This is its learning rate.
    adam_rate = 0.003
    # Only labels are learned, which overfit sooner than rows.
    only_labels = True

    def __init__(self, label_loss="nll"):
        self.label_loss = label_loss

    def init(self, energy, random):
        """Return None: this objective does not have a state."""
        require(energy, self, _REMEDY)
        self._loss.check()

    def loss(self, energy, X, weight=None):
        """Return the weighted mean of the losses, in nats for the log-likelihood.

        Parameters
        ----------
        energy : energy with ``class_energy``
        X : {ndarray, CSR matrix} of shape (n, n_inputs + n_classes)
            Inputs and one-hot labels.
        weight : ndarray of shape (n,), default=None
            Sums to one; None weighs all rows alike.
        """
        x, y = energy.split(X)
        values, _ = self._loss(energy.class_energy(x), y.argmax(axis=1))
        return float(row_weights(weight, len(y)) @ values)

    def gradient(self, energy, X, weight, state, random):
        """Return the gradient of :meth:`loss`, and the state."""
        x, y = energy.split(X)
        weight = row_weights(weight, len(y))
        energies, pullback = energy.class_pullback(x)
        _, slopes = self._loss(energies, y.argmax(axis=1))
        return pullback(weight[:, None] * slopes), state

    def fused_updates(self, energy, updates, state):
        """Do several updates in one call of a kernel, as :meth:`PCD.fused_updates`.

        Returns
        -------
        None or NotImplemented
            The state, or ``NotImplemented`` if there is no kernel for the updates.
        """
        fused = energy.fused_labels
        is_usual = getattr(self._loss, "has_kernel", False)
        if fused is None or not (
            updates.adam and is_usual and fused.accepts(updates.X)
        ):
            return NotImplemented
        fused.updates(_resampled(updates) if updates.resample else updates)
        return state

    @property
    def _loss(self):
        loss = self.label_loss
        return lookup(loss, LOSSES, "loss")() if isinstance(loss, str) else loss


class Hybrid(BaseEstimator):
    """A weighted sum of the conditional and a generative objective [1]_.

    A row without a label has the code 0 in all units of the label. The conditional
    objective is the mean over the rows with a label. The generative objective takes all
    rows: a missing label is drawn from ``p(y | x)`` of the model at each visit. By
    Fisher's identity the expectation of this gradient over the label is the gradient of
    ``log p(x)``, in which the label is summed out.

    Parameters
    ----------
    generative : objective
        Estimates the gradient of the joint likelihood of inputs and labels.
    generative_weight : float in [0, 1], default=0.01
        Weight of ``generative``. The weight of the conditional objective is one minus
        this number.
    rate : float, default=None
        Learning rate of Adam, where the user gives none. None makes it fall with the
        weight of the generative gradient, which is noisy.

    References
    ----------
    .. [1] H. Larochelle, M. Mandel, R. Pascanu, Y. Bengio. "Learning algorithms for
       the classification restricted Boltzmann machine". JMLR 13 (2012).
    """

    requires = Conditional.requires
    # The generative gradient is an estimate by draws, whatever the optimizer.
    is_sampled = True

    def __init__(self, generative, generative_weight=0.01, rate=None):
        self.generative = generative
        self.generative_weight = generative_weight
        self.rate = rate

    @property
    def adam_rate(self):
        """The learning rate of Adam.

        Plain descent suits chains, but it is slow along the gradient of the labels.
        """
        if self.rate is not None:
            return self.rate
        low, high = _HYBRID_RATES
        rate = _RATE_TIMES_ROOT / np.sqrt(max(self.generative_weight, 1e-9))
        return float(np.clip(rate, low, high))

    def init(self, energy, random):
        """Return the state of the generative objective."""
        require(energy, self, _REMEDY)
        return self.generative.init(energy, random)

    def gradient(self, energy, X, weight, state, random):
        """Return the weighted sum of both gradients, and the next state."""
        known = energy.split(X)[1].any(axis=1)
        labelled, own = X, weight
        if not known.all():
            labelled, own = X[known], row_weights(weight, len(known))[known]
            own = own / max(own.sum(), np.finfo(own.dtype).tiny)
            X = _with_drawn_labels(energy, X, known, random.fold(1))
        draws = random.fold(0)
        gradient, state = self.generative.gradient(energy, X, weight, state, draws)
        share = self.generative_weight
        if share == 1 or not known.any():
            return {name: share * value for name, value in gradient.items()}, state
        conditional, _ = Conditional().gradient(energy, labelled, own, None, random)
        for name, value in gradient.items():
            value *= value.dtype.type(share)
            value += value.dtype.type(1 - share) * conditional[name]
        return gradient, state


def _resampled(updates):
    """Return updates of draws of the rows, as updates one by one draw them."""
    pairs = zip(updates.randoms, updates.batches, strict=True)
    drawn = [random.fold(0).bernoulli(updates.X[rows]) for random, rows in pairs]
    edges = np.cumsum([0, *map(len, drawn)])
    batches = [np.arange(lo, hi) for lo, hi in pairwise(edges)]
    return updates._replace(X=np.concatenate(drawn), batches=batches, resample=False)


def _with_drawn_labels(energy, X, known, random):
    """Return the rows with draws from ``p(y | x)`` in place of missing labels."""
    x, y = energy.split(X)
    y, unknown = y.copy(), np.flatnonzero(~known)
    probability = softmax(-energy.class_energy(x[unknown]), axis=1)
    y[unknown] = random.categorical(probability)
    if issparse(X):
        return hstack([x, csr_matrix(y)], format="csr")
    return np.hstack([x, y])
