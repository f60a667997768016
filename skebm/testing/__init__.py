"""Contract checks for parts, ours and yours: each failure is a sentence.

They take any object with the methods, so that an energy written in plain NumPy can be
checked before it is trained.
"""

from skebm.testing.energies import check_energy, check_objective, check_sampler
from skebm.testing.layers import check_layer

__all__ = ["check_energy", "check_layer", "check_objective", "check_sampler"]
