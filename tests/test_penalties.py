import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_digits

from skebm import EnergyClassifier, RBMDensity
from skebm.energies import Energy
from skebm.penalties import Penalties
from skebm.utils._random import Random
from tests.models import heavy, random_rbm

EVERY = {
    "l1": Penalties(l1=0.3),
    "l2": Penalties(l2=0.7),
    "l1b": Penalties(l1b=1.1),
    "sparsity": Penalties(sparsity_target=0.2, sparsity_cost=1.3),
    "all": Penalties(0.3, 0.7, 1.1, 0.2, 1.3),
}
every_penalty = pytest.mark.parametrize("penalties", EVERY.values(), ids=EVERY)


def rows_of(energy, n_rows=11):
    weight = np.random.default_rng(7).random(n_rows)
    return energy.reference.sample(n_rows, Random(5)), weight / weight.sum()


def zero_gradient(energy):
    return {name: np.zeros_like(value) for name, value in energy.params.items()}


@every_penalty
@pytest.mark.parametrize("hidden", ["bernoulli", "spin"])
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_gradient_is_the_slope_of_the_value(visible, hidden, penalties):
    energy = random_rbm((visible, hidden), 7, 5)
    X, weight = rows_of(energy)
    gradient = zero_gradient(energy)
    penalties.add_gradient(gradient, energy, X, weight)
    assert any(g.any() for g in gradient.values())
    for name, value in energy.params.items():
        for index in np.ndindex(value.shape):
            ends, kept = [], value[index]
            for step in (1e-5, -1e-5):
                value[index] = kept + step
                ends.append(penalties.value(energy, X, weight))
            value[index] = kept
            slope = (ends[0] - ends[1]) / 2e-5
            np.testing.assert_allclose(gradient[name][index], slope, atol=1e-8)


def test_values_are_the_formulas():
    energy = random_rbm(("bernoulli", "bernoulli"), 7, 5)
    X, weight = rows_of(energy)
    W, c = energy.weights, energy.hidden.bias
    expected = {"l1": 0.0, "l2": 0.0, "l1b": 0.0, "sparsity": 0.0}
    for j in range(5):
        expected["l1b"] += 1.1 * sum(abs(w) for w in W[:, j]) ** 2 / (2 * 7)
        expected["l1"] += 0.3 * sum(abs(w) for w in W[:, j])
        expected["l2"] += 0.7 * sum(w**2 for w in W[:, j]) / 2
        q = sum(
            share / (1 + np.exp(-x @ W[:, j] - c[j]))
            for x, share in zip(X, weight, strict=True)
        )
        cross_entropy = -0.2 * np.log(q) - 0.8 * np.log(1 - q)
        least = -0.2 * np.log(0.2) - 0.8 * np.log(0.8)
        expected["sparsity"] += 1.3 * (cross_entropy - least)
    expected["all"] = sum(expected.values())
    for name, value in expected.items():
        np.testing.assert_allclose(EVERY[name].value(energy, X, weight), value)


def test_l1b_of_weights_of_one_size_is_l2():
    energy = random_rbm(("bernoulli", "bernoulli"), 7, 5)
    energy.weights[:] = -0.3
    X, _ = rows_of(energy)
    for kind in ("value", "gradient"):
        both = []
        for penalties in (Penalties(l2=0.7), Penalties(l1b=0.7)):
            both.append(zero_gradient(energy)["weights"])
            if kind == "value":
                both[-1] = penalties.value(energy, X)
            else:
                penalties.add_gradient({"weights": both[-1]}, energy, X)
        np.testing.assert_allclose(*both)


@every_penalty
def test_sparse_rows_dtype_and_default_weight(penalties):
    energy = random_rbm(("bernoulli", "bernoulli"), 7, 5, dtype=np.float32)
    X, _ = rows_of(energy)
    gradients = []
    for rows, weight in ((X, None), (csr_matrix(X), np.full(11, 1 / 11))):
        gradients.append(zero_gradient(energy))
        penalties.add_gradient(gradients[-1], energy, rows, weight)
    for name, value in gradients[0].items():
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, gradients[1][name], rtol=1e-4, atol=1e-7)


