import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize

from skebm import RBMDensity
from skebm.energies import RBM
from skebm.layers import Bernoulli
from skebm.objectives import OBJECTIVES
from skebm.objectives.sitewise import (
    _MAX_EXPONENT,
    MinimumProbabilityFlow,
    PseudoLikelihood,
    RatioMatching,
)
from skebm.optimizers import Adam
from skebm.planning import make_plan
from skebm.testing import check_objective
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random
from tests.models import (
    FINITE_PAIRS,
    PAIRS,
    all_states,
    heavy,
    mixed_layer,
    probabilities,
    random_rbm,
)

NAMES = {
    "pseudo_likelihood": PseudoLikelihood,
    "ratio_matching": RatioMatching,
    "mpf": MinimumProbabilityFlow,
}
FLIPPING = [pair for pair in PAIRS if pair[0] != "gaussian"]
every = pytest.mark.parametrize("name", NAMES)

# The terms of the papers, in the probabilities of a row and of its neighbour.
TERMS = {
    "pseudo_likelihood": lambda p, q: -np.log(p / (p + q)),
    "ratio_matching": lambda p, q: (1 / (1 + p / q)) ** 2,
    "mpf": lambda p, q: np.sqrt(q / p),
}


def gradient(name, energy, X, weight=None):
    spec = OBJECTIVES[name]()
    return spec.gradient(energy, X, weight, spec.init(energy, Random(3)), Random(5))[0]


def rows(energy, n=17):
    return energy.reference.sample(n, Random(5))


def shares(n):
    share = np.random.default_rng(3).uniform(size=n)
    return share / share.sum()


def test_names():
    for name, kind in NAMES.items():
        assert OBJECTIVES[name] is kind


@every
@pytest.mark.parametrize("pair", FINITE_PAIRS)
def test_loss_is_the_formula_of_the_paper(name, pair):
    energy = random_rbm(pair, 5, 3)
    v, p = probabilities(energy)
    share, expected = shares(len(v)), 0.0
    for n, row in enumerate(v):
        for other in np.flatnonzero((v != row).sum(axis=1) == 1):
            expected += share[n] * TERMS[name](p[n], p[other])
    actual = NAMES[name]().loss(energy, v, share)
    np.testing.assert_allclose(actual, expected)
    every_row = NAMES[name]().loss(energy, v)
    np.testing.assert_allclose(
        every_row, NAMES[name]().loss(energy, v, np.ones(32) / 32)
    )


@every
@pytest.mark.parametrize("pair", FLIPPING)
def test_gradient_is_that_of_the_loss(name, pair):
    energy = random_rbm(pair, 5, 3)
    spec, X, share = NAMES[name](), rows(energy), shares(17)
    actual = gradient(name, energy, X, share)
    for key, value in energy.params.items():
        for position in np.ndindex(value.shape):
            kept, losses = value[position], []
            for step in (-1e-5, 1e-5):
                value[position] = kept + step
                losses.append(spec.loss(energy, X, share))
            value[position] = kept
            slope = (losses[1] - losses[0]) / 2e-5
            np.testing.assert_allclose(actual[key][position], slope, atol=1e-8)


@every
@heavy
@pytest.mark.parametrize("pair", FINITE_PAIRS[1:3])
def test_contract(name, pair):
    check_objective(NAMES[name](), random_rbm(pair, 3, 2))


@every
@pytest.mark.parametrize("pair", FLIPPING)
def test_the_true_distribution_is_the_minimum(name, pair):
    energy = random_rbm(pair, 5, 3)
    v = all_states(energy.visible)
    p = np.exp(-energy.energy(v))
    p /= p.sum()
    for value in gradient(name, energy, v, p).values():
        np.testing.assert_allclose(value, 0, atol=1e-12)
    spec = NAMES[name]()
    least = spec.loss(energy, v, p)
    for seed in range(7):
        rng, moved = np.random.default_rng(seed), {}
        for key, value in energy.params.items():
            moved[key] = value + 0.1 * rng.normal(size=value.shape)
        assert spec.loss(energy.replace(moved), v, p) > least


