"""Estimators that get tables of all kinds of columns."""

import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.model_selection import cross_val_score

from skebm import EBMAnomalyDetector, EnergyClassifier, EnergyImputer, RBMDensity
from tests.models import heavy

N = 53
SMALL = {"n_components": 2, "n_iter": 3, "random_state": 0}


@pytest.fixture
def discrete(rng):
    """Columns whose values can be counted: 2 * 3 * 2 * 7 = 84 rows."""
    kids = rng.integers(0, 4, N)
    return pd.DataFrame(
        {
            "kids": kids,
            "job": pd.Categorical(rng.choice(["a", "b"], N), ["a", "b", "c"]),
            "size": np.where(rng.random(N) < 0.4 + 0.1 * kids, 7, 3),
            "flag": rng.random(N) < 0.4,
        }
    )


@pytest.fixture
def mixed(rng, discrete):
    mood = rng.normal(size=N) + discrete["kids"]
    return discrete.assign(
        age=np.round(40 + 9 * mood).astype(int),
        wage=np.exp(mood),
        gain=np.where(rng.random(N) < 0.6, 0, np.exp(2 * mood)),
        note=pd.array(rng.choice(["x", "y", "z"], N), "string"),
    )


KINDS = ("count", "categorical", "bernoulli", "bernoulli")
KINDS = (*KINDS, "real", "real", "zero_inflated", "categorical")


def all_rows(frame):
    """Return every row that a frame like this may have."""
    values = itertools.product(range(7), ["a", "b", "c"], [3, 7], [False, True])
    return pd.DataFrame(values, columns=frame.columns).astype({"job": object})


def test_probabilities_of_all_rows_sum_to_one(discrete):
    rbm = RBMDensity(**SMALL).fit(discrete)
    rows = all_rows(discrete)
    np.testing.assert_allclose(np.exp(rbm.score_samples(rows)).sum(), 1)
    terms = rbm.pseudo_log_likelihood(rows, per_feature=True)
    assert terms.shape == rows.shape
    joint = rows.assign(p=np.exp(rbm.score_samples(rows)))
    for j, name in enumerate(discrete):
        rest = [other for other in discrete if other != name]
        share = joint["p"] / joint.groupby(rest)["p"].transform("sum")
        np.testing.assert_allclose(np.exp(terms[:, j]), share, rtol=1e-8)


def test_draws_have_the_distribution_of_the_scores(discrete):
    rbm = RBMDensity(**SMALL).fit(discrete)
    n, rows = 4001, all_rows(discrete)
    drawn = rbm.sample(n, random_state=0)
    assert (drawn.dtypes == discrete.dtypes).all()
    p = np.exp(rbm.score_samples(rows))
    for name in discrete:
        share = p @ pd.get_dummies(rows[name]).to_numpy()
        seen = drawn[name].astype(rows[name].dtype)
        hits = seen.value_counts().reindex(np.unique(rows[name]), fill_value=0) / n
        assert (np.abs(hits - share) < 5 * np.sqrt(share * (1 - share) / n)).all()


@pytest.mark.parametrize("kind", ["real", "yeo_johnson", "zero_inflated"])
def test_densities_integrate_to_one_in_the_units_of_the_user(kind, rng):
    flag = rng.random(N) < 0.4
    x = np.exp(1 + flag + 0.5 * rng.normal(size=N))
    if kind == "zero_inflated":
        x[rng.random(N) < 0.55] = 0
    X = pd.DataFrame({"x": x, "flag": flag})
    visible = {"x": "auto" if kind == "zero_inflated" else kind}
    rbm = RBMDensity(visible=visible, **SMALL).fit(X)
    assert rbm._table.kinds == (kind, "bernoulli")
    # Even steps of a substitution whose ends are far out on both sides.
    t = np.linspace(-20, 20, 20001)
    points, slope = (
        (np.exp(t), np.exp(t)) if kind == "zero_inflated" else (np.sinh(t), np.cosh(t))
    )
    step, total, terms = t[1] - t[0], 0.0, 0.0
    for value in (False, True):
        rows = pd.DataFrame({"x": points, "flag": value})
        density = np.exp(rbm.score_samples(rows))
        total += (density * slope).sum() * step
        if kind == "zero_inflated":
            zero = pd.DataFrame({"x": [0.0], "flag": value})
            total += np.exp(rbm.score_samples(zero))[0]
            terms = np.exp(rbm.pseudo_log_likelihood(zero, per_feature=True)[0, 0])
        given = rbm.pseudo_log_likelihood(rows, per_feature=True)[:, 0]
        np.testing.assert_allclose(
            (np.exp(given) * slope).sum() * step + terms, 1, atol=1e-5
        )
    np.testing.assert_allclose(total, 1, atol=1e-5)


def test_scores_of_the_same_table_in_other_units(mixed):
    one = RBMDensity(**SMALL).fit(mixed)
    assert one._table.kinds == KINDS
    factor = 1000.0
    other = RBMDensity(**SMALL).fit(mixed.assign(wage=factor * mixed["wage"]))
    np.testing.assert_allclose(
        other.score_samples(mixed.assign(wage=factor * mixed["wage"])),
        one.score_samples(mixed) - np.log(factor),
        rtol=1e-5,
    )


