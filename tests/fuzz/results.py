"""What the result of each method has to look like."""

import numbers

import numpy as np
import pandas as pd
import polars as pl
from scipy.sparse import issparse

from tests.fuzz.calls import n_rows_of


class WrongResultError(Exception):
    """A result that is not finite or has the wrong shape."""


def demand(truth, sentence):
    """Raise an error with this sentence unless it is true."""
    if not truth:
        raise WrongResultError(sentence)


def check(estimator, call, result):
    """Raise :class:`WrongResultError` if the result of a call is not right."""
    if call.method in CHECKS:
        CHECKS[call.method](estimator, call.arguments, result)


def _finite(result):
    if issparse(result):
        result = result.data
    if isinstance(result, pl.DataFrame):
        result = pd.DataFrame(result.to_dict(as_series=False))
    demand(not pd.isna(result).any(axis=None), "missing values")
    if isinstance(result, pd.DataFrame):
        result = result.select_dtypes("number").to_numpy(float, na_value=np.nan)
    if getattr(result, "dtype", np.dtype(object)).kind in "fc":
        demand(np.isfinite(result).all(), "values that are not finite")


def _n_rows(result, X):
    n = n_rows_of(X)
    demand(result.shape[0] == n, f"{result.shape[0]} rows for {n}")


def _scores(estimator, arguments, result):
    _n_rows(result, arguments["X"])
    demand(result.ndim == 1, f"{result.ndim} axes")
    _finite(result)


def _number(estimator, arguments, result):
    demand(isinstance(result, numbers.Real), f"a {type(result).__name__}")
    demand(np.isfinite(result), f"score {result}")


def _energy(estimator, arguments, result):
    if hasattr(estimator, "classes_") and "y" not in arguments:
        _by_class(estimator, arguments, result)
    else:
        _scores(estimator, arguments, result)


def _has_several_labels(estimator, arguments):
    """Tell whether rows of a classifier have several labels each."""
    is_classifier = hasattr(estimator, "classes_")
    return is_classifier and np.ndim(estimator.predict(arguments["X"])) == 2


def _by_class(estimator, arguments, result):
    _n_rows(result, arguments["X"])
    demand(result.shape[1:] == estimator.classes_.shape, f"shape {result.shape}")
    _finite(result)


def _probabilities(estimator, arguments, result):
    _by_class(estimator, arguments, result)
    demand(((result >= 0) & (result <= 1 + 1e-6)).all(), "no probabilities")
    adds_up = np.allclose(result.sum(axis=1), 1, atol=1e-4)
    several = _has_several_labels(estimator, arguments)
    demand(adds_up or several, "probabilities do not add up")


def _log_probabilities(estimator, arguments, result):
    _by_class(estimator, arguments, result)
    demand((result <= 1e-6).all(), "log-probabilities above 0")


def _decisions(estimator, arguments, result):
    several = _has_several_labels(estimator, arguments)
    if several or len(getattr(estimator, "classes_", ())) > 2:
        _by_class(estimator, arguments, result)
    else:
        _scores(estimator, arguments, result)


def _predictions(estimator, arguments, result):
    _n_rows(result, arguments["X"])
    known = getattr(estimator, "classes_", [-1, 1])
    if np.ndim(result) == 2:
        demand(result.shape[1] == len(known), f"{result.shape[1]} labels")
        known, result = [0, 1], np.ravel(result)
    demand(all(label in known for label in result.tolist()), "unknown labels")


def _features(estimator, arguments, result):
    _n_rows(result, arguments["X"])
    n_names = len(estimator.get_feature_names_out())
    demand(result.shape[1] == n_names, f"{result.shape[1]} columns, {n_names} names")
    keeps_empty = getattr(estimator, "keep_empty_features", False)
    if not keeps_empty:
        _finite(result)


