"""The only training loop."""

import itertools
import time
from dataclasses import dataclass, field

import numpy as np

from skebm.energies import Energy, Updates
from skebm.inference import Completion
from skebm.optimizers import Average
from skebm.penalties import Penalties
from skebm.utils._sparse import dense

# A fit that has gone back this often to its last good epoch stops there.
_MAX_ROLLBACKS = 8
_ROLLBACK_FACTOR = 0.2
# Seconds of a call of a kernel that does several updates: short enough for Ctrl-C, and
# for a time budget.
_CALL = 0.03
# Gibbs sweeps of the holes of a row at each visit.
_HOLE_SWEEPS = 1


@dataclass
class Plan:
    """How to train: the parts and the numbers that people tune.

    Attributes
    ----------
    objective, optimizer : specs
    schedule : callable
        Factor of the learning rate as a function of progress in [0, 1].
    learning_rate : float
    n_iter : int
        Epochs.
    batch_size : int
        Largest number of rows in a minibatch; all differ by at most one row.
    max_time : float or None
        Seconds; progress is the larger of the shares of epochs and of time spent.
    average : float
        Decay of the exponential average of the parameters; 0 for none.
    penalties : Penalties
    resample_inputs : bool
        Whether values in (0, 1) are probabilities of which each visit draws a sample.
    kernel : str or sampler
        Moves the holes of rows.
    """

    objective: object
    optimizer: object
    schedule: object
    learning_rate: float
    n_iter: int
    batch_size: int
    average: float = 0.999
    max_time: float | None = None
    penalties: Penalties = field(default_factory=Penalties)
    resample_inputs: bool = False
    kernel: object = "gibbs"


@dataclass
class Training:
    """The state of a training, from which it can go on.

    Attributes
    ----------
    energy : energy
        The model as the updates see it.
    best : energy
        The model to use: with averaged parameters.
    n_epochs : int
        Epochs that ended well.
    rate_factor : float
        Share of the learning rate that rollbacks have left.
    interrupted, diverged : bool
        Whether Ctrl-C, or one rollback too many, ended the loop.
    """

    energy: object
    random: object
    objective_state: object
    optimizer_state: object
    average: Average
    n_epochs: int = 0
    n_rollbacks: int = 0
    rate_factor: float = 1.0
    interrupted: bool = False
    diverged: bool = False
    finished: dict = field(default_factory=dict)
    good: dict = field(default_factory=dict)

    @classmethod
    def start(cls, energy, plan, random):
        """Begin at ``energy``, whose arrays will be updated in place."""
        energy = Energy.of(energy)
        return cls(
            energy,
            random,
            plan.objective.init(energy, random.fold(0)),
            plan.optimizer.init(energy.params),
            Average(energy.params, plan.average),
        )

    @property
    def best(self):
        """The model with averaged parameters, a copy."""
        best = self.energy.replace(self.average.current(self.energy.params))
        if self.average.count:
            best.project()
        return best

    def restarted(self, plan):
        """Return a new training from the best model, with new draws."""
        fresh = Training.start(self.best, plan, self.random.fold(4, self.n_epochs))
        fresh.n_epochs = self.n_epochs
        return fresh

    def keep(self, is_good=True):
        """Remember this state as that of the last finished epoch, and as a good one."""
        self.finished = {
            "params": {
                name: value.copy() for name, value in self.energy.params.items()
            },
            "average": {name: v.copy() for name, v in self.average.params.items()},
            "count": self.average.count,
            "objective_state": self.objective_state,
        }
        if is_good:
            self.good = self.finished

    def restore(self, kept, plan):
        """Go back to a state that was kept; the optimizer starts afresh."""
        for name, value in self.energy.params.items():
            value[...] = kept["params"][name]
            self.average.params[name][...] = kept["average"][name]
        self.average.count = kept["count"]
        self.objective_state = kept["objective_state"]
        self.optimizer_state = plan.optimizer.init(self.energy.params)


def train(training, X, weight, plan, on_epoch):
    """Train until the plan is done or ``on_epoch`` says stop.

    Parameters
    ----------
    training : Training
        Updated in place.
    X : ndarray or CSR matrix of shape (n, n_features)
        NaN, in an ndarray, is a hole: it is drawn with the hidden units at each visit.
    weight : ndarray of shape (n,) or None
        How many rows each row counts for.
    plan : Plan
    on_epoch : callable
        ``on_epoch(training, learning_rate)`` is called after each epoch and returns
        ``"stop"`` to end the training; ``"diverged"`` to go back to the last epoch
        that it called good, and try again with smaller steps; ``"unknown"`` where it
        has not looked; None if all is well.

    Returns
    -------
    Training
        The same object. Ctrl-C ends the loop with the last finished epoch restored
        and ``interrupted`` set.
    """
    plan.penalties.check(training.energy)
    training.keep()
    training.interrupted = training.diverged = False
    start, epoch, training.n_rollbacks = training.n_epochs, 0, 0
    clock, completion = Clock(plan), None
    if isinstance(X, np.ndarray) and np.isnan(X).any():
        draws = training.random.fold(6, start)
        completion = Completion(training.best, X, draws, plan.kernel)
    try:
        while epoch < plan.n_iter and not clock.is_over:
            # Overflow is how divergence begins; the guard below says so.
            with np.errstate(over="ignore", invalid="ignore"):
                rate = _epoch(training, X, weight, plan, epoch, clock, completion)
            verdict = "diverged"
            if _is_finite(training.energy):
                verdict = on_epoch(training, rate)
            if verdict == "diverged":
                training.restore(training.good, plan)
                training.n_rollbacks += 1
                if completion is not None:
                    again = training.random.fold(6, start, training.n_rollbacks)
                    completion.restart(training.energy, again)
                training.rate_factor *= _ROLLBACK_FACTOR
                if training.n_rollbacks > _MAX_ROLLBACKS:
                    training.diverged = True
                    break
                continue
            epoch += 1
            training.n_epochs = start + epoch
            training.keep(is_good=verdict != "unknown")
            if verdict == "stop":
                break
    except (KeyboardInterrupt, SystemError) as error:
        if not _is_interrupt(error):
            raise
        training.restore(training.finished, plan)
        training.interrupted = True
    training.finished, training.good = {}, {}
    return training


