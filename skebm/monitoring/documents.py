"""What is noted of the training of a density of documents."""

import numpy as np

from skebm.monitoring._base import Monitor, mean, stride
from skebm.utils._sparse import dense

# Documents of the fixed subsamples.
_MAX_ROWS = 100
# Measured microseconds of a call for a document, and of a hidden unit's input in it.
_CALL, _INPUT = 70.0, 3e-3


class DocumentMonitor(Monitor):
    """Log-probability of one word of each of some documents, given the others.

    Parameters are those of :class:`skebm.monitoring.DensityMonitor`; ``layer`` is not
    used.
    """

    score_name = "word_log_likelihood"

    def __init__(self, X, weight, held_out, layer, random):
        self.sets = {"word_log_likelihood": _left_out(X, weight, random.fold(0))}
        if held_out is not None:
            self.sets["validation_score"] = _left_out(*held_out, random.fold(1))
        self.size = X.shape[0] * X.shape[1]
        self.n_words = X.shape[1]

    def stride(self, n_updates, n_hidden):
        """Return after how many epochs it is worth looking."""
        n_rows = sum(len(words) for _, words, _ in self.sets.values())
        look = n_rows * (_CALL + _INPUT * self.n_words * n_hidden)
        return max(1, stride(look, n_updates, self.size * n_hidden))

    def row(self, energy):
        """Return the figures of this model as a dict of floats, in nats a word."""
        return {
            name: _next_word_score(energy, *documents)
            for name, documents in self.sets.items()
        }


def _left_out(X, weight, random):
    """Return some documents without a word of theirs, that word, and their weights."""
    counting = np.ones(X.shape[0]) if weight is None else weight
    counting = counting * np.asarray(X.sum(axis=1)).reshape(-1)
    order = random.fold(0).permutation(X.shape[0])
    chosen = np.sort(order[counting[order] > 0][:_MAX_ROWS])
    rows = dense(X[chosen]).copy()
    words = random.fold(1).categorical(rows).argmax(axis=1)
    cells = np.arange(len(rows)), words
    rows[cells] = np.maximum(rows[cells] - 1, 0)  # counts may have fractions
    return rows, words, counting[chosen]


def _next_word_score(energy, rows, words, weight):
    """Return the mean log-probability of left-out words, weighted by lengths."""
    if not len(rows):
        return 0.0
    return mean(energy.next_word(rows)[np.arange(len(rows)), words], weight)
