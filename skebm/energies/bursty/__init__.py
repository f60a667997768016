"""A model of documents whose words come in bursts, with topics."""

from skebm.energies.bursty._energy import BurstyDocuments
from skebm.energies.bursty._polya import Polya
from skebm.energies.bursty._urn import Urn
from skebm.energies.bursty.recipe import BurstyDocumentsRecipe

__all__ = ["BurstyDocuments", "BurstyDocumentsRecipe", "Polya", "Urn"]
