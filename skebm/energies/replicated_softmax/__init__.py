"""The replicated softmax, a model of documents as counts of words."""

from skebm.energies._documents import DocumentSummary, lengths_of, spread
from skebm.energies.replicated_softmax._marginal import Marginal
from skebm.energies.replicated_softmax.recipe import ReplicatedSoftmaxRecipe
from skebm.energies.replicated_softmax.replicated_softmax import (
    Documents,
    ReplicatedSoftmax,
)

__all__ = [
    "DocumentSummary",
    "Documents",
    "Marginal",
    "ReplicatedSoftmax",
    "ReplicatedSoftmaxRecipe",
    "lengths_of",
    "spread",
]
