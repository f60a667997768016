"""Random choices of a fuzzer, which one seed fixes."""

import numpy as np


class Dice:
    """Random choices.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def chance(self, probability):
        """Return True with this probability."""
        return bool(self.rng.random() < probability)

    def pick(self, items):
        """Return one of the items. The items of a dict are its values."""
        items = list(items.values() if isinstance(items, dict) else items)
        return items[self.rng.integers(len(items))]

    def name(self, names):
        """Return one of the names, in an order that does not depend on hashes."""
        names = sorted(names)
        return names[self.rng.integers(len(names))]
