import numpy as np
from scipy.special import logsumexp

from skebm.energies import Hybrid, Independent
from skebm.layers import Normals
from skebm.monitoring.likelihood import LikelihoodMonitor, best_strength
from skebm.utils._random import Random
from tests.energies.test_hybrid import Bend, normal


def test_strength_has_the_largest_likelihood():
    rng = np.random.default_rng(3)
    ratios = rng.normal(size=1000)
    grid = np.linspace(0, 1, 101)
    for mean in (-1.0, 0.2, 0.5, 3.0):
        values = [s * mean - logsumexp(s * ratios) for s in grid]
        found = best_strength(mean, ratios)
        assert abs(found - grid[np.argmax(values)]) < 0.011
    assert best_strength(-1.0, ratios) == 0
    assert best_strength(30.0, ratios) == 1


def test_figures_are_those_of_the_normal_distribution():
    """The model is a normal distribution, so its likelihood is known."""
    energy, precision = normal()
    rng = np.random.default_rng(5)
    rows = rng.multivariate_normal(np.zeros(2), np.linalg.inv(precision), 3000)
    monitor = LikelihoodMonitor(rows, None, (rows[:500], None), None, Random(3))
    figures = monitor.look(energy).figures
    assert 0.9 < figures["strength"] <= 1

    def log_density(x, precision):
        volume = np.linalg.slogdet(precision)[1] / 2 - np.log(2 * np.pi)
        return volume - np.einsum("ni,ij,nj->n", x, precision, x) / 2

    exact = log_density(monitor.rows, precision).mean()
    assert abs(figures["log_likelihood"] - exact) < 0.06
    held_out = monitor.held_out[0]
    start = precision - np.diag([0.5, 1.5])
    gain = (log_density(held_out, precision) - log_density(held_out, start)).mean()
    assert abs(figures["gain"] - gain) < 0.06
    assert 0 < figures["gain_error"] < 0.1


def test_a_harmful_tilt_is_switched_off():
    layer = Normals.from_mixture(np.ones(1), np.zeros((1, 2)), np.eye(2)[None])
    energy = Hybrid(Independent(layer), Bend([3.0, 3.0]), layer)
    rows = np.random.default_rng(3).normal(size=(500, 2))
    monitor = LikelihoodMonitor(rows, None, (rows, None), None, Random(3))
    figures = monitor.look(energy).figures
    assert figures["strength"] < 0.05
    assert abs(figures["gain"]) < 0.02
    # Without held-out rows nothing can be said about the strength.
    monitor = LikelihoodMonitor(rows, None, None, None, Random(3))
    assert monitor.look(energy).figures["strength"] == 1
    monitor = LikelihoodMonitor(rows[:19], None, None, None, Random(3))
    assert monitor.look(energy).figures["strength"] == 0


def test_weights_are_repetitions():
    energy, _ = normal()
    rows = np.random.default_rng(3).normal(size=(23, 2))
    weight = np.arange(1.0, 24)
    repeated = np.repeat(rows, weight.astype(int), axis=0)
    one = LikelihoodMonitor(rows, weight, None, None, Random(3)).look(energy)
    other = LikelihoodMonitor(repeated, None, None, None, Random(3)).look(energy)
    np.testing.assert_allclose(*(x.figures["log_likelihood"] for x in (one, other)))
