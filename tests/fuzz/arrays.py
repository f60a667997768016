"""Draw numbers of every kind, as arrays and as what holds arrays."""

import warnings

import numpy as np
import pandas as pd
from scipy import sparse

NUMBERS = {
    "bits": lambda r, s: r.integers(0, 2, s).astype(float),
    "shares": lambda r, s: r.random(s),
    "normals": lambda r, s: r.normal(size=s),
    "skewed": lambda r, s: np.exp(2 * r.normal(size=s)),
    "counts": lambda r, s: r.poisson(1.5, s).astype(float),
    "whole": lambda r, s: r.integers(-1000, 1000, s).astype(float),
    "ids": lambda r, s: r.permutation(int(np.prod(s))).reshape(s).astype(float),
    "two values": lambda r, s: r.choice([5.0, 9.0], s),
    "spins": lambda r, s: r.choice([-1.0, 1.0], s),
    "constant": lambda r, s: np.full(s, r.choice([0.0, 1.0, 0.3, -7.0, 1e12])),
    "huge": lambda r, s: 1e300 * r.normal(size=s),
    "large": lambda r, s: 1e30 * r.normal(size=s),
    "far": lambda r, s: 1e9 + r.normal(size=s),
    "denormal": lambda r, s: 1e-310 * r.normal(size=s),
    "tiny": lambda r, s: 1e-30 * r.normal(size=s),
    "minus zero": lambda r, s: r.choice([-0.0, 0.0, 1.0], s),
    "ends": lambda r, s: r.choice([1.7e308, -1.7e308, 0.0], s),
    "ends of int64": lambda r, s: r.choice([-(2.0**63), 2.0**62, 0.0], s),
    "spikes": lambda r, s: np.where(r.random(s) < 0.7, 0.0, r.lognormal(size=s)),
    "cauchy": lambda r, s: r.standard_cauchy(s),
    "one row again": lambda r, s: np.tile(r.normal(size=(1, *s[1:])), (s[0], 1)),
    "one outlier": lambda r, s: r.normal(size=s) + 1e8 * (r.random(s) < 0.02),
}
PLAIN = ("bits", "shares", "normals", "counts", "spikes", "whole", "skewed")


def _some(array, r, value, share=0.2):
    array[r.random(array.shape) < share] = value


def _column(array, r, value):
    if array.shape[1]:
        array[:, r.integers(array.shape[1])] = value


def _row(array, r, value):
    if array.shape[0]:
        array[r.integers(array.shape[0])] = value


SPOILS = {
    "some missing": lambda a, r: _some(a, r, np.nan),
    "most missing": lambda a, r: _some(a, r, np.nan, 0.9),
    "a column missing": lambda a, r: _column(a, r, np.nan),
    "a row missing": lambda a, r: _row(a, r, np.nan),
    "all missing": lambda a, r: _some(a, r, np.nan, 1),
    "an infinite row": lambda a, r: _row(a, r, np.inf),
    "some minus infinite": lambda a, r: _some(a, r, -np.inf, 0.1),
    "a constant column": lambda a, r: _column(a, r, 3.0),
    "a huge column": lambda a, r: _column(a, r, 1e300),
}
DTYPES = ["float32", "float16", "longdouble", "int8", "int64", "uint8", "uint64"]
DTYPES += ["bool", "object", "complex128", "str", "bytes", ">f8", "datetime64[s]"]
DTYPES += ["timedelta64[D]", "int16", "uint32", "complex64"]


def numbers(dice, shape):
    """Return an array of float64 and the words that say what it holds."""
    r, names = dice.rng, PLAIN if dice.chance(0.6) else NUMBERS
    name = dice.name(names)
    array, words = NUMBERS[name](r, shape), [name]
    if dice.chance(0.15):  # another kind in each column
        for j in range(shape[1]):
            other = dice.name(NUMBERS)
            array[:, j] = NUMBERS[other](r, (shape[0], 1))[:, 0]
            words.append(other)
    if dice.chance(0.3):
        spoil = dice.name(SPOILS)
        SPOILS[spoil](array, r)
        words.append(spoil)
    return array, words


def cast(dice, array):
    """Return the array in a dtype, and its name."""
    if dice.chance(0.6):
        return array, "float64"
    dtype = dice.pick(DTYPES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dtype in ("datetime64[s]", "timedelta64[D]"):
            array = np.nan_to_num(array, posinf=0, neginf=0).clip(-1e9, 1e9)
            return array.astype("int64").astype(dtype), dtype
        return array.astype(dtype), dtype


def _masked(array):
    mask = np.zeros(array.shape, bool)
    mask[::2, ::2] = True
    return np.ma.array(array, mask=mask)


def _read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def _sparse(make):
    def form(array):
        return make(array if array.dtype.kind in "fiubc" else array.astype(float))

    return form


def _frame(array):
    return pd.DataFrame(array, columns=[f"c{j}" for j in range(array.shape[1])])


FORMS = {
    "array": lambda a: a,
    "Fortran": np.asfortranarray,
    "reversed view": lambda a: a[::-1, ::-1],
    "read-only": _read_only,
    "masked": _masked,
    "matrix": np.asmatrix,
    "list": lambda a: a.tolist(),
    "tuple": lambda a: tuple(map(tuple, a.tolist())),
    "list of arrays": list,
    "frame": _frame,
    "frame without names": pd.DataFrame,
    "csr": _sparse(sparse.csr_matrix),
    "csc": _sparse(sparse.csc_matrix),
    "coo": _sparse(sparse.coo_matrix),
    "csr_array": _sparse(sparse.csr_array),
    "lil": _sparse(sparse.lil_matrix),
    "dok": _sparse(sparse.dok_matrix),
    "dia": _sparse(sparse.dia_matrix),
    "flat": lambda a: a.reshape(-1),
    "three axes": lambda a: a[None],
    "series": lambda a: pd.Series(list(a)),
    "ragged list": lambda a: [*a.tolist(), [0.0]],
    "record array": lambda a: np.rec.fromarrays(list(a.T)) if a.size else a,
}
ODD = ("flat", "three axes", "series", "ragged list", "record array", "matrix")


def array_table(dice, shape):
    """Return a table of numbers in some container, and words about it."""
    array, words = numbers(dice, shape)
    array, dtype = cast(dice, array)
    form = "array"
    if dice.chance(0.55):
        form = dice.name(FORMS)
        if form in ODD and dice.chance(0.6):
            form = "array"
    try:
        table = FORMS[form](array)
    except (ValueError, TypeError, OverflowError):  # this dtype has no such form
        table, form = array, "array"
    return table, [form, dtype, str(array.shape), *words]
