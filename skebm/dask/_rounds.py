"""A round of a training on several machines: local updates, then an average.

Nothing in this file knows Dask. A shard is the rows of one worker. A round of a shard
is a pure function of the results of all shards in the round before, of which it takes
the average; of what the shard carries itself (chains, offsets, the state of the
optimizer, its moving average, its control variate); of its rows; and of a random key.
So a round that was lost is run again, anywhere, with the same result.

References
----------
S. Stich. "Local SGD converges fast and communicates little". ICLR 2019.

S. Karimireddy, S. Kale, M. Mohri, S. Reddi, S. Stich, A. Suresh. "SCAFFOLD: stochastic
controlled averaging for federated learning". ICML 2020.
"""

from copy import deepcopy
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from skebm.checkpoints import Place
from skebm.inference import FreshCompletion
from skebm.updates import Span, visit_rows
from skebm.utils._clock import Clock
from skebm.utils._math import fill_average
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random

# Updates of a call of a kernel. Ctrl-C does not reach a worker, so a round is one call:
# after each call a worker waits for its thread that sends and receives.
_ALL_UPDATES = 1_000_000


class Carried(NamedTuple):
    """What a shard carries from round to round.

    Attributes
    ----------
    objective_state : object
        Chains and offsets of the shard.
    optimizer_state : object
    average : Average
        The moving average of its parameters. It is linear, so the mean over shards is
        the moving average of the averaged parameters, and only the client needs it.
    control : dict of str to ndarray
        The control variate, which was added to the parameters in the last round.
    ends : dict of str to ndarray
        The parameters of the shard at the end of the last round.
    """

    objective_state: object
    optimizer_state: object
    average: object
    control: dict
    ends: dict

    @classmethod
    def start(cls, training, plan, random):
        """Return the states before the first round."""
        energy = training.energy
        states = plan.objective.init(energy, random), None, training.average
        return cls(*states, None, None).restarted(energy, plan)

    def restarted(self, energy, plan):
        """Return the states after a rollback, from which no updates are remembered."""
        params = energy.params
        return self._replace(
            optimizer_state=plan.optimizer.init(params),
            control={name: np.zeros_like(value) for name, value in params.items()},
            ends={name: value.copy() for name, value in params.items()},
        )

    def next_control(self, mean):
        """Return the control variate of the next round, as in SCAFFOLD (option II).

        Rows and chains of a shard differ from those of the others, so its updates go
        another way: by about as much in each round, since chains are slow. The control
        variate is what the updates of all shards did to the parameters in the last
        round, less what those of this shard did. Its mean over shards is zero.

        Parameters
        ----------
        mean : dict of str to ndarray
            The average of the parameters after the last round.
        """
        return {
            name: self.control[name] + (value - self.ends[name])
            for name, value in mean.items()
        }


class Orders(NamedTuple):
    """What a shard is to do in a round.

    Attributes
    ----------
    epoch : int
        Number of epochs before this one in this fit.
    number, n_rounds : int
        The number of the round, and how many rounds an epoch has.
    n_iter, progress : int, float
        Number of epochs of the fit, and the share that is done, if by time.
    random : Random
        Of the epoch and the shard.
    """

    epoch: int
    number: int
    n_rounds: int
    n_iter: int
    progress: float
    random: object


class RoundClock(Clock):
    """The progress of a training by epochs, at least the share before the round.

    The clocks of machines differ, so only the client looks at the time.
    """

    def __init__(self, orders):
        super().__init__(orders.n_iter, None)
        self._before, self.n_at_once = orders.progress, _ALL_UPDATES

    def pace(self, n_updates, seconds):
        """Do all updates in one call, however long the last call took."""

    @property
    def _share_of_time(self):
        return self._before


class RowsOfRound:
    """The rows of a round, which are taken where they are.

    A copy of them takes a twentieth of the time of their updates.

    Parameters
    ----------
    units : {ndarray, CSR matrix} of shape (n, n_units)
        All rows of the shard.
    numbers : ndarray of int
        The rows of the round.
    """

    def __init__(self, units, numbers):
        self.units, self.numbers = units, numbers
        self.shape = len(numbers), units.shape[1]

    def __getitem__(self, rows):
        return self.units[self.numbers[rows]]

    def unpacked(self, batches):
        """Return all rows of the shard, and where those of the minibatches are."""
        return self.units, [self.numbers[batch] for batch in batches]


