"""How shards, which are the rows of one worker each, share the work of an epoch."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone

# A shard takes smaller minibatches, so that all of them do as many updates as one
# machine, but not smaller ones than this: an update takes time for the parameters, too.
_FEWEST_ROWS = 25
# Instead of smaller minibatches a shard takes larger steps, up to this factor, which
# learn as much in an epoch, and take less time if the minibatches would be very small.
# Four shards of 784-500 on 20,000 digits lose 0.3 nats of pseudo-likelihood with steps
# that are four times as long, and 0.1 with twice (dask_training.py).
_USUAL_FACTOR = 2.0
# With minibatches of the fewest rows the factor may be larger, but at 8 the chains fall
# behind: of 784-100 that costs 2 nats.
_LARGEST_FACTOR = 4.0
# Updates of a round, times the number of other shards, times the factor of their steps.
# What one shard has learned is diluted among all of them at the average. Of 784-500 and
# ten epochs of 60,000 digits, two, four and eight shards lose 0.5, 0.8 and 0.4 nats of
# likelihood at 70, and 1.1, 1.3 and 2.2 nats at 140 (dask_training.py).
_MOST_DRIFT = 70.0


def updates_of_round(n_shards, factor):
    """Return the number of updates that shards do between two averages."""
    return max(1, int(_MOST_DRIFT / (max(1, n_shards - 1) * factor)))


def plan_of_shards(plan, n_rows, sizes):
    """Return the plan of shards that learn as much in an epoch as one machine does.

    The mean over ``n`` shards of steps along their gradients is a step along the
    gradient of ``n`` minibatches. So either a shard does ``n`` times as many updates,
    of smaller minibatches, or its steps are ``n`` times as long. An optimizer that
    scales its steps itself allows only the first.

    Parameters
    ----------
    plan : Plan
        Of one machine.
    n_rows : int
    sizes : list of int
        Numbers of rows of the shards.

    Returns
    -------
    plan : Plan
    factor : float
        By which their steps are longer.
    """
    is_free = not getattr(plan.optimizer, "is_adaptive", True)
    most = _LARGEST_FACTOR if is_free else 1.0
    whole = plan.batch_size
    batch_size = round(whole * min(most, _USUAL_FACTOR) / len(sizes))
    batch_size = max(_FEWEST_ROWS, batch_size)
    batch_size = min(whole, batch_size)
    n_updates = -(-max(sizes) // batch_size)
    factor = min(most, max(1.0, -(-n_rows // whole) / n_updates))
    objective = clone(plan.objective, safe=False)
    n_chains = getattr(objective, "n_chains", None)
    if n_chains and hasattr(objective, "set_params"):
        n_chains = max(
            min(_FEWEST_ROWS, n_chains), round(n_chains * batch_size / whole)
        )
        objective.set_params(n_chains=n_chains)
    changed = {"objective": objective, "batch_size": batch_size}
    return replace(plan, learning_rate=factor * plan.learning_rate, **changed), factor


class Shard(NamedTuple):
    """The rows of one worker.

    Attributes
    ----------
    units : {ndarray, CSR matrix} of shape (n, n_units)
    weight : ndarray of shape (n,) or None
    has_holes : bool
    """

    units: object
    weight: np.ndarray | None
    has_holes: bool = False

    @classmethod
    def of(cls, units, weight):
        """Return the shard of these rows, after a look for holes."""
        may_have = not issparse(units) and units.dtype.kind == "f"
        return cls(units, weight, may_have and bool(np.isnan(units).any()))

    @property
    def mass(self):
        """Number or total weight of the rows."""
        return float(self.units.shape[0] if self.weight is None else self.weight.sum())
