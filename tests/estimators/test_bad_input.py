import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skebm import EnergyClassifier, EnergyImputer, RBMDensity
from tests.models import rbm_detector

N_ROWS, N_COLUMNS = 53, 5
SMALL = {"n_components": 3, "n_iter": 5, "random_state": 0}
ALL = [RBMDensity, EnergyClassifier, rbm_detector]
NEED_BITS = [RBMDensity, EnergyClassifier]


@pytest.fixture
def bits(rng):
    return (rng.random((N_ROWS, N_COLUMNS)) < 0.4).astype(float)


def fit(estimator, X):
    y = np.arange(len(X) if not hasattr(X, "nnz") else X.shape[0]) % 2
    return estimator.fit(X, y)


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("a", "X holds text"),
        (np.inf, "infinity"),
        (-np.inf, "infinity"),
    ],
)
def test_cells_that_are_no_numbers(make, bad, says, bits):
    X = bits.astype(object)
    X[3, 2] = bad
    with pytest.raises(ValueError, match=says):
        fit(make(**SMALL), X)
    model = fit(make(**SMALL), bits)
    method = model.predict if hasattr(model, "predict") else model.score_samples
    with pytest.raises(ValueError, match=says):
        method(X)


@pytest.mark.parametrize("make", NEED_BITS)
@pytest.mark.parametrize("value", [1.5, -1.0])
@pytest.mark.parametrize("container", [np.asarray, csr_matrix])
def test_values_outside_the_domain_name_the_column(make, value, container, bits):
    X = bits.copy()
    X[3, 2] = value
    with pytest.raises(ValueError, match=r"Bernoulli .* column 2 of X"):
        fit(make(visible="bernoulli", **SMALL), container(X))
    model = fit(make(**SMALL), bits)
    method = model.predict if hasattr(model, "predict") else model.score_samples
    with pytest.raises(ValueError, match="column 2 of X"):
        method(container(X))
    frame = pd.DataFrame(X, columns=["north", "east", "south", "west", "up"])
    with pytest.raises(ValueError, match="'south' of X"):
        fit(make(visible="bernoulli", **SMALL), frame)


def test_only_columns_of_the_kind_are_checked(bits):
    kinds = ["gaussian", "spin", "gaussian", "gaussian", "gaussian"]
    spins = 7 * bits
    spins[:, 1] = 2 * bits[:, 1] - 1
    RBMDensity(visible=kinds, **SMALL).fit(spins)
    for X in (7 * bits, csr_matrix(7 * bits), bits):
        with pytest.raises(ValueError, match=r"Spin .* column 1 of X"):
            RBMDensity(visible=kinds, **SMALL).fit(X)


def test_a_half_is_a_probability(bits):
    X = bits.copy()
    X[3, 2] = 0.5
    rbm = RBMDensity(visible="bernoulli", **SMALL).fit(X)
    assert np.isfinite(rbm.score_samples(X)).all()


def test_probabilities_are_not_clipped(bits):
    rbm = RBMDensity(**SMALL).fit(bits)
    rows = np.repeat(bits[:1], 3, axis=0)
    rows[:, 0] = 0.0, 0.25, 1.0
    assert len(set(rbm.energy(rows))) == 3


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 7.0, -1e6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant_column(make, value, dtype, bits):
    X = bits.astype(dtype)
    X[:, 2] = value
    model = fit(make(**SMALL), X)
    if make is EnergyClassifier:
        scores = model.predict_proba(X)
    else:
        scores = model.score_samples(X)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("make", [RBMDensity, rbm_detector])
@pytest.mark.parametrize("scale", [1, 7])
def test_one_row(make, scale, bits):
    X = scale * bits[:1]
    model = make(**SMALL).fit(X)
    assert np.isfinite(model.score_samples(X)).all()


def test_one_class(bits):
    with pytest.raises(ValueError, match="one class"):
        EnergyClassifier(**SMALL).fit(bits, np.zeros(N_ROWS))


def test_continuous_target(bits, rng):
    with pytest.raises(ValueError, match=r"[Uu]nknown label type"):
        EnergyClassifier(**SMALL).fit(bits, rng.normal(size=N_ROWS))


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("shape", [(0, 5), (5, 0)])
def test_empty_input(make, shape):
    with pytest.raises(ValueError, match="Found array with 0"):
        fit(make(**SMALL), np.empty(shape))


