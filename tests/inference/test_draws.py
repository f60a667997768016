"""Draws without chains to start from, and a reference for parameters without data."""

import numpy as np
import pytest
from scipy.special import logsumexp

from skebm import RBMDensity
from skebm.energies import RBM
from skebm.inference import draws
from skebm.layers import Spin
from skebm.utils._random import Random
from tests.models import all_states, heavy, random_rbm


def modes_far_apart(rng):
    """Return weights and biases of Gaussian units, and the exact log Z and mean.

    Hidden units without weights make enumeration of all hidden units impossible.
    """
    weights = 2 * rng.normal(size=(6, 7))
    visible = rng.normal(size=6) - weights.sum(axis=1) / 2
    hidden = rng.normal(size=7) - np.square(weights).sum(axis=0) / 4
    states = (np.arange(2**7)[:, None] >> np.arange(7) & 1).astype(float)
    fields = states @ weights.T + visible
    log_weight = states @ hidden + np.square(fields).sum(axis=1) / 2
    log_z = logsumexp(log_weight)
    mean = np.exp(log_weight - log_z) @ fields
    log_z += 3 * np.log(2 * np.pi) + 17 * np.log(2)
    components = np.vstack([weights.T, np.zeros((17, 6))])
    return components, visible, np.r_[hidden, np.zeros(17)], log_z, mean


@heavy
def test_parameters_with_modes_far_apart():
    for seed in range(3):
        rng = np.random.default_rng(seed)
        *parameters, log_z, mean = modes_far_apart(rng)
        model = RBMDensity.from_parameters(
            *parameters, visible="gaussian", random_state=0
        )
        found = model.log_partition_
        assert found.method == "ais"
        assert found.lower - 0.1 <= log_z <= found.upper + 0.1
        drawn = model.sample(500, random_state=0)
        assert np.abs(drawn.mean(axis=0) - mean).max() < 1.0


@pytest.fixture
def no_exact_draws(monkeypatch):
    monkeypatch.setattr(draws, "_MAX_STATES", 1)


@heavy
@pytest.mark.usefixtures("no_exact_draws")
@pytest.mark.parametrize(("weight", "mixes"), [(0.5, True), (3.0, False)])
def test_draws_in_bulk_have_the_distribution_of_the_model(weight, mixes, monkeypatch):
    # Two modes, of which one is more probable.
    spins = Spin(np.array([0.1, -0.3, 0.2, 0.1, 0.1]))
    energy = RBM(spins, Spin(np.zeros(1)), np.full((5, 1), weight))
    n_rows, gaps = 5003, []
    monkeypatch.setattr(draws, "_MOST_ROWS", 1999)  # chains of three parts
    measure = draws._gap
    monkeypatch.setattr(
        draws, "_gap", lambda *args: gaps.append(measure(*args)) or gaps[-1]
    )
    rows = draws.draw(energy, n_rows, Random(7))
    assert rows.shape == (n_rows, 5)
    assert (gaps[0] is not None) == mixes
    x = all_states(energy.visible)
    share = np.exp(-energy.energy(x))
    share /= share.sum()
    counts = (rows[:, None] == x).all(axis=2).mean(axis=0)
    # Correlated rows and copies make the noise at most about twice as large.
    assert (np.abs(counts - share) < 10 * np.sqrt(share / n_rows) + 1e-3).all()


@heavy
@pytest.mark.usefixtures("no_exact_draws")
@pytest.mark.parametrize("n_rows", [1, 103, 1009])
def test_the_number_of_draws(n_rows):
    energy = random_rbm(("gaussian", "bernoulli"), 3, 2)
    assert draws.draw(energy, n_rows, Random(1)).shape == (n_rows, 3)
