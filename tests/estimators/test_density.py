import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csc_matrix, csr_matrix
from scipy.special import expit
from scipy.stats import chisquare
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline

from skebm import RBMDensity
from skebm.planning import make_plan
from tests.models import grid

N_ROWS, N_COLUMNS, N_HIDDEN = 101, 5, 3
SMALL = {"n_components": N_HIDDEN, "n_iter": 30, "random_state": 0}


@pytest.fixture
def bits(rng):
    """Rows in {0, 1} whose columns depend on each other."""
    group = rng.random((N_ROWS, 1)) < 0.4
    return (rng.random((N_ROWS, N_COLUMNS)) < np.where(group, 0.85, 0.2)).astype(float)


@pytest.fixture
def reals(rng):
    mix = rng.normal(size=(N_COLUMNS, N_COLUMNS))
    return 3 + rng.normal(size=(N_ROWS, N_COLUMNS)) @ mix


def sample_of(kind, bits, reals):
    return {"bernoulli": bits, "spin": 2 * bits - 1, "gaussian": reals}[kind]


def hidden_states(kind, n_units):
    states = all_states_of(n_units)
    return states if kind == "bernoulli" else 2 * states - 1


def all_states_of(n_units):
    return (np.arange(2**n_units)[:, None] >> np.arange(n_units) & 1).astype(float)


def table(names="abcde"):
    return {"columns": list(names)}


# -- scores ------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", ["bernoulli", "spin"])
@pytest.mark.parametrize("visible", ["bernoulli", "spin"])
def test_score_is_the_enumerated_log_probability(visible, hidden, bits, reals):
    X = sample_of(visible, bits, reals)
    kinds = {"visible": visible, "hidden": hidden, "couplings": "none"}
    rbm = RBMDensity(**kinds, **SMALL).fit(X)
    h = hidden_states(hidden, N_HIDDEN)

    def unnormalised(v):
        joint = (
            (v @ rbm.intercept_visible_)[:, None]
            + h @ rbm.intercept_hidden_
            + v @ rbm.components_.T @ h.T
        )
        return np.logaddexp.reduce(joint, axis=1)

    states = hidden_states(visible, N_COLUMNS)
    log_z = np.logaddexp.reduce(unnormalised(states))
    np.testing.assert_allclose(rbm.log_partition_.value, log_z, rtol=1e-10)
    np.testing.assert_allclose(rbm.energy(X), -unnormalised(X), rtol=1e-10)
    np.testing.assert_allclose(rbm.score_samples(X), unnormalised(X) - log_z)
    np.testing.assert_allclose(np.exp(rbm.score_samples(states)).sum(), 1)
    assert rbm.log_partition_.method == "enumeration"


@pytest.mark.parametrize("visible", ["bernoulli", "spin", "gaussian"])
def test_score_is_minus_energy_minus_log_partition(visible, bits, reals):
    X = sample_of(visible, bits, reals)
    rbm = RBMDensity(visible=visible, **SMALL).fit(X)
    expected = -rbm.energy(X) - rbm.log_partition_.value
    np.testing.assert_array_equal(rbm.score_samples(X), expected)
    np.testing.assert_array_equal(rbm.score_samples(X), rbm.score_samples(X))
    np.testing.assert_allclose(rbm.score(X), expected.mean())
    np.testing.assert_allclose(rbm.score_samples(X[7:18]), expected[7:18])
    assert expected.dtype == np.float64


@pytest.mark.parametrize("visible", ["bernoulli", "spin"])
def test_rectified_hidden_units(visible, bits, reals):
    X = sample_of(visible, bits, reals)
    given = SMALL | {"n_iter": 1000, "learning_rate": 0.05, "average": 0.9}
    rbm = RBMDensity(visible=visible, hidden="relu", **given).fit(X)
    states = hidden_states(visible, N_COLUMNS)
    assert rbm.log_partition_.method == "enumeration"
    np.testing.assert_allclose(np.exp(rbm.score_samples(states)).sum(), 1)
    assert (rbm.transform(X) > 0).all()
    idle = {**SMALL, "n_iter": 0, "couplings": "none"}
    idle = RBMDensity(visible=visible, **idle).fit(X)
    assert rbm.score(X) > idle.score(X) + 0.2
    drawn = rbm.sample(4001, random_state=0)
    share = np.exp(rbm.score_samples(states))
    error = np.sqrt(0.25 / 4001) * np.ptp(states)
    assert (np.abs(drawn.mean(axis=0) - share @ states) < 6 * error).all()