@pytest.mark.parametrize("make", ALL)
def test_weights_that_make_no_sense(make, bits):
    y = np.arange(N_ROWS) % 2
    with pytest.raises(ValueError, match="zero"):
        make(**SMALL).fit(bits, y, sample_weight=np.zeros(N_ROWS))
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        make(**SMALL).fit(bits, y, sample_weight=-np.ones(N_ROWS))
    with pytest.raises(ValueError, match="NaN"):
        make(**SMALL).fit(bits, y, sample_weight=np.full(N_ROWS, np.nan))
    with pytest.raises(ValueError, match="shape"):
        make(**SMALL).fit(bits, y, sample_weight=np.ones(7))


@pytest.mark.parametrize("make", ALL)
def test_batch_larger_than_the_data_is_all_rows(make, bits):
    one = fit(make(batch_size=10_000, **SMALL), bits)
    other = fit(make(batch_size=N_ROWS, **SMALL), bits)
    for attribute in ("predict_proba", "score_samples"):
        if hasattr(one, attribute):
            np.testing.assert_array_equal(
                getattr(one, attribute)(bits), getattr(other, attribute)(bits)
            )


@pytest.mark.parametrize("kind", ["bernoulli", "gaussian"])
@pytest.mark.parametrize(
    ("make", "params"),
    [
        (RBMDensity, {"optimizer": "sgd"}),
        (RBMDensity, {"optimizer": "adam"}),
        (RBMDensity, {"optimizer": "sgd", "batch_size": 7}),
        (RBMDensity, {"hidden": "gaussian"}),
        (EnergyClassifier, {"optimizer": "sgd"}),
        (EnergyClassifier, {"optimizer": "adam"}),
        (EnergyClassifier, {"optimizer": "adam", "generative_weight": 0.5}),
        (rbm_detector, {}),
    ],
)
def test_diverging_learning_rate_ends_finite_and_warns(make, params, kind, bits, rng):
    X = bits if kind == "bernoulli" else rng.normal(size=bits.shape)
    model = make(**{**SMALL, "n_iter": 50}, learning_rate=1e3, **params)
    with pytest.warns(ConvergenceWarning, match="learning_rate"):
        fit(model, X)
    if make is EnergyClassifier:
        scores = model.predict_proba(X)
    else:
        scores = model.score_samples(X)
    assert np.isfinite(scores).all()
    parts = getattr(model, "density_", model)
    assert np.isfinite(parts.components_).all()


@pytest.mark.parametrize("make", NEED_BITS)
@pytest.mark.parametrize(
    ("params", "known"),
    [
        ({"visible": "boltzmann"}, "'bernoulli'"),
        ({"visible": ["bernoulli"] * 4 + ["boltzmann"]}, "'bernoulli'"),
        ({"hidden": "boltzmann"}, "'spin'"),
        ({"objective": "boltzmann", "generative_weight": 1}, "'pcd'"),
        ({"optimizer": "boltzmann"}, "'adam'"),
        ({"partition": "boltzmann"}, "'ais'"),
        ({"schedule": "boltzmann"}, "'linear'"),
    ],
)
def test_unknown_names_list_the_known_ones(make, params, known, bits):
    params = {name: value for name, value in params.items() if hasattr(make(), name)}
    with pytest.raises(ValueError, match=f"{known}.*|.*{known}") as error:
        fit(make(**params, **SMALL), bits)
    assert "boltzmann" in str(error.value)


def test_a_name_for_each_column(bits):
    with pytest.raises(ValueError, match="4 layers, but X has 5"):
        RBMDensity(visible=["bernoulli"] * 4, **SMALL).fit(bits)


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize(
    "params",
    [
        {"n_components": 0},
        {"n_components": 2.5},
        {"learning_rate": 0},
        {"learning_rate": -1},
        {"learning_rate": "fast"},
        {"batch_size": 0},
        {"n_iter": -1},
        {"random_state": "seven"},
    ],
)
def test_parameters_out_of_range(make, params, bits):
    with pytest.raises(ValueError, match=next(iter(params))):
        fit(make(**{**SMALL, **params}), bits)


