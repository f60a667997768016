import pickle

import numpy as np
import pytest
from sklearn.base import clone

from skebm.energies import Energy
from skebm.metrics import ess, rhat
from skebm.objectives import CD, PCD
from skebm.samplers import HMC, MALA, SAMPLERS, Langevin, resolve_kernel, sweep
from skebm.samplers._gradients import Point, varied
from skebm.samplers.langevin import _adjusted, _log_ratio, _proposed
from skebm.testing import check_sampler
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random
from tests.models import REAL_ENERGIES, CorrelatedNormal, DoubleWell, Student, heavy
from tests.samplers.real import calibration, check_known

ALL = [Langevin, MALA, HMC]
EXACT = [MALA, HMC]


# -- the distribution ------------------------------------------------------------------


@heavy
@pytest.mark.parametrize("start", ["reference", "draws"])
@pytest.mark.parametrize("kind", REAL_ENERGIES)
@pytest.mark.parametrize("sampler", EXACT)
def test_moments_and_quantiles_of_known_energies(sampler, kind, start):
    check_known(sampler(n_steps=3), kind(), start)


@heavy
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sampler", EXACT)
def test_contract(sampler, dtype):
    energy = CorrelatedNormal(dtype)
    check_sampler(sampler(n_steps=2), energy, energy.draws(4001))


@heavy
@pytest.mark.parametrize("kind", [CorrelatedNormal, DoubleWell, Student])
def test_one_move_leaves_exact_draws_as_they_are(kind):
    """A million draws at once, so that small errors of a transition show."""
    energy, n = kind(), 400_000
    x = energy.draws(n)
    for kernel in (MALA().tuned(energy), HMC(n_leapfrog=3).tuned(energy)):
        moved = sweep(energy, x, kernel, 1, Random(5))
        for power in (1, 2):
            change = moved**power - x**power
            error = change.std(axis=0) / np.sqrt(n)
            assert (np.abs(change.mean(axis=0)) < 4.5 * error).all()


@heavy
@pytest.mark.parametrize("sampler", [MALA(n_steps=20), HMC(n_steps=8)])
def test_simulation_based_calibration(sampler):
    assert calibration(sampler) > 1e-4


def test_langevin_has_the_variance_of_its_step_size():
    """The stationary variance of a normal column is ``s**2 / (1 - eps**2 / (4 s**2))``.

    So a small step is nearly exact, and a large one is wrong by a known factor.
    """

    class Normal(CorrelatedNormal):
        def __init__(self):
            super().__init__()
            self.covariance, self.precision = np.eye(5), np.eye(5)

    energy, n = Normal(), 20_011
    for step_size in (0.3, 1.0):
        x = energy.draws(n)
        x = sweep(energy, x, Langevin(step_size), int(20 / step_size**2), Random(3))
        expected = 1 / (1 - step_size**2 / 4)
        error = expected * np.sqrt(2 / n)
        assert (np.abs(x.var(axis=0) - expected) < 5 * error).all()


@heavy
def test_langevin_with_small_steps_passes_the_check():
    energy = CorrelatedNormal(scales=(0.8, 1.0, 1.1, 1.2, 1.3))
    check_sampler(Langevin(0.2, n_steps=10), energy, energy.draws(4001))


# -- one transition --------------------------------------------------------------------


def log_normal(x, mean, scale):
    return (-(((x - mean) / scale) ** 2) / 2 - np.log(scale)).sum()


@pytest.mark.parametrize("kind", REAL_ENERGIES)
def test_twin_of_a_move(kind):
    """Row by row, with the densities of the proposals there and back."""
    energy = kind()
    x, random = energy.draws(13), Random(5)
    step_size = 0.3 + 0.1 * np.arange(energy.n_features)
    moved = MALA(step_size).move(energy, x, random)
    noise, others = random.normal_and_uniform(x.shape, 2)
    uniform, sizes = others.T
    steps = varied(step_size, sizes)

    def mean(row, step):
        return row - step**2 / 2 * energy.grad_x(row[None])[0]

    n_accepted = 0
    for r in range(13):
        y = mean(x[r], steps[r]) + steps[r] * noise[r]
        log_ratio = energy.energy(x[[r]])[0] - energy.energy(y[None])[0]
        log_ratio += log_normal(x[r], mean(y, steps[r]), steps[r])
        log_ratio -= log_normal(y, mean(x[r], steps[r]), steps[r])
        accepted = uniform[r] < np.exp(log_ratio)
        n_accepted += accepted
        np.testing.assert_allclose(moved[r], y if accepted else x[r])
    assert n_accepted > 0


def test_twin_of_an_unadjusted_move():
    energy, random = CorrelatedNormal(), Random(5)
    x = energy.draws(13)
    y = x - 0.02 * energy.grad_x(x) + 0.2 * random.normal(x.shape)
    np.testing.assert_allclose(Langevin(0.2).move(energy, x, random), y)


