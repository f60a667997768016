"""Press Ctrl-C at random moments: ``python -m tests.interrupts --moments 10000``.

It calls every public method of all estimators. After each interruption the same call
has to return, with the same result. After an interrupted fit, the estimator has to be
usable, or not fitted.
"""

import argparse
import faulthandler
import pickle
import random
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from functools import partial

import numpy as np
import pandas as pd
from sklearn.exceptions import NotFittedError
from threadpoolctl import threadpool_info

from skebm import (
    DocumentDensity,
    EBMAnomalyDetector,
    EnergyClassifier,
    EnergyDenoiser,
    EnergyDensity,
    EnergyImputer,
    RBMDensity,
)
from skebm.energies import RBMRecipe
from skebm.energies.images import RidgeRecipe

# Seconds after which a call that does not return ends the process.
_HANGS = 60
# A moment may come a little later than the call took at first: other work runs beside.
_LATEST = 1.3
# A whole fit follows an interrupted fit after so many moments.
_WHOLE_FITS = 10

_rng = np.random.default_rng(0)
BITS = (_rng.random((101, 13)) < 0.4).astype(float)
MANY = (_rng.random((307, 71)) < 0.3).astype(np.float32)
REALS = _rng.normal(size=(61, 3)) @ _rng.normal(size=(3, 3))
WORDS = _rng.poisson(1.0, (31, 7)) + np.eye(7, dtype=int)[0]
IMAGES = _rng.random((3, 33, 35)).astype(np.float32)
LABELS = np.array(["a", "b", "c"])[np.arange(101) % 3]
FRAME = pd.DataFrame({"real": REALS[:, 0], "text": _rng.choice(["x", "y"], 61)})


def _with_holes(X):
    """Return a few rows, whose first cells are missing one after the other."""
    rows = X[:5].copy()
    cells = rows.iloc if isinstance(rows, pd.DataFrame) else rows
    for k in range(5):
        cells[k, k % X.shape[1]] = np.nan
    return rows


_SMALL = {"n_components": 5, "n_iter": 3, "random_state": 0, "n_jobs": 2}
_FEW = {"n_iter": 3, "random_state": 0, "n_jobs": 2}
# An estimator and the arguments of its fit.
CASES = {
    "RBMDensity": (RBMDensity(**_SMALL), [BITS]),
    "RBMDensity, threads": (RBMDensity(70, **_FEW), [MANY]),
    "EnergyDensity": (EnergyDensity(**_FEW, energy=RBMRecipe(5)), [REALS]),
    "EnergyClassifier": (EnergyClassifier(**_SMALL), [BITS, LABELS]),
    "EnergyClassifier, hybrid": (
        EnergyClassifier(**_SMALL, generative_weight=0.5),
        [BITS, LABELS],
    ),
    "EBMAnomalyDetector": (EBMAnomalyDetector("rbm", **_FEW), [REALS]),
    "EnergyImputer": (EnergyImputer(**_FEW), [FRAME]),
    "EnergyDenoiser": (
        EnergyDenoiser(RidgeRecipe(5, 3), **_FEW, sigma=0.1, patch_size=8),
        [IMAGES],
    ),
    "DocumentDensity": (DocumentDensity(**_SMALL), [WORDS]),
}
FITS = ("fit", "partial_fit", "fit_transform", "fit_predict")
# Methods whose rows have holes, besides those without any.
OF_HOLES = ("complete", "posterior_mean", "posterior_interval", "transform")
OPTIONS = {
    "sample": {"n_samples": 5, "random_state": 0},
    "gibbs": {"n_steps": 5, "random_state": 0},
    "complete": {"random_state": 0},
    "conditional_log_prob": {"given": [0]},
}
WITHOUT_HOLES = ("EnergyClassifier", "DocumentDensity", "EnergyDenoiser")
OF_ONE_IMAGE = ("energy_map", "restore")
WITHOUT_ROWS = ("sample", "topics", "get_feature_names_out")
# scikit-learn's, which compute nothing; and an alternative to ``fit`` that only stores.
LEFT_OUT = ("get_params", "set_params", "set_output", "set_callbacks")
LEFT_OUT += ("get_metadata_routing", "from_parameters", "pretrained")


class NotUsableError(Exception):
    """An estimator is not usable after an interruption."""


def public_names(estimator):
    """Return the names of the methods and of the properties that compute something."""
    kind = type(estimator)
    names = [name for name in dir(kind) if not name.startswith("_")]
    names = [name for name in names if hasattr(estimator, name)]
    calls = [name for name in names if callable(getattr(estimator, name))]
    requests = [name for name in calls if name.endswith("_request")]
    names = [name for name in names if name not in {*LEFT_OUT, *requests}]
    has_value = hasattr(getattr(estimator, "log_partition_", None), "value")
    return [*names, "log_partition_"] if has_value else names


def calls_of(name):
    """Return calls by name, and the pickled estimator, fitted, that they are made on.

    A call is a function of an estimator.
    """
    estimator, arguments = CASES[name]
    fitted = pickle.loads(pickle.dumps(estimator)).fit(*arguments)
    # Before properties are asked for, since some keep what they compute.
    pickles, calls = [pickle.dumps(model) for model in (estimator, fitted)], {}
    for method in public_names(fitted):
        if method == "log_partition_":
            calls[method] = lambda model: model.log_partition_.value
        elif not callable(getattr(fitted, method)):
            calls[method] = partial(_read, name=method)
        elif method in WITHOUT_ROWS:
            calls[method] = _called(method, [])
        elif method in OF_ONE_IMAGE:
            calls[method] = _called(method, [arguments[0][0]])
        elif method in FITS:
            calls[method] = _called(method, arguments)
        else:
            takes_labels = method == "score" and len(arguments) == 2
            calls[method] = _called(method, arguments[: 1 + takes_labels])
    for method in set(OF_HOLES) & set(calls):
        if not name.startswith(WITHOUT_HOLES):
            rows = _with_holes(arguments[0])
            calls[f"{method} of holes"] = _called(method, [rows])
    return calls, *pickles


