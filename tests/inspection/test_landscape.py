"""Landscapes: energies of grids, averages of other columns, minima."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.base import BaseEstimator
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture

from skebm import RBMDensity
from skebm.inspection import EnergyLandscapeDisplay
from tests.fits import BITS, FRAME, REALS
from tests.models import heavy

landscape = EnergyLandscapeDisplay.from_estimator


class Landscape(BaseEstimator):
    """A model of a function of rows."""

    def __init__(self, function):
        self.function = function

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def energy_samples(self, X):
        return self.function(np.asarray(X))


def double_well(X):
    """Return an energy with minima at (-1.03, 0.3) and (0.96, 0.3), about."""
    x, y = X[:, 0], X[:, 1]
    return 3 * (x**2 - 1) ** 2 + x + 2 * (y - 0.3) ** 2 + 0.1 * x * y


@pytest.fixture
def reals():
    return RBMDensity(3, n_iter=5, random_state=0).fit(REALS)


def test_energies_are_those_of_the_estimator(reals):
    other = [REALS[3, 0], 0, 0]
    display = landscape(reals, REALS, (2, 1), others=other, grid_resolution=11)
    assert display.energy.shape == (11, 11)
    for i, j in ((0, 0), (3, 7), (10, 4)):
        row = [[other[0], display.grid[1][j], display.grid[0][i]]]
        np.testing.assert_allclose(display.energy[i, j], reals.energy_samples(row))
    low, high = REALS[:, 2].min(), REALS[:, 2].max()
    margin = (high - low) / 10
    np.testing.assert_allclose(display.grid[0][[0, -1]], [low - margin, high + margin])
    np.testing.assert_array_equal(display.rows, REALS[:, [2, 1]])


def test_other_columns_have_their_means(reals):
    display = landscape(reals, REALS, 1, others="mean", grid_resolution=7)
    rows = np.tile(REALS.mean(axis=0), (7, 1))
    rows[:, 1] = display.grid[0]
    np.testing.assert_allclose(display.energy, reals.energy_samples(rows))
    assert display.surface_.get_xdata().shape == (7,)


@pytest.mark.parametrize("features", [(0, 2), (2, 1), (1,)], ids=str)
def test_marginal_is_exact_with_draws_in_proportion(features):
    """The weights are whole, and each configuration is drawn as often as it weighs."""
    weight = np.random.default_rng(0).integers(1, 7, (2, 3, 5))
    cells = list(itertools.product(*map(range, weight.shape)))
    model = Landscape(lambda X: -np.log(weight[tuple(X.astype(int).T)])).fit(None)
    draws = np.repeat(cells, weight.ravel(), axis=0)
    display = landscape(model, np.array(cells), features, draws=draws)
    rest = tuple(k for k in range(3) if k not in features)
    marginal = (weight / weight.sum()).sum(axis=rest)
    expected = marginal if list(features) == sorted(features) else marginal.T
    np.testing.assert_allclose(display.energy, -np.log(expected), atol=1e-12)


@heavy
def test_marginal_of_a_model_equals_its_enumeration():
    model = RBMDensity(3, n_iter=20, random_state=0).fit(BITS)
    display = landscape(model, BITS, (1, 3), draws=4000, random_state=0)
    rows = np.array(list(itertools.product((0.0, 1.0), repeat=5)))
    probability = np.exp(model.score_samples(rows))
    np.testing.assert_allclose(probability.sum(), 1)
    expected = np.array(
        [
            [probability[(rows[:, 1] == a) & (rows[:, 3] == b)].sum() for b in (0, 1)]
            for a in (0, 1)
        ]
    )
    # The standard error of a mean of 4000 numbers in [0, 1] is at most 0.008.
    np.testing.assert_allclose(np.exp(-display.energy), expected, atol=4 * 0.008)


def test_marginal_of_reals_is_a_density(reals):
    display = landscape(reals, REALS, (0, 1), draws=50, random_state=0)
    area = np.prod([values[1] - values[0] for values in display.grid])
    np.testing.assert_allclose(np.exp(-display.energy).sum() * area, 1)
    assert display.label == "-log density (nats)"
    levels = landscape(reals, REALS.round(), 0, draws=5)
    assert levels.label == "-log probability (nats)"


def test_without_draws_rows_take_their_place(reals):
    forest = IsolationForest(n_estimators=5, random_state=0).fit(REALS)
    display = landscape(forest, REALS, (0, 1), grid_resolution=5)
    assert len(display.draws) == 0
    points = [g.ravel() for g in np.meshgrid(*display.grid, indexing="ij")]
    rows = np.tile(REALS, (25, 1, 1))
    rows[:, :, 0], rows[:, :, 1] = points[0][:, None], points[1][:, None]
    scores = forest.score_samples(rows.reshape(-1, 3)).reshape(25, -1)
    conditional = scores - logsumexp(scores, axis=0)
    area = np.prod([values[1] - values[0] for values in display.grid])
    expected = np.log(area) - np.log(np.exp(conditional).mean(axis=1))
    np.testing.assert_allclose(display.energy.ravel(), expected)


def test_minima_of_a_double_well():
    X = np.random.default_rng(0).uniform(-2, 2, (50, 2))
    model = Landscape(double_well).fit(X)
    display = landscape(model, X, draws=0, grid_resolution=61, max_energy=np.inf)
    assert display.minima.shape == (2, 2)
    for place, energy in zip(display.minima, display.minima_energy, strict=True):
        np.testing.assert_allclose(double_well(place[None])[0], energy)
        exact = minimize(lambda x: double_well(x[None])[0], place)
        assert exact.success
        # Far less than the width of a cell, which is 0.08.
        np.testing.assert_allclose(place, exact.x, atol=0.004)
    assert display.minima[0, 0] < -1 < display.minima[1, 0]
    assert display.minima_energy[0] < display.minima_energy[1]
    np.testing.assert_array_equal(display.minima_.get_offsets(), display.minima)


def test_minima_of_one_column_and_none_at_the_ends():
    X = np.linspace(-2, 2, 29)[:, None]
    model = Landscape(lambda X: np.cos(2 * X[:, 0])).fit(X)
    display = landscape(model, X, grid_resolution=101)
    np.testing.assert_allclose(display.minima[:, 0], [-np.pi / 2, np.pi / 2], atol=1e-4)
    slope = Landscape(lambda X: X[:, 0]).fit(X)
    assert len(landscape(slope, X).minima) == 0


def test_flat_energies_have_one_minimum_a_valley():
    X = np.linspace(-1, 1, 30)[:, None]
    model = Landscape(lambda X: np.maximum(np.abs(X[:, 0]), 0.5)).fit(X)
    assert len(landscape(model, X).minima) == 1


def test_plane_of_principal_components(reals):
    display = landscape(reals, REALS, plane="pca", grid_resolution=5, random_state=0)
    axes = np.linalg.svd(REALS - REALS.mean(axis=0))[2][:2]
    projected = (REALS - REALS.mean(axis=0)) @ axes.T
    np.testing.assert_allclose(np.abs(display.rows), np.abs(projected), atol=1e-9)
    signs = np.sign((display.rows * projected).sum(axis=0))
    place = np.array([display.grid[0][1], display.grid[1][3]])
    row = REALS.mean(axis=0) + (place * signs) @ axes
    np.testing.assert_allclose(display.energy[1, 3], reals.energy_samples(row[None]))


@pytest.mark.parametrize("backend", ["pandas", "polars"])
def test_levels(backend):
    columns = ["real", "category", "text", "count", "bit"]
    X = FRAME[columns]
    if backend == "polars":
        lists = {name: X[name].to_list() for name in columns}
        kinds = {"category": pl.Enum(list("cab"))}
        X = pl.DataFrame(lists, schema_overrides=kinds)
    model = RBMDensity(3, n_iter=2, random_state=0).fit(X)
    row = FRAME[columns].iloc[0]
    display = landscape(model, X, ("category", "text"), others=row)
    assert display.is_levels == [True, True]
    assert set(display.grid[0]) == set("abc")
    assert list(display.grid[1]) == ["x", "y"]
    frame = pd.DataFrame([row] * 6).astype(dict(FRAME[columns].dtypes))
    frame["category"] = pd.Categorical(np.repeat(display.grid[0], 2), list("cab"))
    frame["text"] = np.tile(display.grid[1], 3)
    expected = model.energy_samples(frame).reshape(3, 2)
    np.testing.assert_allclose(display.energy, expected)
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == ["x", "y"]

    strips = landscape(model, X, ("real", "category"), grid_resolution=9, draws=7)
    assert strips.is_levels == [False, True]
    assert strips.energy.shape == (9, 3)
    assert len(strips.draws) == 7
    counts = landscape(model, X, ["count"], draws=7)
    numbers = FRAME["count"]
    assert list(counts.grid[0]) == list(range(numbers.min(), numbers.max() + 1))
    assert landscape(model, X, "bit", others="mean").energy.shape == (2,)


def test_many_counts_have_an_axis_of_whole_numbers():
    X = np.random.default_rng(0).poisson(20.0, (61, 3)) + np.array([0, 5, 0])
    model = RBMDensity(3, visible="count", n_iter=2, random_state=0).fit(X)
    display = landscape(model, X, (0, 1), draws=5, grid_resolution=20)
    assert not any(display.is_levels)
    for values in display.grid:
        steps = np.unique(np.diff(values))
        assert len(steps) == 1
        assert steps[0] % 1 == values[0] % 1 == 0
    assert not (display.minima % 1).any()


def test_axes_in_and_out(reals):
    figure, ax = plt.subplots()
    display = landscape(reals, REALS, (0, 1), grid_resolution=5, draws=3, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert display.plot(show_minima=False) is display
    assert display.ax_ is not ax
    assert display.minima_ is None
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == (
        "column 0",
        "column 1",
    )


def test_same_seed_same_landscape(reals):
    one, two = (
        landscape(reals, REALS, (0, 1), grid_resolution=5, random_state=0)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.energy, two.energy)
    np.testing.assert_array_equal(one.draws, two.draws)


def test_densities_of_scikit_learn_have_landscapes():
    model = GaussianMixture(2, random_state=0).fit(REALS)
    display = landscape(model, REALS, (0, 1), grid_resolution=5, draws=0)
    assert display.energy.shape == (5, 5)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "features must name one or two of the 3 columns"),
        ({"features": (0, 1, 2)}, "features must name one or two columns"),
        ({"features": (1, 1)}, "features must name two different columns"),
        ({"features": (0, 3)}, "features names the column 3, which X does not have"),
        ({"features": ("a", 0)}, "features names the column 'a'"),
        ({"features": 0, "others": "median"}, "others must be 'marginal', 'mean'"),
        ({"features": 0, "others": [1.0]}, "others must be one row with the 3 columns"),
        ({"features": 0, "others": {0: 1.0}}, r"it lacks \[1, 2\]"),
        ({"plane": "tsne"}, "plane must be None or 'pca'"),
        ({"features": 0, "grid_resolution": 2}, "grid_resolution must be"),
        ({"features": 0, "draws": -1}, "draws must be rows, or a number"),
        ({"features": 0, "draws": None}, "draws must be rows, or a number"),
        ({"features": 0, "draws": REALS[:, :2]}, "draws must have the 3 columns of X"),
        ({"features": 0, "X": REALS[:, :2]}, "X has 2 columns, but RBMDensity was"),
    ],
    ids=str,
)
def test_wrong_arguments(reals, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        landscape(reals, **{"X": REALS, **options})


def test_wrong_rows():
    model = RBMDensity(3, n_iter=1, random_state=0).fit(FRAME)
    with pytest.raises(ValueError, match="plane='pca' needs rows of two numbers"):
        landscape(model, FRAME, plane="pca")
    with pytest.raises(NotFittedError):
        landscape(RBMDensity(), FRAME, ("real", "text"))
    empty = np.column_stack([REALS[:, 0], np.full(len(REALS), np.nan)])
    holes = RBMDensity(2, n_iter=1, random_state=0).fit(REALS[:, :2])
    with pytest.raises(ValueError, match="column 1, which has no finite number"):
        landscape(holes, empty)
