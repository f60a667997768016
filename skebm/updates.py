"""The updates of a training: one by one, or several in one call of a kernel."""

import time
from typing import NamedTuple

import numpy as np

from skebm.energies import Updates
from skebm.utils._groups import minibatches
from skebm.utils._shares import shares
from skebm.utils._sparse import dense

# Gibbs sweeps of the holes of a row at each visit.
_HOLE_SWEEPS = 1


class Span(NamedTuple):
    """The part of an epoch that visits rows in memory.

    Attributes
    ----------
    epoch : int
        Number of finished epochs.
    random : Random
    completion : Completion or None
    first : int
        The minibatch with which it begins. The ones before are done.
    n_before : int, default=0
        Number of minibatches of the epoch before it.
    start, share : float
        The shares of the epoch before it, and of its own.
    mass_per_batch : float, default=None
        Mean total weight of the minibatches of the epoch. None if it is the mean of
        these rows.
    """

    epoch: int
    random: object
    completion: object
    first: int
    n_before: int = 0
    start: float = 0.0
    share: float = 1
    mass_per_batch: float | None = None

    def done(self, part):
        """Return the number of epochs that are done with a part of the rows."""
        return self.epoch + (self.start + self.share * part)


def visit_rows(training, X, weight, plan, span, place):
    """Visit rows once in minibatches, and return the last learning rate."""
    energy, params, n_rows = training.energy, training.energy.params, X.shape[0]
    clock, completion, visit = place.clock, span.completion, span.random
    n_batches = -(-n_rows // plan.batch_size)
    batches = [slice(None)]
    if n_batches > 1:
        starts = energy.group_starts(X)
        order = visit.fold(0).permutation(n_rows if starts is None else len(starts) - 1)
        batches = minibatches(order, starts, n_rows, n_batches)
        n_batches = len(batches)
    mass_per_batch = span.mass_per_batch
    if mass_per_batch is None:
        mass_per_batch = (n_rows if weight is None else weight.sum()) / n_batches
    is_fused = completion is None and may_be_fused(plan)
    rate, b = 0.0, max(span.first, 0)
    while b < n_batches:
        place.pass_by(span.epoch, span.n_before + b)
        if clock.progress(span.done(b / n_batches)) == 1:
            break
        numbers = range(b, min(b + clock.n_at_once, n_batches)) if is_fused else [b]
        started = time.perf_counter()
        progress = [clock.progress(span.done(k / n_batches)) for k in numbers]
        factor = plan.learning_rate * training.rate_factor
        rates = [factor * plan.schedule(done) for done in progress]
        draws = visit.folds([(1, k) for k in numbers])
        rows = [batches[k] for k in numbers]
        if is_fused:
            masses = weight, mass_per_batch
            is_fused = do_fused(training, X, plan, rows, rates, draws, masses)
            if not is_fused:
                continue
            clock.pace(len(numbers), time.perf_counter() - started)
        else:
            batch = X[rows[0]]
            if completion is not None:
                batch = completion.visit(
                    energy, rows[0], _HOLE_SWEEPS, draws[0].fold(2)
                )
            parts = shares(weight, rows[0], batch.shape[0], mass_per_batch)
            update(training, batch, *parts, plan, rates[0], draws[0])
            training.average.update(params)
        rate, b = rates[-1], b + len(numbers)
    return rate


def may_be_fused(plan):
    """Tell whether updates are only steps along a gradient, as kernels do them."""
    names = "is_plain_descent", "has_steps"
    is_known = any(getattr(plan.optimizer, name, False) for name in names)
    has_kernel = hasattr(plan.objective, "fused_updates")
    return is_known and plan.penalties.only_decay and has_kernel


def do_fused(training, X, plan, batches, rates, draws, masses):
    """Do several updates in one call, and return whether there is a kernel for that."""
    if isinstance(batches[0], slice):
        batches = [np.arange(X.shape[0])]
    weight, mass_per_batch = masses
    parts = [shares(weight, rows, len(rows), mass_per_batch) for rows in batches]
    if hasattr(X, "unpacked"):
        X, batches = X.unpacked(batches)
    row_shares, factors = zip(*parts, strict=True)
    if min(factors) == 0:
        return False
    rates, steps, after = np.array(rates) * factors, None, training.optimizer_state
    if hasattr(plan.optimizer, "steps"):
        steps, after = plan.optimizer.steps(after, rates)
    updates = Updates(
        X=X,
        batches=batches,
        rates=rates,
        decays=1 - plan.penalties.l2 * rates,
        moves=training.average.moves(len(batches)),
        averages=training.average.params,
        resample=plan.resample_inputs,
        randoms=draws,
        shares=None if weight is None else row_shares,
        adam=steps,
        l2=plan.penalties.l2,
    )
    state = plan.objective.fused_updates(
        training.energy, updates, training.objective_state
    )
    if state is NotImplemented:
        return False
    training.objective_state, training.optimizer_state = state, after
    training.average.count += len(batches)
    return True


def update(training, batch, share, mass, plan, rate, draws):
    """Do one update; ``share`` and ``mass`` are the result of :func:`shares`."""
    if mass == 0:
        return
    energy = training.energy
    if plan.resample_inputs:
        batch = draws.fold(0).bernoulli(dense(batch))
    gradient, training.objective_state = plan.objective.gradient(
        energy, batch, share, training.objective_state, draws.fold(1)
    )
    gradient = energy.precondition(gradient)
    plan.penalties.add_gradient(gradient, energy, batch, share)
    training.optimizer_state = plan.optimizer.update(
        energy.params, gradient, training.optimizer_state, rate * mass
    )
    energy.project()
