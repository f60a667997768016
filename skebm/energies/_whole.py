"""What energies share that are made of one other energy."""

from skebm.energies._base import Energy


class OfWhole(Energy):
    """Base of energies that have the parameters and the reference of another energy.

    Parameters
    ----------
    whole : Energy
        The other energy.
    """

    def __init__(self, whole):
        self.whole = whole
        self.visible, self.base = whole.visible, whole.base

    @property
    def params(self):
        """The parameters of the whole energy."""
        return self.whole.params

    @property
    def work(self):
        """Multiply-adds of a move, for each row."""
        return self.whole.work

    @property
    def reference(self):
        """The reference of the whole energy, since annealing may start anywhere."""
        return self.whole.reference
