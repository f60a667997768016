import numpy as np
import pytest

from skebm.objectives import PCD
from skebm.optimizers import SCHEDULES, SGD, Adam
from skebm.penalties import Penalties
from skebm.training import Plan, Training, train
from skebm.utils._random import Random
from tests.models import heavy, log_partition, random_rbm


class Quadratic:
    """A user's own energy in plain NumPy: E(x) = sum((x - center)**2) / 2."""

    def __init__(self, center):
        self.center = center

    @property
    def params(self):
        return {"weights": self.center}

    def replace(self, params):
        return Quadratic(params["weights"])

    def energy(self, x):
        return ((x - self.center) ** 2).sum(axis=1) / 2


class Recording:
    """The gradient of the mean energy; it remembers batches and can be told to fail."""

    def __init__(self, fail=None):
        self.fail = fail or (lambda call: None)
        self.batches = []
        self.weights = []
        self.draws = []

    def init(self, energy, random):
        return 0

    def gradient(self, energy, X, weight, state, random):
        self.batches.append(X)
        self.weights.append(weight)
        self.draws.append(random.stream)
        share = np.full(len(X), 1 / len(X)) if weight is None else weight
        gradient = share @ (energy.center - X)
        factor = self.fail(len(self.batches))
        return {"weights": gradient if factor is None else gradient * factor}, state + 1


def plan_of(objective, **changes):
    numbers = {"learning_rate": 0.1, "n_iter": 5, "batch_size": 10, "average": 0.0}
    schedule = SCHEDULES["constant"]
    return Plan(
        objective, changes.pop("optimizer", SGD()), schedule, **numbers | changes
    )


def run(plan, n_rows=23, weight=None, on_epoch=lambda training, rate: None, X=None):
    energy = Quadratic(np.zeros(3))
    X = np.random.default_rng(3).normal(size=(n_rows, 3)) if X is None else X
    training = Training.start(energy, plan, Random(3))
    return train(training, X, weight, plan, on_epoch), X


def test_batches_are_balanced_and_cover_the_rows():
    objective = Recording()
    training, X = run(plan_of(objective, n_iter=2))
    lengths = [len(batch) for batch in objective.batches]
    assert lengths == [7, 8, 8] * 2
    for epoch in (objective.batches[:3], objective.batches[3:]):
        rows = np.concatenate(epoch)
        np.testing.assert_array_equal(np.unique(rows, axis=0), np.unique(X, axis=0))
    assert not np.array_equal(objective.batches[0], objective.batches[3])
    assert len(set(objective.draws)) == 6
    assert training.n_epochs == 2


def test_it_finds_the_minimum():
    training, X = run(plan_of(Recording(), batch_size=23, n_iter=300))
    np.testing.assert_allclose(training.energy.center, X.mean(axis=0), rtol=1e-9)


def test_weight_is_repetition_in_a_full_batch():
    X = np.random.default_rng(3).normal(size=(5, 3))
    counts = np.array([0, 1, 2, 3, 5])
    plan = plan_of(Recording(), batch_size=100)
    weighted, _ = run(plan, weight=counts.astype(float), X=X)
    repeated, _ = run(plan, X=np.repeat(X, counts, axis=0))
    np.testing.assert_allclose(weighted.energy.center, repeated.energy.center)


def test_weight_is_repetition_of_an_rbm_in_a_full_batch():
    counts = np.array([1.0, 2, 4])
    fitted = []
    for repeat in (False, True):
        energy = random_rbm(("bernoulli", "bernoulli"), 7, 5)
        X = energy.reference.sample(3, Random(5))
        plan = plan_of(PCD(n_chains=11), batch_size=100, average=0.9)
        rows = np.repeat(X, counts.astype(int), axis=0) if repeat else X
        training = Training.start(energy, plan, Random(3))
        train(training, rows, None if repeat else counts, plan, lambda *_: None)
        fitted.append(training.best.params)
    for name, value in fitted[0].items():
        np.testing.assert_allclose(value, fitted[1][name], rtol=1e-9, atol=1e-12)


