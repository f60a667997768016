"""The base of estimators: parameters, and the steps of a fit."""

import warnings
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning

from skebm.checkpoints import keeper_of
from skebm.energies import Energy
from skebm.monitoring import MONITORS, Epochs, complaint
from skebm.optimizers import SCHEDULES
from skebm.partition import LogPartition, find_partition
from skebm.planning import grow, make_plan
from skebm.tables import identified
from skebm.training import Training, train
from skebm.utils._going_on import defining, refuse_changes, whole
from skebm.utils._parallel import blocks_of, map_blocks, use_threads
from skebm.utils._random import Random
from skebm.utils._sklearn import HasMethods, Interval, StrOptions
from skebm.utils._stored import Versioned, writable

# Rows that one thread scores at a time.
_SCORE_ROWS = 512


class EnergyEstimator(Versioned, CallbackSupportMixin, BaseEstimator):
    """Base of the estimators that train an energy.

    A subclass names its parts by ``_recipe()`` and ``_objective()``. It has
    ``_training_rows``, which makes :class:`TrainingRows` from the arguments of ``fit``.
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, 10**7, closed="both")],
        "objective": [str, HasMethods(["init", "gradient"])],
        "optimizer": [str, HasMethods(["init", "update"])],
        "learning_rate": [
            StrOptions({"auto"}),
            Interval(Real, 0, None, closed="neither"),
        ],
        "schedule": [StrOptions(set(SCHEDULES))],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "n_iter": [StrOptions({"auto"}), Interval(Integral, 0, None, closed="left")],
        "max_time": [None, Interval(Real, 0, None, closed="neither")],
        "average": [Interval(Real, 0, 1, closed="left")],
        "l1": [Interval(Real, 0, None, closed="left")],
        "l2": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "l1b": [Interval(Real, 0, None, closed="left")],
        "sparsity_target": [Interval(Real, 0, 1, closed="neither")],
        "sparsity_cost": [Interval(Real, 0, None, closed="left")],
        "partition": [str, HasMethods(["estimate"])],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }
    # The units in the order of the columns, and what moves chains.
    _unit_order, _kernel = slice(None), "gibbs"
    # Whether the user sees draws, so that a fit warns if they do not look like rows.
    _shows_draws = True

    @property
    def _stops_early(self):
        return self.early_stopping

    # -- the story of a fit ----------------------------------------------------------

    def _fit(self, X, y, sample_weight, n_iter=None, **options):
        """Read the rows, build the energy, train it.

        With ``n_iter=1`` the last training runs one more epoch, with its optimizer and
        chains. With None and ``warm_start`` a new training starts from its parameters.
        The options are the options of ``_training_rows``.
        """
        is_stream = n_iter is not None
        go_on = (is_stream or self.warm_start) and hasattr(self, "_training")
        # A piece of a stream is short, and what follows it is not known.
        facts = identified(X), y, sample_weight, options
        keeper = None if is_stream else keeper_of(self, *facts)
        with whole(self, "history_"):
            if go_on:
                self._validate_params()  # scikit-learn checks those of a first fit only
                refuse_changes(self, self._defining)
            rows = self._training_rows(X, y, sample_weight, go_on, is_stream, **options)
            # A model from parameters has none yet.
            if not (rows.go_on and hasattr(self, "_random")):
                self._random = Random.from_state(self.random_state)
                if keeper is not None:
                    self._random = keeper.random(self._random)
            rows = self._split(rows._replace(keeper=keeper), self._random.fold(2))
            training, plan = self._start(rows, n_iter)
            return self._train(training, rows, plan)

    def _start(self, rows, n_iter):
        """Return the training that continues or begins, and its plan."""
        grown = None
        if not rows.go_on:
            summary = self._summarised(rows)
            self._summary = summary.without_rows()
            self._defining = defining(self)
            with use_threads(self.n_jobs):
                energy, grown = self._built(rows, summary)
            if self.verbose and (line := self._recipe().describe(energy)):
                print(f"[{type(self).__name__}] {line}")
        else:
            energy = self._training.energy
        facts = rows.n_rows, n_iter, rows.mass
        fewest = {} if rows.on_disk is None else {"fewest": 1}
        plan = make_plan(self, energy, rows.layer, *facts, **fewest)
        if not rows.go_on:
            before = getattr(self, "_training", None) if rows.is_stream else None
            training = Training.start(energy, plan, self._random.fold(1), before)
            if grown is not None:
                training.interrupted, plan = grown.interrupted, grown.rest(plan)
            return training, plan
        last = writable(self._training)
        goes_on = n_iter and not last.diverged  # the average is good still
        return (last.adapted(plan) if goes_on else last.restarted(plan)), plan

    def _built(self, rows, summary):
        """Return the energy that is to be trained, and :class:`Grown` or None."""
        self._size = self._capacity = None
        shape = rows.n_rows, rows.units.shape[1]
        sizes = () if rows.is_stream else self._recipe().sizes(*shape)
        if sizes:
            self._size = sizes[0]
        facts = rows.layer, summary, self._random.fold(0)
        energy = Energy.of(self._recipe().build(*facts))
        if not sizes:
            return energy, None
        grown = grow(self, rows, energy, sizes, self._random.fold(3))
        self._size, self._capacity = grown.size, grown.path
        if grown.interrupted:
            return grown.energy, grown
        # As if the size had been given: what has grown may be stuck where it began.
        return Energy.of(self._recipe().rebuilt(energy, *facts)), grown

    def _train(self, training, rows, plan):
        """Run the training loop, and set the fitted attributes."""
        stopped = training.interrupted and plan.n_iter == 0  # while it grew
        dtype, rows = training.energy.dtype, rows.visited()
        Z, held_out = rows.units.astype(dtype, copy=False), rows.held_out
        held_out = held_out and (held_out[0].astype(dtype, copy=False), held_out[1])
        random = training.random.fold(3)
        facts = rows.layer, random.fold(1), getattr(self, "_encoding", None)
        monitor = self._monitor(Z, rows.weight, held_out, *facts)
        everything = Z, rows.weight
        if rows.on_disk is not None:
            monitor.stand_for(rows.n_rows)
            everything = rows.on_disk, rows.all_weights
        context = self._init_callback_context(max_subtasks=plan.n_iter)
        context.call_on_fit_task_begin(estimator=self, **rows.hooks)
        n_updates = -(-rows.n_rows // plan.batch_size)
        with use_threads(self.n_jobs):
            longest = plan.n_iter if plan.may_settle else None
            epochs = Epochs(
                self, context, monitor, training, n_updates, rows.hooks, longest
            )
            train(training, *everything, plan, epochs, rows.keeper)
        fitted = {"history_": epochs.finished(training.n_epochs), "_misfit": None}
        fitted |= {**self._fitted_attributes(training), "_training": training}
        # All at once: Ctrl-C may come at any moment.
        vars(self).update(fitted)
        self._misfit = self._compared(Z, rows.weight, training.random.fold(7))
        misfit = self._misfit if self._shows_draws else None
        looks = getattr(self, "_mixing", None), misfit
        if sentence := complaint(training, epochs, plan, *looks, n_updates):
            warnings.warn(sentence, ConvergenceWarning, stacklevel=6)
        if training.interrupted or stopped:
            raise KeyboardInterrupt
        context.call_on_fit_task_end(
            estimator=self,
            **rows.hooks,
            reconstruction_attributes=lambda: self._fitted_attributes(training),
        )
        return self

    def _split(self, rows, random):
        """Return the rows without those that are held out, if any are."""
        holds_out = self._stops_early and not rows.is_stream
        return rows.parted(self.validation_fraction, random) if holds_out else rows

    def _fitted_attributes(self, training):
        """Return the fitted attributes at the present state of a training."""
        energy = training.best
        return {
            **self._recipe().attributes(energy, self._unit_order),
            "_energy": energy,
            "log_partition_": self._log_partition(energy, training),
            "n_iter_": training.n_epochs,
        }

    def _monitor(self, *facts):
        """Return the monitor of a training."""
        return MONITORS[self._recipe().monitor](*facts)

    def _compared(self, Z, weight, random):
        """Return the :class:`Misfit` of rows, or None if they are not compared."""
        return None

    def _log_partition(self, energy, training):
        state = training.objective_state
        if getattr(state, "chains", None) is None or not hasattr(state, "sampler"):
            state = None
        method, random = self._partition(), training.random.fold(2)
        return LogPartition(energy, method, random, state, self.n_jobs)

    def _at_size(self, recipe):
        """Return the recipe with the size that the growth has come to, if any."""
        size = getattr(self, "_size", None)
        return recipe if size is None else recipe.sized(size)

    @property
    def capacity_path_(self):
        """The sizes that ``"auto"`` has tried, with their scores."""
        if (path := getattr(self, "_capacity", None)) is None:
            raise AttributeError(
                'There is no capacity_path_ without a size that is "auto" in fit.'
            )
        return pd.DataFrame(path)

    def _partition(self):
        return find_partition(self.partition)

    def _map_rows(self, function, X):
        """Apply ``function`` to blocks of rows on ``n_jobs`` threads; join results."""
        work = self._energy.work // 2
        if len(blocks_of(X.shape[0], work, _SCORE_ROWS)) == 1:
            return function(X)
        with use_threads(self.n_jobs):
            blocks = map_blocks(
                lambda block: function(X[block]), X.shape[0], work, size=_SCORE_ROWS
            )
        return np.concatenate(blocks)


def store(estimator, arguments):
    """Set the parameters of an estimator from the ``locals()`` of its ``__init__``.

    The ``__init__`` of an estimator of scikit-learn stores its parameters unchanged,
    and does nothing else. For thirty parameters that would be a page of assignments.
    """
    for name, value in arguments.items():
        if name != "self":
            setattr(estimator, name, value)


def fit_hooks(X, y, sample_weight):
    """Return the arguments of ``fit`` that callbacks may ask for."""
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    return {"X": X, "y": y, "metadata": metadata}
