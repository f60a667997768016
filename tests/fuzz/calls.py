"""Draw calls of public methods with arguments of every kind."""

import datetime
import decimal
import inspect
from dataclasses import dataclass

import numpy as np
import pandas as pd
import polars as pl

from tests.fuzz.arrays import array_table
from tests.fuzz.documents import documents_table
from tests.fuzz.frames import frame_table
from tests.fuzz.parameters import changes, wrong

# What tables raise that have no such form.
FORMLESS = (TypeError, ValueError, IndexError, KeyError, NotImplementedError)
FORMLESS += (ImportError, pl.exceptions.PolarsError)
N_ROWS, N_COLUMNS = (1, 2, 3, 7, 23, 61, 23, 61, 23), (1, 2, 3, 5, 3, 5, 11)


@dataclass
class Call:
    """A call of a method.

    Attributes
    ----------
    method : str
    arguments : dict
    """

    method: str
    arguments: dict

    def __str__(self):
        parts = [f"{k}={_short(v)}" for k, v in self.arguments.items()]
        return f"{self.method}({', '.join(parts)})"


def _short(value):
    if hasattr(value, "shape"):
        return f"<{type(value).__name__} {value.shape}>"
    text = " ".join(repr(value).split())
    return text if len(text) < 60 else text[:57] + "..."


def table(dice, documents):
    """Return a table of any kind, and words about it."""
    n_rows, n_columns = dice.pick(N_ROWS), dice.pick(N_COLUMNS)
    if dice.chance(0.03):
        n_rows = 0
    if dice.chance(0.02):
        n_columns = dice.pick((0, 70))
    shape = n_rows, n_columns
    if documents and dice.chance(0.93):
        return documents_table(dice, shape)
    make = frame_table if dice.chance(0.5) else array_table
    return make(dice, shape)


def n_rows_of(X):
    """Return the number of rows of a table."""
    shape = getattr(X, "shape", None)
    if shape:
        return shape[0]
    return len(X) if hasattr(X, "__len__") else 0


def other(dice, X, documents):
    """Return a table that has something to do with ``X``, or nothing."""
    if dice.chance(0.5):
        return X
    if dice.chance(0.2):
        return table(dice, documents)[0]
    kinds = [lambda: X[:1], lambda: X[:0], lambda: X[::2]]
    if isinstance(X, pd.DataFrame):
        kinds = [
            lambda: X.iloc[:1],
            lambda: X.iloc[:0],
            lambda: X.iloc[:, ::-1],
            lambda: X.iloc[:, 1:],
            lambda: X.to_numpy(),
            lambda: X.astype(object),
            lambda: X.mask(dice.rng.random(X.shape) < 0.3),
            lambda: pd.concat([X, X]),
            lambda: X.set_axis(range(X.shape[1]), axis=1),
            lambda: X.astype("category"),
            lambda: X.iloc[0],
        ]
    elif isinstance(X, np.ndarray) and X.ndim == 2:
        kinds += [
            lambda: X[:, ::-1],
            lambda: X[:, 1:],
            lambda: X.tolist(),
            lambda: pd.DataFrame(X),
            lambda: X.astype("f4"),
            lambda: np.where(dice.rng.random(X.shape) < 0.3, np.nan, X),
            lambda: X[0],
            lambda: 3 * X,
            lambda: X.astype(object),
        ]
    elif isinstance(X, pl.DataFrame):
        kinds = [lambda: X[:1], lambda: X.to_pandas(), lambda: X.to_numpy()]
        kinds += [lambda: X.select(X.columns[::-1]), lambda: X[:0]]
    try:
        with np.errstate(all="ignore"):
            return dice.pick(kinds)()
    except FORMLESS:
        return X


