"""The types that files of skops hold if they hold estimators of skebm."""

import importlib
import pkgutil

# The parts of the package that a fitted estimator is made of.
_PARTS = (
    *("energies", "estimators", "layers", "monitoring", "objectives", "optimizers"),
    *("partition", "samplers", "tables", "utils"),
)
_MODULES = "callbacks", "penalties", "preprocessing", "training"


def trusted_types():
    """Return the names of the types of skebm that files of estimators may hold.

    A file of :mod:`skops.io` runs no code of its own. It makes objects of types that
    the reader trusts, and ``skops`` does not know the types of other packages. All
    types of skebm are safe in that respect: to make an object sets its attributes and
    does nothing else. A file of an unknown source may still hold numbers that are
    wrong.

    Types of your own, such as an energy that you have defined, are not among them.

    Returns
    -------
    list of str

    Examples
    --------
    >>> import skops.io
    >>> from sklearn.datasets import load_digits
    >>> from skebm import RBMDensity
    >>> from skebm.persistence import trusted_types
    >>> X = load_digits().data / 16
    >>> rbm = RBMDensity(n_components=4, n_iter=2, random_state=0).fit(X)
    >>> data = skops.io.dumps(rbm)
    >>> again = skops.io.loads(data, trusted=trusted_types())
    >>> again.score(X) == rbm.score(X)
    True
    """
    names = []
    for module in map(importlib.import_module, _public_modules()):
        names += [
            f"{module.__name__}.{name}"
            for name, value in vars(module).items()
            if isinstance(value, type)
            and value.__module__ == module.__name__
            and not name.startswith("_")
        ]
    return sorted(names)


def _public_modules():
    """Return the names of the modules whose types files may hold."""
    found = [f"skebm.{name}" for name in _MODULES]
    for part in _PARTS:
        package = importlib.import_module(f"skebm.{part}")
        inside = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        found += [package.__name__, *(module.name for module in inside)]
    is_public = [not any(w.startswith("_") for w in name.split(".")) for name in found]
    return [name for name, public in zip(found, is_public, strict=True) if public]


__all__ = ["trusted_types"]