class Result(NamedTuple):
    """The result of a round: of one shard, or the average over several.

    It is read by several tasks, and none of them changes it.

    Attributes
    ----------
    params, average : dict of str to ndarray
        The parameters after the last update, and their moving average.
    count : int
        Number of updates that the moving average has seen.
    mass : float
        Number or total weight of the rows.
    rate : float
        The last learning rate.
    carried : Carried, default=None
        None if it is an average.
    """

    params: dict
    average: dict
    count: int
    mass: float
    rate: float
    carried: Carried | None = None

    def for_others(self):
        """Return what other shards read of it, which is a third of its bytes."""
        return self._replace(average={}, carried=None)

    def for_client(self):
        """Return what the client reads of it."""
        return self._replace(carried=None)


def do_round(training, carried, shard, plan, orders, n_threads=None):
    """Do the updates of a round of one shard.

    Parameters
    ----------
    training : Training
        At the state of the last averaging. It is changed.
    carried : Carried
    shard : Shard
    plan : Plan
    orders : Orders
    n_threads : int, default=None
        None takes as many as an estimator would.

    Returns
    -------
    Result
    """
    control = carried.next_control(training.energy.params)
    states = deepcopy(carried[:3])
    training.objective_state, training.optimizer_state, training.average = states
    n_rows, rate, random = shard.units.shape[0], 0.0, orders.random
    order = _order(random.key, random.stream, random.row, n_rows)
    edges = [n_rows * (orders.number + k) // orders.n_rounds for k in (0, 1)]
    rows = np.sort(order[slice(*edges)])
    # In SCAFFOLD each of K updates adds a K-th of it. A kernel does all of them in one
    # call, so what they would find of it in the mean is added before, the rest after.
    before = 0.5 - 0.5 / max(1, -(-len(rows) // plan.batch_size))
    _add(training.energy, before, control)
    if len(rows):
        with (
            use_threads(granted=n_threads),
            np.errstate(over="ignore", invalid="ignore"),
        ):
            rate = _visit(training, shard, rows, plan, orders)
    _add(training.energy, 1 - before, control)
    params, average = training.energy.params, training.average
    states = training.objective_state, training.optimizer_state, average
    carried = Carried(*states, control, params)
    return Result(params, average.params, average.count, shard.mass, rate, carried)


def _add(energy, share, control):
    """Add a share of the control variate to the parameters."""
    for name, value in energy.params.items():
        value += value.dtype.type(share) * control[name]
    energy.project()


@lru_cache(maxsize=4)
def _order(key, stream, row, n_rows):
    """Return the order in which the rounds of an epoch visit rows."""
    order = Random(key, stream, row).fold(0).permutation(n_rows)
    order.setflags(write=False)
    return order


def _visit(training, shard, rows, plan, orders):
    """Visit the rows of a round, and return the last learning rate."""
    n_rows, weight = shard.units.shape[0], shard.weight
    X = RowsOfRound(shard.units, rows)
    weight = None if weight is None else weight[rows]
    length, clock = 1 / orders.n_rounds, RoundClock(orders)
    random = orders.random.fold(1, orders.number)
    # The masses of shards count at the average, and not at their steps as well.
    mass = shard.mass * len(rows) / n_rows / -(-len(rows) // plan.batch_size)
    # Values of holes are not carried from round to round.
    completion = FreshCompletion(X, plan.kernel) if shard.has_holes else None
    start = orders.number * length
    span = Span(orders.epoch, random, completion, 0, 0, start, length, mass)
    place = Place(training, clock, completion, None, None)
    return visit_rows(training, X, weight, plan, span, place)


def averaged(results):
    """Return the mean of the results of shards, weighted by their masses.

    It depends on the order of the results, which is the order of the shards, and not
    on which of them was done first.
    """
    first, *others = results
    mass, count = first.mass, first.count
    mean = [{name: v.copy() for name, v in part.items()} for part in first[:2]]
    for other in others:
        mass, count = mass + other.mass, max(count, other.count)
        for target, part in zip(mean, other[:2], strict=True):
            for name, value in target.items():
                share = value.dtype.type(other.mass / mass)
                fill_average(value.reshape(-1), part[name].reshape(-1), share)
    return Result(*mean, count, mass, first.rate)


def settle(training, result):
    """Set the parameters of a training, and their average if there is, to a result."""
    for name, value in result.params.items():
        training.energy.params[name][...] = value
    for name, value in result.average.items():
        training.average.params[name][...] = value
        training.average.count = result.count
    training.energy.project()


def sent(training):
    """Return a training without what shards carry, and without what rounds do not read.

    Two of them differ only if rounds from them do.
    """
    return replace(
        training,
        n_epochs=0,
        is_last=False,
        shards=(),
        average=None,
        finished={},
        good={},
        objective_state=None,
        optimizer_state=None,
    )
