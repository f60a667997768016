import pytest

from skebm.samplers import SAMPLERS, Gibbs
from skebm.utils._validation import require, resolve


def test_resolve_names_and_specs():
    assert isinstance(resolve("gibbs", SAMPLERS, "sampler"), Gibbs)
    spec = Gibbs(n_steps=3)
    copy = resolve(spec, SAMPLERS, "sampler")
    assert copy is not spec
    assert copy.n_steps == 3


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="sampler='gibs' is not known"):
        resolve("gibs", SAMPLERS, "sampler")


def test_a_missing_capability_is_a_sentence():
    with pytest.raises(
        TypeError, match="Gibbs needs an energy with gibbs_sweep; object"
    ):
        require(object(), Gibbs(), "Choose another.")
