"""The updates of a training: one by one, or several in one call of a kernel."""

import numpy as np

from skebm.energies import Updates
from skebm.utils._shares import shares
from skebm.utils._sparse import dense


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
