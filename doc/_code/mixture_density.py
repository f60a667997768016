"""Density of rows by a mixture of independent columns."""

from skebm.energies import ENERGIES
from skebm.estimators._density import TableDensity


class MixtureDensity(TableDensity):
    """Density of the rows of a table by a mixture of independent columns.

    Parameters, attributes and methods are those of :class:`skebm.EnergyDensity`;
    ``n_components`` is the number of groups.
    """

    def _recipe(self):
        return ENERGIES["mixture"](self.n_components)
