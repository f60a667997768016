"""The rows of a training on a cluster, which does epochs in rounds."""

import pickle
import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple
from uuid import uuid4

import cloudpickle
import dask
import numpy as np

from skebm.dask._cluster import Lost, threads_here, workers_of
from skebm.dask._rounds import (
    Carried,
    Orders,
    Result,
    averaged,
    do_round,
    sent,
    settle,
)
from skebm.dask._shards import plan_of_shards, updates_of_round

# Rounds that are submitted together. They follow each other without the client.
_ROUNDS_AHEAD = 16
# Rounds until the client has fetched again what the shards carry. A lost worker costs
# all rounds since then, so it is about ten seconds of small models.
_MOST_ROUNDS = 64
# The share of ``max_time`` that they take at most, since the time is looked at between.
_SHARE_OF_TIME = 0.01
# Dask warns of large arguments. These are sent once for all workers and many rounds.
_ANY_SIZE = {"distributed.admin.large-graph-warning-threshold": "1TB"}
# Results that one task averages. So many shards read the results of all the others.
# Results of more shards are averaged as a tree, and all of them read its root.
_FAN_IN = 4


@dataclass
class DaskRows:
    """All rows of a training, in shards on workers.

    Attributes
    ----------
    parts : Parts
    reader : callable
        Returns the units and the weights of rows.
    sampled : ndarray of int
        Numbers of the rows that the client has, in ascending order.
    n_shards : int
    updates_per_round : int or None
        Updates of a shard between two averages. None chooses their number.
    lost : Lost
    left_out : ndarray of int
        Numbers of held-out rows, in ascending order.
    """

    parts: object
    reader: object
    sampled: np.ndarray
    n_shards: int
    updates_per_round: int | None
    lost: Lost
    left_out: np.ndarray = field(default_factory=lambda: np.empty(0, int))

    @property
    def shape(self):
        """Number of rows and of columns."""
        n_rows, n_features = self.parts.shape
        return n_rows - len(self.left_out), n_features

    def without(self, held_out, kept):
        """Return the rows without some of those that the client has."""
        left_out = np.sort(self.sampled[held_out])
        return replace(self, left_out=left_out, sampled=self.sampled[kept])

    @cached_property
    def _shards(self):
        """The shards with rows, as futures, and the numbers of their rows and masses.

        The partitions can go then: if a shard is lost, Dask makes them again.
        """
        client, workers = self.parts.client, workers_of(self.parts.client)
        shards = self.parts.shards(self.n_shards, self.reader, self.left_out, workers)
        facts = client.gather(client.map(_size, shards, pure=False))
        found = [(s, *f) for s, f in zip(shards, facts, strict=True) if f[0]]
        self.parts = replace(self.parts, rows=[], labels=None, weights=[])
        return tuple(map(list, zip(*found, strict=True)))

    @property
    def mass(self):
        """Total weight of the rows; None if they have no weights."""
        return sum(self._shards[2]) if self._shards[3][0] else None

    def do_epoch(self, training, plan, epoch, clock, visit):
        """Do one epoch in rounds, or stop if the time is over.

        Returns
        -------
        float
            The last learning rate.
        """
        client, (shards, sizes, *_) = self.parts.client, self._shards
        plan, factor = plan_of_shards(plan, self.shape[0], sizes)
        n_batches = max(-(-n // plan.batch_size) for n in sizes)
        n_updates = self.updates_per_round or updates_of_round(len(sizes), factor)
        n_rounds = max(1, -(-n_batches // n_updates))
        if not training.shards:
            training.shards = tuple(
                Carried.start(training, plan, visit.fold(4, s))
                for s in range(len(shards))
            )
        randoms = [visit.fold(3, s) for s in range(len(shards))]
        rate, number = 0.0, 0
        n_ahead = _ROUNDS_AHEAD if clock.max_time is None else 1
        for _ in range(n_rounds):
            progress = clock.progress(epoch + number / n_rounds)
            if progress == 1 or number == n_rounds:
                break
            ahead = range(number, min(number + n_ahead, n_rounds))
            facts, started = (n_rounds, clock.n_iter, progress), time.perf_counter()
            orders = [
                [Orders(epoch, k, *facts, random) for random in randoms] for k in ahead
            ]
            rate = do_rounds(client, training, plan, shards, orders)
            if clock.max_time is not None:
                seconds = (time.perf_counter() - started) / len(ahead)
                in_time = int(_SHARE_OF_TIME * clock.max_time / seconds)
                n_ahead = min(max(1, in_time), _ROUNDS_AHEAD)
            number = ahead.stop
        self.lost.look()
        return rate


class Last(NamedTuple):
    """The last round that the workers did, from which they can go on by themselves.

    Attributes
    ----------
    start : Future
        The training and the plan, as the client has sent them.
    means : list of Future
        The parameters after the round, whose average the workers go on from.
    payload : bytes
        The training and the plan as they stood at the client after the round.
    n_rounds : int
        Rounds since the client has last fetched what the shards carry.
    """

    start: object
    means: list
    payload: bytes
    n_rounds: int


class Held(NamedTuple):
    """What a shard carries, on its worker.

    Attributes
    ----------
    result : Future
        Of the last round of the shard.
    last : Last
    is_new : bool
        Whether it forgets the updates before, after a rollback.
    """

    result: object
    last: Last
    is_new: bool = False

    def restarted(self, energy, plan):
        """Return the states after a rollback, from which no updates are remembered."""
        return self._replace(is_new=True)

    def result_from(self, graph, start):
        """Return the result that rounds from a new start go on from."""
        return graph.add(_anew, self.result, start) if self.is_new else self.result


def do_rounds(client, training, plan, shards, orders):
    """Do rounds one after the other, and return the last learning rate.

    All of them go to the scheduler as one graph, and the client waits for the last
    round. In between the workers exchange their results. The results of a round leave
    the memory when those of the next one are there.

    What shards carry stays on the workers, and so does the last average if the training
    at the client is still the same. It is fetched now and then, since a lost worker
    costs all rounds after that.

    Parameters
    ----------
    client : distributed.Client
    training : Training
        Updated in place.
    plan : Plan
    shards : list of Future
    orders : list of list of Orders
        Of each round and each shard.
    """
    graph = Graph()
    start, means, results, n_rounds = _begin(graph, training, plan)
    n_rounds += len(orders)
    for of_round in orders:
        facts = zip(results, shards, map(cloudpickle.dumps, of_round), strict=True)
        results = [graph.add(_round, start, means, *fact) for fact in facts]
        means = graph.mean(Result.for_others, results)
    seen = graph.add(_seen, graph.mean(Result.for_client, results), results[0])
    if n_rounds + _ROUNDS_AHEAD > _MOST_ROUNDS:
        tasks = [seen, *(graph.add(_carried, result) for result in results)]
        seen, *carried = client.gather(graph.computed(client, tasks))
        rate = _take_over(training, *seen)
    else:
        tasks = graph.computed(client, [seen, start, *means, *results])
        (seen, start), tasks = tasks[:2], tasks[2:]
        means, results = tasks[: len(means)], tasks[len(means) :]
        rate = _take_over(training, *client.gather(seen))
        last = Last(start, means, _payload(training, plan), n_rounds)
        carried = [Held(result, last) for result in results]
    training.shards = tuple(carried)
    return rate


def _take_over(training, mean, objective_state):
    """Set a training to what the client sees of a round, and return the rate."""
    settle(training, mean)
    training.objective_state = objective_state
    return mean.rate


class Graph:
    """Tasks that go to the scheduler together. Their keys stand for their results."""

    def __init__(self):
        self._tasks = {}

    def add(self, function, *arguments):
        """Return the key of a new task; arguments may be keys, futures, and lists."""
        key = f"{function.__name__.strip('_')}-{uuid4().hex}"
        self._tasks[key] = function, *arguments
        return key

    def mean(self, part, results):
        """Return keys of parts of the results of a round, or of their only average.

        A message of the scheduler to a worker waits for 5 ms after the one before, so a
        shard without others reads its result itself.
        """
        if len(results) == 1:
            return results
        means = [self.add(part, result) for result in results]
        for _ in results:
            if len(results) <= _FAN_IN or len(means) == 1:
                break
            groups = range(0, len(means), _FAN_IN)
            means = [self.add(averaged, means[k : k + _FAN_IN]) for k in groups]
        return means

    def computed(self, client, keys):
        """Return the futures of keys, some of which may be futures already."""
        new = [key for key in keys if key in self._tasks]
        with dask.config.set(_ANY_SIZE):
            found = client.get(self._tasks, new, sync=False)
        futures = dict(zip(new, found, strict=True))
        return [futures.get(key, key) for key in keys]


def _begin(graph, training, plan):
    """Return what rounds go on from.

    Returns
    -------
    start : task
        The training and the plan.
    means, results : list
        The parameters after the last round, and the result of each shard.
    n_rounds : int
        Rounds since the client has fetched what the shards carry.
    """
    before, payload = training.shards, _payload(training, plan)
    if not isinstance(before[0], Held):
        states = [graph.add(_itself, cloudpickle.dumps(state)) for state in before]
        return graph.add(_itself, payload), [], states, 0
    last = before[0].last
    if last.payload == payload and not before[0].is_new:
        return last.start, last.means, [held.result for held in before], last.n_rounds
    start = graph.add(_itself, payload)
    results = [held.result_from(graph, start) for held in before]
    return start, [], results, last.n_rounds


def _payload(training, plan):
    """Return what rounds read of a training and a plan.

    Pickled, they mean nothing to the scheduler, and are the task's own to change.
    """
    return cloudpickle.dumps((sent(training), plan))


def _size(shard):
    if shard is None:
        return 0, 0.0, False
    return shard.units.shape[0], shard.mass, shard.weight is not None


def _itself(values):
    return values


def _round(start, means, before, shard, orders):
    """Do a round from the average of results, or from the start if there are none."""
    (training, plan), orders = map(pickle.loads, (start, orders))
    if means:
        settle(training, averaged([mean.for_others() for mean in means]))
    carried = pickle.loads(before) if isinstance(before, bytes) else before.carried
    return do_round(training, carried, shard, plan, orders, threads_here())


def _anew(result, start):
    """Return the result of a round from which no updates are remembered."""
    training, plan = pickle.loads(start)
    return result._replace(carried=result.carried.restarted(training.energy, plan))


def _carried(result):
    return result.carried


def _seen(means, first):
    """Return what the client sees after a round: the average, and chains of a shard."""
    return averaged(means), first.carried.objective_state
