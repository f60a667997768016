import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, yeojohnson, yeojohnson_llf

from skebm import EnergyImputer, RBMDensity
from skebm.tables.curves import Curve
from skebm.tables.curves._logarithm import Logarithm
from skebm.tables.curves._sample import Sample
from skebm.tables.curves._yeo_johnson import YeoJohnson

N = 1009
SHAPES = {
    "log-normal": lambda r: r.lognormal(0, 2, N),
    "exponential": lambda r: r.exponential(size=N),
    "Pareto": lambda r: 1 + r.pareto(1.5, N),
    "gamma": lambda r: r.gamma(0.3, size=N),
    "half-normal": lambda r: np.abs(r.normal(size=N)),
    "price": lambda r: 1000 + r.lognormal(3, 1, N),
    "zeros": lambda r: r.exponential(size=N) * (r.random(N) < 0.7),
    "negative": lambda r: -r.lognormal(0, 1, N),
    "share": lambda r: r.beta(0.5, 0.5, N),
    "per cent": lambda r: 100 * r.beta(5, 1, N),
    "age": lambda r: r.integers(17, 91, N),
    "score": lambda r: np.clip(np.rint(r.normal(70, 20, N)), 0, 100).astype(int),
    "hours": lambda r: np.clip(np.rint(r.normal(40, 12, N)), 1, 99),
    "tiny": lambda r: 1e-12 * r.exponential(size=N),
    "huge": lambda r: 1e12 * r.exponential(size=N),
    "outlier": lambda r: np.r_[r.exponential(size=N - 1), 1e6],
    "normal": lambda r: r.normal(size=N),
    "few": lambda r: np.array([0.5, 2.0, 70.0]),
}
ENDS = {
    **dict.fromkeys(SHAPES, (0, np.inf)),
    **{"Pareto": (1, np.inf), "price": (1000, np.inf), "negative": (-np.inf, 0)},
    **{"share": (0, 1), "per cent": (0, 100), "age": (17, 90), "score": (0, 100)},
    **{"hours": (1, 100), "normal": (-np.inf, np.inf)},
}
LOGARITHMS = [
    Logarithm(0.0, np.inf, 0.0, 0.01, np.inf),
    Logarithm(17.0, np.inf, 0.3, 17.1, np.inf),
    Logarithm(-np.inf, 5.0, 2.0, -np.inf, 4.9),
    Logarithm(0.0, 1.0, 0.0, 0.01, 0.99),
    Logarithm(-3.0, 40.0, 1.5, -2.5, 39.0),
]


@pytest.mark.parametrize("shape", LOGARITHMS)
def test_logarithms_map_the_line_onto_itself(shape):
    first, last = np.maximum(shape.first, -50), np.minimum(shape.last, 50)
    x = np.r_[np.linspace(-90, 90, 1001), np.linspace(first, last, 101)]
    x.sort()
    y = shape.transform(x)
    assert (np.diff(y)[np.diff(x) > 1e-9] > 0).all()
    np.testing.assert_allclose(shape.inverse(y), x, rtol=1e-7, atol=1e-9)
    step = 1e-6
    slope = (shape.transform(x + step) - shape.transform(x - step)) / (2 * step)
    near = (np.abs(x - shape.first) < 1e-5) | (np.abs(x - shape.last) < 1e-5)
    np.testing.assert_allclose(
        shape.log_width(y)[~near], -np.log(slope[~near]), atol=1e-4
    )
    for turn in (shape.first, shape.last):
        if np.isfinite(turn):
            ends = shape.log_width(shape.transform(turn + np.array([-1e-9, 1e-9])))
            np.testing.assert_allclose(*ends, atol=1e-6)


def test_numbers_next_to_an_end_keep_their_digits():
    tiny = np.logspace(-290, -1, 57)
    for upper, rate in ((np.inf, 0.0), (np.inf, 2.0), (2.0, 0.0), (2.0, 3.0)):
        last = 1.9 if upper == 2 else upper
        shape = Logarithm(0.0, upper, rate, 1e-300, last)
        np.testing.assert_allclose(shape.inverse(shape.transform(tiny)), tiny, 1e-9)


def test_yeo_johnson_is_that_of_scipy(rng):
    x = rng.normal(size=101) ** 3 + 0.3
    curve = Curve.fit(x, None, "power")
    shape = curve.shape
    bent = yeojohnson(x / shape.unit, shape.power)
    np.testing.assert_allclose(curve.encode(x), (bent - bent.mean()) / bent.std())
    best = yeojohnson_llf(shape.power, x / shape.unit)
    others = [yeojohnson_llf(p, x / shape.unit) for p in np.linspace(0, 2, 41)]
    assert best >= max(others) - 1e-6
    assert 0 < shape.power < 2


@pytest.mark.parametrize("name", SHAPES)
def test_curves_of_columns(name, rng):
    x = SHAPES[name](rng).astype(float)
    curve, (low, high) = Curve.fit(x, None), ENDS[name]
    z = curve.encode(x)
    np.testing.assert_allclose(curve.decode(z), x, rtol=1e-7, atol=1e-9 * np.ptp(x))
    np.testing.assert_allclose([z.mean(), z.std()], [0, 1], atol=1e-8)
    far = curve.decode(np.array([-1e9, -40, -5, 5, 40, 1e9]))
    assert (far >= low).all()
    assert (far <= high).all()
    if low == 0 and x.min() > 0:
        assert (far > 0).all()
    # A number outside has a density, too.
    outside = np.array([x.min() - np.ptp(x), x.max() + np.ptp(x)])
    assert np.isfinite(curve.encode(outside)).all()
    assert np.isfinite(curve.log_width(curve.encode(outside))).all()


