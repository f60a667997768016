"""What is modelled: a number for every configuration, low where it looks right."""

from skebm.energies.rbm import RBM, Chains

__all__ = ["RBM", "Chains"]
