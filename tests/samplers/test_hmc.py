import numpy as np
import pytest
from scipy.stats import hmean

from skebm.energies import RBM
from skebm.partition import AIS
from skebm.samplers import (
    HMC,
    MALA,
    ParallelTempering,
    TrajectoryTempering,
    anneal,
    resolve_kernel,
)
from skebm.samplers._gradients import varied
from skebm.samplers._leapfrog import best_length, kinetic, leapfrog, length_at
from skebm.samplers._tuning import DualAveraging
from skebm.testing import check_sampler
from skebm.utils._random import Random
from tests.models import (
    REAL_ENERGIES,
    CorrelatedNormal,
    DoubleWell,
    Student,
    begin,
    heavy,
    random_rbm,
)

STEPS = 0.02 * np.array([0.3, 0.7, 1.0, 1.6, 2.3])


# -- the leapfrog ----------------------------------------------------------------------


def twin_of_leapfrog(grad_x, x, momentum, step_size, n_steps):
    """Half a step of the momentum, a step of the row, half a step of the momentum."""
    for _ in range(n_steps):
        momentum = momentum - step_size * grad_x(x) / 2
        x = x + step_size * momentum
        momentum = momentum - step_size * grad_x(x) / 2
    return x, momentum


@pytest.mark.parametrize("n_steps", [1, 2, 7])
@pytest.mark.parametrize("kind", REAL_ENERGIES)
def test_twin(kind, n_steps):
    energy = kind()
    x, step_size = energy.draws(13), 0.1 + 0.02 * np.arange(energy.n_features)
    momentum = Random(3).normal(x.shape)
    before = x.copy(), momentum.copy()
    *moved, slope = leapfrog(
        energy.grad_x, x, momentum, energy.grad_x(x), step_size, n_steps
    )
    expected = twin_of_leapfrog(energy.grad_x, x, momentum, step_size, n_steps)
    for one, other in zip(moved, expected, strict=True):
        np.testing.assert_allclose(one, other)
    np.testing.assert_allclose(slope, energy.grad_x(moved[0]))
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(momentum, before[1])


@pytest.mark.parametrize("kind", REAL_ENERGIES)
def test_trajectories_are_reversible(kind):
    energy = kind()
    x = energy.draws(13)
    momentum = Random(3).normal(x.shape)
    there = leapfrog(energy.grad_x, x, momentum, energy.grad_x(x), 0.1, 7)
    back = leapfrog(energy.grad_x, there[0], -there[1], there[2], 0.1, 7)
    np.testing.assert_allclose(back[0], x, atol=1e-9)
    np.testing.assert_allclose(-back[1], momentum, atol=1e-9)


@pytest.mark.parametrize("kind", REAL_ENERGIES)
def test_volumes_are_preserved(kind):
    """The determinant of the derivatives of a trajectory is 1, by differences."""
    energy = kind()
    d = energy.n_features
    start = np.concatenate([energy.draws(1), Random(3).normal((1, d))], axis=1)

    def end(rows):
        x, p = rows[:, :d], rows[:, d:]
        return np.hstack(leapfrog(energy.grad_x, x, p, energy.grad_x(x), 0.1, 5)[:2])

    shifts = 1e-6 * np.eye(2 * d)
    derivatives = (end(start + shifts) - end(start - shifts)) / 2e-6
    np.testing.assert_allclose(np.linalg.det(derivatives), 1, rtol=1e-6)


@pytest.mark.parametrize("kind", [CorrelatedNormal, DoubleWell, Student])
def test_errors_of_the_energy_are_of_second_order(kind):
    """Trajectories of one length: half the step has a quarter of the error."""
    energy = kind()
    x = energy.draws(101)
    momentum = Random(3).normal(x.shape)
    before, errors = energy.energy(x) + kinetic(momentum), []
    for n_steps in (16, 32, 64):
        end = leapfrog(
            energy.grad_x, x, momentum, energy.grad_x(x), 1 / n_steps, n_steps
        )
        after = energy.energy(end[0]) + kinetic(end[1])
        errors.append(np.abs(after - before).mean())
    ratios = np.divide(errors[:-1], errors[1:])
    np.testing.assert_allclose(ratios, 4, rtol=0.1)


