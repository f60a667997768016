"""What a user knows comes back as it was: cells, dtypes, names, libraries of frames."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.preprocessing import StandardScaler

from skebm import EBMAnomalyDetector, EnergyClassifier, EnergyImputer, RBMDensity
from skebm.tables import keep_observed

N = 60
LARGE = 2**53 + 1


@pytest.fixture
def table():
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": random.integers(18, 60, N),
            "small": random.integers(0, 120, N).astype("int8"),
            "id": LARGE + 2 * np.arange(N),
            "job": pd.Categorical(random.choice(list("ab"), N), list("abc")),
            "w": random.normal(size=N),
        }
    )


def density(**options):
    return RBMDensity(3, n_iter=3, random_state=0, n_jobs=1, **options)


def imputer(**options):
    return EnergyImputer(density(), random_state=0, **options)


# -- cells ---------------------------------------------------------------------------


def answers(table, later):
    """Return what each method that fills in cells makes of ``later``."""
    for draws in (False, True):
        filler = imputer(sample_posterior=draws).set_output(transform="pandas")
        yield filler.fit(table).transform(later)
    fitted = density().fit(table)
    yield fitted.complete(later)
    yield fitted.posterior_mean(later)
    yield from fitted.posterior_interval(later)
    yield fitted.sample(given=later, random_state=0)
    yield fitted.sample(2, given=later, random_state=0)[::2]


def test_observed_cells_come_back(table):
    later = table.head(4).astype({"age": float, "small": float, "id": "Int64"})
    later.loc[:1, "age"] = [0.75, 30.5]
    later.loc[:1, "small"] = [300, -500]
    later.loc[2, ["age", "small", "id", "w"]] = None
    later["job"] = ["a", None, "b", "a"]
    known = later.notna()
    for filled in answers(table, later):
        for name in later:
            cells = filled[name][known[name].to_numpy()].tolist()
            assert cells == later[name][known[name]].tolist(), name
        assert filled["id"].dtype in ("int64", "Int64")


def test_a_table_that_fits_keeps_the_dtypes_of_fit(table):
    later = table.astype({"age": float, "small": "Int16"})
    later.loc[2, ["age", "small", "w"]] = None
    later["job"] = later["job"].astype(object)
    for filled in answers(table, later):
        assert filled.dtypes.to_dict() == table.dtypes.to_dict()


def test_arrays_hold_large_whole_numbers(table):
    filled = imputer().fit(table[["id", "w"]]).transform(table[["id", "w"]])
    assert filled[:, 0].tolist() == table["id"].tolist()


@pytest.mark.parametrize(
    ("filled", "observed", "right"),
    [
        (pd.Series([1, 2]), pd.Series([0.5, None]), pd.Series([0.5, 2.0])),
        (pd.Series([1, 2]), pd.Series([3.0, None]), pd.Series([3, 2])),
        (pd.Series([1.5, 2]), pd.Series([LARGE, None], dtype="Int64"), [LARGE, 2.0]),
        (pd.Series([True, False]), pd.Series(["yes", None]), ["yes", False]),
        (
            pd.Series([1, 2], dtype="int8"),
            pd.Series([300, None], dtype="Int64"),
            pd.Series([300, 2], dtype="Int64"),
        ),
    ],
)
def test_a_dtype_that_holds_both(filled, observed, right):
    out = keep_observed(filled, observed, observed.isna().to_numpy())
    if isinstance(right, pd.Series):
        pd.testing.assert_series_equal(out, right)
    assert out.tolist() == list(right)


def test_what_is_imputed_can_be_read_again():
    random = np.random.default_rng(0)
    counts = random.poisson(1.5, (80, 3)).astype(float)
    spins = random.choice([-1.0, 1.0], (80, 3))
    for rows, visible in ((counts, "count"), (spins, "spin"), (spins, "bernoulli")):
        rows = rows if visible != "bernoulli" else (rows + 1) / 2
        pierced = rows.copy()
        pierced[:9, 0] = np.nan
        for container in (np.asarray, pd.DataFrame):
            filler = EnergyImputer(density(visible=visible))
            filled = filler.fit_transform(container(pierced))
            assert np.isin(filled, rows).all()
            filler.density_.score_samples(filled)


# -- names ---------------------------------------------------------------------------

NAMES = {
    "permuted": [2, 0, 1],
    "tens": [10, 20, 30],
    "tuples": pd.MultiIndex.from_tuples([("a", "x"), ("a", "y"), ("b", "x")]),
}


@pytest.fixture(params=NAMES)
def named(request):
    X = np.random.default_rng(0).normal([100, -50, 0], 1, (80, 3))
    return pd.DataFrame(X, columns=NAMES[request.param])


def test_names_that_are_no_strings_decide(named):
    fitted = density().fit(named)
    rows = named.head(3)
    other = rows[list(named.columns[::-1])].copy()
    other.iloc[0, 0] = np.nan
    for filled in (fitted.complete(other), fitted.sample(given=other)):
        pd.testing.assert_index_equal(filled.columns, named.columns)
        seen = other.notna()[list(named.columns)].to_numpy()
        assert (filled.to_numpy()[seen] == rows.to_numpy()[seen]).all()
    name = named.columns[2]
    given = fitted.sample(2, given={name: 0.25}, random_state=0)
    assert given[name].tolist() == [0.25, 0.25]
    X = density().fit(named.to_numpy()) if name == 1 else fitted
    by_name = fitted.conditional_log_prob(rows, [name])
    by_position = X.conditional_log_prob(rows.to_numpy(), [2])
    np.testing.assert_array_equal(by_name, by_position)


@pytest.mark.parametrize("call", ["score", "transform", "complete"])
def test_other_names_are_refused(call):
    X = np.random.default_rng(0).normal(size=(80, 3))
    for names in NAMES.values():
        fitted = density().fit(pd.DataFrame(X, columns=names))
        rows = pd.DataFrame(X[:2], columns=[7, 8, 9])
        with pytest.raises(ValueError, match=r"7.*\n?.*fit"):
            getattr(fitted, call)(rows)


def test_columns_in_another_order_are_refused(named):
    other = named[list(named.columns[::-1])]
    for estimator in (density(), EBMAnomalyDetector(density()), imputer()):
        estimator.fit(named)
        method = getattr(estimator, "score_samples", None) or estimator.transform
        with pytest.raises(ValueError, match="same order"):
            method(other)


def test_the_imputer_draws_into_columns_without_strings(named):
    pierced = named.copy()
    pierced.iloc[0, 2] = np.nan
    filled = imputer(sample_posterior=True).fit(pierced).transform(pierced)
    seen = pierced.notna().to_numpy()
    assert (filled[seen] == pierced.to_numpy()[seen]).all()


def test_numbered_columns_keep_their_dtypes(table):
    plain = table[["age", "id", "w"]].set_axis([0, 1, 2], axis=1)
    drawn = density().fit(plain).sample(3, random_state=0)
    assert drawn.dtypes.to_dict() == plain.dtypes.to_dict()


@pytest.mark.parametrize(
    "estimator", [RBMDensity(), EnergyImputer(), EBMAnomalyDetector()]
)
def test_two_columns_of_one_name(estimator, table):
    table = table.set_axis(["a", "b", "a", "c", "d"], axis=1)
    with pytest.raises(ValueError, match="two columns with the name 'a'"):
        estimator.fit(table)


# -- polars --------------------------------------------------------------------------


@pytest.fixture
def frame():
    random = np.random.default_rng(0)
    grades = pl.Series(["lo", "mid", "hi", None] * 15)
    return pl.DataFrame(
        {
            "a": random.normal(size=N),
            "grade": grades.cast(pl.Enum(["lo", "mid", "hi", "top"])),
            "town": pl.Series(["x", "y", "y", None] * 15).cast(pl.Categorical),
            "k": [None, *random.poisson(30, N - 1)],
            "id": [None, *(LARGE + 2 * np.arange(N - 1))],
            "on": [None, *random.choice([True, False], N - 1).tolist()],
            "single": pl.Series(random.normal(size=N), dtype=pl.Float32),
            "text": random.choice(["p", "q"], N),
        }
    )


def test_polars_frames_come_back_in_kind(frame):
    fitted = density().fit(frame)
    assert "grade=top" in fitted.unit_names_
    drawn = fitted.sample(5, random_state=0)
    given = frame.select("grade").head(2)
    rows = [
        drawn,
        fitted.complete(frame),
        fitted.posterior_mean(frame),
        *fitted.posterior_interval(frame),
        fitted.reconstruct(frame),
        fitted.sample(given=given),
        imputer().set_output(transform="polars").fit_transform(frame),
        imputer().fit(frame).density_.sample(2),
    ]
    for answer in rows:
        assert isinstance(answer, pl.DataFrame)
        assert answer.schema == frame.schema
    assert rows[1]["id"][1:].to_list() == frame["id"][1:].to_list()
    assert rows[6]["grade"].to_list() == given["grade"].to_list()
    assert rows[7].null_count().sum_horizontal()[0] == 0


def test_polars_rows_after_a_fit_on_pandas(frame):
    pandas = imputer().set_output(transform="pandas").fit(frame).transform(frame)
    assert pandas["id"].tolist()[1:] == frame["id"].to_list()[1:]
    assert pandas["grade"].cat.categories.tolist() == ["lo", "mid", "hi", "top"]
    fitted = density().fit(pandas)
    polars = frame[1:3]
    assert fitted.score_samples(polars).shape == (2,)
    assert isinstance(fitted.complete(polars), pd.DataFrame)


def test_classifier_and_detector_take_polars(frame):
    EnergyClassifier(3, n_iter=2).fit(frame.drop("grade").drop_nulls(), [0, 1] * 22)
    detector = EBMAnomalyDetector("rbm", n_iter=2, random_state=0).fit(frame)
    assert set(detector.predict(frame)) <= {-1, 1}


# -- numbers -------------------------------------------------------------------------


def test_decimals_are_numbers():
    random = np.random.default_rng(0)
    price = [Decimal(str(round(v, 2))) for v in random.lognormal(3, 1, 200)]
    pandas = pd.DataFrame({"price": price, "n": random.poisson(3, 200)})
    polars = pl.DataFrame({"price": pl.Series(price), "n": pandas["n"].to_numpy()})
    for table in (pandas, polars):
        fitted = density().fit(table)
        assert fitted.unit_names_.tolist() == ["price", "n"]
        drawn = list(fitted.sample(5, random_state=0)["price"])
        assert all(isinstance(v, Decimal) for v in drawn)
        assert {-v.as_tuple().exponent for v in drawn} == {2}
    other = pandas.assign(price=[Decimal("12.345")] * 200)
    assert np.isfinite(density().fit(pandas).score(other))
    floats = pandas.astype({"price": float})
    assert density().fit(pandas).score(pandas) == density().fit(floats).score(floats)


def test_two_values_of_another_precision():
    random = np.random.default_rng(0)
    X = pd.DataFrame({"rate": random.choice([0.1, 0.7], N), "c": random.choice(3, N)})
    single = X.astype({"rate": "float32"})
    for one, other in ((X, single), (single, X)):
        for unknown in ("error", "missing"):
            fitted = density(handle_unknown=unknown).fit(one)
            assert fitted.score(one) == pytest.approx(fitted.score(other), abs=1e-6)
    with pytest.raises(ValueError, match="holds 0"):
        density().fit(X).score(X.assign(rate=0.2))


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame, "named"])
@pytest.mark.parametrize("visible", ["auto", "gaussian"])
def test_a_constant_but_for_rounding_is_constant(centred, container, visible, rng):
    X = rng.normal(size=(300, 3))
    X[:, 0] = np.where(rng.random(300) < 0.5, 0.1 + 0.2, 0.3)
    if centred:
        X = StandardScaler().fit_transform(X)
    row = [[X[0, 0] + 0.2, 0.0, 0.0]]
    if container == "named":
        X, row = (pd.DataFrame(rows, columns=list("abc")) for rows in (X, row))
    else:
        X = container(X)
    fitted = density(visible=visible).fit(X)
    assert -4 < fitted.score(X) < 8
    assert fitted.score(row) > -1e5


@pytest.mark.parametrize("visible", ["auto", "gaussian"])
def test_moments_of_single_precision(visible):
    random = np.random.default_rng(0)
    X = random.normal(1e6, 100, (100_000, 2)).astype(np.float32)
    fitted = RBMDensity(2, visible=visible, n_iter=1, random_state=0).fit(X)
    assert fitted.score(X) == pytest.approx(-12.048, abs=0.02)
    drawn = fitted.sample(4000, random_state=0)
    assert np.abs(drawn.mean(axis=0, dtype=float) - 1e6).max() < 10
    np.testing.assert_allclose(drawn.std(axis=0, dtype=float), 100, rtol=0.1)


def test_a_row_of_weight_zero_decides_no_kind():
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {"children": random.poisson(2, N), "age": random.normal(size=N)}
    )
    more = pd.concat([table, pd.DataFrame({"children": [999.5], "age": [4.0]})])
    weight = np.r_[np.ones(N), 0.0]
    one, other = density().fit(table), density().fit(more, sample_weight=weight)
    assert other._table.kinds == one._table.kinds == ("count", "real")
    assert other.score(table) == pytest.approx(one.score(table))


def test_rows_far_beyond_single_precision_have_a_score():
    X = np.array([[0, -9.2e18, 4.6e18]], np.float32)
    rows = np.zeros((3, 3), np.float32)
    fitted = RBMDensity(2, n_iter=0, random_state=0).partial_fit(X)
    for values in (fitted.score_samples(rows), fitted.conditional_log_prob(rows, [0])):
        assert (values < -1e30).all()
        assert np.isfinite(values).all()


@pytest.mark.parametrize("couplings", ["none", "tree", "full"])
@pytest.mark.parametrize("given", [[], [0], [0, 1], [1, 2]])
def test_conditionals_far_beyond_single_precision_are_finite(couplings, given):
    X = np.array([[0, -9.2e18, 4.6e18]], np.float32)
    rows = np.zeros((3, 3), np.float32)
    model = RBMDensity(2, couplings=couplings, n_iter=0, random_state=0).partial_fit(X)
    assert np.isfinite(model.conditional_log_prob(rows, given)).all()
    assert np.isfinite(model.pseudo_log_likelihood(rows)).all()
    rows[:, 0] = np.nan
    assert np.isfinite(model.pseudo_log_likelihood(rows)).all()
