"""How often hidden units are on, and what that depends on."""

import numpy as np
import pytest
from scipy import sparse

from skebm.energies import RBM, BurstyDocuments, ReplicatedSoftmax
from skebm.layers import Columns, Spin
from skebm.utils._random import Random
from tests.models import (
    all_states,
    joint_energies,
    mixed_layer,
    random_bursty_energy,
    random_documents_energy,
    random_layer,
    random_rbm,
)

MODELS = {
    "bernoulli": random_rbm(("bernoulli", "bernoulli"), 5, 3),
    "spin": random_rbm(("bernoulli", "spin"), 5, 3),
    "coupled": random_rbm(("spin", "spin"), 5, 3).interpolate(0.7),
    "gaussian": random_rbm(("gaussian", "bernoulli"), 5, 3),
    "documents": random_documents_energy(5, 3),
    "documents on the way": random_documents_energy(5, 3).interpolate(0.7),
    "bursty": random_bursty_energy(5, 3),
    "bursty on the way": random_bursty_energy(5, 3).interpolate(0.7),
}
each = pytest.mark.parametrize("energy", MODELS.values(), ids=MODELS)


def rows(energy, n=11):
    return energy.reference.sample(n, Random(5))


@each
def test_activity_is_the_probability_of_the_higher_value(energy):
    x, h = rows(energy), all_states(energy.hidden)
    joint = -(x @ (energy.coupling * energy.weights) @ h.T)
    if isinstance(energy, BurstyDocuments):
        fresh, _ = energy.visible.fresh(x)
        joint = -energy.coupling * (
            h @ energy.hidden.bias + fresh @ energy.weights @ h.T
        )
    elif isinstance(energy, ReplicatedSoftmax):
        lengths = energy.coupling * x.sum(axis=1)
        joint -= lengths[:, None] * (h @ energy.hidden.bias)
    else:
        joint = joint_energies(energy, x, h)
    weight = np.exp(-joint - np.logaddexp.reduce(-joint, axis=1)[:, None])
    is_high = h == max(energy.hidden.values)
    np.testing.assert_allclose(energy.activity(x), weight @ is_high)


@each
def test_activity_grad_is_the_slope(energy):
    """Biases of documents grow with their length."""
    x = rows(energy)
    weight = np.random.default_rng(3).normal(size=(len(x), energy.n_hidden))
    gradient = energy.activity_grad(x, weight)
    assert {"weights", "hidden.bias"} <= set(gradient)
    for name, value in energy.params.items():
        for index in np.ndindex(value.shape):
            kept, ends = value[index], []
            for step in (1e-5, -1e-5):
                value[index] = kept + step
                ends.append((weight * energy.activity(x)).sum())
            value[index] = kept
            slope = (ends[0] - ends[1]) / 2e-5
            actual = gradient[name][index] if name in gradient else 0.0
            np.testing.assert_allclose(actual, slope, atol=1e-8, err_msg=name)


@each
@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csr_array])
def test_sparse_and_single_rows(energy, kind):
    x = rows(energy)
    weight = np.random.default_rng(3).normal(size=(len(x), energy.n_hidden))
    np.testing.assert_allclose(energy.activity(kind(x)), energy.activity(x))
    expected = energy.activity_grad(x, weight)
    single = energy.astype(np.float32)
    actual = single.activity_grad(x.astype(np.float32), weight)
    for name, value in energy.activity_grad(kind(x), weight).items():
        np.testing.assert_allclose(value, expected[name], atol=1e-12)
        assert actual[name].dtype == np.float32
        np.testing.assert_allclose(actual[name], value, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("hidden", ["gaussian", "relu", "categorical", "count"])
def test_other_units_have_no_activity(hidden):
    energy = random_rbm(("bernoulli", hidden), 5, 3)
    assert not hasattr(energy, "activity")
    assert not hasattr(energy, "activity_grad")


def test_states_of_chains_are_taken_and_joined():
    for energy in MODELS.values():
        x = rows(energy)
        chains = energy.chains(x)
        assert energy.n_chains(chains) == len(x)
        np.testing.assert_allclose(energy.chain_energy(chains), energy.energy(x))
        np.testing.assert_array_equal(energy.features(chains), chains.inputs)
        order = np.array([3, 0, 0])
        parts = [energy.take(chains, slice(4, None)), energy.take(chains, order)]
        joined = energy.join(parts)
        expected = np.concatenate([x[4:], x[order]])
        np.testing.assert_array_equal(energy.configurations(joined), expected)
        np.testing.assert_allclose(energy.chain_energy(joined), energy.energy(expected))


def test_offsets_begin_at_the_means_of_the_reference():
    rng = np.random.default_rng(3)
    visible = Columns([mixed_layer(rng), random_layer("spin", 1, rng)])
    base = Columns([mixed_layer(rng), random_layer("spin", 1, rng)])
    energy = RBM(visible, Spin(rng.normal(size=3)), rng.normal(size=(8, 3)), base=base)
    mu, lam = energy.initial_offsets()
    np.testing.assert_allclose(mu, base.mean(np.zeros((1, 8)))[0])
    np.testing.assert_allclose(lam, 0, atol=1e-12)
