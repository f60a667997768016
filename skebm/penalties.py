"""Penalties on large weights and on hidden units that are often on."""

import numpy as np
from sklearn.base import BaseEstimator

from skebm.utils._math import row_weights

__all__ = ["Penalties"]


class Penalties(BaseEstimator):
    """Terms that training adds to the mean negative log-likelihood of a row.

    Parameters
    ----------
    l1 : float, default=0.0
        Factor of ``sum |w|`` over all weights.
    l2 : float, default=0.0
        Factor of ``sum w**2 / 2`` over all weights.
    l1b : float, default=0.0
        Factor of ``sum_j (sum_i |w_ij|)**2 / (2 n_visible)``, the L1b penalty [1]_. The
        price of a weight grows with ``sum |w|`` of its hidden unit. The penalty
        therefore tends to leave every hidden unit a few weights, whereas ``l1`` tends
        to switch whole units off. If all weights have the same size, the penalty equals
        the ``l2`` penalty.
    sparsity_target : float in (0, 1), default=0.1
        Share of rows for which a hidden unit should be on.
    sparsity_cost : float, default=0.0
        Factor of the Kullback-Leibler divergence between the target and the mean
        activity over a minibatch, summed over hidden units [2]_, [3]_.

    References
    ----------
    .. [1] J. Tubiana, S. Cocco, R. Monasson. "Learning protein constitutive motifs from
       sequence data". eLife 8 (2019).
    .. [2] H. Lee, C. Ekanadham, A. Ng. "Sparse deep belief net model for visual area
       V2". NeurIPS 2007.
    .. [3] G. Hinton. "A practical guide to training restricted Boltzmann machines".
       Technical report UTML 2010-003, University of Toronto.
    """

    def __init__(self, l1=0.0, l2=0.0, l1b=0.0, sparsity_target=0.1, sparsity_cost=0.0):
        self.l1 = l1
        self.l2 = l2
        self.l1b = l1b
        self.sparsity_target = sparsity_target
        self.sparsity_cost = sparsity_cost

    @property
    def active(self):
        """Names of the penalties that are not zero."""
        names = "l1", "l2", "l1b", "sparsity_cost"
        return [name for name in names if getattr(self, name)]

    def check(self, energy):
        """Check that the energy has the weights and hidden units that are penalised.

        Raises
        ------
        ValueError
            If a penalty on the weights is set and the energy has no weights, or if
            ``sparsity_cost`` is set and the hidden units do not have two values.
        """
        active = [name for name in self.active if name != "sparsity_cost"]
        if active and not energy.weight_names:
            raise ValueError(
                f"{active[0]} shrinks weights, but {energy._label} has none. "
                f"Set {active[0]}=0."
            )
        if self.sparsity_cost and not hasattr(energy, "activity"):
            raise ValueError(
                "sparsity_cost needs hidden units with two values, whose mean tells "
                f"how often they are on; {energy!r} has none. Use hidden='bernoulli', "
                "or sparsity_cost=0."
            )

    @property
    def only_decay(self):
        """Whether ``l2`` is the only penalty that is not zero, or all are zero."""
        return set(self.active) <= {"l2"}

    def value(self, energy, X, weight=None):
        """Return the sum of the penalties, in nats a row.

        Parameters
        ----------
        energy : energy
        X : {ndarray, CSR matrix} of shape (n, n_visible)
            Minibatch over which the activity of the hidden units is averaged.
        weight : ndarray of shape (n,), default=None
            Shares of the rows, with sum 1. None gives all rows the same share.

        Returns
        -------
        float
        """
        total = 0.0
        for name in energy.weight_names:
            size = np.abs(energy.params[name])
            blocks = np.square(size.sum(axis=0)).sum() / len(size)
            total += self.l1 * size.sum() + self.l2 / 2 * np.square(size).sum()
            total += self.l1b / 2 * blocks
        if self.sparsity_cost:
            p, q = self.sparsity_target, _activity(energy, X, weight)[1]
            divergence = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
            total += self.sparsity_cost * divergence.sum()
        return float(total)

    def add_gradient(self, gradient, energy, X, weight=None):
        """Add the derivative of :meth:`value` to ``gradient``, in place."""
        for name in energy.weight_names:
            weights, slope = energy.params[name], gradient[name]
            number = slope.dtype.type
            if self.l2:
                slope += number(self.l2) * weights
            if self.l1:
                slope += number(self.l1) * np.sign(weights)
            if self.l1b:
                block = number(self.l1b) * np.abs(weights).mean(axis=0)
                slope += block * np.sign(weights)
        if self.sparsity_cost:
            self._add_pull(gradient, energy, X, weight)

    def _add_pull(self, gradient, energy, X, weight):
        """Add the derivative of the sparsity penalty to ``gradient``, in place.

        The derivative pulls the mean activity ``q`` of every hidden unit towards the
        target. Averaged over rows it is at most ``q - target``, which is the rule of
        the practical guide [3]_. It equals ``q - target`` if a hidden unit has the same
        activity for all rows.
        """
        share, q, active = _activity(energy, X, weight)
        q = q.astype(np.float64)
        # A unit that is off for all rows, or on, to the last digit has a slope of 0.
        spread = np.maximum(q * (1 - q), np.finfo(active.dtype).tiny)
        slope = self.sparsity_cost * (q - self.sparsity_target) / spread
        pull = energy.activity_grad(X, share[:, None] * slope)
        for name, value in pull.items():
            gradient[name] += value


def _activity(energy, X, weight):
    """Return the activity of the hidden units, averaged over rows and given each row.

    Returns
    -------
    share : ndarray of shape (n,)
        Shares of the rows, with sum 1.
    mean : ndarray of shape (n_hidden,)
        Mean activity of each hidden unit.
    active : ndarray of shape (n, n_hidden)
        Probability that each hidden unit is on, given each row.
    """
    active = energy.activity(X)
    share = row_weights(weight, X.shape[0], active.dtype)
    return share, share @ active, active