def _rows(estimator, result):
    """Check rows of the table: their columns, their names and their cells."""
    demand(result.shape[1] == estimator.n_features_in_, f"{result.shape[1]} columns")
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        is_frame = isinstance(result, pd.DataFrame | pl.DataFrame)
        demand(is_frame, f"a {type(result).__name__}")
        demand(list(result.columns) == list(names), "other names")


def _drawn(estimator, arguments, result):
    n_samples = arguments.get("n_samples", 1)
    given = arguments.get("given")
    if given is None:
        demand(result.shape[0] == n_samples, f"{result.shape[0]} rows")
    else:
        two = getattr(given, "ndim", 1) == 2
        n = n_rows_of(given) * n_samples if two else None
        demand(n in (None, result.shape[0]), f"{result.shape[0]} rows for {n}")
    _rows(estimator, result)
    _finite(result)


def _filled(estimator, arguments, result):
    if getattr(arguments["X"], "ndim", 2) == 2:  # complete also takes one row
        _n_rows(result, arguments["X"])
    _rows(estimator, result)
    _finite(result)


def _interval(estimator, arguments, result):
    demand(len(result) == 2, "an interval has two ends")
    for end in result:
        _n_rows(end, arguments["X"])
    if all(isinstance(end, np.ndarray) and end.dtype.kind == "f" for end in result):
        low, high = result
        demand(not (low > high).any(), "the lower end is above the upper end")
        demand(not np.isinf(result).any(), "infinite ends")


def _terms(estimator, arguments, result):
    if not arguments.get("per_feature"):
        _scores(estimator, arguments, result)
        return
    _n_rows(result, arguments["X"])
    demand(result.shape[1] == estimator.n_features_in_, f"shape {result.shape}")
    demand(not np.isinf(result).any(), "infinite terms")


def _itself(estimator, arguments, result):
    demand(result is estimator, "fit does not return the estimator")


def _names(estimator, arguments, result):
    demand(np.asarray(result).ndim == 1, "names have one axis")
    demand(all(isinstance(name, str) for name in result), "names that are no texts")


def _log_z(estimator, arguments, result):
    if result is not None and not hasattr(result, "at"):
        for name in ("value", "lower", "upper"):
            demand(np.isfinite(getattr(result, name)), f"log Z: {name} is not finite")
        demand(result.lower <= result.value <= result.upper, "log Z out of bounds")
    repr(result)


def _similarities(estimator, arguments, result):
    _n_rows(result, arguments["X"])
    n_others = n_rows_of(arguments.get("Y", arguments["X"]))
    demand(result.shape[1] == n_others, f"shape {result.shape}")
    _finite(result)


def _topics(estimator, arguments, result):
    width = min(arguments.get("n_words", 10), estimator.n_features_in_)
    demand(result.shape == (len(estimator.components_), width), f"{result.shape}")


def _history(estimator, arguments, result):
    lengths = {len(column) for column in result.values()}
    demand(len(lengths) <= 1, f"columns of lengths {sorted(lengths)}")


def _misfit(estimator, arguments, result):
    d = estimator.n_features_in_
    demand(result.shape == (d, d), f"shape {result.shape}")


CHECKS = {
    "fit": _itself,
    "partial_fit": _itself,
    "set_params": _itself,
    "score": _number,
    "perplexity": _number,
    "energy": _scores,
    "class_energy": _energy,
    "predict": _predictions,
    "predict_proba": _probabilities,
    "predict_log_proba": _log_probabilities,
    "decision_function": _decisions,
    "transform": _features,
    "sample": _drawn,
    "pseudo_log_likelihood": _terms,
    "posterior_interval": _interval,
    "get_feature_names_out": _names,
    "unit_names_": _names,
    "log_partition_": _log_z,
    "similarity": _similarities,
    "topics": _topics,
    "history_": _history,
    "misfit_": _misfit,
}
CHECKS |= dict.fromkeys(
    ("score_samples", "energy_samples", "conditional_log_prob"), _scores
)
CHECKS |= dict.fromkeys(("complete", "gibbs", "reconstruct", "posterior_mean"), _filled)