def test_frames_come_back_as_they_were(mixed):
    mixed = mixed.set_index(pd.Index(np.arange(N) + 7))
    rbm = RBMDensity(**SMALL).fit(mixed)
    for rows in (rbm.sample(7), rbm.gibbs(mixed), rbm.reconstruct(mixed)):
        assert (rows.dtypes == mixed.dtypes).all()
        assert list(rows.columns) == list(mixed.columns)
        assert set(rows["size"]) <= {3, 7}
        assert np.isfinite(rbm.score_samples(rows)).all()
    assert rbm.gibbs(mixed).index.equals(mixed.index)
    assert rbm.reconstruct(mixed).index.equals(mixed.index)
    copy = pickle.loads(pickle.dumps(rbm))
    pd.testing.assert_frame_equal(
        copy.sample(3, random_state=1), rbm.sample(3, random_state=1)
    )


def test_parameters_come_in_the_order_of_the_columns(mixed):
    rbm = RBMDensity(**SMALL).fit(mixed)
    assert rbm.unit_names_.tolist() == [
        *("kids", "job=a", "job=b", "job=c", "size=7", "flag", "age", "wage"),
        *("gain!=0", "gain", "note=x", "note=y", "note=z"),
    ]
    assert rbm.n_features_in_ == 8
    assert rbm.components_.shape == (2, 13)
    assert rbm.intercept_visible_.shape == (13,)
    units = np.zeros((N, 13))
    units[:, 0] = mixed["kids"]
    units[:, 1:4] = pd.get_dummies(mixed["job"])
    units[:, 4], units[:, 5] = mixed["size"] == 7, mixed["flag"]
    curves = rbm._encoding.kinds[KINDS.index("real") - 1].curves
    units[:, 6] = curves[0].encode(mixed["age"])
    units[:, 7] = curves[1].encode(mixed["wage"])
    gain = np.log(mixed["gain"].where(mixed["gain"] > 0))
    units[:, 8] = gain.notna()
    units[:, 9] = ((gain - gain.mean()) / gain.std(ddof=0)).fillna(0)
    units[:, 10:] = pd.get_dummies(mixed["note"])
    inputs = units @ rbm.components_.T + rbm.intercept_hidden_
    np.testing.assert_allclose(rbm.transform(mixed), expit(inputs))


def test_arrays_take_declarations(mixed):
    names = ["job", "kids", "wage"]
    codes = mixed[names].assign(job=mixed["job"].cat.codes).to_numpy(float)
    declared = {0: "categorical", 1: "count", 2: "real"}
    array = RBMDensity(visible=declared, **SMALL).fit(codes)
    frame = RBMDensity(**SMALL).fit(mixed[names].astype({"job": str}))
    np.testing.assert_allclose(
        array.score_samples(codes), frame.score_samples(mixed[names])
    )
    rows = array.sample(7)
    assert isinstance(rows, np.ndarray)
    assert set(rows[:, 0]) <= {0.0, 1.0}
    objects = mixed[names].to_numpy(dtype=object)
    of_objects = RBMDensity(visible={0: "auto"}, **SMALL).fit(objects)
    np.testing.assert_allclose(
        of_objects.score_samples(objects), frame.score_samples(mixed[names])
    )
    assert set(of_objects.sample(7)[:, 0]) <= {"a", "b"}


def test_float32_frames(rng):
    X = pd.DataFrame(rng.normal(size=(N, 3)).astype(np.float32), columns=list("abc"))
    X["job"] = rng.choice(["a", "b"], N)
    rbm = RBMDensity(**SMALL).fit(X)
    assert rbm.components_.dtype == np.float32
    assert rbm.score_samples(X).dtype == np.float64
    assert (rbm.sample(3).dtypes == X.dtypes).all()


def test_the_first_partial_fit_settles_the_table(mixed):
    rbm = RBMDensity(**SMALL).partial_fit(mixed)
    kinds = rbm._table.kinds
    rbm.partial_fit(mixed[:5])
    assert rbm._table.kinds == kinds
    with pytest.raises(ValueError, match="'note'"):
        rbm.partial_fit(mixed.assign(note="w"))


def test_unknown_values_at_predict_time(mixed):
    later = mixed.assign(note="w")
    rbm = RBMDensity(**SMALL).fit(mixed)
    with pytest.raises(ValueError, match=r"'note' of X holds 'w'.*handle_unknown"):
        rbm.score_samples(later)
    numbers = rbm._table.matrix(later, handle_unknown="missing")
    hole = np.isnan(rbm._encoding.encode(numbers))[:, rbm._encoding.order]
    expected = [name.startswith("note=") for name in rbm.unit_names_]
    np.testing.assert_array_equal(hole, np.tile(expected, (N, 1)))