LABELS = {
    "ints": lambda r, n: r.integers(0, 3, n),
    "two": lambda r, n: r.integers(0, 2, n),
    "texts": lambda r, n: r.choice(["a", "b", ""], n),
    "object texts": lambda r, n: r.choice(["a", "b"], n).astype(object),
    "bools": lambda r, n: r.random(n) < 0.5,
    "signs": lambda r, n: r.choice([-1, 1], n),
    "some missing": lambda r, n: r.integers(-1, 3, n),
    "sets": lambda r, n: r.integers(0, 2, (n, 3)),
    "floats": lambda r, n: r.integers(0, 2, n).astype(float),
    "reals": lambda r, n: r.normal(size=n),
    "one class": lambda r, n: np.zeros(n),
    "missing": lambda r, n: np.where(r.random(n) < 0.2, np.nan, 1.0),
    "Nones": lambda r, n: np.where(r.random(n) < 0.2, None, "a"),
    "infinite": lambda r, n: np.where(r.random(n) < 0.2, np.inf, 1.0),
    "mixed": lambda r, n: np.array([[1, "a", None][k % 3] for k in range(n)], object),
    "all different": lambda r, n: np.arange(n),
    "big": lambda r, n: r.choice(np.array([2**63, 2**64 - 1], "u8"), n),
    "column": lambda r, n: r.integers(0, 2, (n, 1)),
    "two columns": lambda r, n: r.integers(0, 2, (n, 2)),
    "categories": lambda r, n: pd.Series(r.choice(["a", "b"], n), dtype="category"),
    "unused": lambda r, n: pd.Categorical(r.choice(["a", "b"], n), ["z", "b", "a"]),
    "Int64": lambda r, n: pd.Series(r.integers(0, 2, n), dtype="Int64"),
    "string": lambda r, n: pd.Series(r.choice(["a", "b"], n), dtype="string"),
    "NA": lambda r, n: pd.Series([1, None] * n, dtype="Int64")[:n],
    "index": lambda r, n: pd.Series(r.integers(0, 2, n), index=range(n)[::-1]),
    "polars": lambda r, n: pl.Series(r.integers(0, 2, n).tolist()),
    "polars texts": lambda r, n: pl.Series(r.choice(["a", "b"], n).tolist()),
    "list": lambda r, n: r.integers(0, 2, n).tolist(),
    "bytes": lambda r, n: r.choice([b"a", b"b"], n),
    "days": lambda r, n: r.integers(0, 2, n).astype("datetime64[D]"),
    "dates": lambda r, n: [datetime.date(2020, 1, 1 + k % 2) for k in range(n)],
    "decimals": lambda r, n: [decimal.Decimal(k % 2) for k in range(n)],
    "None": lambda r, n: None,
    "short": lambda r, n: r.integers(0, 2, max(n - 1, 0)),
    "tuples": lambda r, n: [(k % 2,) for k in range(n)],
    "float16": lambda r, n: r.integers(0, 2, n).astype("f2"),
    "complex": lambda r, n: r.integers(0, 2, n) + 1j,
}
USUAL_LABELS = ("ints", "two", "texts", "bools", "object texts", "list", "categories")
USUAL_LABELS += ("signs", "some missing")
WEIGHTS = {
    "ones": lambda r, n: np.ones(n),
    "random": lambda r, n: r.random(n),
    "whole": lambda r, n: r.integers(0, 3, n),
    "some zero": lambda r, n: (r.random(n) < 0.5).astype(float),
    "one": lambda r, n: (np.arange(n) == 0).astype(float),
    "zeros": lambda r, n: np.zeros(n),
    "negative": lambda r, n: r.normal(size=n),
    "missing": lambda r, n: np.where(r.random(n) < 0.3, np.nan, 1.0),
    "infinite": lambda r, n: np.where(r.random(n) < 0.3, np.inf, 1.0),
    "huge": lambda r, n: np.full(n, 1e300),
    "one huge": lambda r, n: np.where(np.arange(n) == 0, 1e300, 1.0),
    "tiny": lambda r, n: np.full(n, 1e-300),
    "denormal": lambda r, n: np.full(n, 5e-324),
    "short": lambda r, n: np.ones(max(n - 1, 0)),
    "texts": lambda r, n: ["a"] * n,
    "two axes": lambda r, n: np.ones((n, 1)),
    "number": lambda r, n: 2.0,
    "series": lambda r, n: pd.Series(r.random(n), index=range(n)[::-1]),
    "bools": lambda r, n: r.random(n) < 0.7,
    "float32": lambda r, n: r.random(n).astype("f4"),
    "NA": lambda r, n: pd.Series([1, None] * n, dtype="Int64")[:n],
    "text": lambda r, n: "balanced",
    "complex": lambda r, n: np.ones(n) + 1j,
}


def labels(dice, n):
    """Return labels of ``n`` rows."""
    kind = dice.name(USUAL_LABELS if dice.chance(0.65) else LABELS)
    return LABELS[kind](dice.rng, n)


def of_fit(dice, X, needs_labels):
    """Return the arguments of ``fit`` besides ``X``."""
    n, arguments = n_rows_of(X), {}
    if needs_labels or dice.chance(0.03):
        arguments["y"] = labels(dice, n)
    if dice.chance(0.25):
        kind = dice.name(("random", "whole") if dice.chance(0.4) else WEIGHTS)
        arguments["sample_weight"] = WEIGHTS[kind](dice.rng, n)
    return arguments


def _given(dice, X):
    """Return some columns of rows, as ``sample`` takes them, or wrong ones."""
    kinds = [lambda: {"c0": 1}, lambda: {0: 1.0}, lambda: {}, lambda: {"zz": 1}]
    kinds += [lambda: X, lambda: X[:1], lambda: X[0], lambda: [1.0], lambda: "c0"]
    if isinstance(X, pd.DataFrame) and len(X) and X.shape[1]:
        kinds += 3 * [lambda: X.iloc[0], lambda: X.iloc[:2, :1], lambda: X.iloc[:0]]
        kinds += 3 * [lambda: X.iloc[:1, 1:], lambda: dict(X.iloc[0, :1])]
        kinds += [lambda: X.iloc[:3].mask(dice.rng.random(X.shape)[:3] < 0.5)]
    try:
        return dice.pick(kinds)()
    except FORMLESS:
        return {}


