import itertools

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.stats import chisquare

from skebm import EnergyDensity
from skebm.energies import ClampedSites, Pairwise, PairwiseRecipe, _sites
from skebm.layers import Bernoulli, Columns, Spin
from skebm.objectives import OBJECTIVES
from skebm.partition import AIS
from skebm.penalties import Penalties
from skebm.samplers import Exact, Gibbs, ParallelTempering
from skebm.testing import check_energy, check_objective, check_sampler
from skebm.utils._random import Random
from tests.models import heavy


def mixed(bias):
    """Return spins beside bits."""
    return Columns([Spin(bias[:2]), Bernoulli(bias[2:])])


LAYERS = {"spin": Spin, "bernoulli": Bernoulli, "mixed": mixed}
every_layer = pytest.mark.parametrize("kind", LAYERS)


def random_pairwise(kind, n_units=5, scale=0.5, dtype=np.float64):
    rng = np.random.default_rng(n_units)
    couplings = np.triu(scale * rng.normal(size=(n_units, n_units)), 1)
    layers = [LAYERS[kind](s * rng.normal(size=n_units)) for s in (0.5, 0.3)]
    return Pairwise(layers[0], couplings + couplings.T, layers[1]).astype(dtype)


def random_rows(energy, n):
    return energy.reference.sample(n, Random(11))


def enumerated(energy):
    """Return all rows and their probabilities."""
    x = energy.visible.states(0, int(energy.visible.n_states))
    log_p = -energy.energy(x)
    return x, np.exp(log_p - np.logaddexp.reduce(log_p))


def by_definition(energy, x):
    """Return ``visible.energy(x) - sum_{i<j} couplings_ij x_i x_j``."""
    pairs = itertools.combinations(range(x.shape[1]), 2)
    terms = [energy.couplings[i, j] * x[:, i] * x[:, j] for i, j in pairs]
    return energy.visible.energy(x) - np.sum(terms, axis=0)


# -- the energy ------------------------------------------------------------------------


@every_layer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_contract(kind, dtype):
    check_energy(random_pairwise(kind, 7, dtype=dtype))


@every_layer
def test_energy_and_gradient_by_definition(kind):
    energy = random_pairwise(kind, 7)
    x, weight = random_rows(energy, 13), np.random.default_rng(0).normal(size=13)
    np.testing.assert_allclose(energy.energy(x), by_definition(energy, x))
    slope = energy.grad(x, weight)["couplings"]
    expected = np.zeros((7, 7))
    for i, j in itertools.combinations(range(7), 2):
        expected[i, j] = -(weight * x[:, i] * x[:, j]).sum()
    np.testing.assert_allclose(slope, expected, atol=1e-12)


def test_mean_over_rows():
    energy = random_pairwise("spin")
    x = random_rows(energy, 7)
    for mine, same in zip(
        energy.grad(x).values(), energy.grad(x, np.full(7, 1 / 7)).values(), strict=True
    ):
        np.testing.assert_allclose(mine, same)


def test_sparse_rows():
    energy = random_pairwise("bernoulli", 7)
    x = random_rows(energy, 13)
    rows = csr_matrix(x)
    np.testing.assert_array_equal(energy.energy(rows), energy.energy(x))
    weight = np.full(13, 0.5)
    for name, value in energy.grad(rows, weight).items():
        np.testing.assert_allclose(value, energy.grad(x, weight)[name])


def test_project():
    energy = random_pairwise("spin", 7)
    before = energy.couplings.copy()
    energy.project()
    np.testing.assert_array_equal(energy.couplings, before)
    noise = np.random.default_rng(0).normal(size=(7, 7))
    array = energy.params["couplings"]
    array += noise
    energy.project()
    assert energy.couplings is array
    np.testing.assert_array_equal(array, array.T)
    assert (array.diagonal() == 0).all()
    pairs = np.triu_indices(7, 1)
    np.testing.assert_array_equal(array[pairs], (before + noise)[pairs])


@every_layer
@pytest.mark.parametrize("symmetric", [True, False])
def test_flips_are_those_of_any_energy(kind, symmetric):
    energy = random_pairwise(kind, 5)
    if not symmetric:
        energy.couplings += np.random.default_rng(0).normal(size=(5, 5))
    x = random_rows(energy, 7)
    np.testing.assert_allclose(energy.flip_energies(x), _sites.flip_energies(energy, x))
    np.testing.assert_allclose(
        energy.conditional_log_prob(x), _sites.conditional_log_prob(energy, x)
    )
    weight = np.random.default_rng(0).normal(size=(7, 5))
    expected = _sites.flip_grad(energy, x, weight)
    for name, value in energy.flip_grad(x, weight).items():
        np.testing.assert_allclose(value, expected[name], atol=1e-12)


@every_layer
def test_on_the_way_from_the_reference(kind):
    energy = random_pairwise(kind, 5)
    x = random_rows(energy, 7)
    here, start = energy.energy(x), energy.reference.energy(x)
    stage = energy.interpolate(0.3)
    np.testing.assert_allclose(stage.energy(x), 0.7 * start + 0.3 * here)
    np.testing.assert_allclose(energy.scaled(0.3).energy(x), 0.3 * here)