def test_rectified_hidden_units_beside_gaussian_columns(reals):
    X = reals[:, :2]
    rbm = RBMDensity(visible="gaussian", hidden="relu", **SMALL).fit(X)
    points, log_volume = grid(2, n_points=201, width=9)
    scale = X.std(axis=0)
    log_volume += np.log(scale).sum()
    log_density = rbm.score_samples(X.mean(axis=0) + scale * points)
    log_z = rbm.log_partition_
    total = np.logaddexp.reduce(log_density) + log_volume
    assert log_z.lower - log_z.value <= total <= log_z.upper - log_z.value
    assert log_z.method == "ais"
    assert np.isfinite(rbm.pseudo_log_likelihood(X)).all()


def test_rectified_parameters_from_elsewhere_may_be_too_large():
    given = np.full((2, 3), 5.0), np.zeros(3), np.zeros(2)
    for hidden in ("relu", "gaussian"):
        with pytest.raises(ValueError, match="may be infinite"):
            RBMDensity.from_parameters(*given, visible="gaussian", hidden=hidden)
    kinds = {"visible": "bernoulli", "hidden": "relu"}
    rbm = RBMDensity.from_parameters(*given, **kinds)
    states = all_states_of(3)
    np.testing.assert_allclose(np.exp(rbm.score_samples(states)).sum(), 1)


@pytest.mark.parametrize("hidden", ["bernoulli", "spin", "gaussian"])
def test_gaussian_density_integrates_to_one_in_the_units_of_the_user(hidden, reals):
    X = 100 * reals[:, :2] - 7
    rbm = RBMDensity(visible="gaussian", hidden=hidden, **SMALL).fit(X)
    # The wide component has twice the standard deviation of the rows.
    points, log_volume = grid(2, n_points=501, width=14)
    scale = X.std(axis=0)
    log_volume += np.log(scale).sum()
    log_density = rbm.score_samples(X.mean(axis=0) + scale * points)
    np.testing.assert_allclose(
        np.logaddexp.reduce(log_density) + log_volume, 0, atol=1e-6
    )


def test_mixed_columns_sum_and_integrate_to_one(bits, reals):
    X = np.column_stack([bits[:, 0], reals[:, 0], 2 * bits[:, 1] - 1, bits[:, 2]])
    kinds = ["bernoulli", "gaussian", "spin", "bernoulli"]
    rbm = RBMDensity(visible=kinds, **SMALL).fit(X)
    line, log_volume = grid(1, n_points=1201, width=14)
    scale = X[:, 1].std()
    total = -np.inf
    for a, b, c in all_states_of(3):
        rows = np.column_stack(
            [
                np.full(len(line), a),
                X[:, 1].mean() + scale * line[:, 0],
                np.full(len(line), 2 * b - 1),
                np.full(len(line), c),
            ]
        )
        total = np.logaddexp(total, np.logaddexp.reduce(rbm.score_samples(rows)))
    np.testing.assert_allclose(total + log_volume + np.log(scale), 0, atol=1e-6)


def test_change_of_units_shifts_the_log_density(reals):
    factor = np.array([1, 1000, 1, 0.01, 1])
    one = RBMDensity(**SMALL).fit(reals)
    other = RBMDensity(**SMALL).fit(reals * factor)
    np.testing.assert_allclose(
        other.score_samples(reals * factor),
        one.score_samples(reals) - np.log(factor).sum(),
        rtol=1e-6,
    )
    terms = other.pseudo_log_likelihood(reals * factor, per_feature=True)
    np.testing.assert_allclose(
        terms,
        one.pseudo_log_likelihood(reals, per_feature=True) - np.log(factor),
        rtol=1e-5,
        atol=1e-8,
    )


