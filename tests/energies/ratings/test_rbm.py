"""The RBM of ratings, against naive formulas and enumeration of hidden units."""

from itertools import product

import numpy as np
import pytest
from scipy.sparse import csr_array

from skebm.energies.ratings import RatingRBMRecipe
from skebm.energies.ratings._rbm_learning import Batch, RatingParameters, gradient
from skebm.tables.ratings import Ratings
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random

N_USERS, N_ITEMS, K = 61, 11, 3


@pytest.fixture
def cells(rng):
    """Users like the even or the odd items; nobody rates item 10."""
    taste = np.arange(N_USERS) % 2
    fits = taste[:, None] == np.arange(N_ITEMS) % 2
    cells = np.where(fits, 4.0, 2.0) + rng.integers(-1, 2, fits.shape)
    cells[rng.random(cells.shape) < 0.4] = np.nan
    cells[:, 10] = np.nan
    cells[0, :2] = 1.0, 5.0
    return cells


def ratings_of(cells):
    users, items = np.nonzero(~np.isnan(cells))
    matrix = csr_array((cells[users, items], (users, items)), shape=cells.shape)
    return Ratings.from_csr(matrix, np.arange(1.0, 6.0))


@pytest.fixture
def ratings(cells):
    return ratings_of(cells)


def fitted(ratings, features=None, **options):
    options = {"n_components": K, "n_exposure": 2, "alpha": 5.0, **options}
    recipe = RatingRBMRecipe(**options)
    return recipe.fit(ratings, item_features=features, random=Random(3))


@pytest.fixture
def energy(ratings):
    return fitted(ratings, n_iter=5)


def naive_log_proba(energy, start, rated, values, item):
    """Return log-probabilities of levels, by a sum over the states of hidden units."""
    t = energy.fixed.levels
    rest = values - energy.fixed.centres[rated]
    gain = float(energy.parameters.gain) / (len(rated) + 1 + energy.fixed.prior)
    out = []
    for level, value in enumerate(t):
        inputs = start + values @ energy.weights[rated] + value * energy.weights[item]
        states = np.array(list(product([0, 1], repeat=K)))
        hidden = np.logaddexp.reduce(states @ inputs)
        bias = energy.parameters.biases[item, level]
        out.append(hidden + bias + gain * rest.sum() * value)
    return np.array(out) - np.logaddexp.reduce(out)


def test_levels_have_the_probabilities_of_the_enumerated_model(energy, ratings):
    people = energy.fold_in(ratings)
    rows, items = np.array([0, 3, 60]), np.array([10, 4, 7])
    found = energy.log_proba(people, rows, items)
    for pair, (user, item) in enumerate(zip(rows, items, strict=True)):
        one = ratings.take(slice(user, user + 1))
        values = energy.fixed.levels[one.codes]
        expected = naive_log_proba(energy, people.start[user], one.items, values, item)
        np.testing.assert_allclose(found[pair], expected, rtol=1e-9, atol=1e-12)
    expected = np.exp(found) @ energy.levels
    np.testing.assert_allclose(energy.expected(people, rows, items), expected)
    np.testing.assert_allclose(
        energy.scores(people, rows)[np.arange(3), items], expected
    )


def pseudo_likelihood(energy, parameters, ratings, designs):
    """Return the log-probability of each rating given all others of its user."""
    energy.parameters = parameters
    energy.weights = parameters.own + designs[1] @ parameters.by_item
    start, total = designs[0] @ parameters.by_user, 0.0
    for user in range(len(ratings)):
        one = ratings.take(slice(user, user + 1))
        values = energy.fixed.levels[one.codes]
        for place, item in enumerate(one.items):
            rest = np.delete(one.items, place), np.delete(values, place)
            log_p = naive_log_proba(energy, start[user], *rest, item)
            total += log_p[one.codes[place]]
    return total


