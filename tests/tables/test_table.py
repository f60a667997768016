import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_matrix
from sklearn.compose import make_column_selector

from skebm.tables import Table, as_frame, by_columns

N = 101
OBJECTS = [True, None, False, True]
COLUMNS = {
    # name: (values, kind that "auto" takes, numbers of the first three rows)
    "bool": ([True, False, True, True], "bernoulli", [1, 0, 1]),
    "boolean": (
        pd.array([True, None, False, True], "boolean"),
        "bernoulli",
        [1, -1, 0],
    ),
    "object of bools": (np.array(OBJECTS, object), "bernoulli", [1, -1, 0]),
    "two integers": ([7, 3, 7, 3], "bernoulli", [1, 0, 1]),
    "two floats": ([-0.5, np.nan, 2.5, 2.5], "bernoulli", [0, -1, 1]),
    "text": (["b", None, "a", "b"], "categorical", [1, -1, 0]),
    "object": (np.array(["b", None, "a", "c"], object), "categorical", [1, -1, 0]),
    "string": (pd.array(["b", None, "a", "b"], "string"), "categorical", [1, -1, 0]),
    "one text": (["b", "b", "b", "b"], "categorical", [0, 0, 0]),
    "text and numbers": (
        np.array(["b", 3, None, 1], object),
        "categorical",
        [2, 1, -1],
    ),
    "category": (pd.Categorical(list("bdab"), list("dcba")), "categorical", [2, 0, 3]),
    "category of numbers": (pd.Categorical([3, 7, None, 3]), "categorical", [0, 1, -1]),
    "category of bools": (
        pd.Categorical([True, False, None, True]),
        "categorical",
        [1, 0, -1],
    ),
    "ordered": (
        pd.Categorical(list("bdab"), list("dcba"), ordered=True),
        "categorical",
        [2, 0, 3],
    ),
    "whole": ([0, 5, 2, 2], "count", [0, 5, 2]),
    "whole floats": ([0.0, np.nan, 2.0, 5.0], "count", [0, -1, 2]),
    "Int64": (pd.array([0, None, 2, 4], "Int64"), "count", [0, -1, 2]),
    "uint8": (np.array([0, 5, 2, 2], np.uint8), "count", [0, 5, 2]),
    "large": ([0, 500, 2, 20], "real", [0, 500, 2]),
    "negative": ([-1, 0, 1, 1], "real", [-1, 0, 1]),
    "Float64": (pd.array([0.5, None, 2, 3.5], "Float64"), "real", [0.5, -1, 2]),
    "object of numbers": (
        np.array([0.5, None, 2, 3], object),
        "real",
        [0.5, -1, 2],
    ),
    "constant": ([3.0, 3.0, 3.0, 3.0], "real", [3, 3, 3]),
}


def frame_of(name):
    return pd.DataFrame({name: COLUMNS[name][0]})


@pytest.mark.parametrize("name", COLUMNS)
def test_rules_numbers_and_the_way_back(name):
    X, (_, kind, expected) = frame_of(name), COLUMNS[name]
    table = Table.fit(X, "auto", names=X.columns)
    assert table.kinds == (kind,)
    numbers = table.matrix(X)
    assert numbers.dtype == np.float64
    missing = X[name].isna().to_numpy()
    np.testing.assert_array_equal(np.isnan(numbers[:, 0]), missing)
    np.testing.assert_array_equal(np.where(missing, -1, numbers[:, 0])[:3], expected)
    back = table.restore(numbers, X.index)
    pd.testing.assert_frame_equal(back.where(~X.isna()), X.where(~X.isna()))
    assert (back.dtypes == X.dtypes).all()


def test_all_at_once(rng):
    X = pd.concat([frame_of(name) for name in COLUMNS], axis=1).set_index(
        pd.Index([7, 3, 5, 2])
    )
    table = Table.fit(X, "auto", names=X.columns)
    assert table.kinds == tuple(kind for _, kind, _ in COLUMNS.values())
    table = pickle.loads(pickle.dumps(table))
    seen = X.notna().all(axis=1)
    assert seen.tolist() == [True, False, False, True]
    back = table.restore(table.matrix(X), X.index)
    pd.testing.assert_frame_equal(back[seen], X[seen])
    assert table.unit_names[:5].tolist() == [
        *("bool", "boolean", "object of bools", "two integers=7", "two floats=2.5")
    ]


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean", "string", "category"])
def test_holes_come_back_as_holes(dtype):
    values = {"string": ["a", "b"], "category": ["a", "b"]}.get(dtype, [1, 0])
    X = pd.DataFrame({"x": pd.Series([*values, None, values[1]], dtype=dtype)})
    table = Table.fit(X, "auto", names=X.columns)
    pd.testing.assert_frame_equal(table.restore(table.matrix(X)), X)


