"""The soft maximum of experts that have equal say."""

import numpy as np
from scipy.special import logsumexp, softmax

# Energies of fewer nats apart are ties.
_TIE = 1e-6


class Balanced:
    """The soft maximum of the energies of experts, each on a scale of its own.

    ``energy(z) = log mean_k exp((energy_k(z) - centre_k) / spread_k)``

    The density is the harmonic mean of those of the experts. So a row is an anomaly if
    one expert is sure of it, whatever the others say. For each expert the energies of
    the middle half of the rows span one nat, so that no expert outvotes the others.
    Rows far out are far out on this scale, too.

    Parameters
    ----------
    experts : list of objects with ``energy`` and ``parts``
    centres, spreads : ndarray of shape (n_experts,), float64
        In nats.
    """

    def __init__(self, experts, centres, spreads):
        self.experts, self.centres, self.spreads = experts, centres, spreads

    @classmethod
    def of(cls, experts, Z):
        """Balance experts on rows.

        Parameters
        ----------
        experts : list
        Z : ndarray of shape (n, n_units), float64
        """
        energies = [expert.energy(Z) for expert in experts]
        # As the inverse of the distribution function, repeated rows count as weights.
        facts = [_centre_and_spread(energy) for energy in energies]
        return cls(experts, *np.transpose(facts))

    @property
    def work(self):
        """Multiply-adds for one row."""
        return sum(expert.work for expert in self.experts)

    def energy(self, Z):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        return _soft_maximum(self.energies(Z))

    def energies(self, Z):
        """Return the energies of the experts on their scales, shape (n, n_experts)."""
        facts = zip(self.experts, self.centres, self.spreads, strict=True)
        return np.transpose([(expert.energy(Z) - c) / s for expert, c, s in facts])

    def parts(self, Z):
        """Return what each unit adds to the energy, float64, shape (n, n_units).

        The slopes of the soft maximum are the weights of the experts. What the weighted
        mean of their energies leaves, at most ``log n_experts``, is shared out equally.
        """
        energies, n_units = self.energies(Z), Z.shape[1]
        weight = softmax(energies, axis=1)
        rest = _soft_maximum(energies) - (weight * energies).sum(axis=1)
        facts = zip(self.experts, weight.T, self.centres, self.spreads, strict=True)
        return rest[:, None] / n_units + sum(
            w[:, None] * (expert.parts(Z) - c / n_units) / s
            for expert, w, c, s in facts
        )


def _soft_maximum(energies):
    return logsumexp(energies, axis=1) - np.log(energies.shape[1])


def _centre_and_spread(energy):
    shares = 0.05, 0.25, 0.5, 0.75, 0.95
    low, first, centre, third, high = np.quantile(energy, shares, method="inverted_cdf")
    tie = _TIE * max(1.0, abs(centre))
    # If most rows are equal, nearly all of them say how far apart rows are.
    for spread in (third - first, high - low, energy.max() - energy.min()):
        if spread > tie:
            return centre, spread
    return centre, 1.0