def fitted(name, energy, v, share):
    """Return the couplings and biases of spins that minimise the objective."""
    sizes = {key: value.shape for key, value in energy.params.items()}

    def unpack(flat):
        parts = np.split(flat, np.cumsum([np.prod(s) for s in sizes.values()])[:-1])
        pairs = zip(sizes.items(), parts, strict=True)
        return energy.replace({k: part.reshape(shape) for (k, shape), part in pairs})

    def value_and_gradient(flat):
        model = unpack(flat)
        slope = gradient(name, model, v, share)
        flat_slope = np.concatenate([slope[key].ravel() for key in sizes])
        return NAMES[name]().loss(model, v, share), flat_slope

    start = 0.1 * np.random.default_rng(5).normal(
        size=sum(map(np.prod, sizes.values()))
    )
    result = minimize(value_and_gradient, start, jac=True, options={"gtol": 1e-7})
    return interactions(unpack(result.x))


def interactions(energy):
    """Return what identifies visible units whose hidden ones are integrated out."""
    couplings = energy.weights @ energy.weights.T
    field = energy.visible.bias + energy.weights @ energy.hidden.bias
    return np.r_[couplings[np.triu_indices(3, 1)], field]


@every
@heavy
def test_parameters_are_recovered(name):
    """Gaussian hidden units make a fully visible model: -E = b x + x W W' x / 2."""
    energy = random_rbm(("spin", "gaussian"), 3, 3)
    v = all_states(energy.visible)
    p = np.exp(-energy.energy(v))
    n_rows = 500_009
    counts = np.random.default_rng(3).multinomial(n_rows, p / p.sum())
    actual, expected = fitted(name, energy, v, counts / n_rows), interactions(energy)
    # A coefficient of a logistic regression on spins has a standard error of
    # 1 / sqrt(4 n P(1 - P)), with the probability P of a spin given the rest.
    rest = 1 / (1 + np.exp(np.abs(energy.flip_energies(v))))
    information = 4 * (p / p.sum()) @ (rest * (1 - rest))
    error = 1 / np.sqrt(n_rows * information.min())
    assert np.abs(expected).min() > 0.1
    assert 10 * error < 0.1
    np.testing.assert_allclose(actual, expected, atol=10 * error)


@every
@pytest.mark.parametrize("pair", FLIPPING)
def test_weight_is_repetition(name, pair):
    energy = random_rbm(pair, 5, 3)
    X, counts = rows(energy, 3), np.array([1, 2, 4])
    repeated = np.repeat(X, counts, axis=0)
    one = gradient(name, energy, X, counts / 7)
    two = gradient(name, energy, repeated, None)
    three = gradient(name, energy, sparse.csr_matrix(repeated), np.full(7, 1 / 7))
    for key, value in one.items():
        np.testing.assert_allclose(value, two[key], atol=1e-12)
        np.testing.assert_allclose(value, three[key], atol=1e-12)


@every
def test_threads_do_not_change_a_bit(name):
    energy = random_rbm(
        ("bernoulli", "bernoulli"), 101, 127, dtype=np.float32, scale=0.1
    )
    X = rows(energy, 131)
    results = []
    for n_jobs in (1, 2):
        with use_threads(n_jobs):
            results.append(gradient(name, energy, X))
    for key, value in results[0].items():
        assert value.dtype == np.float32
        np.testing.assert_array_equal(value, results[1][key])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_flow_does_not_overflow(dtype):
    weights = np.zeros((2, 3), dtype=dtype)
    visible = Bernoulli(np.array([2000, 1], dtype=dtype))
    energy = RBM(visible, Bernoulli.zeros(3, dtype), weights)
    X = np.zeros((1, 2), dtype=dtype)  # its flip leads 2000 nats down
    actual = MinimumProbabilityFlow().loss(energy, X)
    np.testing.assert_allclose(
        actual, np.exp(_MAX_EXPONENT) * (1 + 1000 - _MAX_EXPONENT)
    )
    slope = gradient("mpf", energy, X)["visible.bias"]
    np.testing.assert_allclose(
        slope, [np.exp(_MAX_EXPONENT) / 2, np.exp(0.5) / 2], 1e-6
    )