def test_probabilities_inside_the_unit_interval_take_the_plug_in_value(bits, rng):
    rbm = RBMDensity(couplings="none", **SMALL).fit(bits)
    X = rng.random((7, N_COLUMNS))
    inputs = X @ rbm.components_.T + rbm.intercept_hidden_
    free = -X @ rbm.intercept_visible_ - np.logaddexp(0, inputs).sum(axis=1)
    np.testing.assert_allclose(rbm.energy(X), free)
    np.testing.assert_allclose(rbm.score_samples(X), -free - rbm.log_partition_.value)


@pytest.mark.parametrize("visible", ["bernoulli", "spin"])
def test_pseudo_log_likelihood_equals_enumeration(visible, bits, reals):
    X = sample_of(visible, bits, reals)[:13]
    rbm = RBMDensity(visible=visible, **SMALL).fit(X)
    terms = np.empty(X.shape)
    for i in range(N_COLUMNS):
        flipped = X.copy()
        flipped[:, i] = (1 - X[:, i]) if visible == "bernoulli" else -X[:, i]
        own, other = rbm.score_samples(X), rbm.score_samples(flipped)
        terms[:, i] = own - np.logaddexp(own, other)
    per_feature = rbm.pseudo_log_likelihood(X, per_feature=True)
    np.testing.assert_allclose(per_feature, terms, rtol=1e-9)
    np.testing.assert_allclose(rbm.pseudo_log_likelihood(X), terms.sum(axis=1))


def test_gaussian_pseudo_log_likelihood_equals_an_integral(reals):
    rbm = RBMDensity(**SMALL).fit(reals)
    rows = reals[:3]
    terms = rbm.pseudo_log_likelihood(rows, per_feature=True)
    for i in range(N_COLUMNS):
        scale = reals[:, i].std()
        line = reals[:, i].mean() + scale * np.linspace(-12, 12, 4001)
        step = np.log(line[1] - line[0])
        for row, term in zip(rows, terms[:, i], strict=True):
            others = np.repeat(row[None], len(line), axis=0)
            others[:, i] = line
            evidence = np.logaddexp.reduce(rbm.score_samples(others)) + step
            own = rbm.score_samples(row[None])[0]
            np.testing.assert_allclose(term, own - evidence, atol=1e-6)


# -- the partition function ----------------------------------------------------------


def test_log_partition_is_lazy(bits):
    pipeline = make_pipeline(RBMDensity(**SMALL), LogisticRegression())
    pipeline.fit(bits, bits[:, 0]).predict(bits)
    rbm = pipeline[0]
    rbm.transform(bits), rbm.reconstruct(bits), rbm.gibbs(bits), rbm.energy(bits)
    rbm.pseudo_log_likelihood(bits), rbm.sample(3)
    rbm._repr_html_(), repr(rbm), rbm._repr_mimebundle_()
    clone(rbm), pickle.dumps(rbm)
    assert "not computed" in repr(rbm.log_partition_)
    value = rbm.log_partition_.value
    assert "not computed" not in repr(rbm.log_partition_)
    assert f"{value:.3f}" in repr(rbm.log_partition_)


def test_key_of_the_partition_function_is_fixed_by_fit(bits):
    models = [RBMDensity(partition="ais", **SMALL).fit(bits) for _ in range(2)]
    models[1].sample(3), models[1].score(bits)
    values = [model.log_partition_.value for model in models]
    assert values[0] == values[1]
    copy = pickle.loads(pickle.dumps(RBMDensity(partition="ais", **SMALL).fit(bits)))
    assert copy.log_partition_.value == values[0]
    part = models[0].log_partition_
    exact = RBMDensity(**SMALL).fit(bits).log_partition_.value
    assert part.lower <= exact <= part.upper
    assert part.method == "ais"
    assert part.ess > 1
    assert part.stderr > 0


# -- features and draws --------------------------------------------------------------


def theirs(bits):
    return BernoulliRBM(N_HIDDEN, n_iter=30, learning_rate=0.1, random_state=0).fit(
        bits
    )


