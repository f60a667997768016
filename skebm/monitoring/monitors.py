"""What is recorded of a training after each epoch."""

import numpy as np
from scipy.sparse import issparse

from skebm.energies import missing
from skebm.inference import Completion
from skebm.utils._parallel import map_blocks
from skebm.utils._random import Random
from skebm.utils._sparse import dense

# Rows of the fixed subsamples, and the share of an epoch's time that they may take.
_MAX_ROWS = 100
_COST = 0.05
# Measured microseconds of a call for a variable, of a hidden unit's input within it, of
# the calls of an update, and of a weight for a row in it.
_CALL, _INPUT, _UPDATE, _WEIGHT = 70.0, 3e-3, 500.0, 1e-4
# The first three where visible units have two values, whose flips come all at once, and
# updates ten in a call; and those of pseudo-likelihoods of other units.
_TWO_VALUED, _OTHERS = (15.0, 1.6e-4, 60.0), (200.0, 2e-3, 500.0)
# Sweeps that draw the holes of the rows to look at, from the marginals on.
_HOLE_SWEEPS = 10
# A real variable is integrated out over about this many values, a binary one over two.
_GRID = 60


class Monitor:
    """Rows to look at, drawn from those of the training and from held-out ones."""

    def likelihood(self, energy, log_partition, log_volume):
        """Return the mean log-likelihood of either set of rows, in nats.

        ``log_volume(rows)`` is the change of variables to the user's units.
        """
        sets = {self.likelihood_name: (self.rows, self.weight)}
        if self.held_out is not None:
            sets["validation_" + self.likelihood_name] = self.held_out
        return {
            name: -_mean(energy.energy(_whole(energy, rows)) + log_volume(rows), weight)
            - log_partition
            for name, (rows, weight) in sets.items()
        }


class DensityMonitor(Monitor):
    """Pseudo-likelihood, reconstruction error and free-energy gap on fixed rows.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n, n_units)
        Training rows, in the units of the visible layer.
    weight : ndarray of shape (n,) or None
        How many rows each row counts for.
    held_out : tuple of (X, weight), or None
    layer : layer
        The visible units.
    random : Random
        Chooses the rows.
    """

    score_name = "pseudo_log_likelihood"
    likelihood_name = "log_likelihood"

    def __init__(self, X, weight, held_out, layer, random):
        n_rows = _MAX_ROWS if layer.finite else _MAX_ROWS // 4
        self.n_values = 2 if layer.finite else _GRID
        two_valued = len(getattr(layer, "values", ())) == 2
        self.prices = _TWO_VALUED if two_valued else _OTHERS
        self.rows, self.weight = _subsample(X, weight, random.fold(0), n_rows)
        self.held_out = held_out
        if held_out is not None:
            self.held_out = _subsample(*held_out, random.fold(1), n_rows)
        self.size = X.shape[0] * X.shape[1]

    def stride(self, n_updates, n_hidden):
        """Return after how many epochs it is worth looking."""
        n_rows, n_units = self.rows.shape
        n_sets = 1 if self.held_out is None else 2
        inputs = self.n_values * n_rows * n_hidden
        call, own, update = self.prices
        look = n_sets * n_units * (call + own * inputs)
        return _stride(look, update * n_updates, self.size * n_hidden)

    @staticmethod
    def least_gain(baseline):
        """Return what to expect of any fit: where columns are independent, a loss."""
        return -0.02 * abs(baseline) - 0.02

    def row(self, energy):
        """Return the figures of this model as a dict of floats, in nats."""
        figures = {
            "pseudo_log_likelihood": _pseudo(energy, self.rows, self.weight),
            "reconstruction_error": _mean(
                reconstruction_error(energy, self.rows), self.weight
            ),
        }
        if self.held_out is not None:
            rows, weight = self.held_out
            figures["validation_score"] = _pseudo(energy, rows, weight)
            gap = _mean(energy.energy(_whole(energy, rows)), weight)
            gap -= _mean(energy.energy(_whole(energy, self.rows)), self.weight)
            figures["free_energy_gap"] = gap
        return figures


class ClassMonitor(Monitor):
    """Log-likelihood of the labels and accuracy on fixed rows.

    Parameters are those of :class:`DensityMonitor`; rows end in one-hot labels.
    """

    score_name = "log_likelihood"
    likelihood_name = "joint_log_likelihood"

    def __init__(self, X, weight, held_out, layer, random):
        self.rows, self.weight = _subsample(X, weight, random.fold(0), 5 * _MAX_ROWS)
        self.held_out = held_out
        if held_out is not None:
            self.held_out = _subsample(*held_out, random.fold(1), 100 * _MAX_ROWS)
        self.n_classes = layer.layers[1].n_units
        self.size = X.shape[0] * X.shape[1]

    def stride(self, n_updates, n_hidden):
        """Return after how many epochs it is worth looking."""
        rows = [self.rows] if self.held_out is None else [self.rows, self.held_out[0]]
        n_rows = sum(len(part) for part in rows)
        look = self.n_classes * (_CALL + _INPUT * n_rows * n_hidden)
        return _stride(look, _UPDATE * n_updates, self.size * n_hidden)

    @staticmethod
    def least_gain(baseline):
        """Return what to expect of any fit: a hundredth of what there is to learn."""
        return -0.01 * baseline

    def row(self, energy):
        """Return the figures of this model as a dict of floats, in nats."""
        score, accuracy = _label_scores(energy, self.rows, self.weight)
        figures = {"log_likelihood": score, "accuracy": accuracy}
        if self.held_out is not None:
            score, accuracy = _label_scores(energy, *self.held_out)
            figures["validation_score"] = score
            figures["validation_accuracy"] = accuracy
        return figures