@every
def test_energies_without_flips_are_refused_in_a_sentence(name):
    class Plain:
        params = {"weights": np.zeros(3)}

    rng = np.random.default_rng(3)
    mixed = RBM(mixed_layer(rng), Bernoulli.zeros(3), rng.normal(size=(7, 3)))
    for energy in (Plain(), mixed, random_rbm(("gaussian", "bernoulli"), 5, 3)):
        with pytest.raises(TypeError, match="visible units of two values"):
            NAMES[name]().init(energy, Random(3))


# -- as the objective of an estimator --------------------------------------------------


def planted(n_rows=211, dtype=np.float64):
    """Return rows of two kinds with a tenth of the bits wrong."""
    rng = np.random.default_rng(3)
    kinds = np.array([[1, 1, 1, 0, 0, 0, 1], [0, 0, 1, 1, 1, 0, 0]])
    X = kinds[rng.integers(0, 2, n_rows)] ^ (rng.uniform(size=(n_rows, 7)) < 0.1)
    return X.astype(dtype)


def density(name, **params):
    return RBMDensity(5, objective=name, random_state=3, **params)


@every
@pytest.mark.parametrize(
    ("visible", "dtype"), [("bernoulli", np.float32), ("spin", np.float64)]
)
def test_an_estimator_learns(name, visible, dtype):
    X = planted(dtype=dtype)
    X = 2 * X - 1 if visible == "spin" else X
    model = density(name, visible=visible, n_iter=331).fit(X)
    assert model.components_.dtype == dtype
    independent = density(name, visible=visible, n_iter=0).fit(X)
    assert model.score(X) > independent.score(X) + 1
    # As good as a fit by exact likelihood, to within a tenth of a nat.
    best = RBMDensity(5, visible=visible, objective="pcd", n_iter=331, random_state=3)
    assert model.score(X) > best.fit(X).score(X) - 0.1


@every
def test_an_estimator_takes_weights_and_sparse_rows(name):
    X, counts = planted(53), np.random.default_rng(5).integers(0, 4, 53)
    params = {"n_iter": 31, "batch_size": 1000}
    models = [
        density(name, **params).fit(X, sample_weight=counts),
        density(name, **params).fit(np.repeat(X, counts, axis=0)),
        density(name, **params).fit(sparse.csr_matrix(X), sample_weight=counts),
    ]
    for model in models[1:]:
        np.testing.assert_allclose(
            model.components_, models[0].components_, rtol=1e-6, atol=1e-9
        )


@every
def test_auto_takes_adam(name):
    model = density(name, l2=0, n_iter=0).fit(planted())
    plan = make_plan(model, model._energy, model._energy.visible, 1009)
    assert isinstance(plan.optimizer, Adam)
    assert plan.learning_rate == 0.01
    chains = density("pcd", optimizer="adam", l2=0, n_iter=0).fit(planted())
    plan = make_plan(chains, chains._energy, chains._energy.visible, 1009)
    assert plan.learning_rate == 0.003


def test_probabilities_need_to_be_drawn():
    X = np.random.default_rng(3).uniform(size=(53, 7))
    X[::2] = X[::2].round()
    with pytest.raises(ValueError, match="resample_inputs=True"):
        density("mpf").fit(X)
    model = density("mpf", resample_inputs=True, n_iter=3).fit(X)
    assert np.isfinite(model.score(X))


def test_real_columns_are_refused():
    X = np.random.default_rng(3).normal(size=(53, 7))
    with pytest.raises(TypeError, match="PseudoLikelihood needs an energy with flip"):
        density("pseudo_likelihood").fit(X)
