"""The reference of models of bursty documents."""

import numpy as np

from skebm.energies._documents import spread
from skebm.energies.bursty._tokens import grown


class Urn:
    """The reference of a model of bursty documents, without topics.

    Parameters
    ----------
    layer : Polya
    lengths, shares : ndarray
        As for :class:`BurstyDocuments`.
    n_hidden : int
        Number of hidden units, which are independent of the words.
    """

    def __init__(self, layer, lengths, shares, n_hidden):
        self.layer, self.lengths, self.shares = layer, lengths, shares
        self.n_hidden = n_hidden

    def energy(self, x):
        """Return the energy of each document, in nats, float64, shape (n,)."""
        return self.layer.energy(x) - self.n_hidden * np.log(2)

    def sample(self, n_rows, random):
        """Draw documents whose lengths are spread like the lengths of the data.

        The lengths do not depend on ``random``, so that tempered replicas can exchange
        rows.
        """
        lengths = spread(self.lengths, self.shares, n_rows)
        x = np.zeros((n_rows, self.layer.n_units), self.layer.bias.dtype)
        concentration = self.layer.concentration
        for r in range(n_rows):
            uniform = random.rows(r).uniform((1, lengths[r]))
            grown(x[r : r + 1], concentration, np.zeros_like(x[:1]), uniform)
        return x
