"""The recipe of models of bursty documents."""

from skebm.energies._recipe import small_weights
from skebm.energies.bursty._energy import BurstyDocuments
from skebm.energies.replicated_softmax import ReplicatedSoftmaxRecipe


class BurstyDocumentsRecipe(ReplicatedSoftmaxRecipe):
    """A model of documents whose words come in bursts.

    Parameters
    ----------
    n_components : int, default=50
        Number of hidden units, the topics.
    """

    def build(self, layer, summary, random):
        """Return a model at one Dirichlet compound multinomial."""
        shape = summary.X.shape[1], int(self.n_components)
        weights = small_weights(shape, summary.X.dtype, random)
        return BurstyDocuments.from_documents(summary.X, summary.weight, weights)