def test_parameters_of_bernoulli_rbm_keep_their_meaning(bits):
    other = theirs(bits)
    rbm = RBMDensity.from_parameters(
        other.components_, other.intercept_visible_, other.intercept_hidden_
    )
    np.testing.assert_allclose(rbm.transform(bits), other.transform(bits))
    np.testing.assert_allclose(rbm.energy(bits), other._free_energy(bits))
    states = all_states_of(N_COLUMNS)
    np.testing.assert_allclose(np.exp(rbm.score_samples(states)).sum(), 1)
    assert rbm.components_.shape == other.components_.shape
    rbm.partial_fit(bits)
    assert rbm.n_iter_ == 1


def test_gaussian_parameters_from_elsewhere(rng):
    weights, mean = 0.3 * rng.normal(size=(2, 2)), np.array([1.0, -2.0])
    variance = np.array([0.5, 2.0])
    rbm = RBMDensity.from_parameters(
        weights,
        mean / variance,
        np.zeros(2),
        variance_visible=variance,
        visible="gaussian",
    )
    points, log_volume = grid(2, n_points=601)
    total = np.logaddexp.reduce(rbm.score_samples(points)) + log_volume
    np.testing.assert_allclose(total, 0, atol=1e-6)
    X = rng.normal(size=(7, 2))
    np.testing.assert_allclose(rbm.transform(X), expit(X @ weights.T))


def test_from_parameters_names_what_does_not_fit():
    with pytest.raises(ValueError, match="intercept_visible must hold 3"):
        RBMDensity.from_parameters(np.zeros((2, 3)), np.zeros(2), np.zeros(2))
    with pytest.raises(ValueError, match="intercept_hidden"):
        RBMDensity.from_parameters(np.zeros((2, 3)), np.zeros(3), np.full(2, np.nan))
    with pytest.raises(ValueError, match="visible='nobody'"):
        RBMDensity.from_parameters(
            np.zeros((2, 3)), np.zeros(3), np.zeros(2), visible="nobody"
        )


def test_transform_and_reconstruct_are_means(bits):
    rbm = RBMDensity(couplings="none", **SMALL).fit(bits)
    hidden = expit(bits @ rbm.components_.T + rbm.intercept_hidden_)
    np.testing.assert_allclose(rbm.transform(bits), hidden)
    visible = expit(hidden @ rbm.components_ + rbm.intercept_visible_)
    np.testing.assert_allclose(rbm.reconstruct(bits), visible)