def _is_interrupt(error):
    """Tell whether Ctrl-C is behind it: numba wraps that while it loads a kernel."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


class Clock:
    """How much of a plan is done, by epochs and by seconds."""

    def __init__(self, plan):
        self.n_iter, self.max_time = plan.n_iter, plan.max_time
        self.started = time.perf_counter()

    def progress(self, n_epochs):
        """Return the larger of the two shares, at most 1."""
        spent = 0.0
        if self.max_time is not None:
            spent = (time.perf_counter() - self.started) / self.max_time
        return min(1.0, max(n_epochs / self.n_iter, spent))

    @property
    def is_over(self):
        """Whether the time is spent."""
        return self.progress(0) >= 1


def _epoch(training, X, weight, plan, epoch, clock, completion):
    """Go once through the data, or until time is up; return the last learning rate."""
    energy, random = training.energy, training.random
    params, n_rows = energy.params, X.shape[0]
    n_batches = -(-n_rows // plan.batch_size)
    # A rolled-back epoch must not meet the same draws again.
    visit = random.fold(1, training.n_epochs, training.n_rollbacks)
    if n_batches == 1:
        batches = [slice(None)]
    else:
        order = visit.fold(0).permutation(n_rows)
        edges = np.arange(n_batches + 1) * n_rows // n_batches
        batches = [order[lo:hi] for lo, hi in itertools.pairwise(edges)]
    expected = (n_rows if weight is None else weight.sum()) / n_batches
    many = weight is None and completion is None and _descends_plainly(plan)
    rate, b, at_once = 0.0, 0, 1
    while b < n_batches:
        if clock.progress(epoch + b / n_batches) == 1:
            break
        few = range(b, min(b + at_once, n_batches)) if many else [b]
        started = time.perf_counter()
        progress = [clock.progress(epoch + k / n_batches) for k in few]
        factor = plan.learning_rate * training.rate_factor
        rates = [factor * plan.schedule(done) for done in progress]
        draws = visit.folds([(1, k) for k in few])
        rows = [batches[k] for k in few]
        if many:
            many = _updates(training, X, plan, rows, rates, draws, expected)
            if not many:
                continue  # there is no kernel for it: one by one from here on
            spent = (time.perf_counter() - started) / len(few)
            at_once = max(1, min(10 * at_once, int(_CALL / max(spent, 1e-9))))
        else:
            batch = X[rows[0]]
            if completion is not None:
                batch = completion.visit(
                    energy, rows[0], _HOLE_SWEEPS, draws[0].fold(2)
                )
            share = _shares(weight, rows[0], batch.shape[0], expected)
            _update(training, batch, *share, plan, rates[0], draws[0])
            training.average.update(params)
        rate, b = rates[-1], b + len(few)
    return rate


def _descends_plainly(plan):
    """Tell whether updates are nothing but a gradient and a step along it."""
    return (
        getattr(plan.optimizer, "is_plain_descent", False)
        and plan.penalties.only_decay
        and hasattr(plan.objective, "fused_updates")
    )


def _updates(training, X, plan, batches, rates, draws, expected):
    """Do several updates in one call; say whether there is a kernel for that."""
    if isinstance(batches[0], slice):
        batches = [np.arange(X.shape[0])]
    # A step is as long as the minibatch's share of an update, as in `_shares`.
    rates = np.array(rates) * [len(rows) / expected for rows in batches]
    updates = Updates(
        X=X,
        batches=batches,
        rates=rates,
        decays=1 - plan.penalties.l2 * rates,
        moves=training.average.moves(len(batches)),
        averages=training.average.params,
        resample=plan.resample_inputs,
        randoms=draws,
    )
    state = plan.objective.fused_updates(
        training.energy, updates, training.objective_state
    )
    if state is None:
        return False
    training.objective_state = state
    training.average.count += len(batches)
    return True


def _update(training, batch, share, mass, plan, rate, draws):
    """Do one update: a gradient, penalties, and a step of the optimizer."""
    if mass == 0:
        return
    energy = training.energy
    if plan.resample_inputs:
        batch = draws.fold(0).bernoulli(dense(batch))
    gradient, training.objective_state = plan.objective.gradient(
        energy, batch, share, training.objective_state, draws.fold(1)
    )
    plan.penalties.add_gradient(gradient, energy, batch, share)
    training.optimizer_state = plan.optimizer.update(
        energy.params, gradient, training.optimizer_state, rate * mass
    )
    energy.project()


def _shares(weight, rows, n_rows, expected):
    """Return each row's share of its minibatch, and the minibatch's share of an update.

    A minibatch with more than its part of the weight makes a longer step: so a weight
    is a repetition, in expectation, and exactly so where one batch holds all rows.
    """
    if weight is None:
        return None, n_rows / expected
    batch = weight[rows]
    mass = batch.sum()
    return (batch / mass if mass else batch), mass / expected


def _is_finite(energy):
    return all(np.isfinite(value).all() for value in energy.params.values())