def kind(values, visible="auto", **options):
    return Table.fit(pd.DataFrame({"x": values}), visible, **options).kinds[0]


def test_limits_of_the_rule_of_counts(rng):
    few, many = np.arange(20), np.arange(21)
    assert kind(few) == kind([0, 1, 20]) == kind(few.astype(float)) == "count"
    for values in (many, [0, 1, 21], [-1, 0, 1], [0, 1, 2.5]):
        assert kind(values) != "count"


def test_limits_of_the_rule_of_zeros(rng):
    others = rng.normal(size=21)
    assert kind(np.r_[np.zeros(21), others]) == "zero_inflated"
    assert kind(np.r_[np.zeros(20), others]) != "zero_inflated"
    assert kind(np.r_[np.zeros(21), others[:20]]) != "zero_inflated"
    weight = np.r_[np.full(20, 2.0), np.ones(21)]
    assert kind(np.r_[np.zeros(20), others], weight=weight) == "zero_inflated"


def test_other_numbers_are_real(rng):
    x = rng.normal(size=N)
    for numbers in (x, x + 1e6, np.exp(x), -np.exp(x), 1e6 * np.exp(x)):
        assert kind(numbers) == "real"


def test_floats_that_are_whole_come_back_whole(rng):
    X = pd.DataFrame({"x": rng.integers(100, 200, N).astype(float)})
    halves = np.array([[150.4], [150.6]])
    table = Table.fit(X, "auto", names=X.columns)
    assert table.restore(halves)["x"].tolist() == [150, 151]
    for rows, visible in ((X + 0.25, "auto"), (X, "gaussian")):
        table = Table.fit(rows, visible, names=X.columns)
        assert table.restore(halves)["x"].tolist() == [150.4, 150.6]


# -- declarations ------------------------------------------------------------------


@pytest.fixture
def mixed(rng):
    return pd.DataFrame(
        {
            "age": rng.normal(size=N),
            "job": rng.choice(list("abc"), N),
            "kids": rng.integers(0, 5, N),
            "gain": np.exp(rng.normal(size=N)),
        }
    )


AUTO = ("real", "categorical", "count", "real")
BOTH = ("gaussian", *AUTO[1:3], "gaussian")


@pytest.mark.parametrize(
    ("visible", "kinds"),
    [
        ("auto", AUTO),
        ({}, AUTO),
        ({"kids": "gaussian"}, (*AUTO[:2], "gaussian", "real")),
        ({2: "categorical"}, (*AUTO[:2], "categorical", "real")),
        ({"age": "auto"}, AUTO),
        ({np.str_("kids"): "gaussian"}, (*AUTO[:2], "gaussian", AUTO[3])),
        (
            ["gaussian", "auto", "count", "gaussian"],
            BOTH,
        ),
        ([("n", "gaussian", ["age", "gain"])], BOTH),
        ([("n", "gaussian", [0, 3])], BOTH),
        ([("n", "gaussian", slice("kids", "gain"))], (*AUTO[:2], *["gaussian"] * 2)),
        (
            [("n", "gaussian", [False, False, True, True])],
            (*AUTO[:2], *["gaussian"] * 2),
        ),
        (
            [("n", "gaussian", make_column_selector(dtype_include=np.float64))],
            BOTH,
        ),
        (
            [("n", "gaussian", "gain"), ("m", "categorical", "kids")],
            ("real", "categorical", "categorical", "gaussian"),
        ),
    ],
)
def test_declarations(visible, kinds, mixed):
    assert Table.fit(mixed, visible, names=mixed.columns).kinds == kinds


