"""Draw ratings, and calls of a recommender with arguments of every kind."""

import numpy as np
import pandas as pd
from scipy import sparse

from skebm import EnergyRecommender
from skebm.energies.ratings import (
    BothRecipe,
    ChoicesRecipe,
    NeighboursRecipe,
    RatingRBMRecipe,
)
from skebm.model_selection import RatingTable
from tests.fuzz.calls import Call
from tests.fuzz.results import demand

VALUES = {
    "stars": lambda r, n: r.integers(1, 6, n).astype(float),
    "halves": lambda r, n: r.integers(1, 11, n) / 2,
    "thumbs": lambda r, n: r.choice([-1.0, 1.0], n),
    "with zeros": lambda r, n: r.integers(0, 3, n).astype(float),
    "one level": lambda r, n: np.full(n, 3.0),
    "counts": lambda r, n: r.geometric(0.4, n).astype(float),
    "many levels": lambda r, n: r.normal(size=n),
    "large levels": lambda r, n: r.choice([0.0, 1e9, 2e9], n),
    "tiny levels": lambda r, n: r.choice([0.0, 1e-300, 1.0], n),
    "huge": lambda r, n: r.choice([1.0, 1e300], n),
    "ends": lambda r, n: r.choice([-1.7e308, 1.7e308], n),
    "missing": lambda r, n: np.where(r.random(n) < 0.1, np.nan, 2.0),
    "infinite": lambda r, n: np.where(r.random(n) < 0.1, np.inf, 2.0),
    "negative": lambda r, n: -r.integers(1, 6, n).astype(float),
    "many plays": lambda r, n: r.choice([1.0, 1e15], n),
}
USUAL = ("stars", "halves", "thumbs", "with zeros", "counts", "one level")
DTYPES = ("float32", "int64", "uint8", "bool", "uint16", "complex128", "longdouble")
IDS = {
    "numbers": np.arange,
    "texts": lambda n: np.array([f"u{k}" for k in range(n)], dtype=object),
    "strings": lambda n: np.array([f"u{k}" for k in range(n)]),
    "large": lambda n: 10**12 + np.arange(n)[::-1],
    "floats": lambda n: np.arange(n) / 2,
    "mixed": lambda n: np.array([k if k % 2 else f"{k}" for k in range(n)], object),
    "days": lambda n: np.arange(n).astype("datetime64[D]"),
    "alike": lambda n: np.zeros(n, int),
    "too many": lambda n: np.arange(n + 1),
}


def _matrix(users, items, values, shape):
    return sparse.coo_array((values, (users, items)), shape=shape)


def _dense(matrix):
    out = np.full(matrix.shape, np.nan)
    out[matrix.row, matrix.col] = matrix.data
    return out


def _frame(matrix):
    columns = {"user": matrix.row, "item": matrix.col, "rating": matrix.data}
    return RatingTable.from_frame(pd.DataFrame(columns))


FORMS = {
    "csr": lambda m: m.tocsr(),
    "csc": lambda m: m.tocsc(),
    "coo": lambda m: m,
    "csr_matrix": lambda m: sparse.csr_matrix(m.tocsr()),
    "lil": lambda m: m.tolil(),
    "dense": _dense,
    "zeros": lambda m: m.toarray(),
    "frame": lambda m: pd.DataFrame(_dense(m)),
    "list": lambda m: _dense(m).tolist(),
    "table": lambda m: RatingTable(m.tocsr()),
    "from frame": _frame,
    "long frame": lambda m: pd.DataFrame({"user": m.row, "item": m.col, "r": m.data}),
    "twice": lambda m: sparse.coo_array(
        (np.tile(m.data, 2), (np.tile(m.row, 2), np.tile(m.col, 2))), shape=m.shape
    ),
    "no rows": lambda m: m.tocsr()[:0],
    "nothing": lambda m: sparse.csr_array(m.shape),
    "text": lambda m: "ratings.csv",
}
RECIPES = {
    "neighbours": lambda: NeighboursRecipe(2, n_exposure=2, n_iter=5),
    "rbm": lambda: RatingRBMRecipe(2, n_exposure=1, n_iter=2),
    "both": lambda: BothRecipe(RECIPES["neighbours"](), RECIPES["rbm"]()),
    "choices": lambda: ChoicesRecipe(2, n_iter=2),
    "pairs": lambda: ChoicesRecipe(1, n_iter=1, max_items=2, penalty=1e-9),
    "no pairs": lambda: ChoicesRecipe(3, n_iter=2, coupling=0.0),
    "steps": lambda: RatingRBMRecipe(30, n_exposure=90, learning_rate=1e3, n_iter=2),
    "wide": lambda: NeighboursRecipe(30, n_exposure=90, alpha=1e-9, n_iter=6),
    "name": lambda: "neighbours",
    "name of rbm": lambda: "rbm",
}
WRONG_RECIPES = {
    "no factors": lambda: NeighboursRecipe(0),
    "no hidden": lambda: RatingRBMRecipe(n_iter=0),
    "rate": lambda: RatingRBMRecipe(learning_rate=np.nan),
    "confidence": lambda: ChoicesRecipe(confidence=-1),
    "text": lambda: "zz",
    "None": lambda: None,
}


