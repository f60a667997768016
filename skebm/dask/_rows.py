"""The rows of a training on a cluster, which does epochs in rounds."""

import pickle
from dataclasses import dataclass, field, replace
from functools import cached_property

import cloudpickle
import numpy as np

from skebm.dask._cluster import Lost, threads_here, workers_of
from skebm.dask._rounds import (
    Carried,
    Orders,
    do_round,
    plan_of_shards,
    sent,
    settle,
    updates_of_round,
)


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
        self.parts = replace(self.parts, rows=[], labels=None, weights=None)
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
        client, (shards, sizes, masses, _) = self.parts.client, self._shards
        plan, factor = plan_of_shards(plan, self.shape[0], sizes)
        n_batches = [-(-n // plan.batch_size) for n in sizes]
        n_updates = self.updates_per_round or updates_of_round(len(sizes), factor)
        n_rounds = max(1, -(-max(n_batches) // n_updates))
        if not training.shards:
            training.shards = tuple(
                Carried.start(training.energy, plan, visit.fold(4, s))
                for s in range(len(shards))
            )
        rate = 0.0
        for number in range(n_rounds):
            progress = clock.progress(epoch + number / n_rounds)
            if progress == 1:
                break
            model, futures = cloudpickle.dumps((sent(training), plan)), []
            for s, shard in enumerate(shards):
                place = epoch, number, n_rounds, clock.n_iter, progress
                orders = Orders(*place, visit.fold(3, s))
                own = cloudpickle.dumps((training.shards[s], orders))
                futures.append(client.submit(_round, model, own, shard, pure=False))
            results = client.gather(futures)
            settle(training, results, masses)
            rate = results[0][4]
        self.lost.look()
        return rate


def _size(shard):
    if shard is None:
        return 0, 0.0, False
    return shard.units.shape[0], shard.mass, shard.weight is not None


def _round(model, own, shard):
    (training, plan), (carried, orders) = map(pickle.loads, (model, own))
    return do_round(training, carried, shard, plan, orders, threads_here())