def test_detailed_balance_of_a_pair_of_rows():
    """The log ratios there and back are opposite numbers."""
    energy = Student()
    x, step = energy.draws(17), 0.7
    point = Point.at(energy, x)
    noise = Random(5).normal(x.shape)
    proposed = _proposed(energy, point, step, noise)
    there = _log_ratio(point, proposed, noise, step)
    back = (x - proposed.chains + step**2 / 2 * proposed.slope) / step
    np.testing.assert_allclose(_log_ratio(proposed, point, back, step), -there)


class Walled(CorrelatedNormal):
    """Has no finite energy where the first column is positive."""

    def energy(self, x):
        return np.where(x[:, 0] > 0, np.nan, super().energy(x))

    def grad_x(self, x):
        return np.where(x[:, :1] > 0, np.inf, super().grad_x(x))


@pytest.mark.parametrize("sampler", ALL)
def test_proposals_without_a_finite_energy_are_rejected(sampler):
    energy = Walled()
    x = energy.draws(401)
    x = x[x[:, 0] < 0]
    moved = sweep(energy, x, sampler(0.1), 30, Random(3))
    assert (moved[:, 0] <= 0).all()
    assert np.isfinite(moved).all()
    assert (moved != x).any(axis=1).mean() > 0.8
    far = sweep(energy, 1e200 + 0 * x, sampler(0.3), 3, Random(3))
    np.testing.assert_array_equal(far, 1e200 + 0 * x)


def test_adjusted_and_unadjusted_share_their_proposals():
    energy = DoubleWell()
    point = Point.at(energy, energy.draws(13))
    noise, uniform = Random(5).normal(point.slope.shape), Random(7).uniform((13, 1))
    after, rate = _adjusted(energy, point, 0.3, noise, uniform[:, 0])
    assert ((rate >= 0) & (rate <= 1)).all()
    moved = (after.chains != point.chains).any(axis=1)
    proposed = Langevin(0.3).move(energy, point.chains, Random(5))
    np.testing.assert_array_equal(after.chains[moved], proposed[moved])


# -- the step size ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", REAL_ENERGIES)
@pytest.mark.parametrize("sampler", ALL)
def test_tuned_step_sizes_reach_the_acceptance(sampler, kind):
    energy = kind()
    kernel = sampler().tuned(energy)
    assert kernel.step_size.shape == (energy.n_features,)
    point, averages = Point.at(energy, energy.draws(1009)), []
    for t in range(20):
        facts = energy, point, kernel.step_size, Random(5).fold(t)
        point, rates = kernel.transition(*facts)
        averages.append(kernel._average(rates))
    # A harmonic mean hangs on the few chains that are stuck in the tails.
    tolerance = 0.25 if sampler is HMC else 0.12
    assert abs(np.mean(averages) - sampler()._target) < tolerance
    assert kernel.tuned(energy) is kernel
    again = sampler().tuned(energy).step_size
    np.testing.assert_array_equal(again, kernel.step_size)


def test_scales_of_columns_do_not_matter():
    scales = (0.01, 1.0, 3.0, 40.0, 0.2)
    energy = CorrelatedNormal(scales=scales, scale=5.0)
    step_size = HMC().tuned(energy).step_size / scales
    assert step_size.max() < 2 * step_size.min()


@pytest.mark.parametrize("sampler", ALL)
def test_chains_of_auto_follow_the_model(sampler):
    energy = CorrelatedNormal()
    wide = CorrelatedNormal(scales=(3.0, 7.0, 10.0, 16.0, 23.0))
    auto = sampler(n_steps=2)
    state = auto.init(energy, energy.draws(101), Random(3))
    before = state.step_size
    assert np.isnan(auto.acceptance(state))
    for t in range(400):
        state = auto.step(wide, state, Random(5).fold(t))
    # Both energies differ by a factor of 10 in all columns. A rate of at most 1 lets
    # steps grow by 10 % of what is left to the target, 2 % for Langevin dynamics.
    least = 1.5 if sampler is Langevin else 6
    assert (state.step_size > least * before).all()
    fixed = sampler(0.1)
    state = fixed.init(energy, energy.draws(5), Random(3))
    state = fixed.step(energy, state, Random(5))
    assert state.step_size == 0.1


@pytest.mark.parametrize("sampler", ALL)
def test_what_is_refused(sampler):
    energy = CorrelatedNormal()
    with pytest.raises(ValueError, match="has no step size yet"):
        sampler().move(energy, energy.draws(3), Random(3))
    for wrong in ("best", 0.0, -1.0, np.nan, [[1.0]]):
        with pytest.raises(ValueError, match="step_size"):
            sampler(wrong).tuned(energy)
        with pytest.raises(ValueError, match="step_size"):
            sampler(wrong).init(energy, energy.draws(3), Random(3))

    class Bare(Energy):
        params = {"a": np.zeros(1)}

        def energy(self, x):
            return (x * x).sum(axis=1) / 2

    with pytest.raises(TypeError, match="needs an energy with grad_x"):
        resolve_kernel(sampler(), Bare())
    Bare.grad_x = lambda self, x: x
    with pytest.raises(ValueError, match="Pass a number"):
        resolve_kernel(sampler(), Bare())
    assert resolve_kernel(sampler(0.3), Bare()).step_size == 0.3


