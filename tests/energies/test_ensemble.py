import numpy as np
import pytest

from skebm import EnergyDensity
from skebm.energies import MLP, Ensemble, Hybrid, Independent
from skebm.layers import Gaussian
from skebm.objectives import NCE
from skebm.objectives.noise_contrastive import NoiseState
from skebm.testing import check_energy
from skebm.utils._random import Random
from tests.energies.test_mlp import random_mlp

MEMBERS = {f"network_{k}": random_mlp(sizes=(k + 2,))[0] for k in range(3)}
X = random_mlp()[1]


def beside(term):
    layer = Gaussian.zeros(5, np.float64)
    return Hybrid(Independent(layer), term, layer)


def test_contract():
    check_energy(beside(Ensemble(MEMBERS)), X)


def test_the_energy_is_the_mean():
    energies = [member.energy(X) for member in MEMBERS.values()]
    found, _ = Ensemble(MEMBERS).pullbacks(X)
    np.testing.assert_allclose(found, energies)
    np.testing.assert_allclose(Ensemble(MEMBERS).energy(X), np.mean(energies, axis=0))


def test_members_learn_on_their_own():
    """The gradient of a member is what it would be without the others."""
    noise, weight = np.random.default_rng(5).normal(size=(40, 5)), np.full(11, 1 / 11)
    together, state = NCE().gradient(
        beside(Ensemble(MEMBERS)),
        X,
        weight,
        NoiseState(noise, np.array([0.1, 0.2, 0.3])),
        Random(7),
    )
    for k, (name, member) in enumerate(MEMBERS.items()):
        before = NoiseState(noise, 0.1 * (k + 1))
        alone, after = NCE().gradient(beside(member), X, weight, before, Random(7))
        np.testing.assert_allclose(state.log_ratio[k], after.log_ratio)
        for key, value in alone.items():
            np.testing.assert_allclose(together[f"{name}__{key}"], value, atol=1e-12)


@pytest.mark.parametrize("objective", ["nce", "score_matching"])
def test_members_differ_after_a_fit(objective):
    X = np.random.default_rng(0).gamma(2.0, size=(300, 2))
    recipe = MLP((4,), n_networks=2)
    density = EnergyDensity(
        recipe, visible="gaussian", objective=objective, n_iter=3, random_state=0
    ).fit(X)
    one, other = density.energy_.term.parts.values()
    assert one.output.any()
    assert other.output.any()
    assert not np.allclose(one.output, other.output)
