import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit
from scipy.stats import multivariate_normal

from skebm.energies import Anchored, Hybrid, Independent
from skebm.layers import Normals
from skebm.objectives import NCE
from skebm.objectives.noise_contrastive import NoiseState
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random
from tests.energies.test_hybrid import Bend, normal

X = np.random.default_rng(3).normal(size=(13, 2))


def loss(energy, X, weight, noise, n_noise, log_ratio):
    """The loss of the paper, with normalised log densities of the noise."""
    start = energy.reference

    def logit(x):
        of_noise = -start.energy(x) - start.log_partition
        of_model = -energy.energy(x) - log_ratio - start.log_partition
        return of_model - of_noise - np.log(n_noise)

    of_rows = weight @ np.log(expit(logit(X)))
    return -of_rows - np.log(1 - expit(logit(noise))).sum() / len(X)


@pytest.mark.parametrize("kind", ["tilted", "alone"])
def test_gradient(kind):
    """One row of noise serves for all draws, so that the loss is known."""
    energy, _ = normal(Hybrid if kind == "tilted" else Anchored)
    objective, noise = NCE(n_noise=2), np.array([[0.3, -0.7]])
    weight = np.linspace(0.5, 1.5, 13) / 13
    state = NoiseState(noise, 0.4)
    found, _ = objective.gradient(energy, X, weight, state, Random(5))
    curvature, slopes = energy.params["curvature"], []
    total = lambda c: loss(energy, X, weight, np.repeat(noise, 26, 0), 2, c)  # noqa: E731
    for i in range(2):
        sums = []
        for step in (1e-6, -1e-6):
            curvature[i] += step
            sums.append(total(0.4))
            curvature[i] -= step
        slopes.append((sums[0] - sums[1]) / 2e-6)
    np.testing.assert_allclose(found["curvature"], slopes, rtol=1e-6)
    # log Z takes a part of a Newton step.
    best = minimize_scalar(total).x
    near = best + 0.3
    state = NoiseState(noise, near)
    after = objective.gradient(energy, X, weight, state, Random(5))[1]
    slope = (total(near + 1e-4) - total(near - 1e-4)) / 2e-4
    bend = (total(near + 1e-3) - 2 * total(near) + total(near - 1e-3)) / 1e-6
    np.testing.assert_allclose(after.log_ratio, near - 0.1 * slope / bend, rtol=1e-3)


def test_weights_are_repetitions():
    energy, _ = normal()
    state = NoiseState(np.array([[0.3, -0.7]]), 0.4)
    weight = np.arange(1, 14) / np.arange(1, 14).sum()
    repeated = np.repeat(X, np.arange(1, 14), axis=0)
    one = NCE().gradient(energy, X, weight, state, Random(5))[0]
    other = NCE().gradient(energy, repeated, None, state, Random(5))[0]
    np.testing.assert_allclose(one["curvature"], other["curvature"])


def test_threads_do_not_change_bits():
    energy, _ = normal()
    rows = np.random.default_rng(3).normal(size=(997, 2))
    found = []
    for n_threads in (1, 2):
        with use_threads(n_threads):
            state = NCE().init(energy, Random(3))
            found.append(NCE().gradient(energy, rows, None, state, Random(5))[0])
    np.testing.assert_array_equal(found[0]["curvature"], found[1]["curvature"])


def test_recovers_parameters_and_log_z():
    """Full-batch descent reaches the precision of the rows, within its error."""
    layer = Normals.from_mixture(np.ones(1), np.zeros((1, 2)), 2 * np.eye(2)[None])
    energy = Anchored(Independent(layer), Bend([1.0, 1.0]), layer)
    n, right = 10_000, np.array([1.5, 0.7])
    rows = np.random.default_rng(7).normal(size=(n, 2)) / np.sqrt(right)
    objective = NCE(n_noise=5)
    state = objective.init(energy, Random(3))
    path = []
    for t in range(300):
        gradient, state = objective.gradient(energy, rows, None, state, Random(5, t))
        energy.params["curvature"] -= gradient["curvature"]
        path.append((*energy.params["curvature"], state.log_ratio))
    *found, log_ratio = np.mean(path[150:], axis=0)
    # With as much noise the error is at most twice that of maximum likelihood.
    error = 2 * right * np.sqrt(2 / n)
    assert (np.abs(found - right) < 4 * error).all()
    exact = np.log(2 * np.pi) - np.log(found).sum() / 2
    at_zero = multivariate_normal(cov=2 * np.eye(2)).logpdf(np.zeros(2))
    start = energy.reference.log_partition
    assert np.isclose(start, -at_zero - energy.reference.energy(np.zeros((1, 2)))[0])
    assert abs(log_ratio + start - exact) < 0.05
