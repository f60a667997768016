"""Fits that go on from the last fit, and fits that are refused."""

from contextlib import contextmanager
from copy import copy

import numpy as np
from sklearn.base import clone

# Parameters of estimators that define the model, which a fit that goes on keeps.
_DEFINING = (
    *("energy", "words", "n_components", "visible", "hidden"),
    *("couplings", "n_clusters"),
)


@contextmanager
def whole(estimator, mark):
    """Restore the attributes of an estimator if its fit is refused.

    Ctrl-C, and a warning that is an error, restore them only if there is no new model.

    Parameters
    ----------
    estimator : estimator
    mark : str
        An attribute that the fit sets to a new object once there is a new model.
    """
    before = dict(vars(estimator))
    try:
        yield
    except BaseException as error:
        is_refused = isinstance(error, Exception) and not isinstance(error, Warning)
        if is_refused or vars(estimator).get(mark) is before.get(mark):
            _restore(estimator, before)
        raise


def _restore(estimator, before):
    # The attributes of callbacks belong to scikit-learn, which deletes them itself. It
    # also deletes the names of columns, if those of other rows are not text.
    now = vars(estimator)
    for name in [name for name in {**now, **before} if "callback" not in name]:
        if name in before:
            now[name] = before[name]
        else:
            del now[name]


def defining(estimator):
    """Return copies of the parameters that define the model of an estimator."""
    params = estimator.get_params(deep=False)
    return {
        name: clone(params[name], safe=False) for name in _DEFINING if name in params
    }


def refuse_changes(estimator, before):
    """Raise a sentence if parameters that define the model are not as they were.

    Parameters
    ----------
    estimator : estimator
    before : dict
        The result of :func:`defining` when the model was built.
    """
    for name, value in before.items():
        now = getattr(estimator, name)
        if not same(value, now):
            raise ValueError(
                f"{name} was {_shown(value)} when the model was fitted, and is "
                f"{_shown(now)} now. A fit that goes on keeps the model. Set {name} "
                "back, or call fit with warm_start=False for a new model."
            )


def renewed(last, new):
    """Return a copy of a fitted estimator with the parameters of another one.

    It is a copy, so that the fitted estimator stays if the next fit is refused.

    Parameters
    ----------
    last : estimator
        A fitted estimator.
    new : estimator
        An estimator of the same class.
    """
    if type(new) is not type(last):
        raise ValueError(
            f"The density was a {type(last).__name__} when it was fitted, and is a "
            f"{type(new).__name__} now. Set density back, or call fit with "
            "warm_start=False for a new model."
        )
    return copy(last).set_params(**new.get_params(deep=False))


def same(a, b):
    """Tell whether two values of a parameter say the same.

    Objects are the same if they have the same type and the same parameters, or the same
    attributes if they have no parameters.
    """
    if a is b:
        return True
    if type(a) is not type(b):
        plain = (str, bool, int, float, np.generic)
        return isinstance(a, plain) and isinstance(b, plain) and bool(a == b)
    if hasattr(a, "get_params") and not isinstance(a, type):
        return same(a.get_params(deep=False), b.get_params(deep=False))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and same(a.tolist(), b.tolist())
    if type(a).__eq__ is object.__eq__ and hasattr(a, "__dict__"):
        return same(vars(a), vars(b))
    return bool(np.all(a == b))


def _shown(value):
    text = repr(value)
    return text if len(text) <= 100 else text[:97] + "..."


def is_interrupt(error):
    """Tell whether Ctrl-C caused an error: numba wraps it while it loads a kernel."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None