def _stride(look, updates, n_weights_rows):
    epoch = updates + _WEIGHT * n_weights_rows
    return int(np.ceil(look / (_COST * epoch)))


def reconstruction_error(energy, rows):
    """Return each row's mean squared error, sent through the hidden means and back.

    Holes have none: it is the mean over the units that were observed.
    """
    error = np.square(reconstruct(energy, _whole(energy, rows)) - rows)
    n_seen = np.maximum(np.isfinite(error).sum(axis=1), 1)
    return np.nansum(error, axis=1) / n_seen


def _whole(energy, rows):
    """Return the rows with holes drawn from the model, the same way at each look."""
    if not np.isnan(rows).any():
        return rows
    random = Random(0)
    completion = Completion(energy, rows, random.fold(0))
    return completion.visit(energy, slice(None), _HOLE_SWEEPS, random.fold(1))


def reconstruct(energy, rows):
    """Return the visible means given the hidden means given the rows."""
    inputs = energy.hidden_mean(rows) @ energy.weights.T
    return energy.visible.mean(inputs)


def conditionals(energy, rows):
    """Return the log-probability of every variable given the rest, in parallel.

    Holes are drawn first, and count for nothing themselves.
    """
    holes = None if issparse(rows) else np.isnan(rows)
    whole = rows if holes is None else _whole(energy, rows)
    parts = map_blocks(
        lambda part: energy.conditional_log_prob(dense(whole[part])),
        rows.shape[0],
        energy.weights.shape[1] * 100,
        size=64,
    )
    terms = np.concatenate(parts)
    if holes is not None and holes.any():
        terms[missing(energy.visible, holes)] = 0.0
    return terms


def _mean(values, weight):
    return float(np.average(values, weights=weight))


def _pseudo(energy, rows, weight):
    return _mean(conditionals(energy, rows).sum(axis=1), weight)


def _label_scores(energy, rows, weight):
    x, y = rows[:, : energy.n_inputs], rows[:, energy.n_inputs :]
    if np.isnan(x).any():  # drawn without a look at the label
        unlabelled = np.hstack([x, np.full_like(y, np.nan)])
        x = _whole(energy, unlabelled)[:, : energy.n_inputs]
    probability = energy.class_probability(x)
    own = probability[np.arange(len(y)), y.argmax(axis=1)]
    hits = probability.argmax(axis=1) == y.argmax(axis=1)
    return _mean(np.log(np.maximum(own, 1e-300)), weight), _mean(hits, weight)


def _subsample(X, weight, random, n_rows):
    """Return rows that count for something, and their weights."""
    counting = np.arange(X.shape[0]) if weight is None else np.flatnonzero(weight)
    chosen = counting[np.sort(random.permutation(len(counting))[:n_rows])]
    return dense(X[chosen]), None if weight is None else weight[chosen]


class DocumentMonitor(Monitor):
    """Log-probability of one word of each of some documents, given the others.

    Parameters are those of :class:`DensityMonitor`; ``layer`` is not used.
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
        return max(1, _stride(look, n_updates, self.size * n_hidden))

    @staticmethod
    def least_gain(baseline):
        """Return what to expect of any fit: where words are independent, a loss."""
        return -0.02 * abs(baseline) - 0.02

    def row(self, energy):
        """Return the figures of this model as a dict of floats, in nats a word."""
        return {
            name: _next_word_score(energy, *given) for name, given in self.sets.items()
        }


def _left_out(X, weight, random):
    """Return some documents without a word of theirs, that word, and their weights."""
    counting = np.ones(X.shape[0]) if weight is None else weight
    counting = counting * np.asarray(X.sum(axis=1)).reshape(-1)
    order = random.fold(0).permutation(X.shape[0])
    chosen = np.sort(order[counting[order] > 0][:_MAX_ROWS])
    rows = dense(X[chosen]).copy()
    words = random.fold(1).categorical(rows).argmax(axis=1)
    own = np.arange(len(rows)), words
    rows[own] = np.maximum(rows[own] - 1, 0)  # counts may have fractions
    return rows, words, counting[chosen]


def _next_word_score(energy, rows, words, weight):
    """Return the mean log-probability of left-out words, weighted by lengths."""
    if not len(rows):
        return 0.0
    return _mean(energy.next_word(rows)[np.arange(len(rows)), words], weight)
