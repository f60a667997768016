"""What files of fitted estimators hold: public names of classes, and the version."""

import warnings
from copy import deepcopy

from sklearn.exceptions import InconsistentVersionWarning

from skebm.utils._types import Declared

_EARLIER = "without a version"


def public(module):
    """Return a decorator that gives a class the name that it has in a public module.

    Files of pickle and skops name classes by their modules. So a private module can be
    moved, and who loads a file of skops trusts public names only.

    Parameters
    ----------
    module : str
        The module that imports the class.
    """

    def decorate(cls):
        cls.__module__ = module
        return cls

    return decorate


class Versioned(Declared):
    """Base of estimators whose state has the version of skebm.

    Scikit-learn does the same for its own estimators only.
    """

    def __getstate__(self):
        return {**super().__getstate__(), "_skebm_version": version()}

    def __setstate__(self, state):
        state = dict(state)
        stored = state.pop("_skebm_version", _EARLIER)
        if stored != version():
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=f"{version()} of skebm",
                    original_sklearn_version=f"{stored} of skebm",
                ),
                stacklevel=2,
            )
        super().__setstate__(state)


def writable(training):
    """Return a training whose arrays can be updated: a copy if they are read-only.

    The arrays of a file that is mapped to memory are.
    """
    params = training.energy.params.values()
    return training if all(v.flags.writeable for v in params) else deepcopy(training)


def version():
    """Return the version of skebm."""
    import skebm

    return skebm.__version__