def _columns(dice, X):
    names = list(getattr(X, "columns", ["c0", "c1"]))[:2]
    return dice.pick(([0], [0, 1], [], [-1], names, names[:1], "c0", 0, None, [0, 0]))


NAMES = (None, None, ["a"], ["b"], ["c0", "c1"])
SEEDS = (0, 0, 0, 1, None, "a", -1, np.random.RandomState(0))
ARGUMENTS = {
    "n_samples": lambda dice, X: dice.pick((1, 3, 5, 0, 1, 3, 5, -1, 2.5, None, "a")),
    "given": lambda dice, X: _given(dice, X) if dice.chance(0.5) else None,
    "beta": lambda dice, X: dice.pick((1.0, 0.5, 3, 1e-9, 50.0, 0, np.nan)),
    "random_state": lambda dice, X: dice.pick(SEEDS),
    "coverage": lambda dice, X: dice.pick((0.9, 0.5, 0.99, 1e-9, 1, 0, np.nan)),
    "n_steps": lambda dice, X: dice.pick((1, 3, 0, -1, 2.5)),
    "per_feature": lambda dice, X: dice.pick(BOOLS),
    "lengths": lambda dice, X: dice.pick((None, 3, 0, [1, 2, 3], 2.5, -1, 40)),
    "n_words": lambda dice, X: dice.pick((1, 3, 100, 0, -1)),
    "input_features": lambda dice, X: dice.pick(
        (None, None, ["a"], ["b"], ["c0", "c1"])
    ),
}
BOOLS = (False, True)
# Arguments of methods besides X; those in brackets are left out most often.
METHODS = {
    "fit": (),
    "partial_fit": (),
    "set_params": (),
    "clone": (),
    "pickle": (),
    "set_output": (),
    "score": (),
    "energy": (),
    "class_energy": (),
    "sample": ("n_samples", "random_state", "given", "beta", "lengths"),
    "complete": ("random_state",),
    "gibbs": ("n_steps", "random_state"),
    "posterior_interval": ("coverage",),
    "pseudo_log_likelihood": ("per_feature",),
    "topics": ("n_words",),
    "get_feature_names_out": ("input_features",),
    "conditional_log_prob": (),
    "similarity": (),
}
OF_ROWS = ("score_samples", "energy_samples", "transform", "reconstruct")
OF_ROWS += ("posterior_mean", "predict", "predict_proba", "predict_log_proba")
OF_ROWS += ("decision_function", "perplexity")
METHODS |= dict.fromkeys(OF_ROWS, ())
PROPERTIES = ("misfit_", "chains_rhat_", "chains_ess_", "unit_names_", "history_")
PROPERTIES += ("log_partition_", "n_iter_")
WITHOUT_ROWS = ("sample", "topics", "get_feature_names_out", "clone", "pickle")


def methods_of(estimator):
    """Return the names of the methods and properties that are called."""
    kind = type(estimator)
    own = [m for m in METHODS if hasattr(kind, m)] + ["clone", "pickle"]
    own += [p for p in PROPERTIES if hasattr(kind, p)]
    if "partition" in estimator.get_params(deep=False):
        own.append("log_partition_")
    return [*sorted(set(own)), "fit", "partial_fit" if "partial_fit" in own else "fit"]


def call(dice, estimator, X, documents):
    """Return a call of a method, the fit of ``X`` having come before."""
    method = dice.pick(methods_of(estimator))
    arguments = {}
    if method == "set_params":
        known = estimator.get_params(deep=False)
        few = dice.rng.integers(1, 3)
        arguments = (
            wrong(dice, known) if dice.chance(0.3) else changes(dice, known, few)
        )
    elif method == "set_output":
        arguments = {"transform": dice.pick(("pandas", "polars", "default", "zz"))}
    elif method not in WITHOUT_ROWS and method not in PROPERTIES:
        arguments["X"] = other(dice, X, documents)
    needs_labels = hasattr(type(estimator), "predict_proba")
    if method in ("fit", "partial_fit"):
        arguments |= of_fit(dice, arguments["X"], needs_labels)
        if needs_labels and method == "partial_fit" and dice.chance(0.3):
            arguments["classes"] = dice.pick(([0, 1, 2], ["a", "b"], [1], [0, 0], 3))
    if needs_labels and (
        method == "score" or (method == "class_energy" and dice.chance(0.5))
    ):
        arguments["y"] = labels(dice, n_rows_of(arguments["X"]))
    if method == "conditional_log_prob":
        arguments["given"] = _columns(dice, X)
    if method == "similarity" and dice.chance(0.5):
        arguments["Y"] = other(dice, X, documents)
    for name in METHODS.get(method, ()):
        takes = _takes(type(estimator), method, name)
        if takes and (dice.chance(0.5) or name == "random_state"):
            arguments[name] = ARGUMENTS[name](dice, X)
    return Call(method, arguments)


def _takes(kind, method, name):
    if (kind.__name__, method) == ("EnergyClassifier", "sample"):
        return name in ("n_samples", "random_state")
    return name in inspect.signature(getattr(kind, method)).parameters
