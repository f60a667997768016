"""Hidden units that are added to a restricted Boltzmann machine."""

import numpy as np
import pytest

from skebm.energies import RBMRecipe
from skebm.utils._random import Random
from tests.models import PAIRS, random_rbm

MODELS = {" and ".join(pair): random_rbm(pair, 5, 3, scale=0.2) for pair in PAIRS}
MODELS["on the way"] = random_rbm(("spin", "spin"), 5, 3).interpolate(0.7)


@pytest.mark.parametrize("energy", MODELS.values(), ids=MODELS)
def test_growth_adds_almost_a_constant_to_all_energies(energy):
    x, grown = energy.reference.sample(11, Random(5)), energy.grown(7, Random(3))
    assert type(grown) is type(energy)
    for name, value in grown.params.items():
        assert not np.shares_memory(value, energy.params[name])
    assert (grown.n_hidden, grown.coupling) == (7, energy.coupling)
    np.testing.assert_array_equal(grown.weights[:, :3], energy.weights)
    added = grown.energy(x) - energy.energy(x)
    assert 0 < np.ptp(added) < 0.2
    grown.weights[:, 3:] = 0
    added = grown.energy(x) - energy.energy(x)
    np.testing.assert_allclose(added, added[0], atol=1e-12)


def test_auto_is_as_large_as_rows_and_columns_allow():
    assert RBMRecipe(8).sizes(1000, 5) == ()
    assert RBMRecipe("auto").sizes(1000, 5) == [4, 8]
    assert RBMRecipe("auto").sizes(50, 500) == [4]
    assert RBMRecipe("auto").sizes(10**6, 10**4)[-1] == 1024
    assert RBMRecipe("auto", "spin").sized(8).get_params() == (
        RBMRecipe(8, "spin").get_params()
    )
    assert RBMRecipe(3).sized(8).n_components == 3
