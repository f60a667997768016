"""Draws from tables whose second column is a copy or a function of the first.

    python asv_bench/compare/pairs.py [--couplings none] [--seed 0]

Each table has 2,000 rows and two columns. `RBMDensity()` is fitted with its defaults,
and 2,000 rows are drawn from it. The script applies the function to the first column of
the drawn rows. It prints how well the second column agrees: the share of rows that are
right for categories and booleans, and R2 for counts and numbers. A model that always
draws the most frequent value, or the mean, has the score in the column "constant".
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd

from skebm import RBMDensity

_N_ROWS = 2000
_LETTERS = np.array(list("abcde"))
_NUMBERS = dict(zip(_LETTERS, [1.5, -2.2, 0.3, 7.1, 3.3], strict=True))
_NOISE = 1e-3  # standard deviation; so that a number has many values

# -- tables ----------------------------------------------------------------------------


def first_columns():
    """Return a column of each kind."""
    rng = np.random.default_rng(0)
    return {
        "category": pd.Series(
            rng.choice(_LETTERS, _N_ROWS, p=[0.3, 0.25, 0.2, 0.15, 0.1]),
            dtype="category",
        ),
        "count": pd.Series(rng.integers(0, 9, _N_ROWS)),
        "number": pd.Series(rng.normal(size=_N_ROWS)),
        "boolean": pd.Series(rng.random(_N_ROWS) < 0.4),
    }


def copy(a):
    """Return the column."""
    return a.copy()


def codes(a):
    """Return the positions of letters."""
    return a.astype(str).map(list(_LETTERS).index)


def numbers(a):
    """Return a number for each letter."""
    return a.astype(str).map(_NUMBERS)


def bins(a):
    """Return four classes of numbers."""
    return pd.Series(np.digitize(a, [-1, 0, 1]).astype(str), a.index, "category")


def halves(a):
    """Return two classes of letters."""
    names = np.where(codes(a) < 2, "low", "high")
    return pd.Series(names, a.index, "category")


# The kind of the first column, the kind of the second, and the function.
PAIRS = [
    ("category", "category", "copy", copy),
    ("count", "count", "copy", copy),
    ("number", "number", "copy", copy),
    ("boolean", "boolean", "copy", copy),
    ("category", "category", "two classes", halves),
    ("category", "count", "2 i + 1", lambda a: 2 * codes(a) + 1),
    ("category", "number", "a number each", numbers),
    ("category", "number", "a number each, noise", numbers),
    ("category", "boolean", "even", lambda a: codes(a) % 2 == 0),
    ("count", "number", "1.37 a - 0.5", lambda a: 1.37 * a - 0.5),
    ("count", "number", "1.37 a - 0.5, noise", lambda a: 1.37 * a - 0.5),
    ("count", "boolean", "above 4", lambda a: a > 4),
    ("boolean", "number", "3.2 or -1, noise", lambda a: 4.2 * a.astype(float) - 1),
    ("number", "number", "2 - 3 a", lambda a: 2 - 3 * a),
    ("number", "number", "a squared", lambda a: a**2),
    ("number", "number", "exp a", np.exp),
    ("number", "boolean", "sign", lambda a: a > 0),
    ("number", "category", "four bins", bins),
]


def agreement(wanted, given, kind):
    """Return the share of equal values, or R2."""
    if kind in ("category", "boolean"):
        return np.mean(wanted.astype(str) == given.astype(str))
    wanted, given = (x.to_numpy(dtype=float) for x in (wanted, given))
    return 1 - np.sum((wanted - given) ** 2) / np.sum((wanted - wanted.mean()) ** 2)


# -- the run ---------------------------------------------------------------------------


def main():
    """Fit each table and print a line for it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--couplings", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    titles = ["first", "second", "function", "kinds", "constant", "draws", "s", "warns"]
    print("| " + " | ".join(titles) + " |\n|" + " --- |" * len(titles))
    columns = first_columns()
    for first, second, name, function in PAIRS:
        b = function(columns[first])
        if name.endswith("noise"):
            b += _NOISE * np.random.default_rng(1).normal(size=_N_ROWS)
        table = pd.DataFrame({"a": columns[first], "b": b})
        model = RBMDensity(couplings=arguments.couplings, random_state=arguments.seed)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            start = time.perf_counter()
            model.fit(table)
            seconds = time.perf_counter() - start
            drawn = model.sample(_N_ROWS, random_state=arguments.seed)
        score = agreement(function(drawn["a"]), drawn["b"], second)
        constant = b.value_counts(normalize=True).max()
        if second in ("count", "number"):
            constant = 0.0
        kinds = ", ".join(model._table.kinds)
        cells = [first, second, name, kinds, f"{constant:.3f}", f"{score:.4f}"]
        cells += [f"{seconds:.1f}", "; ".join(str(c.message) for c in caught)]
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