def test_no_penalty_leaves_the_gradient():
    energy = random_rbm(("bernoulli", "gaussian"), 7, 5)
    X, weight = rows_of(energy)
    gradient = zero_gradient(energy)
    Penalties().check(energy)
    Penalties().add_gradient(gradient, energy, X, weight)
    assert not any(g.any() for g in gradient.values())
    assert Penalties().value(energy, X, weight) == 0


@pytest.mark.parametrize("bias", [-200.0, 200.0])
def test_a_unit_that_never_changes_gives_no_nan(bias):
    energy = random_rbm(("bernoulli", "bernoulli"), 7, 5, dtype=np.float32)
    energy.hidden.bias[0] = bias
    X, weight = rows_of(energy)
    gradient = zero_gradient(energy)
    EVERY["sparsity"].add_gradient(gradient, energy, X, weight)
    assert all(np.isfinite(g).all() for g in gradient.values())
    assert (np.abs(gradient["hidden.bias"]) <= 1.3).all()


class Free:
    """An energy with a parameter, but no weights."""

    params = {"means": np.zeros(3)}


@pytest.mark.parametrize("name", ["l1", "l2", "l1b"])
def test_weights_must_exist_to_shrink(name):
    with pytest.raises(ValueError, match=f"{name} shrinks weights, but Free has none"):
        Penalties(**{name: 0.1}).check(Energy.of(Free()))


def test_sparsity_needs_two_valued_units():
    X = (np.random.default_rng(3).random((23, 5)) < 0.5).astype(float)
    for model, y in ((RBMDensity, None), (EnergyClassifier, X[:, 0])):
        model = model(3, hidden="gaussian", sparsity_cost=0.1)
        with pytest.raises(ValueError, match=r"two values.*Use hidden='bernoulli'"):
            model.fit(X, y)


# -- effects ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    return (load_digits().data > 7).astype(np.float32)


def fitted(digits, **penalties):
    params = {"n_iter": 60, "learning_rate": 0.2, "random_state": 0}
    params = {"couplings": "none", **params}
    return RBMDensity(13, **params, **penalties).fit(digits[:601])


def n_weights(rbm):
    """Return the participation ratio: how many weights a hidden unit has."""
    squares = np.square(rbm.components_, dtype=np.float64)
    return squares.sum(axis=1) ** 2 / np.square(squares).sum(axis=1)


@heavy
def test_l1b_leaves_every_unit_few_weights_at_a_similar_likelihood(digits):
    plain, l1b = fitted(digits), fitted(digits, l1b=0.05)
    assert n_weights(l1b).mean() < 0.8 * n_weights(plain).mean()
    small = [(np.abs(m.components_) < 0.05).mean(axis=1) for m in (plain, l1b)]
    assert small[1].min() > small[0].max()
    assert np.abs(l1b.components_).max(axis=1).min() > 0.3  # no unit is switched off
    held_out = digits[1201:]
    assert l1b.score(held_out) > plain.score(held_out) - 1


@heavy
@pytest.mark.parametrize("target", [0.1, 0.7])
def test_mean_activity_moves_to_the_target(digits, target):
    off = []
    for cost in (0.0, 0.1, 1.0):
        rbm = fitted(digits, sparsity_target=target, sparsity_cost=cost)
        active = rbm.transform(digits[:601]).mean(axis=0)
        off.append(np.abs(active - target).mean())
    assert off[0] > 0.1
    assert off[1] < off[0] / 3
    assert off[2] < 0.02


def test_what_is_only_decay():
    assert Penalties().only_decay
    assert Penalties(l2=0.1).only_decay
    assert not Penalties(l1=0.1, l2=0.1).only_decay
