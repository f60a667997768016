"""The number of hidden units: a model grows while held-out rows gain.

The model of a size begins as the trained model of the size before, with more units that
change nothing yet [1]_. So a size needs few updates, and the reference of a tilt is
built once.

References
----------
.. [1] T. Chen, I. Goodfellow, J. Shlens. "Net2Net: accelerating learning via knowledge
   transfer". ICLR 2016.
"""

import time
from copy import copy
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from skebm.monitoring import FEWEST_ROWS, CapacityPath, Epochs, subsample
from skebm.planning.plan import make_plan
from skebm.training import Training, train

# Sizes in a row that gain nothing before the growth ends.
_PATIENCE = 2
# The share of the updates of a whole training that a size gets if n_iter is "auto".
_SHARE_OF_UPDATES = 0.25
# Shares of max_time after which a size ends, and after which the growth ends.
_SHARE_OF_SIZE, _SHARE_OF_GROWTH = 0.125, 0.5
# Largest number of training rows, and of held-out rows, that are scored.
_MAX_ROWS = 1000


class Grown(NamedTuple):
    """The result of a growth.

    Attributes
    ----------
    energy : Energy
        The trained model of the chosen size.
    size : int or tuple of int
    path : dict of str to list
        The columns of :class:`skebm.monitoring.CapacityPath`.
    seconds : float
    interrupted : bool
        Whether Ctrl-C ended the growth.
    """

    energy: object
    size: object
    path: dict
    seconds: float = 0.0
    interrupted: bool = False

    def rest(self, plan):
        """Return the plan of the training that follows, in the time that is left."""
        if self.interrupted:
            return replace(plan, n_iter=0)
        if plan.max_time is None:
            return plan
        least = (1 - _SHARE_OF_GROWTH - _SHARE_OF_SIZE) * plan.max_time
        return replace(plan, max_time=max(plan.max_time - self.seconds, least))


def grow(estimator, rows, energy, sizes, random):
    """Train models of growing sizes, and choose a size by held-out rows.

    Parameters
    ----------
    estimator : EnergyEstimator
        An estimator that knows the first rows. Its ``_size`` follows the growth.
    rows : TrainingRows
    energy : Energy
        The model of the first size before its training, which changes it in place.
    sizes : list
        The sizes to try, the smallest first.
    random : Random
        The source of the random numbers.

    Returns
    -------
    Grown
    """
    start, n_rows = time.perf_counter(), rows.units.shape[0]
    if n_rows < FEWEST_ROWS:  # too few to compare sizes by
        path = CapacityPath()
        path.add(sizes[0], _n_parameters(energy), np.nan, np.full(1, np.nan), 0.0)
        return Grown(energy, sizes[0], path.columns)
    stage = _Stage(estimator, rows, energy.dtype, random)
    path = CapacityPath(stage.weight)
    for k, size in enumerate(sizes):
        estimator._size, begun = size, stage.now()
        draws = random.fold(4, k)
        energy = energy.grown(size, draws.fold(0)) if k else energy
        training = stage.trained(energy, draws.fold(1))
        # A tilt of the strength 0 would learn nothing.
        energy, scores = replace(training, strength=1.0).best, stage.scores(training)
        now = stage.now()
        if path.add(size, _n_parameters(energy), *scores, now - begun):
            chosen = energy
        if estimator.verbose:
            print(f"[{type(estimator).__name__}] {path}")
        is_late = stage.is_late(now - start)
        if path.n_stale == _PATIENCE or training.interrupted or is_late:
            break
    facts = path.columns, now - start, training.interrupted
    return Grown(chosen, sizes[path.best], *facts)


class _Stage:
    """What all sizes share: rows, held-out rows and their monitor.

    Parameters
    ----------
    estimator, rows, random
        As for :func:`grow`.
    dtype : dtype
        The dtype of the model.
    """

    def __init__(self, estimator, rows, dtype, random):
        self.estimator, self.layer, self.keeper = estimator, rows.layer, rows.keeper
        self.max_time = estimator.max_time
        if rows.held_out is None:
            rows = rows.parted(estimator.validation_fraction, random.fold(0))
        rows = rows.visited()
        self.Z, self.mass = rows.units.astype(dtype, copy=False), rows.weight
        held_out = rows.held_out[0].astype(dtype, copy=False), rows.held_out[1]
        facts = rows.layer, random.fold(1), getattr(estimator, "_encoding", None)
        self.monitor = estimator._monitor(self.Z, self.mass, held_out, *facts)
        judged = self.monitor.judged(self.Z, self.mass)
        self.watched = subsample(*judged, random.fold(2), _MAX_ROWS)
        self.rows, self.weight = subsample(*held_out, random.fold(3), _MAX_ROWS)

    def trained(self, energy, random):
        """Return the training of a model, which held-out rows may stop."""
        # It prints no epochs, and calls no callbacks.
        quiet = copy(self.estimator).set_params(verbose=0)
        vars(quiet).pop("_skl_callbacks", None)
        n_rows, total = self.Z.shape[0], None if self.mass is None else self.mass.sum()
        plan = make_plan(quiet, energy, self.layer, n_rows, None, total)
        if plan.may_settle:
            n_iter = max(1, round(_SHARE_OF_UPDATES * plan.n_iter))
            plan = replace(plan, n_iter=n_iter)
        if self.max_time is not None:
            plan = replace(plan, max_time=_SHARE_OF_SIZE * self.max_time)
        training = Training.start(energy, plan, random)
        n_updates = -(-n_rows // plan.batch_size)
        longest = plan.n_iter if plan.may_settle else None
        facts = quiet, None, self.monitor, training, n_updates, {}, longest
        epochs = Epochs(*facts)
        return train(training, self.Z, self.mass, plan, epochs, self.keeper)

    def scores(self, training):
        """Return the mean score of training rows, and the scores of held-out rows."""
        rows, weight = self.watched
        score, energy = self.monitor.scores, training.best
        mean = np.average(score(energy, rows), weights=weight)
        return float(mean), score(energy, self.rows)

    def now(self):
        """Return the time, later by what trainings took before the fit went on."""
        return time.perf_counter() + getattr(self.keeper, "seconds", 0.0)

    def is_late(self, seconds):
        """Tell whether the growth has taken its share of ``max_time``."""
        return bool(self.max_time) and seconds > _SHARE_OF_GROWTH * self.max_time


def _n_parameters(energy):
    return sum(value.size for value in energy.params.values())
