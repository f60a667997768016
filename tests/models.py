"""Small random models that can be enumerated, and how to do that."""

import itertools

import numba
import numpy as np
import pytest

from skebm.energies import RBM, ReplicatedSoftmax
from skebm.layers import Bernoulli, Categorical, Columns, Gaussian, Spin

PAIRS = list(itertools.product(("bernoulli", "spin", "gaussian"), repeat=2))
FINITE_PAIRS = [pair for pair in PAIRS if "gaussian" not in pair]

heavy = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT), reason="takes long without the compiler"
)


def random_layer(kind, n_units, rng, dtype=np.float64, *, visible=True):
    bias = 0.7 * rng.normal(size=n_units).astype(dtype)
    if kind == "gaussian":
        log_precision = 0.4 * rng.normal(size=n_units).astype(dtype)
        return Gaussian(bias, log_precision if visible else None)
    return {"bernoulli": Bernoulli, "spin": Spin, "categorical": Categorical}[kind](
        bias
    )


def mixed_layer(rng, dtype=np.float64):
    """Return three categories, two real units and two bits: 7 columns, 5 variables."""
    kinds = ("categorical", 3), ("gaussian", 2), ("bernoulli", 2)
    return Columns(random_layer(kind, n, rng, dtype) for kind, n in kinds)


def random_rbm(pair, n_visible=3, n_hidden=2, seed=0, dtype=np.float64, scale=0.6):
    """Return an RBM; ``scale`` is that of its weights."""
    rng = np.random.default_rng(seed)
    kinds = zip(pair, (n_visible, n_hidden), (True, False), strict=True)
    layers = [random_layer(k, n, rng, dtype, visible=side) for k, n, side in kinds]
    weights = scale * rng.normal(size=(n_visible, n_hidden))
    if pair == ("gaussian", "gaussian"):
        spread = np.sqrt(layers[0].precision.astype(float))[:, None]
        weights = 0.7 * spread * weights / np.linalg.norm(weights / 1, 2)
    return RBM(*layers, weights.astype(dtype))


def all_states(layer):
    return layer.states(0, int(layer.n_states))


def probabilities(energy):
    """Return all visible configurations and their probabilities, by enumeration."""
    v, h = all_states(energy.visible), all_states(energy.hidden)
    log_weight = np.logaddexp.reduce(-joint_energies(energy, v, h), axis=1)
    return v, np.exp(log_weight - np.logaddexp.reduce(log_weight))


def joint_energies(energy, v, h):
    """Return E(v, h) for all pairs of rows, by its definition, shape (n_v, n_h)."""
    interaction = v @ (energy.coupling * energy.weights) @ h.T
    return energy.visible.energy(v)[:, None] + energy.hidden.energy(h) - interaction


def grid(n_units, n_points=401, width=14.0):
    """Return the points of a lattice in ``n_units`` dimensions and their log volume."""
    line = np.linspace(-width, width, n_points)
    points = np.stack(np.meshgrid(*[line] * n_units, indexing="ij"), axis=-1)
    return points.reshape(-1, n_units), n_units * np.log(line[1] - line[0])


def log_partition(energy):
    """Return log Z by brute force: a sum or an integral of exp(-free energy)."""
    if energy.visible.finite:
        x, log_volume = all_states(energy.visible), 0.0
    else:
        x, log_volume = grid(energy.n_features)
    return np.logaddexp.reduce(-energy.energy(x)) + log_volume


def assert_frequencies(x, states, probability):
    """Compare how often each state occurs with its probability, by chi-square."""
    from scipy.stats import chisquare

    hits = (x[:, None, :] == states).all(axis=2)
    assert hits.any(axis=1).all()
    assert chisquare(hits.sum(axis=0), len(x) * probability).pvalue > 1e-6


def random_documents_energy(n_words=3, n_hidden=2, seed=0, dtype=np.float64, scale=0.8):
    """Return a replicated softmax of documents of up to 5 words."""
    rng = np.random.default_rng(seed)
    layers = [
        random_layer(kind, n, rng, dtype)
        for kind, n in (("categorical", n_words), ("bernoulli", n_hidden))
    ]
    weights = scale * rng.normal(size=(n_words, n_hidden)).astype(dtype)
    base = random_layer("categorical", n_words, rng, dtype)
    return ReplicatedSoftmax(*layers, weights, lengths=[2, 3, 5], base=base)


def all_documents(n_words, length):
    """Return the counts of all documents of a length, and their numbers of orders."""
    sequences = itertools.product(range(n_words), repeat=length)
    counts = [np.bincount(words, minlength=n_words) for words in sequences]
    rows, orders = np.unique(counts, axis=0, return_counts=True)
    return rows.astype(float), orders


def document_probabilities(energy, length):
    """Return the counts of all documents of a length, and their probabilities."""
    rows, orders = all_documents(energy.n_features, length)
    log_weight = np.log(orders) - energy.energy(rows)
    return rows, np.exp(log_weight - np.logaddexp.reduce(log_weight))
