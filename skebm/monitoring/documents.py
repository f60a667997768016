"""The monitor of a density of documents."""

import numpy as np

from skebm.monitoring._base import Look, Monitor, mean, stride
from skebm.utils._sparse import dense

# Largest number of documents that are watched, of the training and of held-out ones.
_MAX_ROWS = 100
# Measured microseconds of a call, for each document.
_CALL_TIME = 70.0
# Measured microseconds of the input of one hidden unit within such a call.
_INPUT_TIME = 3e-3


class DocumentMonitor(Monitor):
    """Log-probability of one word of a document given its other words.

    The mean is over fixed documents. The parameters are the parameters of
    :class:`skebm.monitoring.DensityMonitor`; ``layer`` is not used.
    """

    score_name = "word_log_likelihood"

    def __init__(self, X, weight, held_out, layer, random, encoding=None):
        self.sets = {"word_log_likelihood": _left_out(X, weight, random.fold(0))}
        if held_out is not None:
            self.sets["validation_score"] = _left_out(*held_out, random.fold(1))
        self.size = X.shape[0] * X.shape[1]
        self.n_words = X.shape[1]

    def stride(self, n_updates, n_hidden):
        """Return the number of epochs from one look to the next."""
        n_rows = sum(len(words) for _, words, _ in self.sets.values())
        look_time = n_rows * (_CALL_TIME + _INPUT_TIME * self.n_words * n_hidden)
        return max(1, stride(look_time, n_updates, self.size * n_hidden))

    def look(self, energy):
        """Return the figures of this model, in nats a word."""
        scores = {
            name: _next_word_scores(energy, rows, words)
            for name, (rows, words, _) in self.sets.items()
        }
        weights = {name: documents[2] for name, documents in self.sets.items()}
        figures = {
            name: mean(scores[name], weights[name]) if len(scores[name]) else 0.0
            for name in scores
        }
        return Look(figures, scores[self.score_name], weights[self.score_name])


def _left_out(X, weight, random):
    """Leave one word out of each of at most ``_MAX_ROWS`` random documents.

    Returns
    -------
    rows : ndarray of shape (n, n_words)
        The documents without the word.
    words : ndarray of int of shape (n,)
        The words that were left out.
    n_words : ndarray of shape (n,)
        The weight of each document times its length.
    """
    n_words = np.ones(X.shape[0]) if weight is None else weight
    n_words = n_words * np.asarray(X.sum(axis=1)).reshape(-1)
    order = random.fold(0).permutation(X.shape[0])
    chosen = np.sort(order[n_words[order] > 0][:_MAX_ROWS])
    rows = dense(X[chosen]).copy()
    words = random.fold(1).categorical(rows).argmax(axis=1)
    cells = np.arange(len(rows)), words
    # Counts may be fractions below 1.
    rows[cells] = np.maximum(rows[cells] - 1, 0)
    return rows, words, n_words[chosen]


def _next_word_scores(energy, rows, words):
    """Return the log-probabilities of left-out words."""
    if not len(rows):
        return np.zeros(0)
    return energy.next_word(rows)[np.arange(len(rows)), words]
