"""Run a case, and judge how each of its calls ends."""

import linecache
import pickle
import signal
import threading
import time
import traceback
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone

from tests.fuzz import images, ratings
from tests.fuzz.results import WrongResultError, check

# Seconds of CPU that a call may take, with the compilation of what it uses.
LIMIT = 60
# Endings that are right. "borrowed" are NumPy's or pandas' words in scikit-learn's
# checks of its input, which users of scikit-learn know.
RIGHT = ("result", "sentence", "borrowed")
KINDS = (ValueError, TypeError, AttributeError, NotImplementedError)
BORROWED = (
    "could not convert string to float",
    "inhomogeneous shape",
    "setting an array element with a sequence",
    "float() argument must be",
    "Complex data not supported",
    "must be real number",
    "invalid literal",
    "Cannot cast",
    "did not contain a loop",
    "not supported between instances of",
)
CHECKED = ("sklearn", "narwhals", "joblib")


@dataclass
class Ending:
    """How a call of a case ended.

    Attributes
    ----------
    verdict : str
        One of ``RIGHT``, or the name of a failure.
    call : Call
    words : str
        The last line of the error, or what is wrong with the result.
    place : str
        The innermost frame of the error.
    error : Exception or None
    """

    verdict: str
    call: object
    words: str = ""
    place: str = ""
    error: Exception | None = None

    @property
    def right(self):
        """Whether the call ended as it should."""
        return self.verdict in RIGHT


class SlowError(BaseException):
    """A call took too much CPU; no ``except Exception`` swallows it."""


@contextmanager
def limited(seconds):
    """Interrupt what takes more seconds of CPU, if this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number, frame):
        raise SlowError(f"more than {seconds} s of CPU")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def run(case, limit=LIMIT):
    """Run the calls of a case, and return their endings.

    Parameters
    ----------
    case : Case
    limit : float
        Seconds of CPU that a call may take.

    Returns
    -------
    list of Ending
        Up to the first failure.
    """
    estimator, fitted_on, endings = case.estimator, None, []
    for call in case.calls:
        before = _probe(estimator, fitted_on)
        ending, result = judged(estimator, call, limit)
        if call.method in ("fit", "partial_fit"):
            if ending.error is None:
                fitted_on = call.arguments["X"]
            elif before is not None and ending.right:
                ending = _kept(estimator, fitted_on, before, ending)
        if call.method in ("clone", "pickle") and ending.error is None:
            estimator = result
            fitted_on = fitted_on if call.method == "pickle" else None
            if call.method == "pickle" and before is not None:
                ending = _kept(estimator, fitted_on, before, ending)
        endings.append(ending)
        if not ending.right:
            break
    return endings


def judged(estimator, call, limit=LIMIT):
    """Make a call; return its ending and its result."""
    start, result = time.process_time(), None
    with noted_warnings() as loud:
        try:
            with limited(limit):
                result = _made(estimator, call)
                _check_of(estimator)(estimator, call, result)
            ending = Ending("result", call)
        except WrongResultError as error:
            ending = Ending("wrong result", call, str(error), call.method, error)
        except (Exception, SlowError) as error:
            ending = _of_error(call, error)
    if time.process_time() - start > limit:
        return Ending("slow", call, ending.words, ending.place, ending.error), result
    if loud and ending.right:
        return Ending("warning", call, *loud[0], ending.error), result
    return ending, result


@contextmanager
def noted_warnings():
    """Collect the words and the places of the numerical warnings of skebm."""
    loud = []

    def note(message, category, filename, lineno, file=None, line=None):
        frames = [f for f in traceback.extract_stack() if _is_known(f)]
        in_skebm = bool(frames) and _package(frames[-1].filename) == "skebm"
        if issubclass(category, RuntimeWarning) and in_skebm:
            loud.append((str(message), _place(frames[-1])))

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = note
        yield loud


def _check_of(estimator):
    """Return the function that checks results of this estimator."""
    kinds = {"EnergyDenoiser": images, "EnergyRecommender": ratings}
    module = kinds.get(type(estimator).__name__)
    return check if module is None else module.check


def _made(estimator, call):
    if call.method == "clone":
        return clone(estimator)
    if call.method == "pickle":
        return pickle.loads(pickle.dumps(estimator))
    if call.method == "log_partition_" and not hasattr(estimator, call.method):
        return None  # not fitted yet
    found = getattr(estimator, call.method)
    return found(**call.arguments) if callable(found) else found


def _of_error(call, error):
    """Return the ending of a call that raised an error."""
    frames = traceback.extract_tb(error.__traceback__)
    last, package = frames[-1], _package(frames[-1].filename)
    line = linecache.getline(last.filename, last.lineno).strip()
    words = " ".join(f"{type(error).__name__}: {error}".split())
    checks = [f for f in frames if _is_known(f)]
    place = _place(last)
    if checks and checks[-1] is not last:
        place = f"{_place(checks[-1])} > {place}"
    if isinstance(error, SlowError):
        return Ending("slow", call, words, place, error)
    is_sentence = isinstance(error, KINDS) and len(str(error).split()) > 2
    in_check = bool(checks) and _package(checks[-1].filename) in CHECKED
    if is_sentence and package in (*CHECKED, "skebm") and line.startswith("raise "):
        verdict = "sentence"
    elif is_sentence and in_check and any(b in str(error) for b in BORROWED):
        verdict = "borrowed"
    else:
        verdict = "raw error"
    return Ending(verdict, call, words, place, error)


def _package(filename):
    parts = Path(filename).parts
    for name in ("site-packages", "dist-packages"):
        if name in parts:
            return parts[parts.index(name) + 1]
    return "skebm" if "skebm" in parts and "tests" not in parts else ""


def _is_known(frame):
    return _package(frame.filename) in (*CHECKED, "skebm")


def _place(frame):
    return "/".join(Path(frame.filename).parts[-3:]) + f":{frame.lineno}"


PROBES = ("score_samples", "predict_proba", "transform", "energy_samples")


def _probe(estimator, X):
    """Return what a fitted estimator says of rows, or None if it says nothing."""
    if X is None:
        return None
    with warnings.catch_warnings(), limited(LIMIT):
        warnings.simplefilter("ignore")
        for method in PROBES:
            try:
                if method != "transform" or hasattr(estimator, "density_"):
                    return method, getattr(estimator, method)(X)
            except (Exception, SlowError):
                continue
    return None


def _kept(estimator, X, before, ending):
    """Return the ending, or a failure if the estimator does not say the same again."""
    after = _probe(estimator, X)
    if after is None or not _same(before[1], after[1]):
        return Ending("lost model", ending.call, ending.words, ending.place)
    return ending


def _same(one, other):
    if issparse(one):
        one, other = one.toarray(), other.toarray()
    if hasattr(one, "equals"):
        return one.equals(other)
    if getattr(one, "dtype", np.dtype(object)).kind == "f":
        return np.array_equal(one, other, equal_nan=True)
    return str(one) == str(other)