def _read(model, name):
    return getattr(model, name)


def _called(method, arguments):
    options = OPTIONS.get(method, {})
    return lambda model: getattr(model, method)(*arguments, **options)


def same(a, b):
    """Tell whether two results are the same in every bit."""
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, pd.DataFrame | pd.Series):
        return a.equals(b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(
            a, b, equal_nan=a.dtype.kind == "f"
        )
    return type(a) is type(b) and (a == b or (a != a and b != b))


def interrupted(call, moment):
    """Return how a call ended: ``"late"``, ``"interrupted"`` or ``"lost"``.

    A moment after the end of the call is late. An interrupt is lost if the call goes on
    to its end.
    """
    try:
        signal.setitimer(signal.ITIMER_REAL, moment)
        call()
        ending = "late" if signal.setitimer(signal.ITIMER_REAL, 0)[0] else "lost"
        time.sleep(1e-3)  # a signal that another thread received comes a little later
        return ending
    except KeyboardInterrupt:
        return "interrupted"


def blas_threads():
    """Return the numbers of threads that BLAS may use."""
    pools = threadpool_info()
    return [pool["num_threads"] for pool in pools if pool["user_api"] == "blas"]


def check_usable(model, arguments):
    """Raise an error unless a model can be used, or is not fitted."""
    names = "score_samples", "predict", "transform"
    try:
        for name in [name for name in names if hasattr(model, name)]:
            if pd.isna(getattr(model, name)(arguments[0])).any(axis=None):
                raise NotUsableError(f"{name} returns missing values")
    except NotFittedError:
        return


class Method:
    """A method that is interrupted again and again.

    Parameters
    ----------
    name : str
        ``"estimator.method"``, or ``"estimator.method of holes"``.
    call : callable
        A function of an estimator.
    new, fitted : bytes
        Pickles of the estimator.
    """

    def __init__(self, name, call, new, fitted):
        self.name, self.call, self.new, self.fitted = name, call, new, fitted
        owner, method = name.split(".")
        self.arguments = CASES[owner][1]
        self.is_fit = method in FITS
        self.endings, self.wrong, self.n = Counter(), Counter(), 0
        call(pickle.loads(fitted))  # compiles
        start = time.perf_counter()
        result = call(pickle.loads(fitted))
        self.seconds = time.perf_counter() - start
        self.expected = None if self.is_fit else result

    def interrupt(self, dice):
        """Interrupt a call at a random moment, and note what is wrong."""
        self.n += 1
        begins = self.is_fit and self.n % 2
        model = pickle.loads(self.new if begins else self.fitted)
        moment = max(dice.random() * _LATEST * self.seconds, 1e-5)
        try:
            ending = interrupted(lambda: self.call(model), moment)
            self.endings[ending] += 1
            if self.is_fit:
                check_usable(model, self.arguments)
            if not self.is_fit or self.n % _WHOLE_FITS == 0:
                self._check_again(model)
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            words = str(error).split("\n")[0][:90]
            place = f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno}"
            self.wrong[f"{type(error).__name__}: {words} ({place})"] += 1

    def _check_again(self, model):
        result = self.call(model)
        if self.is_fit:
            check_usable(model, self.arguments)
        elif not same(result, self.expected):
            raise NotUsableError("another result")


def methods(only=()):
    """Return the methods of all estimators, or those with these names."""
    found = []
    for owner in CASES:
        if only and not any(name.split(".")[0] == owner for name in only):
            continue
        calls, *pickles = calls_of(owner)
        for method, call in calls.items():
            name = f"{owner}.{method}"
            if not only or name in only or owner in only:
                found.append(Method(name, call, *pickles))
    return found


def run(found, n_moments, seconds, seed):
    """Interrupt one method after the other, and return whether BLAS is as before."""
    dice, before, start = random.Random(seed), blas_threads(), time.monotonic()
    old = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for n in range(n_moments):
            if time.monotonic() - start > seconds:
                break
            faulthandler.dump_traceback_later(_HANGS, exit=True)
            found[n % len(found)].interrupt(dice)
            faulthandler.cancel_dump_traceback_later()
    finally:
        signal.signal(signal.SIGALRM, old)
    return blas_threads() == before


def main():
    """Print a line for each method, and return whether nothing is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=np.inf)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=())
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    found = methods(options.only)
    is_free = run(found, options.moments, options.seconds, options.seed)
    columns = "late", "interrupted", "lost"
    print(f"{'method':45} {'ms':>6}", *(f"{name:>11}" for name in columns), " wrong")
    for method in found:
        counts = (f"{method.endings[name]:11}" for name in columns)
        print(f"{method.name:45} {1e3 * method.seconds:6.1f}", *counts, end="")
        print(f" {sum(method.wrong.values()):6}")
        for words, n in method.wrong.items():
            print(f"    {n} times {words}")
    print("left out:", ", ".join(LEFT_OUT), "and set_..._request")
    endings = sum((method.endings for method in found), Counter())
    print(dict(endings), "" if is_free else "BLAS has other limits than before")
    return is_free and not any(method.wrong for method in found)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
