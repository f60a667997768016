import numpy as np
import pytest
from scipy.stats import chisquare

from skebm import EnergyDensity
from skebm.energies import Energy, Pairwise
from skebm.layers import Bernoulli, Spin
from skebm.objectives import PCD
from skebm.partition import AIS
from skebm.samplers import Metropolis, ParallelTempering
from skebm.testing import check_objective, check_sampler
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random
from tests.models import heavy, random_rbm

PAIRS = [
    ("bernoulli", "bernoulli"),
    ("spin", "spin"),
    ("categorical", "bernoulli"),
    ("blocks", "bernoulli"),
    ("gaussian", "bernoulli"),
]


def random_pairwise(layer=Spin, n_units=5):
    rng = np.random.default_rng(n_units)
    couplings = np.triu(0.5 * rng.normal(size=(n_units, n_units)), 1)
    bias = 0.5 * rng.normal(size=n_units)
    return Pairwise(layer(bias), couplings + couplings.T, layer(0.5 * bias))


@heavy
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pair", PAIRS)
def test_rbm(pair, dtype):
    check_sampler(Metropolis(), random_rbm(pair, 5, 2, dtype=dtype))


@heavy
@pytest.mark.parametrize("layer", [Spin, Bernoulli])
def test_pairwise(layer):
    check_sampler(Metropolis(), random_pairwise(layer))


@heavy
def test_tempering_and_learning():
    energy = random_pairwise()
    check_sampler(ParallelTempering(kernel="metropolis"), energy)
    check_objective(PCD(sampler="metropolis"), energy)


@heavy
def test_annealing_brackets_the_partition_function():
    energy = random_pairwise(Spin, 7)
    exact = np.logaddexp.reduce(-energy.energy(energy.visible.states(0, 2**7)))
    estimate = AIS(kernel="metropolis").estimate(energy, Random(7), None)
    assert estimate.lower < exact < estimate.upper


def test_one_move_by_its_transition_matrix():
    """Two units, by the probabilities of each proposal and its acceptance."""
    energy = random_pairwise(Bernoulli, 2)
    states = energy.visible.states(0, 4)
    target, reference = (
        np.exp(-model.energy(states)) for model in (energy, energy.reference)
    )
    on = energy.base.mean(np.zeros((1, 2)))[0]
    moves = []
    for unit in range(2):
        move = np.zeros((4, 4))
        for a in range(4):
            flipped = states[a].copy()
            flipped[unit] = 1 - flipped[unit]
            b = int(np.flatnonzero((states == flipped).all(axis=1))[0])
            proposed = on[unit] if flipped[unit] else 1 - on[unit]
            ratio = target[b] * reference[a] / (target[a] * reference[b])
            move[a, b] = proposed * min(1, ratio)
            move[a, a] = 1 - move[a, b]
        np.testing.assert_allclose(target @ move, target)
        moves.append(move)
    expected, n = moves[0] @ moves[1], 4001
    for a in range(4):
        x = Metropolis().move(energy, np.tile(states[a], (n, 1)), Random(a))
        counts = (x[:, None] == states).all(axis=2).sum(axis=0)
        assert chisquare(counts, n * expected[a]).pvalue > 1e-4


def twin(energy, x, random):
    """Move rows one by one in plain Python."""
    reference, x = energy.reference, x.copy()
    drawn = reference.sample(len(x), random.fold(0))
    uniform = random.fold(1).uniform((len(x), reference.variables.max() + 1))
    for r, v in np.ndindex(*uniform.shape):
        here, there = x[[r]], x[[r]]
        columns = np.flatnonzero(reference.variables == v)
        there[:, columns] = drawn[r, columns]
        log_ratio = energy.energy(here) - energy.energy(there)
        log_ratio += reference.energy(there) - reference.energy(here)
        if uniform[r, v] < np.exp(log_ratio):
            x[r] = there
    return x


@pytest.mark.parametrize("pair", PAIRS)
def test_twin(pair):
    energy = random_rbm(pair, 5, 3)
    x = energy.reference.sample(13, Random(3))
    chains = Metropolis().move(energy, energy.chains(x), Random(5))
    moved = energy.configurations(chains)
    np.testing.assert_allclose(moved, twin(energy, x, Random(5)))
    assert (moved != x).any()
    np.testing.assert_allclose(energy.chain_energy(chains), energy.energy(moved))


def test_everything_is_accepted_at_the_reference():
    energy = random_rbm(("gaussian", "bernoulli"), 5, 3).interpolate(0.0)
    x = energy.reference.sample(13, Random(3))
    chains = Metropolis().move(energy, energy.chains(x), Random(5))
    drawn = energy.reference.sample(13, Random(5).fold(0))
    np.testing.assert_array_equal(energy.configurations(chains), drawn)


def test_threads_draw_the_same():
    energy = random_pairwise(Spin, 67)
    x = energy.reference.sample(211, Random(3))
    moved = []
    for n_threads in (1, 2):
        with use_threads(n_threads):
            moved.append(Metropolis(2).step(energy, x, Random(5)))
    np.testing.assert_array_equal(*moved)


@heavy
@pytest.mark.parametrize(
    "params",
    [
        {"kernel": "metropolis"},
        {"objective": PCD(sampler="metropolis")},
        {"objective": PCD(sampler=ParallelTempering(kernel="metropolis"))},
    ],
)
def test_estimator(params):
    energy = random_pairwise()
    states = energy.visible.states(0, 2**5)
    p = np.exp(-energy.energy(states))
    p /= p.sum()
    X = states[np.random.default_rng(0).choice(len(p), p=p, size=2003)]
    density = EnergyDensity(
        "pairwise", visible="spin", n_iter=31, random_state=0, **params
    ).fit(X)
    assert abs(density.score(X) - p @ np.log(p)) < 0.05
    assert density.sample(3).shape == (3, 5)
    X[0, :2] = np.nan
    assert np.isfinite(density.posterior_mean(X[:2])).all()


def test_reference_without_variables_is_refused():
    class Mine:
        params = {"bias": np.zeros(3)}

        def energy(self, x):
            return -x @ self.params["bias"]

        def grad(self, x, weight=None):
            return {"bias": -(weight @ x)}

        def sample_reference(self, n_rows, random):
            return random.uniform((n_rows, 3))

        def log_partition_reference(self):
            return 0.0

    energy = Energy.of(Mine())
    with pytest.raises(TypeError, match="independent variables"):
        Metropolis().move(energy, np.zeros((2, 3)), Random(0))