def test_arrays_by_position(rng):
    X = np.column_stack([rng.integers(3, 6, N), rng.random(N), 9 * rng.random(N)])
    for rows in (X, csr_matrix(X)):
        table = Table.fit(rows, {0: "categorical"})
        assert table.kinds == ("categorical", "real", "real")
        numbers = table.matrix(rows)
        np.testing.assert_array_equal(numbers[:, 0], X[:, 0] - X[:, 0].min())
        np.testing.assert_array_equal(table.restore(numbers), X)
    kinds = Table.fit(X[:, :2], {0: "categorical"}).kinds
    assert kinds == ("categorical", "bernoulli")
    assert table.unit_names.tolist() == ["x0=3.0", "x0=4.0", "x0=5.0", "x1", "x2"]


def test_an_array_of_one_kind_is_left_alone(rng):
    X = (rng.random((N, 3)) < 0.5).astype(np.float32)
    for rows in (X, csr_matrix(X)):
        table = Table.fit(rows, "auto")
        assert table.matrix(rows) is rows
        assert table.restore(rows) is rows
    counts = csr_matrix(rng.integers(0, 4, (N, 3)).astype(float))
    assert Table.fit(counts, "count").matrix(counts) is counts


def test_arrays_of_objects_with_a_declaration_are_frames(mixed):
    X = mixed.to_numpy(dtype=object)
    assert by_columns(X, {})
    assert by_columns(X.tolist(), {})
    assert not by_columns(X, "auto")
    assert not by_columns(X[:, 2:].astype(float), {})
    for rows in (X, X.tolist()):
        table = Table.fit(as_frame(rows), {3: "gaussian"})
        assert table.kinds == (*AUTO[:3], "gaussian")
        back = table.restore(table.matrix(as_frame(rows)))
        assert isinstance(back, np.ndarray)
        np.testing.assert_array_equal(back, X)
    text = mixed[["job"]].to_numpy(dtype="U1")
    assert by_columns(text, "categorical")
    assert Table.fit(as_frame(text), "categorical").kinds == ("categorical",)


def test_a_frame_of_numbers_without_names_is_an_array(mixed):
    X = pd.DataFrame(mixed[["age", "kids"]].to_numpy())

    def kinds(X):
        return Table.fit(X, "auto", names=X.columns).kinds

    assert kinds(X) == kinds(X[[1, 0]]) == ("real", "real")
    assert kinds(X.rename(columns=str)) == ("real", "count")
    assert kinds(X.astype({1: "category"})) == ("real", "categorical")
    assert kinds(X.astype({0: "Float64"})) == ("real", "count")
    X.columns = pd.MultiIndex.from_product([["a"], [0, 1]])
    assert kinds(X) == ("real", "count")


def test_polars_frames(mixed):
    X = pl.DataFrame({name: mixed[name].to_numpy() for name in mixed})
    assert by_columns(X, "auto")
    assert Table.fit(as_frame(X), "auto", names=mixed.columns).kinds == AUTO


def test_float32_is_kept_where_it_is_all_there_is():
    floats = np.array([0.5, 1.5, 3], np.float32)
    X = pd.DataFrame({"x": floats, "y": floats, "c": list("aba")})
    assert Table.fit(X, "auto").matrix(X).dtype == np.float32
    X["z"] = floats.astype(float)
    assert Table.fit(X, "auto").matrix(X).dtype == np.float64


# -- rows that come later ----------------------------------------------------------


def test_other_dtypes_with_the_same_values(mixed):
    table = Table.fit(mixed, "auto", names=mixed.columns)
    other = mixed.astype({"job": "category", "kids": "Float64", "age": object})
    np.testing.assert_array_equal(table.matrix(other), table.matrix(mixed))
    text = mixed.astype({"kids": str})
    np.testing.assert_array_equal(table.matrix(text), table.matrix(mixed))
    two = pd.DataFrame({"x": [3, 7, 7]})
    table = Table.fit(two, "auto")
    np.testing.assert_array_equal(
        table.matrix(pd.DataFrame({"x": [7.0, 3.0]}))[:, 0], [1, 0]
    )


@pytest.mark.parametrize(
    ("column", "value"), [("job", "z"), ("two", 9), ("kids", 99), ("kids", 1.5)]
)
def test_unknown_values(column, value, mixed):
    mixed["two"] = np.arange(N) % 2 + 3
    table = Table.fit(mixed, "auto", names=mixed.columns)
    later = mixed.astype({"kids": float, "job": object})
    later.loc[5, column] = value
    with pytest.raises(ValueError, match=f"'{column}'"):
        table.matrix(later)
    numbers = table.matrix(later, handle_unknown="missing")
    assert np.argwhere(np.isnan(numbers)).tolist() == [[5, list(later).index(column)]]


