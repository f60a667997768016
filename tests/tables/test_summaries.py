import itertools

import numpy as np
import pandas as pd
import pytest

from skebm.tables import Encoding, Table
from skebm.tables.summaries import Summary, _sample
from skebm.utils._random import Random
from tests.fits import BITS, COUNTS, FRAME, HOLES, HOLEY, REALS
from tests.tables.test_table import COLUMNS, frame_of

CUTS = [0, 7, 7, 20, 21, 50, 61]  # one part is empty
ARRAYS = {
    "bits": BITS,
    "bytes": BITS.astype(np.uint8),
    "booleans": BITS.astype(bool),
    "reals": REALS,
    "singles": REALS.astype(np.float32),
    "counts": COUNTS,
    "holes": HOLES,
    "grey": np.where(BITS > 0, 0.25, np.round(BITS[:, ::-1])),
    "scaled": np.abs(REALS) / np.abs(REALS).max(),
    "mixed": np.hstack([BITS, REALS]),
    "binary holes": np.where(np.arange(61)[:, None] % 7 == 1, np.nan, BITS),
    "constant": np.full((61, 2), 1e8),
}


def parts_of(X, cuts=CUTS):
    pairs = itertools.pairwise(cuts)
    taken = X.iloc if isinstance(X, pd.DataFrame) else X
    return [(lo, taken[lo:hi]) for lo, hi in pairs]


def summaries_of(X, weight=None, numbered=(), cuts=CUTS):
    return [
        Summary.of(
            part,
            None if weight is None else weight[lo : lo + len(part)],
            lo,
            Random(0),
            numbered,
        )
        for lo, part in parts_of(X, cuts)
    ]


def folded(summaries):
    """Merge from the left."""
    total, *others = summaries
    for summary in others:
        total = total.merged(summary)
    return total.compact()