def test_copies_keep_the_class():
    class Mine(Pairwise):
        pass

    energy = random_pairwise("spin")
    mine = Mine(energy.visible, energy.couplings, energy.base)
    for twin in (mine.astype(np.float32), mine.interpolate(0.5), mine.scaled(0.5)):
        assert type(twin) is Mine


# -- sweeps ----------------------------------------------------------------------------


def twin(energy, x, thresholds, holes=None):
    """Set unit after unit in plain NumPy."""
    x, fields = x.copy(), np.empty_like(x)
    low, high = energy.visible.limits
    for i in range(x.shape[1]):
        fields[:, i] = energy.visible.bias[i] + x @ energy.couplings[:, i]
        new = np.where(fields[:, i] > thresholds[:, i], high[i], low[i])
        x[:, i] = new if holes is None else np.where(holes[:, i], new, x[:, i])
    return x, fields


@every_layer
@pytest.mark.parametrize("n_units", [5, 67, 131])
@pytest.mark.parametrize("with_holes", [False, True])
def test_sweep(kind, n_units, with_holes):
    energy = random_pairwise(kind, n_units, 0.2)
    x = random_rows(energy, 13)
    holes = np.random.default_rng(0).random(x.shape) < 0.5 if with_holes else None
    before, thresholds = x.copy(), energy.thresholds(x, Random(3))
    swept, fields = energy.sweep(x, thresholds, holes)
    rows, inputs = twin(energy, x, thresholds, holes)
    np.testing.assert_array_equal(swept, rows)
    np.testing.assert_allclose(fields, inputs)
    np.testing.assert_array_equal(x, before)
    assert (swept != x).any()


@every_layer
def test_thresholds(kind):
    energy = random_pairwise(kind, 5)
    thresholds = energy.thresholds(np.zeros((4001, 5)), Random(3))
    low, high = energy.visible.limits
    # Above the threshold with the probability that the layer itself gives.
    p = (energy.visible.mean(np.zeros((1, 5)))[0] - low) / (high - low)
    share = (energy.visible.bias > thresholds).mean(axis=0)
    assert (np.abs(share - p) < 5 * np.sqrt(p * (1 - p) / 4001)).all()


def test_blocks_of_rows_draw_what_the_whole_draws():
    energy = random_pairwise("spin", 7)
    x = random_rows(energy, 13)
    whole = energy.gibbs_sweep(x, Random(3))
    part = energy.gibbs_sweep(x[5:], Random(3).rows(5))
    np.testing.assert_array_equal(whole[5:], part)


@heavy
@every_layer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sampler", [Gibbs(), ParallelTempering(), Exact()])
def test_samplers(kind, dtype, sampler):
    check_sampler(sampler, random_pairwise(kind, 5, dtype=dtype))


# -- holes -----------------------------------------------------------------------------


@every_layer
def test_holes(kind):
    energy = random_pairwise(kind, 5)
    row = random_rows(energy, 1)[0]
    holes = np.array([True, False, True, True, False])
    rows, p = enumerated(energy)
    fits = (rows[:, ~holes] == row[~holes]).all(axis=1)
    expected = p[fits] / p[fits].sum()
    clamped, n = energy.clamped, 3001
    chains = clamped.start(np.tile(row, (n, 1)), np.tile(holes, (n, 1)), Random(3))
    for t in range(23):
        chains = clamped.gibbs_sweep(chains, Random(5).fold(t))
    x = clamped.configurations(chains)
    assert (x[:, ~holes] == row[~holes]).all()
    counts = (x[:, None] == rows[fits]).all(axis=2).sum(axis=0)
    assert chisquare(counts, n * expected).pvalue > 1e-4


@every_layer
def test_holes_as_those_of_any_energy(kind):
    energy = random_pairwise(kind, 7)
    x = random_rows(energy, 13)
    holes = np.random.default_rng(0).random(x.shape) < 0.5
    mine, same = energy.clamped, ClampedSites(energy)
    best = [
        model.configurations(model.climb(model.chains(x, holes)))
        for model in (mine, same)
    ]
    np.testing.assert_array_equal(*best)
    # One hole: its mean depends on nothing that was drawn.
    alone = np.zeros_like(holes)
    alone[:, 3] = True
    means = [
        model.mean_sweep(model.chains(x, alone), Random(3))[2][:, 3]
        for model in (mine, same)
    ]
    np.testing.assert_allclose(*means)
    assert isinstance(mine.interpolate(0.5), type(mine))


# -- learning --------------------------------------------------------------------------


@heavy
@pytest.mark.parametrize("kind", ["spin", "bernoulli"])
@pytest.mark.parametrize("name", ["pcd", "cd", "pseudo_likelihood"])
def test_objectives(kind, name):
    check_objective(OBJECTIVES[name](), random_pairwise(kind, 5))


