"""Checks of arguments, of names, and of what a part needs of an energy."""

from collections.abc import Callable
from difflib import get_close_matches
from inspect import signature
from numbers import Integral, Real
from os import PathLike
from typing import TypeVar

from sklearn.base import clone

from skebm.utils._sklearn import Interval, validate_params

_Method = TypeVar("_Method")

# Chains are as long as documents. Longer numbers of words are no counts of words.
LONGEST_DOCUMENT = 1_000_000
# Names that an error message lists.
_N_NAMES = 10
# What the arguments of methods may be.
_ARGUMENTS = {
    "n_samples": Interval(Integral, 0, None, closed="left"),
    "n_steps": Interval(Integral, 0, None, closed="left"),
    "n_words": Interval(Integral, 1, None, closed="left"),
    "beta": Interval(Real, 0, None, closed="neither"),
    "coverage": Interval(Real, 0, 1, closed="neither"),
    "random_state": "random_state",
}


def checks(*names: str) -> Callable[[_Method], _Method]:
    """Return a decorator of methods that checks the arguments with these names.

    An argument that is wrong raises scikit-learn's ``InvalidParameterError``, which is
    a ``ValueError`` and a ``TypeError``.
    """
    constraints = {name: [_ARGUMENTS[name]] for name in names}
    return validate_params(constraints, prefer_skip_nested_validation=True)


def is_auto(value):
    """Tell whether a parameter that may be of any type is ``"auto"``."""
    return isinstance(value, str) and value == "auto"


def check_positive(value, name):
    """Raise a sentence if an argument is no whole number above 0."""
    if not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be a whole number from 1 on; got {value!r}.")


def check_finite(value, name):
    """Raise a sentence if an argument is no finite number above 0."""
    if not isinstance(value, Real) or not 0 < value < float("inf"):
        raise ValueError(f"{name} must be a finite number above 0; got {value!r}.")


def refuse_paths(X):
    """Raise a sentence if X is a path or a dataset, which few estimators read."""
    if isinstance(X, str | PathLike) or hasattr(X, "get_fragments"):
        raise TypeError(
            f"X is {X!r}, but this call does not read rows from disk, as fit and the "
            "scores of RBMDensity, EnergyDensity, EnergyClassifier and "
            "EBMAnomalyDetector do. Pass rows, such as pandas.read_parquet(path)."
        )


def layer_sizes(sizes, wanted, remedy=""):
    """Return the numbers of units of hidden layers, a list of int above 0.

    Parameters
    ----------
    sizes : int or sequence of int
        The parameter ``hidden_layer_sizes``.
    wanted, remedy : str
        What it must be, and what else there is to do, for the error message.
    """
    sizes = (sizes,) if isinstance(sizes, Integral) else tuple(sizes)
    if not sizes or not all(isinstance(s, Integral) and s > 0 for s in sizes):
        raise ValueError(f"hidden_layer_sizes must be {wanted}; got {sizes!r}.{remedy}")
    return [int(size) for size in sizes]


def changed(estimator, names):
    """Return which of some parameters do not have their default."""
    usual = signature(type(estimator)).parameters
    return [name for name in names if getattr(estimator, name) != usual[name].default]


def refuse_pieces(estimator, sample_weight):
    """Raise a sentence if a fit in one piece is asked for what needs a training loop.

    Parameters
    ----------
    estimator : estimator
        With the parameter ``energy``.
    sample_weight : array-like or None
    """
    callbacks = getattr(estimator, "_skl_callbacks", ())
    wrong = changed(estimator, ("max_time", "early_stopping", "warm_start"))
    wrong += ["sample_weight"] * (sample_weight is not None)
    wrong += ["Checkpoint"] * any(hasattr(one, "begin_fit") for one in callbacks)
    if wrong:
        raise ValueError(
            f"energy={estimator.energy!r} is learned in one piece, which takes no "
            f"{wrong[0]}. Leave it out."
        )


def list_names(name, names):
    """Return the names that an error message lists: all, or those nearest to one."""
    names = list(names)
    if len(names) <= _N_NAMES:
        return ", ".join(map(repr, names))
    near = get_close_matches(str(name), map(str, names), n=5, cutoff=0)
    by_text = dict(zip(map(str, names), names, strict=True))
    listed = ", ".join(repr(by_text[text]) for text in near)
    return f"{listed}, ... ({len(names)} in all)"


def resolve(part, registry, what, others=()):
    """Return a new spec for a parameter that takes a name or a spec.

    Parameters
    ----------
    part : str or spec
        A name makes a spec with its defaults. A spec is cloned.
    registry : dict of str to class
        The known names.
    what : str
        Name of the parameter, for the error message.
    others : tuple of class, default=()
        Classes of specs that take the same parameter of other estimators.

    Returns
    -------
    spec

    Raises
    ------
    ValueError
        If the name is unknown. The message lists the known names.
    TypeError
        If the spec is for other estimators.
    """
    if isinstance(part, tuple(others)):
        known = ", ".join(sorted(entry.__name__ for entry in registry.values()))
        raise TypeError(
            f"{what}={part!r} is for other estimators. This one takes: {known}."
        )
    if not isinstance(part, str):
        return clone(part)
    return lookup(part, registry, what)()


def lookup(name, registry, what):
    """Return the entry of ``registry`` under ``name``.

    Raises
    ------
    ValueError
        If there is no such entry. The message lists the known names.
    """
    try:
        return registry[name]
    except KeyError:
        known = ", ".join(repr(key) for key in registry)
        raise ValueError(f"{what}={name!r} is not known. Known: {known}.") from None


def require(energy, consumer, remedy):
    """Raise an error if the energy lacks a capability that the consumer requires.

    Parameters
    ----------
    energy : energy
    consumer : spec with ``requires``
        The sampler, objective or partition method that is to be used. ``requires`` has
        the names of the attributes of the energy that it uses.
    remedy : str
        Sentence that tells the user what to do, for the error message.

    Raises
    ------
    TypeError
        If an attribute is missing.
    """
    for capability in consumer.requires:
        if not hasattr(energy, capability):
            raise TypeError(
                f"{type(consumer).__name__} needs an energy with {capability}; "
                f"{getattr(energy, '_label', type(energy).__name__)} has none. {remedy}"
            )