# -- conventions -----------------------------------------------------------------------


@pytest.mark.parametrize("sampler", ALL)
def test_a_step_is_as_many_moves(sampler):
    energy = CorrelatedNormal()
    x = energy.draws(13)
    kernel = sampler(0.2, n_steps=3)
    state = kernel.step(energy, kernel.init(energy, x, Random(3)), Random(5))
    moved = sweep(energy, x, kernel, 3, Random(5))
    for t in range(3):
        x = kernel.move(energy, x, Random(5).fold(t))
    np.testing.assert_allclose(moved, x)
    np.testing.assert_allclose(kernel.chains(state), moved)


def test_a_sweep_keeps_the_slope_from_move_to_move():
    calls = []

    class Counts(CorrelatedNormal):
        def grad_x(self, x):
            calls.append(len(x))
            return super().grad_x(x)

    energy = Counts()
    sweep(energy, energy.draws(13), MALA(0.2), 7, Random(5))
    assert len(calls) == 8


class Costly(CorrelatedNormal):
    work = 1e7  # so that blocks of chains run on several threads


@pytest.mark.parametrize("sampler", ALL)
def test_threads_draw_the_same(sampler):
    energy, states = Costly(), []
    for n_threads in (1, 2):
        with use_threads(n_threads):
            auto = sampler()
            state = auto.init(energy, energy.draws(211), Random(3))
            states.append(auto.step(energy, state, Random(5)))
    for one, other in zip(*states, strict=True):
        np.testing.assert_array_equal(one, other)
    x, kernel = energy.draws(211), sampler(0.2)
    parts = [
        kernel.move(energy, x[start : start + 106], Random(5).rows(start))
        for start in (0, 106)
    ]
    whole = kernel.move(energy, x, Random(5))
    np.testing.assert_allclose(np.concatenate(parts), whole)


@pytest.mark.parametrize("sampler", ALL)
def test_float32_energies(sampler):
    energy = CorrelatedNormal(np.float32)
    auto = sampler(n_steps=3)
    state = auto.init(energy, energy.draws(101), Random(3))
    for t in range(30):
        state = auto.step(energy, state, Random(5).fold(t))
    assert state.chains.dtype == np.float32
    moved = auto.tuned(energy).move(energy, energy.draws(7), Random(5))
    assert moved.dtype == np.float32


@pytest.mark.parametrize("name", ["langevin", "mala", "hmc", "replay"])
def test_specs(name):
    kind = SAMPLERS[name]
    spec = kind(n_steps=7)
    assert repr(spec) == f"{kind.__name__}(n_steps=7)"
    for twin in (clone(spec), pickle.loads(pickle.dumps(spec))):
        assert twin.get_params() == spec.get_params()
    if name != "replay":
        tuned = kind().tuned(CorrelatedNormal())
        for twin in (clone(tuned), pickle.loads(pickle.dumps(tuned))):
            np.testing.assert_array_equal(twin.step_size, tuned.step_size)
        assert kind().step_size == "auto"


@pytest.mark.parametrize("step_size", ["auto", 0.3])
@pytest.mark.parametrize("kind", [Langevin, MALA, HMC])
def test_steps_are_one_step_after_the_other(kind, step_size):
    energy, sampler = CorrelatedNormal(), kind(step_size, n_steps=2)
    start = sampler.init(energy, energy.draws(17), Random(3))
    one = start
    for t in range(3):
        one = sampler.step(energy, one, Random(5).fold(t))
    steps = sampler.steps(energy, start, 3, Random(5))
    for name in ("chains", "step_size", "acceptance"):
        actual, desired = getattr(steps, name), getattr(one, name)
        np.testing.assert_allclose(actual, desired, rtol=1e-12)


def test_diagnostics_of_the_chains():
    energy = CorrelatedNormal()
    kernel = HMC()
    state, draws = kernel.init(energy, energy.draws(11), Random(3)), []
    for t in range(200):
        state = kernel.step(energy, state, Random(5).fold(t))
        draws.append(kernel.chains(state))
    assert (rhat(draws) < 1.05).all()
    assert (ess(draws) > 500).all()


@pytest.mark.parametrize("objective", [CD, PCD])
@pytest.mark.parametrize("sampler", ALL)
def test_objectives_take_them(sampler, objective):
    energy = CorrelatedNormal()
    objective = objective(sampler=sampler(), n_steps=3)
    state = objective.init(energy, Random(3))
    X = energy.draws(23)
    gradient, state = objective.gradient(energy, X, None, state, Random(5))
    assert gradient.keys() == energy.params.keys()
