"""The rows of a training on a cluster, which does epochs in rounds."""

import pickle
import time
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import cloudpickle
import dask
import numpy as np

from skebm.dask._cluster import Lost, threads_here, workers_of
from skebm.dask._rounds import (
    Carried,
    Orders,
    averaged,
    do_round,
    plan_of_shards,
    sent,
    settle,
    updates_of_round,
)

# Rounds that are submitted together. They follow each other without the client, and
# a lost worker costs all of them.
_ROUNDS_AHEAD = 16
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
                Carried.start(training.energy, plan, visit.fold(4, s))
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
            with dask.config.set(_ANY_SIZE):
                rate = do_rounds(client, training, plan, shards, orders)
            if clock.max_time is not None:
                seconds = (time.perf_counter() - started) / len(ahead)
                in_time = int(_SHARE_OF_TIME * clock.max_time / seconds)
                n_ahead = min(max(1, in_time), _ROUNDS_AHEAD)
            number = ahead.stop
        self.lost.look()
        return rate


def do_rounds(client, training, plan, shards, orders):
    """Do rounds one after the other, and return the last learning rate.

    The client sends the training once, and waits for the last round. In between the
    workers exchange their results. The results of a round leave the memory when those
    of the next one are there.

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
    submit = partial(client.submit, pure=False)
    # Pickled, they mean nothing to the scheduler, and are the task's own to change.
    start = submit(_itself, cloudpickle.dumps((sent(training), plan)))
    results, means = map(cloudpickle.dumps, training.shards), []
    for of_round in orders:
        facts = zip(results, shards, map(cloudpickle.dumps, of_round), strict=True)
        results = [submit(_round, start, means, *fact) for fact in facts]
        means = results
        for _ in results:
            if len(results) <= _FAN_IN or len(means) == 1:
                break
            groups = range(0, len(means), _FAN_IN)
            means = [submit(averaged, means[k : k + _FAN_IN]) for k in groups]
    carried = [submit(_carried, result) for result in results]
    mean, carried = client.gather([submit(averaged, means), carried])
    settle(training, mean)
    training.shards = tuple(carried)
    training.objective_state = carried[0].objective_state
    return mean.rate


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
        settle(training, averaged(means))
    carried = pickle.loads(before) if isinstance(before, bytes) else before.carried
    return do_round(training, carried, shard, plan, orders, threads_here())


def _carried(result):
    return result.carried