@pytest.mark.parametrize("make", ALL)
def test_feature_names_that_differ_from_fit(make, bits):
    X = pd.DataFrame(bits, columns=list("abcde"))
    model = fit(make(**SMALL), X)
    method = model.predict if hasattr(model, "predict") else model.score_samples
    for wrong in (X.rename(columns={"a": "z"}), X[list("bacde")]):
        with pytest.raises(ValueError, match="feature names"):
            method(wrong)
    with pytest.raises(ValueError, match="feature"):
        method(X[list("abcd")])
    with pytest.raises(ValueError, match="4 features"):
        method(bits[:, :4])
    with pytest.warns(UserWarning, match="feature names"):
        method(bits)


@pytest.mark.parametrize("make", ALL)
def test_not_fitted(make, bits):
    model = make()
    method = model.predict if hasattr(model, "predict") else model.score_samples
    with pytest.raises(NotFittedError):
        method(bits)


def test_not_fitted_sampling():
    for model in (RBMDensity(), EnergyClassifier(generative_weight=1)):
        with pytest.raises(NotFittedError):
            model.sample()


@pytest.mark.parametrize("make", ALL)
def test_input_is_left_alone(make, bits):
    before = bits.copy()
    fit(make(**SMALL), bits)
    np.testing.assert_array_equal(bits, before)


@pytest.mark.parametrize("make", ALL)
def test_a_normal_fit_is_silent(make, rng):
    group = rng.random((N_ROWS, 1)) < 0.4
    X = (rng.random((N_ROWS, N_COLUMNS)) < np.where(group, 0.9, 0.1)).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(n_components=3, random_state=0).fit(X, group[:, 0])


# -- sizes -----------------------------------------------------------------------------


def test_a_column_of_ids_is_refused(rng):
    X = pd.DataFrame({"who": [f"u{i}" for i in range(60)], "x": rng.normal(size=60)})
    for rows in (
        X,
        X.astype({"who": "category"}),
        X.assign(who=X["who"].mask(X.x > 2)),
    ):
        with pytest.raises(
            ValueError, match="'who' of X has a different value in each"
        ):
            RBMDensity(2, n_iter=1).fit(rows)
    X.loc[0, "who"] = X.loc[1, "who"]
    RBMDensity(2, n_iter=1).fit(X)
    RBMDensity(2, n_iter=1).fit(X[1:40])


def test_too_many_levels_are_refused(rng):
    levels = [f"u{i}" for i in range(1001)]
    X = pd.DataFrame(
        {"a": pd.Categorical(["u1", "u2"] * 9, levels), "x": np.arange(18)}
    )
    with pytest.raises(ValueError, match="'a' of X has 1001 levels"):
        EnergyImputer(n_iter=1).fit(X)
    X["a"] = X["a"].cat.remove_categories("u1000")
    EnergyImputer(n_iter=1).fit(X)
    with pytest.raises(ValueError, match="column 0 of X has 1001 levels"):
        RBMDensity(n_iter=1, visible="categorical").fit(np.arange(1001)[:, None])


def test_memory_is_linear_in_levels(rng):
    """The pairs of 4,000 levels would need many times as much."""
    levels = [f"u{i}" for i in range(1000)]
    codes = rng.integers(0, 1000, (200, 4))
    X = pd.DataFrame(
        {f"c{j}": pd.Categorical.from_codes(codes[:, j], levels) for j in range(4)}
    )
    RBMDensity(2, n_iter=1, random_state=0).fit(X[:20])
    tracemalloc.start()
    fitted = RBMDensity(2, n_iter=1, random_state=0).fit(X)
    X.iloc[::20, 0] = None
    fitted.posterior_mean(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e8
    assert fitted.couplings_ == "none"
    wide = pd.concat([X] * 3, axis=1).set_axis(range(12), axis=1)
    with pytest.raises(ValueError, match="couplings='tree' counts all pairs"):
        RBMDensity(2, n_iter=1, couplings="tree").fit(wide)


def test_huge_counts_are_refused():
    X = np.array([[0, 1], [2, 10_001]])
    with pytest.raises(ValueError, match="column 1 of X holds 10001, but counts"):
        RBMDensity(2, n_iter=1, visible="count").fit(X)