def paired(summaries):
    """Merge neighbours, then what comes of them, until one is left."""
    while len(summaries) > 1:
        pairs = zip(summaries[::2], summaries[1::2], strict=False)
        rest = summaries[len(summaries) // 2 * 2 :]
        summaries = [one.merged(other) for one, other in pairs] + rest
    return summaries[0].compact()


def settled(summary, visible="auto", weight=None, names=None):
    sample = summary.sample.rows
    if not isinstance(sample, pd.DataFrame):
        sample = sample.astype(np.float64 if sample.dtype != np.float32 else np.float32)
    witnesses = summary.facts.witnesses(getattr(sample, "dtype", None))
    facts = None, names, "pandas", summary.facts
    table = Table.fit(witnesses, visible, *facts)
    numbers = table.matrix(sample)
    rows, weight = summary.stand_in(table, numbers)
    encoding = Encoding.fit(rows, table.kinds, table.sizes, weight)
    return table, summary.refined(encoding, table)


def assert_same(one, other, rows):
    tables = one[0], other[0]
    assert tables[0].kinds == tables[1].kinds
    np.testing.assert_array_equal(tables[0].low, tables[1].low)
    np.testing.assert_array_equal(tables[0].high, tables[1].high)
    for first, second in zip(tables[0].columns, tables[1].columns, strict=True):
        assert first.dtype == second.dtype
        assert first.is_whole == second.is_whole
        assert (first.values is None) == (second.values is None)
        assert first.values is None or first.values.equals(second.values)
    units = [e.encode(t.matrix(rows)) for t, e in (one, other)]
    np.testing.assert_array_equal(*units)


@pytest.mark.parametrize("merge", [folded, paired])
@pytest.mark.parametrize("name", ARRAYS)
def test_parts_of_an_array_settle_as_the_whole(name, merge):
    X = ARRAYS[name]
    numbers = X if X.dtype == np.float32 else X.astype(np.float64)
    table = Table.fit(numbers, "auto")
    whole = table, Encoding.fit(numbers, table.kinds, table.sizes, None)
    assert_same(settled(merge(summaries_of(X))), whole, numbers)


@pytest.mark.parametrize("merge", [folded, paired])
@pytest.mark.parametrize("X", [FRAME, HOLEY], ids=["frame", "holes"])
def test_parts_of_a_frame_settle_as_the_whole(X, merge):
    table = Table.fit(X, "auto", names=X.columns)
    numbers = table.matrix(X)
    whole = table, Encoding.fit(numbers, table.kinds, table.sizes, None)
    parts = settled(merge(summaries_of(X)), names=X.columns)
    assert_same(parts, whole, X)
    assert parts[0].dtype == table.dtype


# Numbers in one part and text in another are refused.
SETTLED = [name for name in COLUMNS if name != "text and numbers"]


@pytest.mark.parametrize("name", SETTLED)
@pytest.mark.parametrize("cuts", [[0, 1, 4], [0, 2, 3, 3, 4]])
def test_parts_of_any_column_settle_as_the_whole(name, cuts):
    X = frame_of(name)
    table = Table.fit(X, "auto", names=X.columns)
    numbers = table.matrix(X)
    whole = table, Encoding.fit(numbers, table.kinds, table.sizes, None)
    parts = settled(folded(summaries_of(X, cuts=cuts)), names=X.columns)
    assert_same(parts, whole, X)


def test_a_weight_is_a_repetition():
    weight = np.arange(61) % 4
    repeated = FRAME.iloc[np.repeat(np.arange(61), weight)].reset_index(drop=True)
    table = Table.fit(repeated, "auto", names=repeated.columns)
    parts = folded(summaries_of(FRAME, weight.astype(float)))
    assert settled(parts, names=FRAME.columns)[0].kinds == table.kinds
    assert parts.mass == len(repeated)
    moments = folded(summaries_of(REALS, weight.astype(float))).facts.moments
    many = np.repeat(REALS, weight, axis=0)
    np.testing.assert_allclose(moments.mean, many.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(moments.variance, many.var(axis=0), rtol=1e-12)


def test_the_sample_does_not_depend_on_the_parts(monkeypatch):
    monkeypatch.setattr(_sample, "_FEWEST_ROWS", 13)
    monkeypatch.setattr(_sample, "_MOST_ROWS", 13)
    X = np.arange(61.0)[:, None]
    whole = Summary.of(X, None, 0, Random(0)).compact().sample
    assert len(whole.numbers) == 13
    np.testing.assert_array_equal(whole.rows[:, 0], whole.numbers)
    for merge in (folded, paired):
        for cuts in (CUTS, [0, 3, 5, 60, 61]):
            sample = merge(summaries_of(X, cuts=cuts)).sample
            np.testing.assert_array_equal(sample.rows, whole.rows)


def test_the_sample_is_uniform(monkeypatch):
    monkeypatch.setattr(_sample, "_FEWEST_ROWS", 10)
    monkeypatch.setattr(_sample, "_MOST_ROWS", 10)
    X, counts = np.arange(40.0)[:, None], np.zeros(40)
    for seed in range(400):
        total = Summary.of(X[:25], None, 0, Random(seed))
        bound = total.compact().sample.bound
        rest = Summary.of(X[25:], None, 25, Random(seed), bound=bound)
        counts[total.merged(rest).compact().sample.numbers] += 1
    # A count is binomial with the mean 100 and the standard deviation 8.7.
    assert np.abs(counts - 100).max() < 4.5 * 8.7


def test_moments_and_ends_of_all_rows_count(monkeypatch):
    monkeypatch.setattr(_sample, "_FEWEST_ROWS", 20)
    monkeypatch.setattr(_sample, "_MOST_ROWS", 20)
    X = np.random.default_rng(0).normal(5.0, 2.0, (400, 3))
    X[17] = 40.0, -40.0, 5.0
    summary = folded(summaries_of(X, cuts=[0, 100, 270, 400]))
    assert 17 not in summary.sample.numbers
    table, encoding = settled(summary, "gaussian")
    Z = encoding.encode(table.matrix(X))
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(Z.std(axis=0), 1, rtol=1e-12)
    low = folded(summaries_of(np.abs(X), cuts=[0, 100, 400]))
    table, encoding = settled(low)
    assert encoding.decode(np.full((1, 3), -50.0)).min() >= 0  # ends are known


def test_numbered_columns_of_an_array_know_all_values():
    X = np.column_stack([np.arange(61) % 5 + 0.5, np.arange(61) % 2])
    summary = folded(summaries_of(X, numbered=[0]))
    table, _ = settled(summary, {0: "categorical"})
    assert table.columns[0].values.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5]
    assert table.kinds == ("categorical", "bernoulli")


def test_witnesses_lie_outside_where_a_row_does():
    for value in (-1.0, 2.0, 0.5, np.inf, np.nan):
        X = np.zeros((61, 2))
        X[::2], X[33, 1] = 1.0, value
        rows = folded(summaries_of(X)).facts.witnesses(np.float64)
        found = rows[:, 1]
        assert np.isnan(found).any() if np.isnan(value) else value in found
        assert set(np.unique(rows[:, 0])) <= {0.0, 1.0}


def test_categories_of_parts_are_joined():
    parts = [pd.Categorical(["a", "b"]), pd.Categorical(["c", "b"])]
    frames = [pd.DataFrame({"x": part}) for part in parts]
    one, other = (Summary.of(f, None, 2 * k, Random(0)) for k, f in enumerate(frames))
    table, _ = settled(one.merged(other).compact(), names=frames[0].columns)
    assert table.columns[0].values.tolist() == ["a", "b", "c"]
    ordered = [
        pd.DataFrame({"x": pd.Categorical(["a"], order, ordered=True)})
        for order in (["a", "b"], ["b", "a"])
    ]
    one, other = (Summary.of(f, None, k, Random(0)) for k, f in enumerate(ordered))
    with pytest.raises(ValueError, match="ordered categories that differ"):
        one.merged(other)


def test_parts_must_have_the_same_columns_of_the_same_types():
    frames = [
        pd.DataFrame({"x": [1.0, 2.0], "y": [1, 2]}),
        pd.DataFrame({"x": [1.0, 2.0], "z": [1, 2]}),
        pd.DataFrame({"x": ["a", "b"], "y": [1, 2]}),
    ]
    one, renamed, typed = (Summary.of(f, None, 0, Random(0)) for f in frames)
    with pytest.raises(ValueError, match="different columns"):
        one.merged(renamed)
    with pytest.raises(ValueError, match="'x' of X holds numbers in some parts"):
        one.merged(typed)


def test_a_column_of_ids_is_refused(monkeypatch):
    monkeypatch.setattr("skebm.tables.summaries._frame._MOST_VALUES", 20)
    X = pd.DataFrame({"id": [f"row {k}" for k in range(61)], "x": REALS[:, 0]})
    with pytest.raises(ValueError, match="as an id has"):
        settled(folded(summaries_of(X)), names=X.columns)
    # Numbers are not numbered.
    numbers = pd.DataFrame({"x": REALS[:, 0], "n": np.arange(61)})
    table, _ = settled(folded(summaries_of(numbers)), names=numbers.columns)
    assert table.kinds == ("real", "real")
