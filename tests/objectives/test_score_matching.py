"""Score matching against its formulas, and energies that are known."""

import numpy as np
import pytest

from skebm import EnergyDensity
from skebm.energies import MLP, EnergyFunction, Quadratic, Summary
from skebm.layers import LAYERS
from skebm.objectives import DenoisingScoreMatching, ScoreMatching
from skebm.objectives.score_matching import ScoreState
from skebm.utils._random import Random
from tests.models import heavy, random_rbm

OBJECTIVES = [ScoreMatching(), ScoreMatching(3), DenoisingScoreMatching()]


def rows(n=17, d=3):
    return np.random.default_rng(3).normal(size=(n, d)) * np.arange(1, d + 1)


def energy(d=3):
    x = rows(d=d)
    layer, recipe = (
        LAYERS["gaussian"].zeros(d),
        MLP(5, n_networks=1) + 0.5 * Quadratic(),
    )
    built = recipe.build(layer, Summary.of(x, None), Random(3))
    built.params["mlp__output"][:] = 0.3
    return built


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_gradients_are_the_derivatives_of_the_loss(objective):
    model, x, random = energy(), rows(), Random(5)
    share, state = np.linspace(0, 1, 17) / 8.5, ScoreState(np.arange(1.0, 4))
    gradient, after = objective.gradient(model, x, share, state, random)
    assert after.scale is state.scale
    for name, value in model.params.items():
        where = np.unravel_index(np.argmax(np.abs(gradient[name])), value.shape)
        kept, ends = value[where], []
        for step in (1e-4, -1e-4):
            value[where] = kept + step
            ends.append(objective.loss(model, x, share, state, random))
        value[where] = kept
        slope = (ends[0] - ends[1]) / 2e-4
        np.testing.assert_allclose(gradient[name][where], slope, rtol=2e-4)


def test_the_loss_is_the_formula_of_hyvarinen():
    bowl = energy().parts["quadratic"]
    x, scale = rows(), np.arange(1.0, 4)
    slopes = bowl.grad_x(x)
    bend = scale**2 @ np.diag(bowl.precision)
    expected = ((scale * slopes) ** 2).sum(axis=1).mean() / 2 - bend
    actual = ScoreMatching().loss(bowl, x, state=ScoreState(scale))
    np.testing.assert_allclose(actual, expected, rtol=1e-6)
    many = ScoreMatching(2000).loss(bowl, x, None, ScoreState(scale), Random(3))
    np.testing.assert_allclose(many, expected, rtol=0.05)


def test_what_cannot_be_is_refused_in_a_sentence():
    for objective in OBJECTIVES:
        with pytest.raises(TypeError, match="all of them must be real numbers"):
            objective.init(random_rbm(("bernoulli", "bernoulli"), 3, 2), Random(3))
    with pytest.raises(ValueError, match="directions must be"):
        ScoreMatching(0).init(energy(), Random(3))
    with pytest.raises(ValueError, match="noise must be"):
        DenoisingScoreMatching(0.0).init(energy(), Random(3))


# -- energies that are known -----------------------------------------------------------


def normal(x, theta):
    return theta[0] * (x[:, 0] - theta[1]) ** 2


def well(x, theta):
    return theta[0] * (x[:, 0] ** 2 - theta[1]) ** 2 + theta[2] * x[:, 0]


KNOWN = {
    "normal": (normal, np.array([0.7, 0.5]), [0.5, 0.0]),
    "well": (well, np.array([0.7, 1.5, 0.2]), [1.0, 1.0, 0.0]),
}


def drawn(function, theta, n):
    grid = np.linspace(-6, 6, 200_001)
    p = np.exp(-function(grid[:, None], theta))
    return np.random.default_rng(0).choice(grid, n, p=p / p.sum())[:, None]


def sandwich(objective, model, x):
    """Return the standard errors of the minimum of a mean over rows."""
    state = ScoreState(x.std(axis=0))

    def slopes(rows):
        return objective.gradient(model, rows, None, state, Random(5))[0]["theta"]

    each = np.array([slopes(rows) for rows in x[:2000, None]])
    theta, bend = model.theta, []
    for j in range(len(theta)):
        kept, ends = theta[j], []
        for step in (1e-4, -1e-4):
            theta[j] = kept + step
            ends.append(slopes(x))
        theta[j] = kept
        bend.append((ends[0] - ends[1]) / 2e-4)
    inverse = np.linalg.inv(bend)
    return np.sqrt(np.diag(inverse @ np.cov(each.T) @ inverse.T) / len(x))


@heavy
@pytest.mark.parametrize("known", KNOWN)
@pytest.mark.parametrize("name", ["nce", "score_matching", "denoising"])
def test_parameters_are_recovered(name, known):
    function, theta, start = KNOWN[known]
    x = drawn(function, theta, 10_000)
    own = EnergyFunction(function, start)
    # More noise would make the wells visibly wider.
    quiet = DenoisingScoreMatching(0.03)
    spec = quiet if name == "denoising" else name
    fitted = EnergyDensity(own, objective=spec, random_state=0).fit(x)
    found = fitted.energy_.params["theta"]
    # The errors of NCE with five rows of noise are below those of score matching.
    objective = quiet if name == "denoising" else ScoreMatching()
    error = sandwich(objective, EnergyFunction(function, theta), x)
    assert (np.abs(found - theta) < 3 * error).all(), (found - theta) / error
