import numpy as np
import pytest

from skebm.energies import RBM
from skebm.layers import Bernoulli, Gaussian
from skebm.objectives.contrastive import ContrastiveState
from skebm.partition import AIS, Auto, ExactPartition
from skebm.partition.ais import _bennett
from skebm.samplers import Exact, Gibbs, refined_ladder
from skebm.utils._random import Random
from tests.models import (
    begin,
    heavy,
    random_rbm,
)


@heavy
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("pair", [("bernoulli", "bernoulli"), ("gaussian", "spin")])
def test_bracket_holds_the_exact_value(pair, seed):
    energy = random_rbm(pair, 17, 7, seed=seed, scale=0.8)
    # As after training: a reference with the marginals of the model.
    draws = begin(Exact(), energy, 1009, Random(seed))
    moments = draws.visible.mean(axis=0), draws.visible.var(axis=0), 1009
    base = energy.visible.from_moments(*moments)
    energy = RBM(energy.visible, energy.hidden, energy.weights, base=base)
    exact = ExactPartition().estimate(energy).value
    for start in (None, ContrastiveState(Exact(), draws, None)):
        estimate = AIS().estimate(energy, Random(seed), start)
        assert estimate.lower <= exact <= estimate.upper
        assert estimate.lower <= estimate.value <= estimate.upper
        assert estimate.upper - estimate.lower < 0.7
        assert abs(estimate.value - exact) < 0.35
        assert estimate.method == "ais"
        assert 1 <= estimate.ess <= 400


@heavy
def test_bracket_holds_the_closed_form():
    energy = random_rbm(("gaussian", "gaussian"), 7, 5)
    exact = ExactPartition().estimate(energy).value
    estimate = AIS().estimate(energy, Random(3))
    assert estimate.lower <= exact <= estimate.upper


@heavy
def test_independent_units_are_known_at_once():
    energy = random_rbm(("bernoulli", "bernoulli"), 7, 5)
    energy.weights[:] = 0
    energy.hidden.bias[:] = 0
    estimate = AIS(n_chains=11).estimate(energy, Random(3))
    exact = energy.reference.log_partition
    np.testing.assert_allclose([estimate.value, estimate.lower], exact, atol=1e-6)


@heavy
def test_single_precision_loses_little():
    energy = random_rbm(("bernoulli", "bernoulli"), 17, 7)
    exact = ExactPartition().estimate(energy).value
    estimate = AIS().estimate(energy.astype(np.float32), Random(3))
    assert estimate.lower <= exact <= estimate.upper


@heavy
def test_a_short_ladder_gives_a_wide_but_honest_bracket():
    energy = random_rbm(("spin", "spin"), 13, 11, scale=1.0)
    exact = ExactPartition().estimate(energy).value
    estimate = AIS(n_chains=31, max_temperatures=200).estimate(energy, Random(3))
    assert estimate.lower <= exact <= estimate.upper


def far_modes(n_modes, distance, seed):
    """Return an RBM of Gaussian units whose modes are far apart."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(6, n_modes))
    weights *= distance / np.linalg.norm(weights, axis=0)
    visible = Gaussian(rng.normal(size=6) - weights.sum(axis=1) / 2, np.zeros(6))
    return RBM(visible, Bernoulli(-np.square(weights).sum(axis=0) / 4), weights)


@heavy
@pytest.mark.parametrize("seed", range(4))
def test_a_reference_in_one_mode_does_not_mislead(seed):
    energy = far_modes(7, 5.0, seed)
    exact = ExactPartition().estimate(energy).value
    # Plain chains stay in the mode where they begin, and so do those of this training.
    start = np.repeat(energy.reference.sample(1, Random(seed)), 100, axis=0)
    chains = Gibbs(200).step(energy, energy.chains(start), Random(seed).fold(1))
    rows = energy.configurations(chains)
    narrow = energy.with_reference_at(rows.mean(axis=0), rows.var(axis=0), 100)
    draws = ContrastiveState(Gibbs(), chains, None)
    estimate = AIS().estimate(narrow, Random(seed), draws)
    assert estimate.lower <= exact + 0.1
    assert estimate.upper >= exact - 0.1


def test_bennett_on_normal_work(rng):
    """Work that satisfies Crooks' relation: N(r - s/2, s) and N(-r - s/2, s)."""
    ratio, variance, n = 3.0, 1.7, 4001
    forward = ratio - variance / 2 + np.sqrt(variance) * rng.normal(size=n)
    backward = -ratio - variance / 2 + np.sqrt(variance) * rng.normal(size=n)
    value, stderr = _bennett(forward, backward)
    assert abs(value - ratio) < 6 * stderr
    assert stderr < 0.05


def test_refined_ladder_rises_from_zero_to_one(rng):
    betas = np.linspace(0, 1, 53)
    refined = refined_ladder(
        betas, rng.normal(size=(52, 11)) * np.arange(1, 53)[:, None], 211
    )
    assert refined.shape == (211,)
    assert refined[0] == 0
    assert refined[-1] == 1
    assert (np.diff(refined) > 0).all()
    assert np.median(refined) > 0.6  # denser where the increments vary more


@heavy
def test_auto_takes_the_exact_method_where_it_can():
    auto = Auto(exact=ExactPartition(max_units=5), ais=AIS(n_chains=7, tolerance=9))
    small = random_rbm(("spin", "bernoulli"), 11, 5)
    assert auto.estimate(small, Random(3)).method == "enumeration"
    large = random_rbm(("spin", "bernoulli"), 11, 7)
    assert auto.estimate(large, Random(3)).method == "ais"


@heavy
@pytest.mark.parametrize("n_chains", [2, 7])
def test_few_chains_bring_no_warning(n_chains):
    energy = random_rbm(("gaussian", "bernoulli"), 5, 3)
    estimate = AIS(n_chains=n_chains).estimate(energy, Random(0))
    assert np.isfinite(estimate[:5]).all()
    assert estimate.lower <= estimate.value <= estimate.upper


@pytest.mark.parametrize("n_chains", [1, 0, -3, 2.5, "many", None])
def test_one_chain_tells_nothing_of_its_error(n_chains):
    with pytest.raises(ValueError, match="n_chains of AIS must be"):
        AIS(n_chains=n_chains).estimate(random_rbm(("spin", "spin"), 5, 3), Random(0))