@heavy
@every_layer
def test_annealing_brackets_the_partition_function(kind):
    energy = random_pairwise(kind, 11)
    rows = energy.visible.states(0, int(energy.visible.n_states))
    exact = np.logaddexp.reduce(-energy.energy(rows))
    estimate = AIS().estimate(energy, Random(7), None)
    assert estimate.lower < exact < estimate.upper
    assert estimate.upper - estimate.lower < 0.5


def drawn(energy, n):
    rows, p = enumerated(energy)
    return rows[np.random.default_rng(0).choice(len(rows), p=p, size=n)]


def most_likely(visible, X):
    """Return couplings by maximum likelihood, with sums over all rows."""
    i, j = np.triu_indices(X.shape[1], 1)
    states = visible.states(0, int(visible.n_states))
    data, states = (np.hstack([x, x[:, i] * x[:, j]]) for x in (X, states))
    mean = data.mean(axis=0)

    def loss(theta):
        log_p = states @ theta
        log_partition = np.logaddexp.reduce(log_p)
        gradient = np.exp(log_p - log_partition) @ states - mean
        return log_partition - mean @ theta, gradient

    found = minimize(loss, np.zeros(len(mean)), jac=True, options={"gtol": 1e-9})
    return found.x[X.shape[1] :]


@heavy
@pytest.mark.parametrize("kind", ["spin", "bernoulli"])
@pytest.mark.parametrize("objective", ["pcd", "pseudo_likelihood"])
def test_couplings_are_found(kind, objective):
    energy = random_pairwise(kind, 5)
    X, pairs = drawn(energy, 4001), np.triu_indices(5, 1)
    density = EnergyDensity(
        "pairwise", visible=kind, objective=objective, l2=0, n_iter=101, random_state=0
    ).fit(X)
    best = most_likely(energy.visible, X)
    rmse = [
        np.sqrt(np.mean((found - energy.couplings[pairs]) ** 2))
        for found in (density.couplings_[pairs], best)
    ]
    assert rmse[0] < 1.5 * rmse[1] < 0.2
    np.testing.assert_allclose(density.couplings_[pairs], best, atol=0.12)
    np.testing.assert_array_equal(density.couplings_, density.couplings_.T)
    assert density.sample(3).shape == (3, 5)
    p = enumerated(energy)[1]
    assert abs(density.score(X) - p @ np.log(p)) < 0.05


@heavy
def test_couplings_are_in_the_order_of_the_columns():
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, size=(997, 3))
    X = np.column_stack([bits[:, 0], 2 * bits[:, 1] - 1, bits[:, 2], rng.random(997)])
    X[:, 3] = np.where(X[:, 3] < 0.9, X[:, 1], -X[:, 1])  # only 1 and 3 go together
    kinds = ["bernoulli", "spin", "bernoulli", "spin"]
    density = EnergyDensity("pairwise", visible=kinds, n_iter=53, random_state=0)
    couplings = np.abs(density.fit(X).couplings_)
    assert couplings[1, 3] > 0.5
    couplings[1, 3] = couplings[3, 1] = 0
    assert couplings.max() < 0.5
    assert density.intercept_visible_.shape == (4,)


def test_penalties_see_a_coupling_once():
    energy, step, l2 = random_pairwise("spin"), 0.1, 0.7
    before = energy.couplings.copy()
    gradient = {name: np.zeros_like(array) for name, array in energy.params.items()}
    Penalties(l2=l2).add_gradient(gradient, energy, random_rows(energy, 7))
    array = energy.params["couplings"]
    array -= step * gradient["couplings"]
    energy.project()
    np.testing.assert_allclose(array, (1 - step * l2) * before)


@heavy
def test_penalty_on_couplings():
    X = drawn(random_pairwise("spin"), 503)
    sizes = [
        np.abs(
            EnergyDensity("pairwise", visible="spin", l1=l1, n_iter=31, random_state=0)
            .fit(X)
            .couplings_
        ).sum()
        for l1 in (0, 0.05)
    ]
    assert sizes[1] < 0.7 * sizes[0]


@heavy
def test_rows_with_holes():
    X = drawn(random_pairwise("spin"), 503)
    density = EnergyDensity("pairwise", visible="spin", n_iter=31, random_state=0)
    energy = density.fit(X).energy_
    holes = X[:2].copy()
    holes[0, 1] = holes[1, 2] = holes[1, 4] = np.nan
    rows, p = enumerated(energy)
    for row, score, guess in zip(
        holes, density.score_samples(holes), density.posterior_mean(holes), strict=True
    ):
        seen = ~np.isnan(row)
        fits = (rows[:, seen] == row[seen]).all(axis=1)
        assert abs(score - np.log(p[fits].sum())) < 1e-6
        mean = p[fits] @ rows[fits] / p[fits].sum()
        sure = np.abs(mean) > 0.25  # a chain of 100 sweeps finds the sign of these
        np.testing.assert_array_equal(guess[sure], np.sign(mean[sure]))
        assert set(guess) <= {-1, 1}


def test_columns_of_other_values_are_refused():
    X = np.random.default_rng(0).normal(size=(31, 3))
    with pytest.raises(ValueError, match="couples units of two values"):
        EnergyDensity("pairwise", visible="gaussian").fit(X)
    assert PairwiseRecipe().get_params() == {}
