"""What the parameters of an estimator leave to "auto"."""

from skebm.optimizers import OPTIMIZERS, SCHEDULES, SGD
from skebm.training import Plan
from skebm.utils._validation import resolve

# Rows up to which one batch holds all of them, and rows of a batch beyond.
_FULL_BATCH, _BATCH = 256, 100
# "auto" trains for at least this many epochs and this many updates.
_MIN_EPOCHS, _MIN_UPDATES = 10, 1500
# Learning rates of "auto". Gaussian units do not saturate: a step that is too long
# explodes, soonest where both sides can answer without bound.
_RATE, _GAUSSIAN_RATE, _HIDDEN_GAUSSIAN_RATE, _ADAM_RATE = 0.1, 0.05, 0.01, 0.003


def make_plan(estimator, n_rows, n_iter=None):
    """Return the plan of a training, with all numbers settled.

    Parameters
    ----------
    estimator : EnergyEstimator
        After the kinds of its columns are known.
    n_rows : int
    n_iter : int, default=None
        Epochs; None takes those of the estimator.
    """
    batch_size = estimator.batch_size
    if batch_size == "auto":
        batch_size = n_rows if n_rows <= _FULL_BATCH else _BATCH
    n_iter = estimator.n_iter if n_iter is None else n_iter
    if n_iter == "auto":
        n_iter = max(_MIN_EPOCHS, -(-_MIN_UPDATES // -(-n_rows // batch_size)))
    objective = estimator._objective()
    optimizer, learning_rate = _resolve_optimizer(estimator, objective)
    return Plan(
        objective=objective,
        optimizer=optimizer,
        schedule=SCHEDULES[estimator.schedule],
        learning_rate=learning_rate,
        n_iter=n_iter,
        batch_size=batch_size,
        max_time=estimator.max_time,
        average=estimator.average,
        l1=estimator.l1,
        l2=estimator.l2,
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
    if rate == "auto" and isinstance(optimizer, SGD):
        rate = _auto_rate(estimator)
    elif rate == "auto":
        rate = getattr(objective, "adam_rate", _ADAM_RATE)
    return optimizer, rate


def _auto_rate(estimator):
    if estimator.hidden == "gaussian":
        return _HIDDEN_GAUSSIAN_RATE
    return _GAUSSIAN_RATE if "gaussian" in estimator._kinds else _RATE
