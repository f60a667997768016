"""The recipe of replicated softmaxes."""

from skebm.energies._recipe import (
    Recipe,
    columns_of,
    is_adaptive,
    small_weights,
)
from skebm.energies.replicated_softmax.replicated_softmax import ReplicatedSoftmax

# Learning rates of "auto" (asv_bench/compare/newsgroups.py).
#
# The largest rate of Adam.
_ADAM_RATE = 0.01
# The rate of Adam times the mean length of documents: gradients grow with the length.
_ADAM_RATE_TIMES_LENGTH = 0.5
# The rate of plain descent times the mean length. Gradients also grow with the
# frequency of a word, so plain descent learns frequent words only.
_DESCENT_RATE_TIMES_LENGTH = 0.3


class ReplicatedSoftmaxRecipe(Recipe):
    """A replicated softmax.

    Parameters
    ----------
    n_components : int, default=50
        Number of hidden units, the topics.
    """

    monitor = "documents"

    def __init__(self, n_components=50):
        self.n_components = n_components

    def build(self, layer, summary, random):
        """Return a model at the frequencies of the words; ``layer`` is not used."""
        shape = summary.X.shape[1], int(self.n_components)
        weights = small_weights(shape, summary.X.dtype, random)
        return ReplicatedSoftmax.from_documents(summary.X, summary.weight, weights)

    def learning_rate(self, layer, summary, objective, optimizer):
        """Return the learning rate that ``"auto"`` stands for."""
        if is_adaptive(optimizer):
            return min(_ADAM_RATE, _ADAM_RATE_TIMES_LENGTH / summary.mean_length)
        return _DESCENT_RATE_TIMES_LENGTH / summary.mean_length

    def attributes(self, energy, order):
        """Return weights, concentrations and biases; ``order`` is not used."""
        components = columns_of(energy.weights, slice(None))
        return {
            "components_": components,
            "concentration_": energy.concentration,
            "intercept_visible_": energy.visible.bias.copy(),
            "intercept_hidden_": energy.hidden.bias.copy(),
            "_n_features_out": len(components),
        }