@pytest.mark.parametrize("kind", REAL_ENERGIES)
def test_twin_of_a_move(kind):
    energy, random = kind(), Random(5)
    x, step_size = energy.draws(13), 0.2 + 0.1 * np.arange(energy.n_features)
    moved = HMC(step_size, n_leapfrog=5).move(energy, x, random)
    n_steps = length_at(random.fold(1).uniform((1, 1))[0, 0], 5)
    draws = random.fold(0).normal_and_uniform(x.shape, 2)
    momentum, (uniform, sizes) = draws[0], draws[1].T
    steps = varied(step_size, sizes)
    y, after = twin_of_leapfrog(energy.grad_x, x, momentum, steps, n_steps)
    change = energy.energy(y) - energy.energy(x)
    change += (after**2 - momentum**2).sum(axis=1) / 2
    accepted = uniform < np.exp(-change)
    assert accepted.any()
    np.testing.assert_allclose(moved, np.where(accepted[:, None], y, x))


def test_numbers_of_steps_are_shared_and_drawn_from_the_longer_ones():
    """Of 10 steps, the lengths from 4 on are equally probable: a seventh each."""
    counts = np.zeros(11)
    energy = CorrelatedNormal()
    calls = []

    class Counts(CorrelatedNormal):
        def grad_x(self, x):
            calls.append(len(x))
            return super().grad_x(x)

    energy, x = Counts(), CorrelatedNormal().draws(3)
    for t in range(500):
        calls.clear()
        HMC(0.1, n_leapfrog=10).move(energy, x, Random(5).fold(t))
        counts[len(calls) - 1] += 1  # one more than the steps
    assert (counts[:4] == 0).all()
    assert (np.abs(counts[4:] - 500 / 7) < 5 * np.sqrt(500 / 7)).all()
    assert {length_at(share, 1) for share in (1e-9, 0.5, 1 - 2**-53)} == {1}
    assert length_at(1 - 2**-53, 10) == 10


def test_one_move_in_ten_is_small():
    factors = varied(1.0, Random(3).uniform((100_003, 1))[:, 0])[:, 0]
    small = factors < 1
    assert abs(small.mean() - 0.1) < 5 * np.sqrt(0.09 / 100_003)
    assert factors.min() >= 0.01
    logs = np.log10(factors[small])
    assert abs(logs.mean() + 1) < 5 * logs.std() / np.sqrt(small.sum())
    assert varied(STEPS, np.full(7, 0.05)).shape == (7, 5)
    np.testing.assert_allclose(
        varied(STEPS, np.full(7, 0.05)), np.tile(STEPS / 10, (7, 1))
    )


class Wide(CorrelatedNormal):
    """Normal columns whose correlations are 0.6, or as given, to the distance."""

    def __init__(self, correlation=0.6):
        super().__init__()
        apart = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
        scales = np.sqrt(np.diag(self.covariance))
        self.covariance = correlation**apart * np.outer(scales, scales)
        self.precision = np.linalg.inv(self.covariance)


def test_the_best_length_is_a_time():
    """Half the step size needs twice as many steps, and long axes need more time."""
    energy, found = Wide(), []
    x = energy.draws(64)
    for step_size in (20 * STEPS, 10 * STEPS):
        facts = energy, x, energy.draws(1009), step_size, Random(3)
        found.append(best_length(HMC(step_size), *facts))
    assert 1.6 < found[1] / found[0] < 2.4
    narrow = Wide(correlation=0.95)
    facts = narrow, narrow.draws(64), narrow.draws(1009), 10 * STEPS, Random(3)
    assert best_length(HMC(10 * STEPS), *facts) > 1.3 * found[1]


def test_the_length_of_auto():
    tuned = HMC().tuned(CorrelatedNormal())
    assert 2 <= tuned.n_leapfrog <= 16
    assert HMC(n_leapfrog=3).tuned(CorrelatedNormal()).n_leapfrog == 3
    sampler = HMC()
    state = begin(sampler, CorrelatedNormal(), 11, Random(3))
    state = sampler.step(CorrelatedNormal(), state, Random(5))
    assert 2 <= state.n_leapfrog <= 16
    assert HMC(0.1).tuned(CorrelatedNormal()).n_leapfrog == "auto"


def test_the_acceptance_that_is_tuned_is_a_harmonic_mean():
    rates = Random(3).uniform((11, 1))[:, 0]
    np.testing.assert_allclose(HMC()._average(rates), hmean(np.maximum(rates, 0.01)))
    assert HMC()._average(np.array([1, 1, 0])) == pytest.approx(3 / 102)


def test_dual_averaging_by_its_formulas():
    """The log step and its average, by equation 6 of Hoffman and Gelman."""
    rates = Random(3).uniform((30, 1))[:, 0]
    averaging, target, start = DualAveraging(-0.7, 0.8), 0.8, -0.7
    error, average = 0.0, start
    for t, rate in enumerate(rates, start=1):
        error = (1 - 1 / (t + 10)) * error + (target - rate) / (t + 10)
        log_step = start - np.sqrt(t) / 0.2 * error
        average = t**-0.75 * log_step + (1 - t**-0.75) * average
        averaging.update(rate)
        np.testing.assert_allclose(averaging.log_step, log_step)
        np.testing.assert_allclose(averaging.average, average)


