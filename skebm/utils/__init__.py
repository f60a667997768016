"""What every other folder stands on: randomness, threads, arithmetic and validation."""

from skebm.utils._random import Random

__all__ = ["Random"]
