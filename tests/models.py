"""Small random models that can be enumerated, and how to do that."""

import itertools

import numba
import numpy as np
import pytest

from skebm import EBMAnomalyDetector
from skebm.energies import RBM, BurstyDocuments, Energy, Polya, ReplicatedSoftmax
from skebm.layers import (
    Bernoulli,
    Categorical,
    Columns,
    Count,
    Gaussian,
    Mixed,
    Normals,
    Poisson,
    ReLU,
    Spin,
    Tree,
    ZeroInflated,
)
from skebm.samplers import Gibbs
from skebm.utils._random import Random

PAIRS = list(itertools.product(("bernoulli", "spin", "gaussian"), repeat=2))
FINITE_PAIRS = [pair for pair in PAIRS if "gaussian" not in pair]

heavy = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT), reason="takes long without the compiler"
)


# All layers; "blocks" are two categorical variables.
KINDS = [
    *("bernoulli", "spin", "gaussian", "categorical", "blocks", "count", "poisson"),
    *("relu", "zero_inflated"),
]


def random_layer(kind, n_units, rng, dtype=np.float64, *, visible=True):
    bias = 0.7 * rng.normal(size=n_units).astype(dtype)
    if kind in ("gaussian", "zero_inflated", "count"):
        shape = 0.4 * rng.normal(size=n_units).astype(dtype)
    if kind == "gaussian":
        return Gaussian(bias, shape if visible else None)
    if kind == "zero_inflated":
        return ZeroInflated(bias, shape[: n_units // 2])
    if kind == "count":
        return Count(bias, shape, 1 + np.arange(n_units) % 4)
    if kind == "blocks":
        return Categorical(bias, [2, n_units - 2])
    plain = {
        "bernoulli": Bernoulli,
        "spin": Spin,
        "categorical": Categorical,
        "poisson": Poisson,
        "relu": ReLU,
    }
    return plain[kind](bias)


def mixed_layer(rng, dtype=np.float64):
    """Return three categories, two real units and two bits: 7 columns, 5 variables."""
    kinds = ("categorical", 3), ("gaussian", 2), ("bernoulli", 2)
    return Columns(random_layer(kind, n, rng, dtype) for kind, n in kinds)


def every_layer(rng, dtype=np.float64):
    """Return layers of all kinds side by side: 19 columns, 15 variables."""
    kinds = ("zero_inflated", 4), ("blocks", 5), ("count", 3), ("spin", 1)
    kinds += ("gaussian", 2), ("poisson", 1), ("bernoulli", 2), ("relu", 1)
    return Columns(random_layer(kind, n, rng, dtype) for kind, n in kinds)


def coupled_layers(rng, dtype=np.float64):
    """Return a layer of each kind whose variables are coupled."""
    kinds = ("blocks", 5), ("spin", 1), ("count", 2)
    base = Columns(random_layer(kind, n, rng, dtype) for kind, n in kinds)
    # Variables of 2, 3, 2, 2 and 3 values; the last has no edge.
    tables = rng.normal(size=3 * 2 + 3 * 2 + 2 * 2).astype(dtype)
    tree = Tree(base, [(1, 0), (1, 2), (2, 3)], tables)
    return [tree, *normal_layers(rng, dtype)]


def normal_layers(rng, dtype=np.float64):
    """Return mixtures of normals, learned and not, and one with finite columns."""
    layers = []
    for learned, n_units in ((True, 3), (False, 2)):
        squares = rng.normal(size=(2, n_units, 7))
        weights, means = np.array([0.3, 0.7]), rng.normal(size=(2, n_units))
        covariances = squares @ squares.transpose(0, 2, 1) / 7
        layer = Normals.from_mixture(weights, means, covariances, learned)
        for value in layer.params.values():
            value += 0.1 * rng.normal(size=value.shape)
        layers.append(layer.astype(dtype))
    kinds = ("bernoulli", 1), ("blocks", 5)
    base = Columns(random_layer(kind, n, rng, dtype) for kind, n in kinds)
    component = Categorical(rng.normal(size=2).astype(dtype))
    # Variables of 2, 2 and 3 values, and the component.
    tables = rng.normal(size=2 * 3 + 3 * 2).astype(dtype)
    tree = Tree(Columns([base, component]), [(0, 2), (2, 3)], tables)
    return [*layers, Mixed(tree, layers[1].unweighted())]


def lattices(layer):
    """Return unit numbers, values and log-weights of each variable, by its definition.

    Real variables get a fine grid, counts without end a long list.
    """
    if hasattr(layer, "layers"):
        return [
            (units + part.start, *rest)
            for own, part in zip(layer.layers, layer.slices, strict=True)
            for units, *rest in lattices(own)
        ]
    return [_lattice(layer, k) for k in range(layer.n_variables)]


def _lattice(layer, k):
    kind, units = type(layer).__name__, np.flatnonzero(layer.variables == k)
    line = np.linspace(-12, 12, 97)
    if kind == "Categorical":
        values = np.eye(len(units))
    elif kind == "ZeroInflated":
        values = np.array([[0.0, 0.0], *([1.0, u] for u in line)])
        return units, values, np.log([1.0] + [0.25] * 97)
    elif kind == "ReLU":
        node, weight = np.polynomial.legendre.leggauss(80)
        return units, 6 * node[:, None] + 6, np.log(6 * weight)
    elif kind == "Gaussian":
        return units, line[:, None], np.full(97, np.log(0.25))
    else:
        last = {"Count": lambda: layer.maximum[k], "Poisson": lambda: 80}
        values = np.arange(last[kind]() + 1.0) if kind in last else layer.values
        values = np.reshape(np.array(values), (-1, 1))
    return units, values, np.zeros(len(values))


def lattice(layer):
    """Return points of all variables together and their log-weights."""
    x, total = np.zeros((1, layer.n_units)), np.zeros(1)
    for units, values, log_weight in lattices(layer):
        x, total = np.repeat(x, len(values), axis=0), np.repeat(total, len(values))
        copies = len(x) // len(values)
        x[:, units] = np.tile(values, (copies, 1))
        total = total + np.tile(log_weight, copies)
    return x, total


def random_rbm(pair, n_visible=3, n_hidden=2, seed=0, dtype=np.float64, scale=0.6):
    """Return an RBM; ``scale`` is that of its weights."""
    rng = np.random.default_rng(seed)
    kinds = zip(pair, (n_visible, n_hidden), (True, False), strict=True)
    layers = [random_layer(k, n, rng, dtype, visible=side) for k, n, side in kinds]
    weights = scale * rng.normal(size=(n_visible, n_hidden))
    if "relu" in pair or pair == ("zero_inflated", "gaussian"):
        weights = weights / 2
    if pair == ("gaussian", "gaussian"):
        spread = np.sqrt(layers[0].precision.astype(float))[:, None]
        weights = 0.7 * spread * weights / np.linalg.norm(weights / 1, 2)
    return RBM(*layers, weights.astype(dtype))


def random_mixed(*kinds, hidden="bernoulli", n_hidden=3, seed=0):
    """Return an RBM of visible layers ``(kind, n_units)`` side by side."""
    rng = np.random.default_rng(seed)
    visible = Columns(random_layer(kind, n, rng) for kind, n in kinds)
    layer = random_layer(hidden, n_hidden, rng, visible=False)
    weights = 0.6 * rng.normal(size=(visible.n_units, n_hidden))
    base = visible.replace(**{k: 0.5 * v for k, v in visible.params.items()})
    return RBM(visible, layer, weights, base=base)


def units_of(layer, variables):
    """Return units from variables: shape (n, n_features) to (n, n_units)."""
    return variables[:, layer.variables]


def begin(sampler, energy, n_chains, random):
    """Return a state of the sampler with chains that start from the reference."""
    return sampler.init(energy, energy.reference.sample(n_chains, random), random)


def positions(sampler, energy, state):
    """Return the rows at which the chains of a sampler's state stand."""
    return energy.configurations(sampler.chains(state))


def two_modes(n_visible=11):
    """Return an RBM of spins that are nearly all up or nearly all down."""
    weights = np.full((n_visible, 1), 3.0)
    return RBM(Spin.zeros(n_visible), Spin.zeros(1), weights)


def assert_changes_modes(sampler, spread):
    """Start all chains in one of two modes, and find half of them in the other.

    Gibbs sampling never leaves it. ``spread(energy, chains)`` returns a state of the
    sampler whose chains stand there.
    """
    energy = two_modes()
    up = energy.chains(np.ones((101, energy.n_features)))
    stuck = Gibbs(n_steps=60).step(energy, up, Random(3))
    assert (stuck.visible.mean(axis=1) > 0).all()
    state = spread(energy, up)
    for t in range(60):
        state = sampler.step(energy, state, Random(3).fold(t))
    share = (positions(sampler, energy, state).mean(axis=1) > 0).mean()
    assert abs(share - 0.5) < 6 * 0.5 / np.sqrt(101)


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


def random_bursty_energy(n_words=3, n_hidden=2, seed=0, dtype=np.float64, scale=0.8):
    """Return a model of bursty documents of up to 5 words."""
    rng = np.random.default_rng(seed)
    visible, base = (
        Polya(*rng.normal(size=(2, n_words)).astype(dtype) - [[0.5], [0]])
        for _ in range(2)
    )
    visible, base = visible.astype(dtype), base.astype(dtype)
    weights = scale * rng.normal(size=(n_words, n_hidden)).astype(dtype)
    hidden = random_layer("bernoulli", n_hidden, rng, dtype)
    return BurstyDocuments(visible, hidden, weights, lengths=[2, 3, 5], base=base)


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


# -- energies of real columns ----------------------------------------------------------


class RealEnergy(Energy):
    """Base of energies without parameters to speak of, whose draws are known.

    The reference is a normal distribution with these means and standard deviations.
    """

    n_features = 2

    def __init__(self, dtype=np.float64, center=0.0, scale=2.0):
        self.unused = np.zeros(1, dtype)
        mean, variance = (np.full(self.n_features, v) for v in (center, scale**2))
        self.base = Gaussian.from_moments(mean, variance, 100).astype(dtype)

    @property
    def params(self):
        return {"unused": self.unused}

    def grad(self, x, weight=None):
        return {"unused": np.zeros_like(self.unused)}

    def draws(self, n, seed=0):
        raise NotImplementedError


class CorrelatedNormal(RealEnergy):
    """A normal distribution in 5 dimensions with correlations and several scales."""

    n_features = 5

    def __init__(self, dtype=np.float64, scales=(0.3, 0.7, 1.0, 1.6, 2.3), **reference):
        super().__init__(dtype, **reference)
        correlation = 0.6 ** np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
        self.mean = np.array([0.5, -1.0, 0.0, 2.0, 1.0], dtype)
        self.covariance = correlation * np.outer(scales, scales)
        self.precision = np.linalg.inv(self.covariance).astype(dtype)
        self.log_z = np.linalg.slogdet(2 * np.pi * self.covariance)[1] / 2

    def energy(self, x):
        away = x - self.mean
        return np.einsum("ni,ni->n", away @ self.precision, away, dtype=np.float64) / 2

    def grad_x(self, x):
        return (x - self.mean) @ self.precision

    def draws(self, n, seed=0):
        root = np.linalg.cholesky(self.covariance)
        noise = np.random.default_rng(seed).normal(size=(n, 5))
        return (self.mean + noise @ root.T).astype(self.dtype)


class Rosenbrock(RealEnergy):
    """A bent valley: ``x[0]`` is normal, and ``x[1]`` is normal around its square."""

    bend, width = 1.0, 0.5

    def energy(self, x):
        across = (x[:, 1] - self.bend * x[:, 0] ** 2) / self.width
        return ((x[:, 0] ** 2 + across**2) / 2).astype(np.float64)

    def grad_x(self, x):
        across = (x[:, 1] - self.bend * x[:, 0] ** 2) / self.width**2
        first = x[:, 0] - 2 * self.bend * x[:, 0] * across
        return np.stack([first, across], axis=1)

    def draws(self, n, seed=0):
        noise = np.random.default_rng(seed).normal(size=(n, 2))
        second = self.bend * noise[:, 0] ** 2 + self.width * noise[:, 1]
        return np.stack([noise[:, 0], second], axis=1).astype(self.dtype)


class DoubleWell(RealEnergy):
    """The mean of two normal densities at ``-center`` and ``center`` in each column."""

    well = 1.6

    def energy(self, x):
        both = np.logaddexp(self.well * x, -self.well * x)
        return ((x * x) / 2 - both).sum(axis=1, dtype=np.float64)

    def grad_x(self, x):
        return x - self.well * np.tanh(self.well * x)

    def draws(self, n, seed=0):
        rng = np.random.default_rng(seed)
        signs = rng.choice([-1.0, 1.0], size=(n, 2))
        return (self.well * signs + rng.normal(size=(n, 2))).astype(self.dtype)


class Student(RealEnergy):
    """Independent columns with the t distribution with 5 degrees of freedom."""

    n_features, degrees = 3, 5.0

    def energy(self, x):
        logs = np.log1p(x * x / self.degrees)
        return (self.degrees + 1) / 2 * logs.sum(axis=1, dtype=np.float64)

    def grad_x(self, x):
        return (self.degrees + 1) * x / (self.degrees + x * x)

    def draws(self, n, seed=0):
        rng = np.random.default_rng(seed)
        return rng.standard_t(self.degrees, size=(n, 3)).astype(self.dtype)


REAL_ENERGIES = [CorrelatedNormal, Rosenbrock, DoubleWell, Student]


def rbm_detector(**params):
    """Return a detector whose density is an RBM."""
    return EBMAnomalyDetector("rbm", **params)