def test_what_is_refused():
    energy = CorrelatedNormal()
    with pytest.raises(ValueError, match="n_leapfrog='long' is not known"):
        HMC(0.1, n_leapfrog="long").move(energy, energy.draws(3), Random(3))
    for wrong in ({"n_leapfrog": 0}, {"target_accept": 1.0}, {"target_accept": 0}):
        with pytest.raises(ValueError, match="target_accept must lie between"):
            HMC(0.1, **wrong).move(energy, energy.draws(3), Random(3))
    rbm = random_rbm(("bernoulli", "bernoulli"))
    with pytest.raises(TypeError, match="HMC needs an energy with grad_x; RBM"):
        resolve_kernel("hmc", rbm)
    assert not hasattr(RBM, "grad_x")


# -- tempering and annealing -----------------------------------------------------------


class FarWells(DoubleWell):
    """Two wells in each column between which a chain hardly ever changes."""

    well = 5.0


@heavy
@pytest.mark.parametrize("kernel", ["hmc", MALA(), HMC(0.3)])
def test_tempering_finds_wells_that_chains_cannot_change(kernel):
    energy = FarWells(scale=5.0)
    x = np.full((201, 2), 5.0)
    sampler = ParallelTempering(betas=8, kernel=kernel)
    state = sampler.init(energy, x, Random(3))
    stuck = resolve_kernel(kernel, energy)
    alone = stuck.init(energy, x, Random(3))
    shares = []
    for t in range(300):
        state = sampler.step(energy, state, Random(5).fold(t))
        alone = stuck.step(energy, alone, Random(5).fold(t))
        if t >= 200 and t % 10 == 0:
            shares.append((sampler.chains(state) > 0).mean(axis=0))
    assert (stuck.chains(alone) > 0).mean() > 0.95
    assert np.abs(np.mean(shares, axis=0) - 0.5).max() < 0.15


@heavy
@pytest.mark.parametrize("betas", ["auto", 5])
def test_tempering_has_the_distribution(betas):
    energy = DoubleWell(scale=3.0)
    sampler = ParallelTempering(betas, kernel=HMC(n_leapfrog=5))
    check_sampler(sampler, energy, energy.draws(4001))


def test_replicas_have_their_own_step_sizes():
    """The reference is ten times as wide as the model, and so are its steps."""
    energy = CorrelatedNormal(scales=(0.2,) * 5, scale=2.0, center=0.5)
    sampler = ParallelTempering(betas=[0, 0.02, 0.2, 1], kernel="hmc")
    state = begin(sampler, energy, 101, Random(3))
    for t in range(200):
        state = sampler.step(energy, state, Random(5).fold(t))
    steps = [kernel.step_size.mean() for kernel in state.kernels]
    assert (np.diff(steps) < 0).all()
    assert steps[0] > 4 * steps[-1]


@heavy
def test_trajectories_of_trainings_take_them():
    energy = CorrelatedNormal()
    sampler = TrajectoryTempering(kernel=HMC(n_leapfrog=10), every=2)
    state = begin(sampler, energy, 101, Random(3))
    for t in range(60):
        state = sampler.step(energy, state, Random(5).fold(t))
    value, error = sampler.log_partition(state, energy, Random(7))
    assert abs(value - energy.log_z) < 5 * error < 0.5


@heavy
@pytest.mark.parametrize("kernel", ["hmc", "mala"])
def test_annealing_brackets_the_partition_function(kernel):
    energy = CorrelatedNormal()
    estimate = AIS(kernel=kernel).estimate(energy, Random(7), None)
    assert estimate.lower < energy.log_z < estimate.upper
    assert estimate.upper - estimate.lower < 0.7
    wells = DoubleWell()
    # The energy of a column has the sum of two wells, and no factor 1 / 2.
    log_z = np.log(2 * np.pi) + wells.well**2 + 2 * np.log(2)
    estimate = AIS(kernel=kernel).estimate(wells, Random(7), None)
    assert estimate.lower < log_z < estimate.upper


def test_annealed_weights_have_the_mean_of_the_partition_functions():
    energy = CorrelatedNormal()
    x = energy.reference.sample(1009, Random(3))
    kernel = resolve_kernel("hmc", energy)
    betas = np.linspace(0, 1, 40)
    _, increments = anneal(energy, x, betas, Random(5), kernel)
    weight = np.exp(increments.sum(axis=0) + energy.reference.log_partition)
    error = weight.std() / np.sqrt(1009)
    assert abs(weight.mean() - np.exp(energy.log_z)) < 5 * error