def test_weights_of_minibatches_scale_the_steps():
    objective = Recording()
    weight = np.random.default_rng(5).integers(0, 4, size=23).astype(float)
    run(plan_of(objective, n_iter=1), weight=weight)
    np.testing.assert_allclose([share.sum() for share in objective.weights], 1)
    weight[:] = 0
    weight[0] = 1  # batches without weight are left out
    objective = Recording()
    training, X = run(plan_of(objective, n_iter=1), weight=weight)
    assert len(objective.batches) == 1
    np.testing.assert_allclose(training.energy.center, 0.1 * 3 * X[0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.filterwarnings("ignore:invalid value")  # kernels only warn uncompiled
def test_guard_goes_back_to_the_last_good_epoch(bad):
    objective = Recording(lambda call: bad if call == 5 else None)  # in epoch two
    params = []
    seen = lambda training, rate: params.append(training.energy.center.copy())  # noqa: E731
    training, _ = run(plan_of(objective, n_iter=3), on_epoch=seen)
    assert training.n_rollbacks == 1
    assert training.rate_factor == pytest.approx(0.2)
    assert training.n_epochs == 3
    assert len(params) == 3
    assert np.isfinite(training.energy.center).all()
    assert not training.diverged
    assert objective.draws[3] != objective.draws[6]  # the epoch meets other draws
    assert len(objective.batches) == 12
    once, _ = run(plan_of(Recording(), n_iter=1))
    np.testing.assert_array_equal(params[0], once.energy.center)


def test_guard_gives_up():
    objective = Recording(lambda call: np.nan if call > 3 else None)
    training, _ = run(plan_of(objective, optimizer=Adam(), average=0.9))
    assert training.diverged
    assert training.n_epochs == 1
    once, _ = run(plan_of(Recording(), optimizer=Adam(), average=0.9, n_iter=1))
    np.testing.assert_array_equal(training.energy.center, once.energy.center)
    np.testing.assert_array_equal(training.best.center, once.best.center)


def test_on_epoch_can_undo_an_epoch_and_stop():
    said = iter([None, "diverged", None, "stop"])
    objective = Recording()
    training, _ = run(plan_of(objective), on_epoch=lambda *_: next(said))
    assert training.n_rollbacks == 1
    assert training.n_epochs == 3
    assert len(objective.batches) == 4 * 3


def interrupt(call):
    if call == 8:
        raise KeyboardInterrupt


def test_an_interrupt_restores_the_last_finished_epoch():
    training, _ = run(plan_of(Recording(interrupt), average=0.9, optimizer=SGD(0.5)))
    assert training.interrupted
    assert training.n_epochs == 2
    assert training.objective_state == 6
    twice, _ = run(plan_of(Recording(), average=0.9, optimizer=SGD(0.5), n_iter=2))
    np.testing.assert_array_equal(training.energy.center, twice.energy.center)
    np.testing.assert_array_equal(training.best.center, twice.best.center)


def test_an_interrupt_in_the_first_epoch_restores_the_start():
    objective = Recording(lambda call: interrupt(call + 6))
    training, _ = run(plan_of(objective))
    assert training.n_epochs == 0
    np.testing.assert_array_equal(training.energy.center, 0)


def test_training_goes_on():
    """Two epochs and two more are four epochs."""
    plan = plan_of(Recording(), n_iter=2, average=0.9)
    training, X = run(plan)
    assert train(training, X, None, plan, lambda *_: None) is training
    four, _ = run(plan_of(Recording(), n_iter=4, average=0.9))
    assert training.n_epochs == 4
    np.testing.assert_array_equal(training.best.center, four.best.center)


def test_best_is_an_averaged_copy():
    training, _ = run(plan_of(Recording(), n_iter=11, average=0.9))
    best = training.best
    assert not np.shares_memory(best.center, training.energy.center)
    np.testing.assert_array_equal(best.center, training.average.params["weights"])
    assert not np.array_equal(best.center, training.energy.center)
    plain, _ = run(plan_of(Recording(), n_iter=11))
    np.testing.assert_array_equal(plain.best.center, plain.energy.center)


@pytest.mark.parametrize(("l1", "l2"), [(0.0, 0.5), (0.3, 0.0)])
def test_penalties_shrink_the_weights(l1, l2):
    X = np.tile([2.0, -1.0, 0.1], (7, 1))
    plan = plan_of(
        Recording(), n_iter=400, penalties=Penalties(l1, l2), learning_rate=0.05
    )
    training, _ = run(plan, X=X)
    shrunk = np.sign(X[0]) * np.maximum(np.abs(X[0]) - l1, 0) / (1 + l2)
    # About a weight of zero, the sign of the penalty makes steps to and fro.
    step = 0.05 * (l1 + 0.1)
    np.testing.assert_allclose(training.energy.center, shrunk, atol=step)


def test_probabilities_are_drawn_anew_at_each_visit():
    objective = Recording()
    X = np.full((23, 3), 0.3)
    run(plan_of(objective, resample_inputs=True, n_iter=40), X=X)
    drawn = np.concatenate(objective.batches)
    assert set(np.unique(drawn)) == {0, 1}
    assert abs(drawn.mean() - 0.3) < 6 * np.sqrt(0.21 / drawn.size)


@heavy
@pytest.mark.parametrize("optimizer", [SGD(), Adam()])
def test_an_rbm_learns_a_distribution(optimizer):
    truth = random_rbm(("spin", "spin"), 5, 2, seed=3, scale=1.0)
    X = truth.chains(truth.reference.sample(3001, Random(5)))
    for t in range(31):
        X = truth.gibbs_sweep(X, Random(7).fold(t))
    X = X.visible
    energy = random_rbm(("spin", "spin"), 5, 2, seed=5, scale=0.1)

    def loss(model):
        return model.energy(X).mean() + log_partition(model)

    start, goal = loss(energy), loss(truth)
    rate = 0.1 if isinstance(optimizer, SGD) else 0.01
    plan = plan_of(
        PCD(),
        optimizer=optimizer,
        batch_size=101,
        n_iter=60,
        average=0.99,
        learning_rate=rate,
    )
    training = Training.start(energy, plan, Random(3))
    train(training, X, None, plan, lambda *_: None)
    assert loss(training.best) - goal < 0.2 * (start - goal)
