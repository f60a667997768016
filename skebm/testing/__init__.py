"""Checks that layers, energies, samplers and objectives keep their contracts.

The checks take any object that has the methods of the part, so that an energy written
in plain NumPy can be checked before it is trained. The message of a failed check is a
sentence that says what is wrong.
"""

from skebm.testing.energies import check_energy, check_objective, check_sampler
from skebm.testing.layers import check_layer

__all__ = ["check_energy", "check_layer", "check_objective", "check_sampler"]
