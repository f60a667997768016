"""What a fit pays for large weights and busy hidden units, besides misfit."""

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
        Factor of ``sum w**2 / 2``.
    l1b : float, default=0.0
        Factor of ``sum_j (sum_i |w_ij|)**2 / (2 n_visible)``, the L1b penalty [1]_. The
        more weights a hidden unit has, the more it pays for each: so every unit keeps
        few, where ``l1`` switches whole units off. For weights of one size it equals
        ``l2``.
    sparsity_target : float in (0, 1), default=0.1
        Wanted share of rows for which a hidden unit is on.
    sparsity_cost : float, default=0.0
        Factor of the cross-entropy between that target and the units' mean activity
        over a minibatch, summed over units, less its minimum [2]_, [3]_.

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
        """Raise a sentence if the energy lacks what a penalty is about.

        Raises
        ------
        ValueError
            If there are no weights to shrink, or no two-valued hidden units to switch.
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
        """Whether weights decay and nothing else happens."""
        return set(self.active) <= {"l2"}

    def value(self, energy, X, weight=None):
        """Return the sum of the terms, in nats a row.

        Parameters
        ----------
        energy : energy
        X : {ndarray, CSR matrix} of shape (n, n_visible)
            A minibatch, for the mean activity.
        weight : ndarray of shape (n,), default=None
            Shares of the rows, with sum 1; None takes equal ones.
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
            weights, total = energy.params[name], gradient[name]
            number = total.dtype.type
            if self.l2:
                total += number(self.l2) * weights
            if self.l1:
                total += number(self.l1) * np.sign(weights)
            if self.l1b:
                block = number(self.l1b) * np.abs(weights).mean(axis=0)
                total += block * np.sign(weights)
        if self.sparsity_cost:
            self._add_pull(gradient, energy, X, weight)

    def _add_pull(self, gradient, energy, X, weight):
        """Pull the mean activity of every hidden unit towards the target.

        On average over rows the slope is at most ``q - target``, the rule of the
        practical guide, and equal to it where all rows agree.
        """
        share, q, active = _activity(energy, X, weight)
        q = q.astype(np.float64)
        # A unit that is off (or on) for all rows to the last digit has no slope left.
        spread = np.maximum(q * (1 - q), np.finfo(active.dtype).tiny)
        slope = self.sparsity_cost * (q - self.sparsity_target) / spread
        pull = energy.activity_grad(X, share[:, None] * slope)
        for name, value in pull.items():
            gradient[name] += value


def _activity(energy, X, weight):
    """Return each row's share, the units' mean activity, and that given each row."""
    active = energy.activity(X)
    share = row_weights(weight, X.shape[0], active.dtype)
    return share, share @ active, active
