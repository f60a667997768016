"""The training loop, which all estimators use."""

from dataclasses import dataclass, field, replace

import numpy as np
from sklearn.base import clone

from skebm.checkpoints import Place
from skebm.energies import Energy
from skebm.inference import Completion, FreshCompletion
from skebm.optimizers import Average
from skebm.penalties import Penalties
from skebm.updates import Span, visit_rows
from skebm.utils._clock import Clock
from skebm.utils._going_on import is_interrupt, same

# Training stops after more rollbacks than this. The learning rate is tiny by then.
_MAX_ROLLBACKS = 8
# Each rollback multiplies the learning rate by this factor.
_ROLLBACK_FACTOR = 0.2


@dataclass
class Plan:
    """How to train: the parts and the numbers that people tune.

    Attributes
    ----------
    objective, optimizer : specs
    schedule : callable
        Factor of the learning rate as a function of the progress, a number in [0, 1].
    learning_rate : float
    n_iter : int
        Number of epochs.
    may_settle : bool
        Whether the training is shorter if it gains little.
    batch_size : int
        Largest number of rows in a minibatch. The numbers differ by at most one.
    max_time : float or None
        Seconds. Progress is the share of epochs or of time, whichever is larger.
    average : float
        Decay of the exponential average of the parameters; 0 takes no average.
    penalties : Penalties
    resample_inputs : bool
        Whether values in (0, 1) are probabilities, from which each visit draws.
    kernel : str or sampler
        The sampler that moves the holes of rows.
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
    may_settle: bool = False

    @property
    def specs(self):
        """Copies of the objective and the optimizer."""
        return tuple(clone(s, safe=False) for s in (self.objective, self.optimizer))


@dataclass
class Training:
    """The state of a training, from which it can go on.

    Attributes
    ----------
    energy : energy
        The model with the parameters of the last update.
    best : energy
        The model with averaged parameters, which is the result.
    specs : tuple
        Copies of the objective and the optimizer that the states belong to.
    n_epochs : int
        Number of finished epochs.
    n_rollbacks, rate_factor : int, float
        Rollbacks to the last good epoch, and the factor of the learning rate by them.
    is_last : bool
        Whether the loop ends after this epoch, by its number or by the time.
    strength : float
        Strength of the tilt of a hybrid, by held-out rows.
    interrupted, diverged : bool
        Whether Ctrl-C, or too many rollbacks, ended the loop.
    shards : tuple
        What the shards of a training on several machines carry, one entry each.
    finished, good : dict
        The states after the last finished and after the last good epoch.
    """

    energy: object
    random: object
    objective_state: object
    optimizer_state: object
    average: Average
    specs: tuple = ()
    n_epochs: int = 0
    n_rollbacks: int = 0
    rate_factor: float = 1.0
    is_last: bool = False
    strength: float = 1.0
    interrupted: bool = False
    diverged: bool = False
    shards: tuple = ()
    finished: dict = field(default_factory=dict)
    good: dict = field(default_factory=dict)

    @classmethod
    def start(cls, energy, plan, random, before=None):
        """Return a training of ``energy``, whose arrays it updates in place.

        It counts epochs from those of the training ``before``, if there was one.
        """
        energy = Energy.of(energy)
        return cls(
            energy,
            random,
            plan.objective.init(energy, random.fold(0)),
            plan.optimizer.init(energy.params),
            Average(energy.params, plan.average),
            plan.specs,
            0 if before is None else before.n_epochs,
        )

    @property
    def best(self):
        """A copy of the model with averaged parameters."""
        best = self.energy.replace(self.average.current(self.energy.params))
        if self.average.count:
            best.project()
        return best if self.strength == 1 else best.with_strength(self.strength)

    def restarted(self, plan):
        """Return a new training from the best model, with new random numbers."""
        random = self.random.fold(4, self.n_epochs)
        best = replace(self, strength=1.0).best  # of the strength 0 nothing is learned
        return Training.start(best, plan, random, self)

    def adapted(self, plan):
        """Return the training, with new states of what the plan has changed."""
        specs, changed = plan.specs, {}
        is_old = [same(a, b) for a, b in zip(self.specs, specs, strict=True)]
        if not is_old[0]:
            random = self.random.fold(5, self.n_epochs)
            changed["objective_state"] = plan.objective.init(self.energy, random)
        if not is_old[1]:
            changed["optimizer_state"] = plan.optimizer.init(self.energy.params)
        if plan.average != self.average.decay:
            params = self.average.current(self.energy.params)
            changed["average"] = Average(params, plan.average)
        return replace(self, specs=specs, **changed) if changed else self

    def keep(self, is_good=True):
        """Remember the state after a finished epoch, which may be a good one."""
        params, average = self.energy.params, self.average.params
        self.finished = {
            "params": {name: value.copy() for name, value in params.items()},
            "average": {name: value.copy() for name, value in average.items()},
            "count": self.average.count,
            "objective_state": self.objective_state,
            "shards": self.shards,
        }
        if is_good:
            self.good = self.finished

    def restore(self, state, plan):
        """Go back to ``finished`` or ``good``; the optimizer starts anew."""
        for name, value in self.energy.params.items():
            value[...] = state["params"][name]
            self.average.params[name][...] = state["average"][name]
        self.average.count = state["count"]
        self.objective_state = state["objective_state"]
        self.optimizer_state = plan.optimizer.init(self.energy.params)
        self.shards = tuple(s.restarted(self.energy, plan) for s in state["shards"])


def train(training, X, weight, plan, on_epoch, keeper=None):
    """Train until the plan is done or ``on_epoch`` ends the training.

    Parameters
    ----------
    training : Training
        Updated in place.
    X : ndarray or CSR matrix of shape (n, n_features), or RowsOnDisk
        NaN in an ndarray is a hole, which is drawn at each visit of its row.
    weight : ndarray of shape (n,) or None
        How many rows each row counts for.
    plan : Plan
    on_epoch : callable
        ``on_epoch(training, learning_rate)`` is called after each epoch. It returns
        None if the epoch is good, ``"unknown"`` if it was not judged, ``"stop"`` if it
        is good and the last one, ``"settled"`` if it is good and little is gained any
        more, so that the learning rate falls over as many epochs again, and
        ``"diverged"`` if the training has to go on from the last good epoch with
        smaller steps.
    keeper : object, default=None
        Keeps states of the training, and may know one from which it goes on; see
        :class:`skebm.checkpoints.Place`.

    Returns
    -------
    Training
        The same object. If Ctrl-C ends the loop, the state after the last finished
        epoch is restored and ``interrupted`` is set.
    """
    plan.penalties.check(training.energy)
    training.keep()
    training.interrupted = training.diverged = False
    start, training.n_rollbacks = training.n_epochs, 0
    clock = Clock(plan.n_iter, plan.max_time)
    draws = training.random.fold(6, start)
    completion = Completion.of(training.best, X, draws, plan.kernel)
    place = Place(training, clock, completion, on_epoch, keeper)
    try:
        is_over = place.take_up() or clock.is_over
        epoch = place.epoch
        while epoch < clock.n_iter and not is_over:
            # Divergence begins with an overflow, which is found after the epoch.
            with np.errstate(over="ignore", invalid="ignore"):
                rate = _epoch(training, X, weight, plan, epoch, place)
            is_over = clock.is_over
            training.is_last = epoch + 1 == clock.n_iter or is_over
            verdict = "diverged"
            if all(np.isfinite(p).all() for p in training.energy.params.values()):
                verdict = on_epoch(training, rate)
            if verdict == "diverged":
                _roll_back(training, plan, start, completion)
                if training.diverged:
                    break
                continue
            epoch += 1
            training.n_epochs = start + epoch
            training.keep(is_good=verdict != "unknown")
            if verdict == "stop":
                break
            if verdict == "settled":
                clock.n_iter = 2 * epoch  # the schedule falls in the second half
        place.end(epoch)
    except BaseException as error:
        training.restore(training.finished, plan)
        if not is_interrupt(error):
            raise
        training.interrupted = True
    finally:
        training.finished, training.good = {}, {}
    return training


def _roll_back(training, plan, start, completion):
    """Go back to the last good epoch, with smaller steps; or note that it diverged."""
    training.restore(training.good, plan)
    training.n_rollbacks += 1
    if completion is not None:
        draws = training.random.fold(6, start, training.n_rollbacks)
        completion.restart(training.energy, draws)
    training.rate_factor *= _ROLLBACK_FACTOR
    training.diverged = training.n_rollbacks > _MAX_ROLLBACKS


def _epoch(training, X, weight, plan, epoch, place):
    """Run one epoch, or stop if the time is over; return the last learning rate."""
    # After a rollback the epoch must not repeat the same random numbers.
    visit = training.random.fold(1, training.n_epochs, training.n_rollbacks)
    if hasattr(X, "do_epoch"):
        return X.do_epoch(training, plan, epoch, place.clock, visit)
    first, n_rows = place.first_batch(epoch), X.shape[0]
    if not hasattr(X, "buffers"):
        span = Span(epoch, visit, place.completion, first)
        return visit_rows(training, X, weight, plan, span, place)
    start, n_before, rate, mass = 0.0, 0, 0.0, None
    if weight is not None:
        mass = X.mass / -(-n_rows // plan.batch_size)
    for k, rows in enumerate(X.buffers(visit.fold(2), plan.batch_size)):
        part = None if weight is None else weight[rows.positions]
        completion = FreshCompletion.of(rows, plan.kernel)
        share = rows.shape[0] / n_rows
        facts = first - n_before, n_before, start, share, mass
        span = Span(epoch, visit.fold(3, k), completion, *facts)
        rate = visit_rows(training, rows, part, plan, span, place)
        start, n_before = start + share, n_before - (-rows.shape[0] // plan.batch_size)
        if place.clock.is_over:
            break
    return rate