@pytest.mark.parametrize("name", SHAPES)
def test_the_density_of_a_curve_integrates_to_one(name, rng):
    curve = Curve.fit(SHAPES[name](rng).astype(float), None)
    z = np.linspace(-6, 6, 20001)
    x = curve.shape.inverse(z * curve.scale + curve.location)
    density = np.exp(norm.logpdf(z) - curve.log_width(z))
    steps = np.diff(x)
    total = (0.5 * (density[1:] + density[:-1]) * steps).sum()
    np.testing.assert_allclose(total, 1, atol=1e-4)


@pytest.mark.parametrize("factor", [1e-9, 7.0, 1e9])
@pytest.mark.parametrize("name", ["log-normal", "exponential", "price", "zeros"])
def test_the_choice_does_not_depend_on_the_scale(name, factor, rng):
    x = SHAPES[name](rng)
    one, other = Curve.fit(x, None), Curve.fit(factor * x, None)
    assert type(one.shape) is type(other.shape)
    np.testing.assert_allclose(one.encode(x), other.encode(factor * x), atol=1e-6)


def test_the_choice_does_not_depend_on_the_origin(rng):
    for x in (rng.lognormal(0, 1, N) + 40, rng.normal(size=N) + 40, rng.random(N) + 40):
        one, other = Curve.fit(x, None), Curve.fit((x - x.mean()) / x.std(), None)
        assert type(one.shape) is type(other.shape)
        np.testing.assert_allclose(
            one.encode(x), other.encode((x - x.mean()) / x.std()), atol=1e-5
        )


@pytest.mark.parametrize("name", SHAPES)
def test_weight_is_repetition(name, rng):
    x = SHAPES[name](rng).astype(float)
    weight = rng.integers(0, 4, len(x))
    weight[0] = 1
    one = Curve.fit(x[weight > 0], weight[weight > 0].astype(float))
    other = Curve.fit(np.repeat(x, weight), None)
    np.testing.assert_allclose(one.encode(x), other.encode(x), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose([one.low, one.high], [other.low, other.high])


def test_normal_numbers_and_constants_get_a_line(rng):
    assert Curve.fit(rng.normal(size=N), None).is_straight
    assert Curve.fit(1e6 + rng.normal(size=N), None).is_straight
    assert Curve.fit(np.full(7, 3.0), None).is_straight
    assert not Curve.fit(rng.lognormal(size=N), None).is_straight
    skewed = Curve.fit(rng.standard_t(3, N) ** 3, None)
    assert isinstance(skewed.shape, YeoJohnson | Logarithm)


def test_an_end_stays_away_from_rows_that_pile_up(rng):
    x = np.r_[np.zeros(300), rng.exponential(size=700)]
    curve = Curve.fit(x, None)
    assert curve.low == 0
    assert curve.encode(0.0) > -4
    sample = Sample.of(np.r_[np.zeros(3000), rng.random(7000)])
    assert len(sample.values) == len(np.unique(sample.values)) > 1000
    np.testing.assert_allclose(sample.share[0], 0.3, atol=0.001)


@pytest.mark.parametrize("name", ["exponential", "share", "age", "zeros", "price"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_draws_and_guesses_stay_in_the_support(name, dtype, rng):
    x = SHAPES[name](rng)
    x = x if x.dtype.kind == "i" else x.astype(dtype)
    X = pd.DataFrame({"x": x, "other": rng.normal(size=N)})
    low, high = ENDS[name]
    model = RBMDensity(2, n_iter=3, random_state=0).fit(X)
    drawn = model.sample(2003, random_state=0)["x"]
    assert drawn.between(low, high).all()
    assert drawn.dtype == x.dtype
    holes = X.astype({"x": float}).mask(rng.random(X.shape) < 0.3)
    imputer = EnergyImputer(RBMDensity(2, n_iter=3, random_state=0))
    filled = imputer.fit_transform(holes)
    filled = pd.DataFrame(filled, columns=["x", "other"])["x"]
    assert filled.between(low, high).all()
    if name == "age":
        assert (filled == np.rint(filled)).all()


def test_a_row_of_weight_0_is_not_there(rng):
    X = pd.DataFrame({"kids": np.r_[rng.poisson(2, 100), 999.5], "job": "a"})
    X["job"] = [*rng.choice(["a", "b"], 100), "c"]
    weight = np.r_[np.ones(100), 0]
    params = {"n_components": 2, "n_iter": 3, "random_state": 0}
    one = RBMDensity(**params).fit(X, sample_weight=weight)
    other = RBMDensity(**params).fit(X[:100])
    assert one._table.kinds == other._table.kinds == ("count", "categorical")
    assert one.unit_names_.tolist() == ["kids", "job=a", "job=b"]
    np.testing.assert_allclose(one.score_samples(X[:100]), other.score_samples(X[:100]))
    pd.testing.assert_frame_equal(
        one.sample(7, random_state=0), other.sample(7, random_state=0)
    )