def matrix(dice, shape=None):
    """Return ratings as a matrix in COO, and words about them."""
    n_users, n_items = shape or (dice.pick((1, 2, 7, 23)), dice.pick((1, 2, 5, 13)))
    share = dice.pick((0.5, 0.5, 0.2, 1.0))
    users, items = np.nonzero(dice.rng.random((n_users, n_items)) < share)
    kind = dice.name(USUAL if dice.chance(0.75) else VALUES)
    values, dtype = VALUES[kind](dice.rng, len(users)), "float64"
    if dice.chance(0.2):
        dtype = dice.pick(DTYPES)
        with np.errstate(all="ignore"):
            values = np.nan_to_num(values).astype(dtype)
    return _matrix(users, items, values, (n_users, n_items)), [kind, dtype]


def ratings(dice, shape=None):
    """Return ratings in some container, and words about them."""
    cells, words = matrix(dice, shape)
    if dice.chance(0.25):
        names = [dice.name(IDS) for _ in range(2)]
        try:
            ids = [IDS[name](n) for name, n in zip(names, cells.shape, strict=True)]
            return RatingTable(cells.tocsr(), *ids), ["table", *names, *words]
        except (TypeError, ValueError):
            pass
    form = "csr" if dice.chance(0.4) else dice.name(FORMS)
    try:
        return FORMS[form](cells), [form, str(cells.shape), *words]
    except (TypeError, ValueError):
        return cells, ["coo", str(cells.shape), *words]


def estimator(dice):
    """Return a recommender with random parameters."""
    name = dice.name(RECIPES)
    made = EnergyRecommender(RECIPES[name](), random_state=0)
    if isinstance(made.energy, ChoicesRecipe) or dice.chance(0.15):
        made.set_params(feedback="implicit")
    if dice.chance(0.07):
        made.set_params(energy=dice.pick(WRONG_RECIPES)())
    if dice.chance(0.05):
        name = dice.name(("feedback", "n_jobs", "random_state"))
        made.set_params(**{name: dice.pick(("zz", -1, 0, 1.5, [], np.nan))})
    return made


def _features(dice, n):
    kinds = {
        "normal": lambda r: r.normal(size=(n, 2)),
        "constant": lambda r: np.ones((n, 3)),
        "frame": lambda r: pd.DataFrame({"a": pd.Categorical(r.choice(["x", "y"], n))}),
        "many": lambda r: r.normal(size=(n, 40)),
        "large": lambda r: 1e9 * r.normal(size=(n, 1)),
        "huge": lambda r: 1e300 * r.normal(size=(n, 1)),
        "missing": lambda r: np.full((n, 1), np.nan),
        "texts": lambda r: r.choice(["x", "y"], (n, 1)),
        "short": lambda r: np.ones((max(n - 1, 0), 1)),
        "one axis": lambda r: np.ones(n),
        "no column": lambda r: np.ones((n, 0)),
        "sparse": lambda r: sparse.eye_array(n, format="csr"),
    }
    usual = ("normal", "frame", "constant")
    return kinds[dice.name(usual if dice.chance(0.5) else kinds)](dice.rng)


def _of_fit(dice, X):
    arguments = {}
    for k, name in enumerate(("user_features", "item_features")):
        if dice.chance(0.2) and len(np.shape(X)) == 2:
            arguments[name] = _features(dice, np.shape(X)[k])
    if dice.chance(0.1):
        n = getattr(X, "n_ratings", len(getattr(X, "ratings", ())))
        arguments["y"] = dice.pick((np.ones(n), [1, 2], np.full(n, np.nan), "a", None))
    return arguments


def _ids(dice, X, k):
    """Return ids of users or of items, known ones most often."""
    known = getattr(X, ("user_ids", "item_ids")[k], None)
    if known is None:
        known = np.arange(np.shape(X)[k] if len(np.shape(X)) == 2 else 3)
    some = dice.rng.choice(len(known), 3) if len(known) else []
    kinds = [known[some]] * 6 + [known[:1], known[0] if len(known) else 0]
    kinds += [
        [],
        "zz",
        None,
        np.nan,
        -1,
        10**6,
        [1.5],
        known[:0],
        [[0]],
        known[some][::-1],
    ]
    kinds += [
        pd.Series(known[some]),
        pd.Index(known[some]),
        known[some].tolist(),
        {0: 1},
    ]
    return dice.pick(kinds)