def assert_distribution(rows, states, probability):
    """Compare how often each state occurs with its probability, by chi-square."""
    hits = (rows[:, None, :] == states).all(axis=2)
    assert hits.any(axis=1).all()
    expected = len(rows) * probability
    rare = expected < 5
    observed = np.append(hits.sum(axis=0)[~rare], hits[:, rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    keep = expected > 0
    assert chisquare(observed[keep], expected[keep]).pvalue > 1e-6


@pytest.mark.parametrize("path", ["exact", "annealed"])
def test_sample_has_the_distribution_of_the_scores(path, bits, monkeypatch):
    if path == "annealed":
        monkeypatch.setattr("skebm.inference.draws._MAX_STATES", 1)
    rbm = RBMDensity(**SMALL).fit(bits)
    states = all_states_of(N_COLUMNS)
    rows = rbm.sample(4001, random_state=0)
    assert_distribution(rows, states, np.exp(rbm.score_samples(states)))
    np.testing.assert_array_equal(rows, rbm.sample(4001, random_state=0))
    assert (rows != rbm.sample(4001, random_state=1)).any()
    assert rbm.sample().shape == (1, N_COLUMNS)


@pytest.mark.parametrize("path", ["exact", "annealed"])
def test_gaussian_samples_have_the_moments_of_the_model(path, reals, monkeypatch):
    if path == "annealed":
        monkeypatch.setattr("skebm.inference.draws._MAX_STATES", 1)
    X, n = reals[:, :2], 4001
    rbm = RBMDensity(**SMALL).fit(X)
    points, _ = grid(2, n_points=301, width=8)
    points = X.mean(axis=0) + X.std(axis=0) * points
    density = np.exp(rbm.score_samples(points))
    density /= density.sum()
    mean = density @ points
    variance = density @ (points - mean) ** 2
    fourth = density @ (points - mean) ** 4
    rows = rbm.sample(n, random_state=0)
    error = 5 * np.sqrt(variance / n)
    assert (np.abs(rows.mean(axis=0) - mean) < error).all()
    error = 5 * np.sqrt((fourth - variance**2) / n)
    assert (np.abs(rows.var(axis=0) - variance) < error).all()


def test_gibbs_leaves_the_model_invariant(bits):
    rbm = RBMDensity(**SMALL).fit(bits)
    rows = rbm.gibbs(rbm.sample(4001, random_state=0), n_steps=3, random_state=1)
    states = all_states_of(N_COLUMNS)
    assert_distribution(rows, states, np.exp(rbm.score_samples(states)))


# -- learning ------------------------------------------------------------------------


def test_fit_beats_independent_columns(bits):
    rbm = RBMDensity(N_HIDDEN, random_state=0).fit(bits)
    p = bits.mean(axis=0)
    independent = (bits * np.log(p) + (1 - bits) * np.log(1 - p)).sum(axis=1).mean()
    assert rbm.score(bits) > independent + 0.1


def test_partial_fit_learns(bits):
    rbm = RBMDensity(N_HIDDEN, batch_size=11, random_state=0)
    assert rbm.partial_fit(bits) is rbm
    first = rbm.score(bits)
    for _ in range(200):
        rbm.partial_fit(bits)
    assert rbm.n_iter_ == 201
    assert rbm.score(bits) > first + 0.1
    assert len(pd.DataFrame(rbm.history_)) == 1


def test_visible_is_settled_by_the_first_partial_fit(bits):
    rbm = RBMDensity(**SMALL).partial_fit(bits)
    with pytest.raises(ValueError, match="column 0"):
        rbm.partial_fit(bits + 1)


def test_warm_start_goes_on(bits):
    cold = RBMDensity(**SMALL).fit(bits)
    warm = RBMDensity(warm_start=True, **SMALL).fit(bits)
    np.testing.assert_array_equal(cold.components_, warm.components_)
    before = warm.components_.copy()
    warm.fit(bits)
    assert (warm.components_ != before).any()
    assert warm.n_iter_ == 60
    still = warm.set_params(n_iter=0)
    before = warm.components_.copy()
    np.testing.assert_array_equal(still.fit(bits).components_, before)
    again = RBMDensity(**SMALL).fit(bits)
    np.testing.assert_array_equal(again.fit(bits).components_, cold.components_)


def test_history_has_a_row_an_epoch(bits):
    rbm = RBMDensity(**SMALL).fit(bits)
    history = pd.DataFrame(rbm.history_)
    assert rbm.n_iter_ == 30
    np.testing.assert_array_equal(history["epoch"], np.arange(1, 31))
    last = history.iloc[-1]
    np.testing.assert_allclose(
        np.nanmax(history["learning_rate"]), history["learning_rate"].iloc[0]
    )
    assert np.isfinite(last[["pseudo_log_likelihood", "reconstruction_error"]]).all()
    fixed = RBMDensity(N_HIDDEN, n_iter=1, random_state=0).fit(bits[:53])
    np.testing.assert_allclose(
        fixed.history_["pseudo_log_likelihood"][-1],
        fixed.pseudo_log_likelihood(bits[:53]).mean(),
    )
    error = np.square(fixed.reconstruct(bits[:53]) - bits[:53]).mean()
    np.testing.assert_allclose(fixed.history_["reconstruction_error"][-1], error)


@pytest.mark.parametrize("weighted", [False, True])
def test_early_stopping(bits, rng, weighted):
    weight = rng.integers(0, 3, N_ROWS) if weighted else None
    rbm = RBMDensity(
        N_HIDDEN,
        n_iter=5000,
        learning_rate=0.5,
        early_stopping=True,
        n_iter_no_change=3,
        random_state=0,
    ).fit(bits, sample_weight=weight)
    history = pd.DataFrame(rbm.history_)
    assert rbm.n_iter_ == len(history) < 5000
    looks = history["validation_score"].dropna()
    assert len(looks) > 3
    assert looks.index[-1] == len(history) - 1
    assert (looks.iloc[-3:] <= looks.iloc[:-3].max() + rbm.tol).all()
    assert np.isfinite(history["free_energy_gap"][looks.index]).all()


def test_resample_inputs(rng):
    X = rng.random((N_ROWS, N_COLUMNS))
    plain = RBMDensity(**SMALL).fit(X)
    drawn = RBMDensity(resample_inputs=True, **SMALL).fit(X)
    again = RBMDensity(resample_inputs=True, **SMALL).fit(X)
    assert (plain.components_ != drawn.components_).any()
    np.testing.assert_array_equal(drawn.components_, again.components_)
    bits = (X < 0.5).astype(float)  # nothing to draw
    plain = RBMDensity(**SMALL).fit(bits)
    drawn = RBMDensity(resample_inputs=True, **SMALL).fit(bits)
    np.testing.assert_allclose(plain.components_, drawn.components_)


def assert_same_model(one, other, X):
    for name in ("components_", "intercept_visible_", "intercept_hidden_"):
        np.testing.assert_allclose(
            getattr(one, name), getattr(other, name), rtol=1e-7, atol=1e-10
        )
    np.testing.assert_allclose(one.score_samples(X), other.score_samples(X), rtol=1e-7)


@pytest.mark.parametrize("visible", ["bernoulli", "spin", "gaussian"])
def test_weight_is_repetition(visible, bits, reals, rng):
    X = sample_of(visible, bits, reals)
    weight = rng.integers(0, 3, N_ROWS)
    params = {**SMALL, "visible": visible}
    weighted = RBMDensity(**params).fit(X, sample_weight=weight)
    repeated = RBMDensity(**params).fit(np.repeat(X, weight, axis=0))
    assert_same_model(weighted, repeated, X)


@pytest.mark.parametrize("objective", ["pcd", "cd"])
@pytest.mark.parametrize("visible", ["bernoulli", "spin", "gaussian"])
def test_weight_zero_is_removal(visible, objective, bits, reals):
    X = sample_of(visible, bits, reals)
    # At the end, since chains of CD start at the rows and draw by their numbers.
    weight = (np.arange(N_ROWS) < 71).astype(float)
    params = {**SMALL, "visible": visible, "objective": objective}
    weighted = RBMDensity(**params).fit(X, sample_weight=weight)
    assert_same_model(weighted, RBMDensity(**params).fit(X[:71]), X)


def test_unit_weights_are_no_weights(bits):
    plain = RBMDensity(**SMALL).fit(bits)
    weighted = RBMDensity(**SMALL).fit(bits, sample_weight=np.ones(N_ROWS))
    np.testing.assert_allclose(plain.components_, weighted.components_, rtol=1e-9)
    seven = RBMDensity(**SMALL).fit(bits, sample_weight=np.full(N_ROWS, 7.0))
    assert np.isfinite(seven.score_samples(bits)).all()


# -- containers and types ------------------------------------------------------------


@pytest.mark.parametrize("container", [csr_matrix, csc_matrix])
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("batch_size", ["auto", 17])
def test_sparse_equals_dense(container, visible, batch_size, bits):
    # The last digits of means decide about equal distances when a mixture begins.
    couplings = "none" if visible == "gaussian" else "auto"
    params = {"visible": visible, "batch_size": batch_size, "couplings": couplings}
    params = {**SMALL, **params}
    dense = RBMDensity(**params).fit(bits)
    sparse = RBMDensity(**params).fit(container(bits))
    S = container(bits)
    np.testing.assert_allclose(dense.components_, sparse.components_, rtol=1e-6)
    for name in ("energy", "score_samples", "transform", "reconstruct"):
        np.testing.assert_allclose(
            getattr(dense, name)(bits), getattr(sparse, name)(S), rtol=1e-6
        )
    np.testing.assert_allclose(
        dense.pseudo_log_likelihood(bits), sparse.pseudo_log_likelihood(S), rtol=1e-6
    )
    np.testing.assert_allclose(
        dense.gibbs(bits, random_state=0), sparse.gibbs(S, random_state=0), rtol=1e-6
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_dtype_is_kept(dtype, visible, bits, reals):
    X = sample_of(visible, bits, reals).astype(dtype)
    rbm = RBMDensity(visible=visible, **SMALL).fit(X)
    assert rbm.components_.dtype == dtype
    assert rbm.intercept_visible_.dtype == dtype
    assert rbm.intercept_hidden_.dtype == dtype
    for rows in (rbm.transform(X), rbm.reconstruct(X), rbm.gibbs(X), rbm.sample(3)):
        assert rows.dtype == dtype
    assert rbm.score_samples(X).dtype == np.float64
    rbm.partial_fit(X)
    assert rbm.components_.dtype == dtype


def test_integers_and_booleans_are_data(bits):
    expected = RBMDensity(**SMALL).fit(bits)
    for X in (bits.astype(int), bits.astype(bool)):
        rbm = RBMDensity(**SMALL).fit(X)
        np.testing.assert_array_equal(rbm.components_, expected.components_)
        np.testing.assert_array_equal(
            rbm.score_samples(X), expected.score_samples(bits)
        )


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_frames_come_back(visible, bits, reals):
    X = pd.DataFrame(sample_of(visible, bits, reals), **table())
    rbm = RBMDensity(visible=visible, **SMALL).fit(X)
    assert list(rbm.feature_names_in_) == list("abcde")
    for rows in (rbm.sample(7), rbm.reconstruct(X), rbm.gibbs(X)):
        assert isinstance(rows, pd.DataFrame)
        assert list(rows.columns) == list("abcde")
    plain = RBMDensity(visible=visible, **SMALL).fit(X.to_numpy())
    np.testing.assert_array_equal(
        plain.score_samples(X.to_numpy()), rbm.score_samples(X)
    )
    assert isinstance(plain.sample(7), np.ndarray)
    names = [f"rbmdensity{k}" for k in range(N_HIDDEN)]
    assert list(rbm.get_feature_names_out()) == names
    for kind, frame in {"pandas": pd.DataFrame, "polars": pl.DataFrame}.items():
        out = rbm.set_output(transform=kind).transform(X)
        assert isinstance(out, frame)
        assert list(out.columns) == names


def test_rows_keep_their_index(bits):
    X = pd.DataFrame(bits, index=np.arange(N_ROWS) + 7, **table())
    rbm = RBMDensity(**SMALL).fit(X)
    assert rbm.reconstruct(X).index.equals(X.index)
    assert rbm.gibbs(X).index.equals(X.index)


def test_polars_frames_fit(bits):
    X = pl.DataFrame(bits, schema=list("abcde"))
    rbm = RBMDensity(**SMALL).fit(X)
    expected = RBMDensity(**SMALL).fit(bits)
    assert list(rbm.feature_names_in_) == list("abcde")
    np.testing.assert_allclose(rbm.score_samples(X), expected.score_samples(bits))


# -- scikit-learn around it ----------------------------------------------------------


def test_replaces_bernoulli_rbm_by_a_change_of_one_word(bits):
    y = bits[:, 0]
    for rbm in (BernoulliRBM, RBMDensity):
        model = make_pipeline(
            rbm(n_components=N_HIDDEN, learning_rate=0.1, batch_size=10, n_iter=10),
            LogisticRegression(),
        )
        assert model.fit(bits, y).predict(bits).shape == y.shape
        fitted = model[0]
        assert fitted.components_.shape == (N_HIDDEN, N_COLUMNS)
        assert fitted.intercept_hidden_.shape == (N_HIDDEN,)
        assert fitted.intercept_visible_.shape == (N_COLUMNS,)
        assert fitted.gibbs(bits).shape == bits.shape


def test_grid_search_needs_no_scorer(bits):
    search = GridSearchCV(
        RBMDensity(**SMALL), {"n_components": [1, 3], "objective": ["pcd", "cd"]}, cv=3
    ).fit(bits)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    held_out = search.best_estimator_.score(bits)
    np.testing.assert_allclose(search.score(bits), held_out)


def test_sample_weight_is_routed(bits, rng):
    weight = rng.integers(0, 3, N_ROWS).astype(float)
    with config_context(enable_metadata_routing=True):
        rbm = RBMDensity(**SMALL).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(rbm, LogisticRegression().set_fit_request())
        pipeline[-1].set_fit_request(sample_weight=False)
        pipeline.fit(bits, bits[:, 0], sample_weight=weight)
    direct = RBMDensity(**SMALL).fit(bits, sample_weight=weight)
    np.testing.assert_array_equal(pipeline[0].components_, direct.components_)


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_pickled_model_goes_on_like_the_original(visible, bits, reals):
    X = sample_of(visible, bits, reals)
    rbm = RBMDensity(visible=visible, **SMALL).fit(X)
    copy = pickle.loads(pickle.dumps(rbm))
    np.testing.assert_array_equal(copy.score_samples(X), rbm.score_samples(X))
    rbm.partial_fit(X)
    copy.partial_fit(X)
    np.testing.assert_array_equal(copy.components_, rbm.components_)


def test_public_arrays_are_copies(bits):
    rbm = RBMDensity(**SMALL).fit(bits)
    before = rbm.score_samples(bits)
    rbm.intercept_visible_[:] = 99
    np.testing.assert_array_equal(rbm.score_samples(bits), before)


def test_wide_rows_get_fewer_updates(rng):
    def n_updates(n_rows, n_columns, **params):
        X = (rng.random((n_rows, n_columns)) < 0.5).astype(float)
        model = RBMDensity(3, n_iter=0, **params).fit(X)
        energy = model.set_params(n_iter="auto")._energy
        return make_plan(model, energy, energy.visible, n_rows).n_iter

    # Up to 256 rows are one batch, so epochs are updates.
    assert n_updates(211, 7, couplings="none") == 1500
    # A tree needs fewer, in proportion to the rows for each variable.
    assert n_updates(211, 1009) == round(375 * (1 - 0.25 * 211 / (16 * 1009)))
    assert n_updates(211, 101) < n_updates(211, 101, couplings="none") < 1500
    assert n_updates(211, 1009, couplings="none") == 375
    assert n_updates(211, 1009, visible="gaussian") == 1500


def test_a_tree_triples_the_rate_of_long_columns(rng):
    def rate(n_components, couplings, n_rows=211):
        X = (rng.random((n_rows, 7)) < 0.5).astype(float)
        model = RBMDensity(n_components, n_iter=0, couplings=couplings).fit(X)
        return make_plan(model, model._energy, None, n_rows).learning_rate

    assert rate(100, "none") == pytest.approx(0.128)
    assert rate(100, "tree") == rate(100, "auto") == pytest.approx(0.384)
    assert rate(100, "tree", 31) == pytest.approx(0.128)
    assert rate(100, "tree", 101) == pytest.approx(0.384 * 101 / (16 * 7))
    assert rate(7, "tree") == rate(7, "none") == 0.4
    assert rate(1009, "tree") == rate(1009, "none") == 0.1


def test_columns_that_do_not_depend_on_each_other_have_no_tree():
    X = np.repeat(all_states_of(3), 101, axis=0)
    for couplings in ("auto", "tree"):
        model = RBMDensity(3, n_iter=2, couplings=couplings).fit(X)
        assert not model._energy.visible.coupled


def test_the_prior_fades_with_the_rows():
    def l2(n_rows, mass=None, **params):
        model = RBMDensity(n_iter=1, **params).fit(np.eye(n_rows, 5))
        energy = model._energy
        return make_plan(model, energy, energy.visible, n_rows, mass=mass).penalties.l2

    assert l2(10) == pytest.approx(0.005)  # the strongest for five columns
    assert l2(8000) == pytest.approx(4 / 8000)
    assert l2(10, mass=8000.0) == pytest.approx(4 / 8000)
    assert l2(10, l2=0.3) == 0.3
