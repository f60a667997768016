"""What the estimators share: parameters, validation and the call of train()."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning

from skebm.estimators._plan import make_plan
from skebm.estimators._rows import TableMixin
from skebm.layers import HIDDEN
from skebm.monitoring.epochs import Epochs
from skebm.optimizers import SCHEDULES
from skebm.partition import PARTITIONS, LogPartition
from skebm.training import Training, train
from skebm.utils._moments import moments
from skebm.utils._parallel import map_blocks, use_threads
from skebm.utils._random import Random
from skebm.utils._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
)
from skebm.utils._validation import lookup, resolve

_INITIAL_SCALE = 0.01
# Rows that one thread scores at a time.
_SCORE_ROWS = 512


class EnergyEstimator(TableMixin, CallbackSupportMixin, BaseEstimator):
    """Base of the estimators that train an energy on rows of a table."""

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "visible": [str, dict, "array-like"],
        "hidden": [str],
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
        "resample_inputs": ["boolean"],
        "handle_unknown": [StrOptions({"error", "missing"})],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components=100,
        *,
        visible="auto",
        hidden="bernoulli",
        objective="pcd",
        optimizer="auto",
        learning_rate="auto",
        schedule="linear",
        batch_size="auto",
        n_iter="auto",
        max_time=None,
        average=0.999,
        l1=0.0,
        l2="auto",
        l1b=0.0,
        sparsity_target=0.1,
        sparsity_cost=0.0,
        partition="auto",
        resample_inputs=False,
        handle_unknown="error",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        tol=1e-4,
        warm_start=False,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.visible = visible
        self.hidden = hidden
        self.objective = objective
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.max_time = max_time
        self.average = average
        self.l1 = l1
        self.l2 = l2
        self.l1b = l1b
        self.sparsity_target = sparsity_target
        self.sparsity_cost = sparsity_cost
        self.partition = partition
        self.resample_inputs = resample_inputs
        self.handle_unknown = handle_unknown
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    # -- training --------------------------------------------------------------------

    def _map_rows(self, function, X):
        """Apply ``function`` to blocks of rows on ``n_jobs`` threads; concatenate."""
        with use_threads(self.n_jobs):
            work = self._energy.weights.size
            parts = map_blocks(
                lambda part: function(X[part]), X.shape[0], work, size=_SCORE_ROWS
            )
        return np.concatenate(parts)

    def _fit_rows(self, Z, weight, layer, go_on, n_iter, hooks, labels=None):
        """Train on encoded rows; the common end of ``fit`` and ``partial_fit``.

        ``go_on`` continues the last training: with its optimizer and chains for one
        more pass (``n_iter=1``), or from its parameters for a new fit (None).
        """
        mass = None if weight is None else weight.sum()
        plan = make_plan(self, Z.shape[0], n_iter, mass)
        if go_on:
            training = self._training if n_iter else self._training.restarted(plan)
            Z = Z.astype(training.energy.dtype, copy=False)
        else:
            training = self._begin(Z, weight, layer, plan)
        if n_iter is not None:
            plan.schedule = SCHEDULES["constant"]  # the end of a stream is unknown
        random = training.random.fold(3)
        Z, weight, held_out = self._held_out(Z, weight, labels, random.fold(0))
        monitor = self._monitor_class(Z, weight, held_out, layer, random.fold(1))
        return self._train(training, Z, weight, plan, monitor, hooks)

    def _begin(self, Z, weight, layer, plan):
        """Return a training that starts at the marginals of the rows."""
        dtype, random = Z.dtype, Random.from_state(self.random_state)
        n_rows = Z.shape[0] if weight is None else weight.sum()
        base = layer.from_moments(*moments(Z, weight), n_rows).astype(dtype)
        hidden = lookup(self.hidden, HIDDEN, "hidden").zeros(self.n_components, dtype)
        shape = Z.shape[1], self.n_components
        weights = random.fold(0).normal(shape, dtype) * dtype.type(_INITIAL_SCALE)
        energy = self._energy_class(base.astype(dtype), hidden, weights, base=base)
        return Training.start(energy, plan, random.fold(1))

    def _held_out(self, Z, weight, labels, random):
        """Split off the validation part and its weights, if one is asked for."""
        if not self.early_stopping:
            return Z, weight, None
        # Here, since it imports half of scikit-learn.
        from sklearn.model_selection import train_test_split

        rows = np.arange(Z.shape[0]) if weight is None else np.flatnonzero(weight)
        train_rows, held_out = train_test_split(
            rows,
            test_size=self.validation_fraction,
            random_state=random.seed(),
            stratify=None if labels is None else labels[rows],
        )
        if weight is None:
            return Z[train_rows], None, (Z[held_out], None)
        return Z[train_rows], weight[train_rows], (Z[held_out], weight[held_out])

    def _train(self, training, Z, weight, plan, monitor, hooks):
        """Run the training loop and leave the fitted attributes behind."""
        context = self._init_callback_context(max_subtasks=plan.n_iter)
        context.call_on_fit_task_begin(estimator=self, **hooks)
        with use_threads(self.n_jobs):
            n_updates = -(-Z.shape[0] // plan.batch_size)
            epochs = Epochs(
                self, context, monitor, training, n_updates, plan.n_iter, hooks
            )
            train(training, Z, weight, plan, epochs)
        self.history_ = epochs.finished(training.n_epochs)
        for name, value in self._fitted_attributes(training).items():
            setattr(self, name, value)
        self._training = training
        _warn(training, epochs, plan, getattr(self, "_mixing", None), n_updates)
        if training.interrupted:
            raise KeyboardInterrupt
        context.call_on_fit_task_end(
            estimator=self,
            **hooks,
            reconstruction_attributes=lambda: self._fitted_attributes(training),
        )
        return self

    def _log_partition(self, energy, training):
        chains = getattr(training.objective_state, "chains", None)
        return LogPartition(
            energy,
            resolve(self.partition, PARTITIONS, "partition"),
            training.random.fold(2),
            chains,
            self.n_jobs,
        )

    def _common_attributes(self, energy, training):
        return {
            "_energy": energy,
            "log_partition_": self._log_partition(energy, training),
            "n_iter_": training.n_epochs,
        }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        return tags


def fit_hooks(X, y, sample_weight):
    """Return what callbacks may ask for."""
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    return {"X": X, "y": y, "metadata": metadata}


def _warn(training, epochs, plan, mixing, n_updates):
    """Say in a sentence what went wrong, and what to do about it.

    One sentence: what comes first here is often the cause of what would follow.
    """
    sentence = None
    if training.interrupted:
        sentence = (
            f"Training was interrupted after {training.n_epochs} finished epochs, "
            "whose parameters are kept. Go on with partial_fit or warm_start=True."
        )
    elif training.n_rollbacks:
        ended = " and was ended early" if training.diverged else ""
        sentence = (
            f"Training diverged {training.n_rollbacks} time(s){ended}: it went back to "
            "the last good epoch and lowered the learning rate to "
            f"{training.rate_factor:.2g} of what was asked. Set a smaller "
            "learning_rate."
        )
    elif plan.n_iter <= 1:
        return  # one pass alone cannot tell
    elif not epochs.has_learned:
        sentence = (
            "The model describes the training rows no better than independent columns "
            "do. Lower learning_rate, or raise n_iter."
        )
    elif overfitted := epochs.overfitted():
        lost, epoch = overfitted
        sentence = (
            f"The model overfits: held-out rows score {lost:.2g} nats less than after "
            f"epoch {epoch}. Set n_iter to about that, lower n_components, or raise l2."
        )
    elif mixing is not None:
        sentence = mixing.complaint(n_updates * training.n_epochs)
    if sentence:
        warnings.warn(sentence, ConvergenceWarning, stacklevel=7)
