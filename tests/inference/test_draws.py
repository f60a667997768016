"""Draws without chains to start from, and a reference for parameters without data."""

import numpy as np
from scipy.special import logsumexp

from skebm import RBMDensity
from tests.models import heavy


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
