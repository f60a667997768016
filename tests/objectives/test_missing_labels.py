"""The hybrid objective with rows that have no label."""

import numpy as np
import pytest
from scipy import sparse

from skebm.energies import ClassRBM
from skebm.layers import Bernoulli, Categorical, Columns
from skebm.objectives import CD, Conditional, Hybrid
from skebm.utils._random import Random

N_INPUTS, N_CLASSES, N_HIDDEN = 5, 3, 2


class OfData:
    """The positive phase alone, whose expectation has a closed form."""

    def init(self, energy, random):
        return None

    def gradient(self, energy, X, weight, state, random):
        return energy.grad(np.asarray(X), weight), state


@pytest.fixture
def energy(rng):
    def layer(kind, n):
        return kind(rng.normal(size=n))

    visible = Columns([layer(Bernoulli, N_INPUTS), layer(Categorical, N_CLASSES)])
    weights = rng.normal(size=(visible.n_units, N_HIDDEN))
    return ClassRBM(visible, layer(Bernoulli, N_HIDDEN), weights)


def rows(rng, n, n_labelled):
    x = (rng.random((n, N_INPUTS)) < 0.5).astype(float)
    y = np.eye(N_CLASSES)[rng.integers(0, N_CLASSES, n)]
    y[n_labelled:] = 0
    return np.hstack([x, y])


def test_a_missing_label_is_summed_out(energy, rng):
    n = 20_011
    X = np.tile(rows(rng, 1, 0), (n, 1))
    gradient, _ = Hybrid(OfData(), 1).gradient(energy, X, None, None, Random(3))
    # Each label by itself, and its probability by the definition.
    each, joint = [], []
    for k in range(N_CLASSES):
        row = X[:1].copy()
        row[0, N_INPUTS + k] = 1
        each.append(energy.grad(row, np.ones(1)))
        joint.append(np.exp(-energy.energy(row)[0]))
    p = np.array(joint) / np.sum(joint)
    for name, value in gradient.items():
        values = np.stack([part[name] for part in each])
        mean = np.tensordot(p, values, 1)
        spread = np.sqrt(np.tensordot(p, (values - mean) ** 2, 1) / n)
        assert (np.abs(value - mean) <= 5 * spread + 1e-9).all(), name


def test_the_conditional_part_is_the_mean_of_labelled_rows(energy, rng):
    X = rows(rng, 13, 7)
    weight = rng.random(13)
    weight /= weight.sum()
    gradient, _ = Hybrid(OfData(), 0.0).gradient(energy, X, weight, None, Random(3))
    share = weight[:7] / weight[:7].sum()
    expected, _ = Conditional().gradient(energy, X[:7], share, None, Random(3))
    for name, value in gradient.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-12)


def test_rows_without_any_label(energy, rng):
    X = rows(rng, 7, 0)
    gradient, _ = Hybrid(OfData(), 0.3).gradient(energy, X, None, None, Random(3))
    alone, _ = Hybrid(OfData(), 1.0).gradient(energy, X, None, None, Random(3))
    for name, value in gradient.items():
        np.testing.assert_allclose(value, 0.3 * alone[name])


def test_sparse_rows_without_label(energy, rng):
    X, results = rows(rng, 13, 7), []
    for Z in (X, sparse.csr_matrix(X)):
        objective = Hybrid(CD(), 0.3)
        state = objective.init(energy, Random(1))
        results.append(objective.gradient(energy, Z, None, state, Random(2))[0])
    for name, value in results[0].items():
        np.testing.assert_allclose(value, results[1][name], atol=1e-12)


@pytest.mark.parametrize(
    ("weight", "expected"), [(0, 0.01), (0.01, 0.01), (0.04, 0.005), (1, 0.003)]
)
def test_the_rate_falls_with_the_weight_of_noise(weight, expected):
    assert Hybrid(CD(), weight).adam_rate == pytest.approx(expected)
    assert Hybrid(CD(), weight, rate=0.02).adam_rate == 0.02
