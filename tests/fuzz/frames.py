"""Draw frames of pandas and polars whose columns are of every kind."""

import datetime
import decimal
import warnings

import numpy as np
import pandas as pd
import polars as pl

from tests.fuzz.arrays import NUMBERS, PLAIN

TEXTS = ("a", "b", "cc", "", "nan", "é", "7", "None", "x y")
START = datetime.datetime(2020, 2, 28)


def _texts(r, n, n_values=4):
    return list(r.choice(TEXTS[:n_values], n))


def _plain(r, n):
    return NUMBERS[PLAIN[r.integers(len(PLAIN))]](r, (n, 1))[:, 0]


def _odd(r, n):
    names = sorted(NUMBERS)
    return NUMBERS[names[r.integers(len(names))]](r, (n, 1))[:, 0]


def _days(r, n):
    return [START + datetime.timedelta(int(k)) for k in r.integers(0, 400, n)]


def _decimals(r, n):
    return [decimal.Decimal(int(k)) / 8 for k in r.integers(-9, 9, n)]


def _mixed(r, n):
    values = [1, "1", 2.5, None, True, "x", b"x", (1, 2), np.nan]
    return [values[k] for k in r.integers(0, len(values), n)]


def _objects(values):
    series = pd.Series(index=range(len(values)), dtype=object)
    for i, value in enumerate(values):
        series.iat[i] = value
    return series


def _typed(values, dtype):
    def column(r, n):
        return pd.Series(list(values(r, n)), dtype=dtype)

    return column


def _categories(values, ordered=False, extra=()):
    def column(r, n):
        cells = list(values(r, n))
        known = [*dict.fromkeys(cells), *extra]
        return pd.Series(pd.Categorical(cells, known, ordered=ordered))

    return column


def _intervals(r, n):
    return pd.Series(pd.cut(pd.Series(_plain(r, n), dtype=float), [-9, 0, 1, 9]))


COLUMNS = {
    "floats": lambda r, n: pd.Series(_plain(r, n), dtype=float),
    "odd floats": lambda r, n: pd.Series(_odd(r, n), dtype=float),
    "texts": _typed(_texts, "str"),
    "categories": _categories(_texts),
    "ordered": _categories(_texts, ordered=True, extra=("never",)),
    "bools": lambda r, n: pd.Series(r.random(n) < 0.5, dtype=bool),
    "ints": lambda r, n: pd.Series(r.integers(0, 9, n)),
    "ids": lambda r, n: pd.Series(r.permutation(n) + 10**6),
    "text ids": lambda r, n: pd.Series([f"id{k}" for k in range(n)], dtype="str"),
    "object texts": lambda r, n: _objects(_texts(r, n, 9)),
    "Int64": lambda r, n: pd.Series(r.integers(0, 9, n), dtype="Int64"),
    "UInt8": lambda r, n: pd.Series(r.integers(0, 9, n), dtype="UInt8"),
    "Float32": lambda r, n: pd.Series(r.normal(size=n), dtype="Float32"),
    "float16": lambda r, n: pd.Series(r.normal(size=n)).astype("float16"),
    "boolean": lambda r, n: pd.Series(r.random(n) < 0.5, dtype="boolean"),
    "string": _typed(_texts, "string"),
    "uint64": lambda r, n: pd.Series(
        r.integers(2**63, 2**64 - 1, n, dtype="u8"), dtype="u8"
    ),
    "big ints": lambda r, n: _objects([int(k) * 10**30 for k in r.integers(0, 9, n)]),
    "number categories": _categories(lambda r, n: r.integers(0, 3, n)),
    "bool categories": _categories(lambda r, n: r.random(n) < 0.5),
    "interval categories": _intervals,
    "days": lambda r, n: pd.Series(_days(r, n), dtype="datetime64[ns]"),
    "zoned": lambda r, n: pd.Series(_days(r, n), dtype="datetime64[ns, UTC]"),
    "spans": lambda r, n: pd.Series(r.integers(0, 9, n), dtype="timedelta64[s]"),
    "periods": lambda r, n: pd.Series(
        pd.PeriodIndex.from_ordinals(r.integers(0, 9, n), freq="M")
    ),
    "decimals": lambda r, n: _objects(_decimals(r, n)),
    "mixed": lambda r, n: _objects(_mixed(r, n)),
    "lists": lambda r, n: _objects([[int(k)] for k in r.integers(0, 3, n)]),
    "complex": lambda r, n: pd.Series(r.normal(size=n) + 1j),
    "sparse": lambda r, n: pd.Series(r.integers(0, 2, n), dtype="Sparse[int]"),
    "missing": lambda r, n: pd.Series([np.nan] * n, dtype=float),
    "nones": lambda r, n: _objects([None] * n),
    "constant": lambda r, n: pd.Series(["same"] * n, dtype="str"),
    "infinite": lambda r, n: pd.Series([np.inf] * n, dtype=float),
}
USUAL = ("floats", "texts", "categories", "ordered", "bools", "ints", "boolean")
USUAL += ("object texts", "Int64", "string")


