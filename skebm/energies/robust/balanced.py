"""A product of experts that have equal say."""

import numpy as np

# Energies of fewer nats apart are ties.
_TIE = 1e-6


class Balanced:
    """The sum of the energies of experts, each on a scale of its own.

    ``energy(z) = sum_k (energy_k(z) - centre_k) / spread_k``

    For each expert the energies of the middle half of the rows span one nat, so that no
    expert outvotes the others. Rows far out are far out on this scale, too.

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
        return sum(self.energies(Z))

    def energies(self, Z):
        """Return the terms of the energy: a list of ndarrays of shape (n,)."""
        facts = zip(self.experts, self.centres, self.spreads, strict=True)
        return [(expert.energy(Z) - c) / s for expert, c, s in facts]

    def parts(self, Z):
        """Return what each unit adds to the energy, float64, shape (n, n_units)."""
        facts = zip(self.experts, self.centres, self.spreads, strict=True)
        return sum((expert.parts(Z) - c / Z.shape[1]) / s for expert, c, s in facts)


def _centre_and_spread(energy):
    shares = 0.05, 0.25, 0.5, 0.75, 0.95
    low, first, centre, third, high = np.quantile(energy, shares, method="inverted_cdf")
    tie = _TIE * max(1.0, abs(centre))
    # If most rows are equal, nearly all of them say how far apart rows are.
    for spread in (third - first, high - low, energy.max() - energy.min()):
        if spread > tie:
            return centre, spread
    return centre, 1.0
