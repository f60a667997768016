"""What the parameters of an estimator leave to "auto"."""

from skebm.optimizers import OPTIMIZERS, SCHEDULES, SGD
from skebm.penalties import Penalties
from skebm.training import Plan
from skebm.utils._validation import resolve

# Rows up to which one batch holds all of them, and rows of a batch beyond.
_FULL_BATCH, _BATCH = 256, 100
# "auto" trains for at least this many epochs, and for so many updates a row within
# bounds: chains need thousands to follow, and few rows are overfitted soon.
_MIN_EPOCHS, _UPDATES_PER_ROW, _MIN_UPDATES, _MAX_UPDATES = 10, 4, 1500, 8000
_PENALTIES = tuple(Penalties().get_params())  # flat parameters of the estimators
# l2 of "auto", times the rows: weights are normal with variance 1/4 a priori. On twelve
# sets of 266 to 2000 rows that is worth up to 30 nats a row on held-out rows (the fewer
# rows, the more) and costs up to 0.4. Two clusters in a hundred rows of five columns
# are lost at 0.02, and at 0.015 now and then: hence a largest value, for each column.
# Many rows gain nothing from it, and where most values are 1 it takes weights away that
# only the hidden biases make up for: 1.7 nats of 784-16 on 60,000 inverted digits.
_PRIOR, _STRONGEST, _FEW_ROWS = 4.0, 0.001, 10_000
# Learning rates of "auto" (asv_bench/compare/learning_rate.py). Few binary units are
# within half a nat of their best rate at 0.4; with many, chains fall behind: 8000
# updates of 200 on the mushrooms end 24 nats below those at 0.2.
_RATE, _LARGEST_RATE, _RATE_TIMES_HIDDEN = 0.1, 0.4, 12.8
# Gaussian units do not saturate: a step that is too long explodes, soonest where both
# sides can answer without bound. At 0.2 a fit of 100 hidden units to iris did.
# Real columns beside others take the rate of binary ones, 0.1.
_HIDDEN_GAUSSIAN_RATE, _ADAM_RATE = 0.01, 0.003
# Where many real columns are nearly the same, a step along what they share is that much
# longer: patches of photographs, 64 columns whose correlations have an eigenvalue of
# 53, diverged in one of five fits at 0.1. Tables have up to 18, and keep their rate.
_RATE_TIMES_SPREAD = 2.5
# Of nothing but categories, as in proteins: rows drawn from what 0.1 has learned have
# covariances that agree with held-out ones to 0.95, and 0.97 at half of it.
_CATEGORICAL_RATE = 0.05
# Real columns beside spins, which were not measured.
_OTHER_GAUSSIAN_RATE = 0.05


def make_plan(estimator, n_rows, n_iter=None, mass=None):
    """Return the plan of a training, with all numbers settled.

    Parameters
    ----------
    estimator : EnergyEstimator
        After the encoding of its columns is known.
    n_rows : int
    n_iter : int, default=None
        Epochs of a part of a stream; None takes those of the estimator.
    mass : float, default=None
        Total weight of the rows; None is their number.
    """
    is_stream = n_iter is not None
    batch_size = estimator.batch_size
    if batch_size == "auto":
        batch_size = n_rows if n_rows <= _FULL_BATCH else _BATCH
    n_iter = estimator.n_iter if n_iter is None else n_iter
    if n_iter == "auto":
        n_updates = max(_MIN_UPDATES, min(_UPDATES_PER_ROW * n_rows, _MAX_UPDATES))
        n_iter = max(_MIN_EPOCHS, -(-n_updates // -(-n_rows // batch_size)))
    objective = estimator._objective()
    optimizer, learning_rate = _resolve_optimizer(estimator, objective)
    penalties = {name: getattr(estimator, name) for name in _PENALTIES}
    if penalties["l2"] == "auto":
        # The rows of a stream are never all of them.
        mass = n_rows if mass is None else mass
        strongest = _STRONGEST * estimator.n_features_in_
        small = not is_stream and mass <= _FEW_ROWS
        penalties["l2"] = min(float(_PRIOR / mass), strongest) if small else 0.0
    return Plan(
        objective=objective,
        optimizer=optimizer,
        schedule=SCHEDULES[estimator.schedule],
        learning_rate=learning_rate,
        n_iter=n_iter,
        batch_size=batch_size,
        max_time=estimator.max_time,
        average=estimator.average,
        penalties=Penalties(**penalties),
        resample_inputs=estimator.resample_inputs,
    )


def _resolve_optimizer(estimator, objective):
    """Return the optimizer and the learning rate, where they are left to "auto".

    Adam where the gradient is exact, which an objective says by its ``adam_rate``.
    Chains cannot keep up with its first steps, which are long wherever gradients are
    small: there it takes plain descent.
    """
    optimizer = estimator.optimizer
    if optimizer == "auto":
        optimizer = "adam" if hasattr(objective, "adam_rate") else "sgd"
    optimizer = resolve(optimizer, OPTIMIZERS, "optimizer")
    rate = estimator.learning_rate
    if rate == "auto" and hasattr(estimator, "_auto_rate"):
        rate = estimator._auto_rate(optimizer)
    elif rate == "auto" and isinstance(optimizer, SGD):
        rate = _auto_rate(estimator)
    elif rate == "auto":
        rate = getattr(objective, "adam_rate", _ADAM_RATE)
    return optimizer, rate


def _auto_rate(estimator):
    kinds = {*estimator._encoding.layer_names, estimator.hidden}
    if estimator.hidden in ("gaussian", "relu"):
        return _HIDDEN_GAUSSIAN_RATE
    if kinds == {"bernoulli"}:
        rate = _RATE_TIMES_HIDDEN / estimator.n_components
        return min(max(rate, _RATE), _LARGEST_RATE)
    if set(estimator._encoding.layer_names) == {"categorical"}:
        return _CATEGORICAL_RATE
    real = kinds & {"gaussian", "zeroinflated"}
    if real and "spin" in kinds:
        return _OTHER_GAUSSIAN_RATE
    # Counts couple by their value, so the curvature of their bias is their variance.
    variance = max(estimator._encoding.variance_of_counts, 1)
    return min(_RATE, 1 / variance, _RATE_TIMES_SPREAD / estimator._encoding.spread)