def column(dice, n_rows):
    """Return a Series of one kind with or without missing cells, and its kind."""
    kind = dice.name(USUAL if dice.chance(0.75) else COLUMNS)
    series = COLUMNS[kind](dice.rng, n_rows)
    if dice.chance(0.25) and n_rows and series.dtype.kind not in "biu":
        series = series.mask(dice.rng.random(n_rows) < dice.pick((0.1, 0.5, 0.95)))
    elif dice.chance(0.1) and n_rows:
        series = series.astype(object)
        series[dice.rng.random(n_rows) < 0.3] = dice.pick((None, np.nan, pd.NA))
    return series, kind


def _names(dice, n):
    """Return names of columns of some kind, and its word."""
    kinds = {
        "text names": [f"c{j}" for j in range(n)],
        "int names": list(range(10, 10 + n)),
        "range names": pd.RangeIndex(n),
        "equal names": ["c"] * n,
        "mixed names": ["c", *range(n)][:n],
        "MultiIndex": pd.MultiIndex.from_product([["m"], range(n)]),
        "float names": [0.5 + j for j in range(n)],
        "day names": pd.date_range("2020-01-01", periods=n),
        "odd names": ["", "a=b", "é", "a b", "None", "0", "\n", "{}", "%s"][:n],
        "None names": [None, *(f"c{j}" for j in range(n))][:n],
    }
    kind = "text names" if dice.chance(0.75) else dice.name(kinds)
    names = kinds[kind]
    return (names, kind) if len(names) == n else (kinds["text names"], "text names")


def _index(dice, n):
    kinds = {
        "texts": [f"r{i}" for i in range(n)],
        "equal": [1] * n,
        "days": pd.date_range("2020-01-01", periods=n),
        "backwards": list(range(n))[::-1],
        "missing": [None] * n,
    }
    return kinds[dice.name(kinds)]


def pandas_table(dice, shape):
    """Return a frame of pandas, and words about it."""
    n_rows, n_columns = shape
    parts, kinds = [], []
    for _ in range(n_columns):
        series, kind = column(dice, n_rows)
        parts.append(series)
        kinds.append(kind)
    frame = pd.concat(parts, axis=1) if parts else pd.DataFrame(index=range(n_rows))
    names, word = _names(dice, n_columns)
    frame.columns = names
    if dice.chance(0.2):
        frame.index = _index(dice, n_rows)
    return frame, ["pandas", word, str(shape), *kinds]


POLARS = {
    "floats": lambda r, n: pl.Series(_plain(r, n), dtype=pl.Float64),
    "float32": lambda r, n: pl.Series(_plain(r, n), dtype=pl.Float32),
    "int8": lambda r, n: pl.Series(r.integers(-9, 9, n).tolist(), dtype=pl.Int8),
    "uint64": lambda r, n: pl.Series(r.integers(0, 3, n).tolist(), dtype=pl.UInt64),
    "int128": lambda r, n: pl.Series(r.integers(0, 3, n).tolist(), dtype=pl.Int128),
    "texts": lambda r, n: pl.Series(_texts(r, n), dtype=pl.String),
    "categories": lambda r, n: pl.Series(_texts(r, n), dtype=pl.Categorical),
    "enum": lambda r, n: pl.Series(_texts(r, n), dtype=pl.Enum(list(TEXTS))),
    "bools": lambda r, n: pl.Series((r.random(n) < 0.5).tolist(), dtype=pl.Boolean),
    "days": lambda r, n: pl.Series(_days(r, n), dtype=pl.Datetime),
    "decimals": lambda r, n: pl.Series(_decimals(r, n), dtype=pl.Decimal(18, 3)),
    "nulls": lambda r, n: pl.Series([None] * n, dtype=pl.Null),
    "lists": lambda r, n: pl.Series([[1]] * n, dtype=pl.List(pl.Int64)),
    "structs": lambda r, n: pl.Series([{"a": 1}] * n, dtype=pl.Struct({"a": pl.Int8})),
    "bytes": lambda r, n: pl.Series([b"x"] * n, dtype=pl.Binary),
}


def polars_table(dice, shape):
    """Return a frame of polars, and words about it."""
    n_rows, n_columns = shape
    parts, kinds = [], []
    usual = ("floats", "texts", "categories", "enum", "bools", "int8")
    for j in range(n_columns):
        kind = dice.name(usual if dice.chance(0.8) else POLARS)
        series = POLARS[kind](dice.rng, n_rows).alias(f"c{j}")
        if dice.chance(0.2) and n_rows:
            hidden = pl.Series((dice.rng.random(n_rows) < 0.3).tolist())
            cells = pl.DataFrame({"c": series, "hidden": hidden})
            series = cells.select(
                pl.when(~pl.col("hidden")).then(pl.col("c")).otherwise(None)
            )
            series = series.to_series().alias(f"c{j}")
        parts.append(series)
        kinds.append(kind)
    frame = pl.DataFrame(parts)
    if dice.chance(0.03):
        return frame.lazy(), ["polars lazy", str(shape), *kinds]
    return frame, ["polars", str(shape), *kinds]


def frame_table(dice, shape):
    """Return a frame of pandas or polars, and words about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        make = polars_table if dice.chance(0.2) else pandas_table
        return make(dice, shape)