def test_headroom_of_counts(mixed):
    table = Table.fit(mixed, "auto", names=mixed.columns)
    assert table.sizes.tolist() == [0, 3, 9, 0]
    mixed.loc[3, "kids"] = 8
    assert table.matrix(mixed)[3, 2] == 8


def test_amounts_cannot_become_negative(rng):
    X = pd.DataFrame({"x": np.where(rng.random(N) < 0.6, 0, rng.random(N))})
    table = Table.fit(X, "auto", names=X.columns)
    assert table.kinds == ("zero_inflated",)
    with pytest.raises(ValueError, match=r"Zero-inflated .* 'x' of X"):
        table.matrix(-X)
    table = Table.fit(X - 0.5 * (X > 0), {"x": "zero_inflated"})
    assert np.isfinite(table.matrix(-X)).all()


def test_integers_are_rounded_and_kept_within_their_dtype():
    X = pd.DataFrame(
        {"a": np.array([-100, 0, 100], np.int8), "b": pd.array([9, 10, 14], "UInt8")}
    )
    table = Table.fit(X, "gaussian", names=X.columns)
    back = table.restore(np.array([[-1e9, -3], [0.6, 7.4], [1e9, 300.0]]))
    assert back["a"].tolist() == [-128, 1, 127]
    assert back["b"].tolist() == [0, 7, 255]
    wide = pd.DataFrame({"a": np.array([-5, 0, 5])})
    table = Table.fit(wide, "gaussian", names=wide.columns)
    back = table.restore(np.array([[1e30], [-1e30]]))["a"]
    assert (back.dtype, back[0] > 9e18, back[1] < -9e18) == (np.int64, True, True)


# -- sentences ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (pd.to_datetime(["2020-01-01"] * 3), "datetime64"),
        (pd.to_timedelta([1, 2, 3]), "timedelta64"),
        (pd.period_range("2020", periods=3), "period"),
        (np.array([1j, 2, 3]), "complex"),
        ([[1], [2], [3]], "not single values"),
        ([{"a": 1}, None, "x"], "not single values"),
        ([pd.Timestamp("2020"), None, None], "datetime"),
        ([None, None, None], "no value"),
        (pd.array([None] * 3, "Int64"), "no value"),
        ([1.0, np.inf, 2.0], "infinity"),
        ([1.0, 1e200, 2.0], "infinity"),
    ],
)
@pytest.mark.parametrize("visible", ["auto", "gaussian"])
def test_columns_that_cannot_be(values, says, visible):
    X = pd.DataFrame({"good": [1.0, 2, 3.5], "when": values})
    with pytest.raises(ValueError, match=says) as error:
        Table.fit(X, visible, names=X.columns).matrix(X)
    assert "'when'" in str(error.value)


@pytest.mark.parametrize(
    ("values", "visible", "says"),
    [
        (list("abc"), "gaussian", "'x' of X holds 'a'"),
        (pd.Categorical(list("abc")), "count", "'x' of X holds 'a'"),
        (list("abc"), "bernoulli", "'x' of X has 3"),
        ([0.5, 1, 2], "count", "Count units .* 'x'"),
        ([0, -1, 2], "count", "Count units .* 'x'"),
        ([0, 1, 2], "bernoulli", "Bernoulli units .* 'x'"),
        ([0, 1, 1], "spin", "Spin units .* 'x'"),
    ],
)
def test_declarations_that_do_not_fit(values, visible, says):
    X = pd.DataFrame({"x": values})
    with pytest.raises(ValueError, match=says):
        Table.fit(X, visible, names=X.columns).matrix(X)


@pytest.mark.parametrize(
    ("visible", "says"),
    [
        ({"nobody": "gaussian"}, "nobody"),
        ({"age": "boltzmann"}, "'yeo_johnson'"),
        ({"age": 3}, "names of layers"),
        ([("a", "gaussian")], "list of"),
        ([("a", "gaussian", "age"), ("b", "count", [0])], "column 0 twice"),
        (["gaussian"] * 3, "3 layers, but X has 4"),
    ],
)
def test_declarations_that_make_no_sense(visible, says, mixed):
    with pytest.raises(ValueError, match=says):
        Table.fit(mixed, visible, names=mixed.columns)
