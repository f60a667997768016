"""The plan of a training: the numbers and parts that "auto" stands for."""

from skebm.optimizers import OPTIMIZERS, SCHEDULES
from skebm.penalties import Penalties
from skebm.training import Plan
from skebm.utils._validation import resolve

# Rows up to which one batch holds all of them, and rows of a batch beyond.
_FULL_BATCH, _BATCH = 256, 100
# "auto" trains for at least this many epochs.
_MIN_EPOCHS = 10
_PENALTIES = tuple(Penalties().get_params())  # flat parameters of the estimators
# l2 of "auto", times the rows: weights are normal with variance 1/4 a priori. On twelve
# sets of 266 to 2000 rows that is worth up to 30 nats a row on held-out rows (the fewer
# rows, the more) and costs up to 0.4. Two clusters in a hundred rows of five columns
# are lost at 0.02, and at 0.015 now and then: hence a largest value, for each column.
# Many rows gain nothing from it, and where most values are 1 it takes weights away that
# only the hidden biases make up for: 1.7 nats of 784-16 on 60,000 inverted digits.
_PRIOR, _STRONGEST, _FEW_ROWS = 4.0, 0.001, 10_000
# Rows from which the precision of weights that only labels are learned by may grow.
_LABEL_ROWS = 300


def make_plan(
    estimator, energy, layer, n_rows, n_iter=None, mass=None, fewest=_MIN_EPOCHS
):
    """Return the plan of a training, with a value in place of every "auto".

    Parameters
    ----------
    estimator : EnergyEstimator
        An estimator that knows the first rows.
    energy : Energy
    layer : layer or None
        The visible units.
    n_rows : int
    n_iter : int, default=None
        Number of epochs for rows that are a part of a stream. None takes ``n_iter`` of
        the estimator.
    mass : float, default=None
        Total weight of the rows. None takes their number.
    fewest : int
        "auto" trains for at least this number of epochs.
    """
    is_stream = n_iter is not None
    estimator._partition()  # a wrong one is refused before the training
    batch_size = estimator.batch_size
    if batch_size == "auto":
        batch_size = n_rows if n_rows <= _FULL_BATCH else _BATCH
    n_iter = estimator.n_iter if n_iter is None else n_iter
    may_settle = n_iter == "auto"
    # The layer of the energy tells whether its variables are coupled.
    recipe, layer = estimator._recipe(), getattr(energy, "visible", None) or layer
    if n_iter == "auto":
        n_updates = recipe.n_updates(layer, n_rows)
        n_iter = max(fewest, -(-n_updates // -(-n_rows // batch_size)))
    objective = estimator._objective()
    optimizer = _optimizer(estimator.optimizer, objective)
    rate = estimator.learning_rate
    if rate == "auto":
        summary = estimator._summary
        rate = recipe.learning_rate(layer, summary, objective, optimizer)
    penalties = {name: getattr(estimator, name) for name in _PENALTIES}
    if penalties["l2"] == "auto":
        # The rows of a stream are never all of them.
        mass = n_rows if mass is None else mass
        small = not is_stream and energy.weight_names
        penalties["l2"] = _l2(estimator, objective, mass) if small else 0.0
    return Plan(
        objective=objective,
        optimizer=optimizer,
        schedule=SCHEDULES["constant" if is_stream else estimator.schedule],
        learning_rate=rate,
        n_iter=n_iter,
        batch_size=batch_size,
        max_time=estimator.max_time,
        average=estimator.average,
        penalties=Penalties(**penalties),
        resample_inputs=getattr(estimator, "resample_inputs", False),
        kernel=estimator._kernel,
        may_settle=may_settle,
    )


def _l2(estimator, objective, mass):
    """Return the penalty that "auto" stands for, given the total weight of all rows."""
    recipe = estimator._recipe()
    if getattr(objective, "only_labels", False):
        growth = max(1.0, mass / _LABEL_ROWS) ** recipe.label_growth
        return float(recipe.label_precision * growth / mass)
    if not recipe.is_shrunk or mass > _FEW_ROWS:
        return 0.0
    strongest = _STRONGEST * estimator.n_features_in_
    return min(float(_PRIOR / mass), strongest)


def _optimizer(optimizer, objective):
    """Return the optimizer, or the optimizer that "auto" stands for.

    With an exact gradient, "auto" is Adam. An objective with an exact gradient has the
    attribute ``adam_rate``. With an estimate from chains, "auto" is plain descent: the
    first steps of Adam are long wherever gradients are small, and chains cannot follow
    them.
    """
    if optimizer == "auto":
        optimizer = "adam" if hasattr(objective, "adam_rate") else "sgd"
    return resolve(optimizer, OPTIMIZERS, "optimizer")