def test_the_gradient_is_that_of_the_pseudo_likelihood(energy, ratings, rng):
    ratings = ratings.take(slice(0, 13))
    designs = rng.normal(size=(13, 4)), rng.normal(size=(N_ITEMS, 2))
    shapes = (N_ITEMS, K), (2, K), (4, K), (N_ITEMS, 5), ()
    at = RatingParameters(*(0.3 * rng.normal(size=shape) for shape in shapes))
    batch = Batch.of(ratings, np.arange(13), energy.fixed.levels)
    slopes = gradient(at, energy.fixed, batch, designs)
    for name in RatingParameters._fields:
        towards, step = rng.normal(size=getattr(at, name).shape), 1e-5
        ends = [
            at._replace(**{name: getattr(at, name) + sign * step * towards})
            for sign in (1, -1)
        ]
        up, down = (pseudo_likelihood(energy, end, ratings, designs) for end in ends)
        found = np.sum(getattr(slopes, name) * towards)
        assert found == pytest.approx((up - down) / (2 * step), rel=1e-5), name


def test_contributions_sum_to_the_prediction(energy, ratings):
    people = energy.fold_in(ratings)
    for user, item in ((0, 10), (7, 3)):
        items, parts, baseline = energy.explain(people, user, item)
        rating = energy.expected(people, np.array([user]), np.array([item]))[0]
        assert parts.sum() + baseline == pytest.approx(rating, rel=1e-12)
        one = ratings.take(slice(user, user + 1))
        np.testing.assert_array_equal(items, one.items)
        assert (parts != 0).all()


def test_ratings_are_learned(cells, ratings):
    hidden = np.random.default_rng(5).random(cells.shape) < 0.2
    part = ratings_of(np.where(hidden, np.nan, cells))
    energy = fitted(part, n_iter=40)
    rows, items = np.nonzero(hidden & ~np.isnan(cells))
    found = energy.expected(energy.fold_in(part), rows, items)
    error = np.mean((found - cells[rows, items]) ** 2)
    # The noise has a variance of 2/3, the tastes one of 1.
    assert error < 1.0
    similar = np.argsort(-energy.similarities(2))[:5]
    assert set(similar) <= {0, 2, 4, 6, 8, 10}


def test_features_speak_for_an_item_that_nobody_rated(ratings):
    features = np.column_stack([np.arange(N_ITEMS) % 2, np.arange(N_ITEMS) % 2 == 0])
    energy = fitted(ratings, features.astype(float), feature_alpha=0.5, n_iter=40)
    scores = energy.scores(energy.fold_in(ratings), slice(None))[:, 10]
    taste = np.arange(N_USERS) % 2
    assert ((scores < np.median(scores)) == taste).mean() > 0.9


def test_results_do_not_depend_on_threads(ratings, energy):
    with use_threads(2):
        other = fitted(ratings, n_iter=5)
    for mine, its in zip(energy.parameters, other.parameters, strict=True):
        np.testing.assert_array_equal(mine, its)


def test_new_ratings_change_the_energy(cells, ratings, energy):
    cells = np.vstack([cells, cells[:3]])
    cells[:, 10] = np.where(np.arange(len(cells)) % 2, 1.0, 5.0)
    new = ratings_of(cells)
    later = energy.update(new)
    rows, items = np.arange(len(cells)), np.full(len(cells), 10)
    before = energy.log_proba(energy.fold_in(new), rows, items)
    after = later.log_proba(later.fold_in(new), rows, items)
    codes = np.where(rows % 2, 0, 4)
    assert after[rows, codes].mean() > before[rows, codes].mean()
    again = energy.update(new)
    np.testing.assert_array_equal(again.weights, later.weights)


@pytest.mark.parametrize("rated", [[], [2]])
def test_hardly_a_rating(rated):
    indptr = np.minimum(np.arange(4), len(rated))
    ratings = Ratings(indptr, rated, [3.0] * len(rated), (3, 5), np.array([3.0]))
    energy = fitted(ratings)
    scores = energy.scores(energy.fold_in(ratings), slice(None))
    np.testing.assert_allclose(scores, 3.0)