METHODS = ("predict", "predict_proba", "recommend", "recommend", "similar_items")
METHODS += ("explain", "explain", "score", "partial_fit", "fit")
METHODS += ("clone", "pickle", "set_params")


def call(dice, X):
    """Return a call of a method, the fit of ``X`` having come before."""
    method = dice.pick(METHODS)
    shape = np.shape(X) if len(np.shape(X)) == 2 else None
    other = X if dice.chance(0.4) else ratings(dice, shape)[0]
    if dice.chance(0.1):
        other = ratings(dice)[0]
    if method in ("clone", "pickle"):
        return Call(method, {})
    if method == "set_params":
        return Call(method, {"energy": dice.pick(RECIPES)()})
    if method in ("fit", "partial_fit", "score"):
        more = _of_fit(dice, other) if method == "fit" else {}
        return Call(method, {"X": other, **more})
    if method in ("predict", "predict_proba"):
        if hasattr(other, "user_ids") and dice.chance(0.5):
            return Call(method, {"users": other})
        users = other if dice.chance(0.2) else _ids(dice, X, 0)
        return Call(method, {"users": users, "items": _ids(dice, X, 1)})
    n = {"n": dice.pick((1, 2, 100, 0, -1, 2.5, None))} if dice.chance(0.5) else {}
    if method == "recommend":
        users = other if dice.chance(0.4) else _ids(dice, X, 0)
        return Call(method, {"X": users, "filter_seen": dice.chance(0.5), **n})
    item = _ids(dice, X, 1)
    item = item[0] if isinstance(item, np.ndarray) and len(item) else item
    if method == "similar_items":
        return Call(method, {"item": item, **n})
    user = other[:1] if sparse.issparse(other) and other.format == "csr" else 0
    user = user if dice.chance(0.3) else _ids(dice, X, 0)
    user = user[0] if isinstance(user, np.ndarray) and len(user) else user
    return Call(method, {"user": user, "item": item})


def draw(dice):
    """Return a recommender, words about its ratings, and calls."""
    model, (X, words) = estimator(dice), ratings(dice)
    calls = [call(dice, X) for _ in range(dice.rng.integers(1, 6))]
    if dice.chance(0.95):
        first = dice.pick(("fit", "fit", "fit", "partial_fit"))
        more = _of_fit(dice, X) if first == "fit" else {}
        calls.insert(0, Call(first, {"X": X, **more}))
    return model, words, calls


# -- what results have to look like ----------------------------------------------------


def check(estimator, call, result):
    """Raise an error if the result of a call is not right."""
    arguments, method = call.arguments, call.method
    if method in ("fit", "partial_fit"):
        demand(result is estimator, "fit does not return the estimator")
        scores = estimator.energy_.scores(estimator._people, slice(None))
        demand(np.isfinite(scores).all(), "scores that are not finite")
    elif method == "predict":
        demand(result.ndim == 1 and result.dtype == np.float64, f"{result.dtype}")
        demand(np.isfinite(result).all(), "values that are not finite")
        _between(estimator, result)
    elif method == "predict_proba":
        demand(result.shape[1:] == estimator.levels_.shape, f"shape {result.shape}")
        demand(((result >= 0) & (result <= 1 + 1e-9)).all(), "no probabilities")
        demand(np.allclose(result.sum(axis=1), 1), "probabilities do not add up")
    elif method == "score":
        demand(np.isfinite(result), f"score {result}")
    elif method == "recommend":
        items, scores = result
        demand(items.shape == scores.shape, f"shapes {items.shape}, {scores.shape}")
        demand(not np.isnan(scores).any(), "NaN among scores")
        is_sorted = (scores[:, 1:] <= scores[:, :-1]).all()
        demand(is_sorted, "the best items are not the first")
        _between(estimator, scores[np.isfinite(scores)])
    elif method == "similar_items":
        demand(np.isfinite(result[1]).all(), "similarities that are not finite")
    elif method == "explain":
        _sums(estimator, arguments, result["contribution"].sum())


def _between(estimator, scores):
    """Demand that expected ratings are between the levels."""
    levels = estimator.levels_
    if levels is not None and len(scores):
        margin = 1e-9 * np.abs(levels).max()
        demand(scores.min() >= levels[0] - margin, "below the lowest level")
        demand(scores.max() <= levels[-1] + margin, "above the highest level")


def _sums(estimator, arguments, total):
    rating = estimator.predict(arguments["user"], arguments["item"])[0]
    demand(np.isfinite(total), "contributions that are not finite")
    close = np.isclose(total, rating, rtol=1e-6, atol=1e-9 * max(1.0, abs(rating)))
    demand(close, f"contributions sum to {total}, not to {rating}")