def test_feature_names_are_checked(mixed):
    rbm = RBMDensity(**SMALL).fit(mixed)
    with pytest.raises(ValueError, match="feature names"):
        rbm.score_samples(mixed.rename(columns={"age": "eon"}))
    with pytest.raises(ValueError, match="feature"):
        rbm.score_samples(mixed.drop(columns="age"))
    with pytest.warns(UserWarning, match="feature names"):
        scores = rbm.score_samples(mixed.to_numpy(dtype=object))
    np.testing.assert_allclose(scores, rbm.score_samples(mixed))


@pytest.mark.parametrize("n_rows", [0, 1, 2])
def test_few_rows(n_rows, mixed):
    X = mixed[:n_rows]
    if n_rows == 0:
        with pytest.raises(ValueError, match="Found array with 0"):
            RBMDensity(**SMALL).fit(X)
        return
    rbm = RBMDensity(**SMALL).fit(X)
    assert np.isfinite(rbm.score_samples(X)).all()
    assert (rbm.sample(3).dtypes == X.dtypes).all()


def test_weights_of_a_frame_are_repetition(mixed, rng):
    weight = rng.integers(1, 3, N)
    params = {**SMALL, "n_iter": 2}
    one = RBMDensity(**params).fit(mixed, sample_weight=weight)
    other = RBMDensity(**params).fit(mixed.loc[mixed.index.repeat(weight)])
    np.testing.assert_allclose(
        one.score_samples(mixed), other.score_samples(mixed), rtol=1e-3
    )


@heavy
def test_learns_what_goes_together(rng):
    job = rng.choice(["a", "b", "c"], 503)
    center = pd.Series(job).map({"a": 0.0, "b": 4.0, "c": 9.0})
    X = pd.DataFrame({"job": job, "wage": np.exp(center + rng.normal(size=503))})
    apart = RBMDensity(4, couplings="none", n_iter=0, random_state=0).fit(X)
    for couplings in ("none", "auto"):
        params = {"n_iter": 300, "average": 0.9, "random_state": 0}
        rbm = RBMDensity(4, couplings=couplings, **params).fit(X)
        assert rbm.score(X) > apart.score(X) + 0.3


# -- the other estimators ----------------------------------------------------------


def test_classifier_takes_frames(mixed):
    y = np.where(mixed["kids"] > 1, "many", "few")
    X = mixed.drop(columns="kids")
    params = {**SMALL, "n_iter": 30, "generative_weight": 0.2}
    model = EnergyClassifier(**params).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    np.testing.assert_allclose(
        np.exp(model.predict_log_proba(X)), model.predict_proba(X), rtol=1e-6
    )
    energy = model.class_energy(X)
    joint = -np.logaddexp.reduce(-energy, axis=1) + model.log_partition_.value
    np.testing.assert_allclose(model.score_samples(X), -joint)
    for rows in (model.sample(5), model.sample(5, y="few")):
        assert (rows.dtypes == X.dtypes).all()
    assert model.components_.shape == (2, len(model.unit_names_))
    assert cross_val_score(EnergyClassifier(**SMALL), X, y, cv=2).shape == (2,)
    with pytest.raises(ValueError, match="'note'"):
        model.predict(X.assign(note="w"))
    with pytest.raises(ValueError, match="inconsistent"):
        model.fit(X, y[:-1])


def test_class_densities_sum_to_one(discrete):
    X, y = discrete, np.where(discrete["flag"], "on", "off")
    model = EnergyClassifier(generative_weight=1.0, **SMALL).fit(X, y)
    assert model._energy.n_inputs == len(model.unit_names_)
    total = np.exp(model.score_samples(all_rows(X))).sum()
    np.testing.assert_allclose(total, 1)


def test_detector_reads_frames(mixed):
    model = EBMAnomalyDetector("rbm", **SMALL).fit(mixed)
    assert model.density_._table.kinds == KINDS
    assert list(model.feature_names_in_) == list(mixed)
    assert set(model.predict(mixed)) <= {-1, 1}
    own = EBMAnomalyDetector(RBMDensity(visible={"age": "count"}, **SMALL)).fit(mixed)
    assert own.density_._table.kinds[4] == "count"
    with pytest.raises(ValueError, match="'note'"):
        model.predict(mixed.assign(note="w"))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(mixed.rename(columns={"age": "eon"}))


@pytest.mark.parametrize("dtype", ["int64", "int8", "float32", "bool"])
def test_sparse_columns_of_pandas(dtype):
    values = [0, 1, 0, 1] if dtype == "bool" else [0, 1, 5, 7]
    column = pd.array(np.array(values, dtype), dtype=f"Sparse[{dtype}]")
    X = pd.DataFrame({"a": column, "b": [1.0, np.nan, 3.0, 4.0]})
    imputer = EnergyImputer(n_iter=1, random_state=0)
    filled = imputer.set_output(transform="pandas").fit_transform(X)
    assert filled["a"].dtype == X["a"].dtype
    np.testing.assert_array_equal(filled["a"], X["a"])
