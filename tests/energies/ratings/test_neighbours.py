import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import norm
from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError

from skebm.energies.ratings import NeighboursRecipe
from skebm.energies.ratings._exposure import Content, Exposure
from skebm.energies.ratings._gaussian import (
    Factors,
    all_pairs,
    left_out_pairs,
    pairs,
)
from skebm.energies.ratings._levels import Levels, _loss
from skebm.tables.ratings import Ratings
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random

LEVELS = np.arange(1.0, 6.0)
N = 3


def draw(n_users=11, n_items=7, share=0.6, seed=0):
    """Ratings of two tastes, with biases."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_users, 2)) @ rng.normal(size=(2, n_items))
    x += 3.2 + 0.6 * rng.normal(size=n_items) + 0.3 * rng.normal(size=x.shape)
    known = rng.random(x.shape) < share
    return of(np.where(known, np.clip(np.round(x), 1, 5), 0.0)), x


def of(dense):
    indptr = np.append(0, np.cumsum((dense > 0).sum(axis=1)))
    rows, columns = np.nonzero(dense)
    return Ratings(indptr, columns, dense[rows, columns], dense.shape, LEVELS)


def factors(n_rows, seed):
    rng = np.random.default_rng(seed)
    roots = 0.4 * rng.normal(size=(n_rows, N, N))
    a = rng.normal(size=(N, N + 2))
    return Factors(
        rng.normal(size=(n_rows, N)),
        roots @ roots.swapaxes(1, 2),
        rng.normal(size=(n_rows, N)),
        a @ a.T,
        0.5 + rng.random(n_rows),
    )


def second_moments(columns):
    """E[w w'] and E[(value - bias) w] need these; w has a constant in place of bias."""
    w = columns.mean.copy()
    w[:, 0] = 1
    covariance = columns.covariance.copy()
    covariance[:, 0] = covariance[:, :, 0] = 0
    return w, w[:, :, None] * w[:, None] + covariance


def naive_given(rows, ratings, values, columns):
    w, outer = second_moments(columns)
    mean, covariance = [], []
    for i, prior in enumerate(rows.prior):
        matrix, vector = rows.precision.copy(), rows.precision @ prior
        for t in range(ratings.indptr[i], ratings.indptr[i + 1]):
            j = ratings.items[t]
            weight = rows.noise[i] * columns.noise[j]
            cross = columns.covariance[j, 0].copy()
            cross[0] = 0
            matrix = matrix + weight * outer[j]
            rest = values[t] - columns.mean[j, 0]
            vector = vector + weight * (rest * w[j] - cross)
        covariance.append(np.linalg.inv(matrix))
        mean.append(covariance[-1] @ vector)
    return np.array(mean), np.array(covariance)


@pytest.fixture(scope="module")
def fitted():
    ratings, x = draw(n_users=101, n_items=31)
    features = np.random.default_rng(1).normal(size=(31, 2))
    recipe = NeighboursRecipe(3, n_exposure=2, n_iter=20)
    energy = recipe.fit(ratings, item_features=features, random=Random(0))
    return energy, ratings, x


def test_factors_given_ratings_as_one_by_one():
    ratings, _ = draw()
    rows, columns = factors(11, 1), factors(7, 2)
    values = ratings.values - 3
    found = rows.given(ratings, values, columns)
    mean, covariance = naive_given(rows, ratings, values, columns)
    np.testing.assert_allclose(found.mean, mean)
    np.testing.assert_allclose(found.covariance, covariance)


def test_factors_of_users_are_integrated_out():
    """A prediction is that of a normal distribution with couplings between items."""
    ratings, _ = draw()
    rows, columns = factors(11, 1), factors(7, 2)
    columns = columns._replace(
        covariance=0 * columns.covariance, noise=np.ones_like(columns.noise)
    )
    values = ratings.values - 3
    users = rows.given(ratings, values, columns)
    mean, variance = all_pairs(users, columns, slice(0, 1))
    w, _ = second_moments(columns)
    covariance = w @ np.linalg.inv(rows.precision) @ w.T
    centre = columns.mean[:, 0] + w @ rows.prior[0]
    rated = ratings.items[: ratings.indptr[1]]
    own = covariance[np.ix_(rated, rated)] + np.eye(len(rated)) / rows.noise[0]
    gain = np.linalg.solve(own, covariance[rated]).T
    rest = values[: ratings.indptr[1]] - centre[rated]
    np.testing.assert_allclose(mean[0], centre + gain @ rest)
    left = np.diag(covariance - gain @ covariance[rated])
    np.testing.assert_allclose(variance[0], left)


def test_moments_of_pairs_are_those_of_draws():
    rng = np.random.default_rng(5)
    users, items = factors(2, 3), factors(2, 4)
    n = 200_000
    a = rng.multivariate_normal(users.mean[1], users.covariance[1], n)
    b = rng.multivariate_normal(items.mean[0], items.covariance[0], n)
    sums = a[:, 0] + b[:, 0] + (a[:, 1:] * b[:, 1:]).sum(axis=1)
    mean, variance = pairs(users, items, np.array([1]), np.array([0]))
    assert abs(sums.mean() - mean[0]) < 5 * np.sqrt(variance[0] / n)
    assert variance[0] == pytest.approx(sums.var(), rel=0.02)


def test_all_pairs_are_the_pairs():
    users, items = factors(11, 3), factors(7, 4)
    rows, columns = (part.ravel() for part in np.indices((11, 7)))
    dense = all_pairs(users, items, slice(0, 11))
    for part, block in zip(pairs(users, items, rows, columns), dense, strict=True):
        np.testing.assert_allclose(block.ravel(), part)


def test_errors_are_expected_squares():
    ratings, _ = draw()
    users, items = factors(11, 3), factors(7, 4)
    values = ratings.values - 3
    mean, variance = pairs(users, items, ratings.users, ratings.items)
    sums = np.bincount(ratings.users, (values - mean) ** 2 + variance)
    np.testing.assert_allclose(users.errors(ratings, values, items), sums)


def test_pairs_without_their_own_rating():
    """At a fixed point, both sides forget a rating as if it had not been there."""
    ratings, _ = draw()
    users, items, centre = factors(11, 1), factors(7, 2), 3.0
    items = items._replace(noise=np.ones(7))
    turned = ratings.transposed()
    for _ in range(1500):
        users = users.given(ratings, ratings.values - centre, items)
        items = items.given(turned, turned.values - centre, users)
    t = 5
    row, column = ratings.users[t], ratings.items[t]
    dense = ratings.to_csr().toarray()
    dense[row, column] = 0
    without = of(dense)
    turned = without.transposed()
    parts = (
        users.given(without, without.values - centre, items),
        items.given(turned, turned.values - centre, users),
    )
    one = np.array([row]), np.array([column])
    known = *one, np.array([ratings.values[t] - centre])
    left = left_out_pairs(users, items, *known)
    np.testing.assert_allclose(left, pairs(*parts, *one), rtol=1e-6)


def test_levels_are_intervals_times_habits():
    levels = Levels(LEVELS, np.array([1.4, 2.6, 3.3, 4.7]), 1.3, np.full(5, 0.2))
    mean, variance = np.array([2.1, 9.0, -30.0]), np.array([0.5, 1.0, 2.0])
    habits = np.random.default_rng(0).normal(size=(3, 5))
    edges = np.concatenate([[-np.inf], levels.thresholds, [np.inf]])
    z = norm.cdf((edges - mean[:, None]) / np.sqrt(1.3 * variance)[:, None])
    expected = np.diff(z, axis=1) * np.exp(habits)
    expected /= expected.sum(axis=1, keepdims=True)
    p = np.exp(levels.log_proba(mean, variance, habits))
    np.testing.assert_allclose(p, expected, atol=1e-10)
    found = levels.expected(mean, variance, habits)
    np.testing.assert_allclose(found, p @ LEVELS, rtol=1e-9)


def test_habits_are_ratios_of_numbers():
    shares = np.array([0.1, 0.2, 0.3, 0.4, 0.0])
    levels = Levels(LEVELS, np.array([1.4, 2.6, 3.3, 4.7]), 1.3, shares)
    rng = np.random.default_rng(0)
    mean, variance = rng.normal(3, 1, 53), 0.5 + rng.random(53)
    rows, codes = np.repeat([0, 2], [23, 30]), rng.integers(0, 5, 53)
    habits = levels.habits(rows, 3, codes, (mean, variance))
    p = np.exp(levels.log_proba(mean, variance, np.zeros(5)))
    for row in range(3):
        mine = rows == row
        found = np.bincount(codes[mine], minlength=5)
        more = 40 * np.array([0.1, 0.2, 0.3, 0.4, 0.001])
        expected = np.log((found + more) / (p[mine].sum(axis=0) + more))
        np.testing.assert_allclose(habits[row], expected, atol=1e-9)
    assert (habits[1] == 0).all()


def test_gradient_of_thresholds():
    rng = np.random.default_rng(0)
    mean, scale = rng.normal(3, 1, 53), 0.5 + rng.random(53)
    codes = rng.integers(0, 5, 53)
    theta = np.array([1.3, 0.1, -0.2, 0.3, 0.2])
    numeric = approx_fprime(theta, lambda x: _loss(x, mean, scale, codes)[0], 1e-7)
    np.testing.assert_allclose(_loss(theta, mean, scale, codes)[1], numeric, atol=1e-6)


def test_thresholds_are_found():
    rng = np.random.default_rng(0)
    thresholds, mean = np.array([1.2, 2.9, 3.3, 4.1]), rng.normal(3, 1.5, 20_000)
    x = mean + np.sqrt(0.6 * 0.7) * rng.normal(size=20_000)
    codes = np.searchsorted(thresholds, x)
    found = Levels.fitted(LEVELS, mean, np.full(20_000, 0.7), codes)
    np.testing.assert_allclose(found.thresholds, thresholds, atol=0.05)
    assert found.spread == pytest.approx(0.6, rel=0.1)


def test_exposure_of_items_is_consistent_with_users():
    """Both are singular vectors of one matrix."""
    ratings, _ = draw(n_users=23, n_items=13)
    exposure = Exposure.of(ratings, 3, 0)
    matrix = (ratings.to_csr().toarray() > 0).astype(float)
    rows, columns = matrix.sum(axis=1, keepdims=True), matrix.sum(axis=0)
    matrix /= np.sqrt((rows + 1) * (columns + 1))
    left, values, _ = np.linalg.svd(matrix)
    np.testing.assert_allclose(exposure.values, values[:3])
    users, items = exposure.of_users(ratings), exposure.of_items(ratings)
    expected = np.abs(left[:, :3]) * values[:3] * np.sqrt(23)
    np.testing.assert_allclose(np.abs(users[:, :3]), expected, atol=1e-8)
    # The matrix takes users to items.
    product = matrix.T @ users[:, :3] / np.sqrt(23) / values[:3]
    np.testing.assert_allclose(items[:, :3] / np.sqrt(13), product, atol=1e-8)


def test_content_has_unit_length():
    features = np.random.default_rng(0).normal(5, 40, size=(11, 3))
    features[:, 2] = 7
    scaled = Content.of(features).scaled(features)
    assert (scaled**2).sum() / 11 == pytest.approx(2 / 3)
    assert (scaled[:, 2] == 0).all()


def test_predictions_are_better_than_means(fitted):
    energy, ratings, x = fitted
    hidden = np.ones(x.shape, dtype=bool)
    hidden[ratings.users, ratings.items] = False
    truth = np.clip(np.round(x), 1, 5)
    people = energy.fold_in(ratings)
    error = energy.scores(people, slice(None)) - truth
    sums = np.bincount(ratings.items, ratings.values)
    item_error = sums / ratings.popularity - truth
    assert (error[hidden] ** 2).mean() < 0.4 * (item_error[hidden] ** 2).mean()


def test_people_of_the_fit_are_folded_in(fitted):
    """A new user with the ratings of a known one gets the same predictions."""
    energy, ratings, _ = fitted
    people = energy.fold_in(ratings)
    alone = energy.fold_in(ratings.take(np.array([4])))
    rows, items = np.full(31, 4), np.arange(31)
    expected = energy.expected(people, rows, items)
    np.testing.assert_allclose(
        energy.expected(alone, 0 * rows, items), expected, atol=1e-10
    )


def test_contributions_sum_to_the_prediction(fitted):
    energy, ratings, _ = fitted
    people = energy.fold_in(ratings)
    for row, item in (2, 3), (7, 11):
        items, parts, baseline = energy.explain(people, row, item)
        rating = energy.expected(people, np.array([row]), np.array([item]))[0]
        assert baseline + parts.sum() == pytest.approx(rating)
        here = slice(ratings.indptr[row], ratings.indptr[row + 1])
        np.testing.assert_array_equal(items, ratings.items[here])


def test_user_without_ratings_has_the_prior(fitted):
    energy, _, _ = fitted
    people = energy.fold_in(of(np.zeros((1, 31))))
    items, parts, baseline = energy.explain(people, 0, 3)
    assert len(items) == len(parts) == 0
    assert baseline == pytest.approx(energy.scores(people, slice(0, 1))[0, 3])


def test_similarities_are_correlations(fitted):
    energy, _, _ = fitted
    similarity = np.array([energy.similarities(i) for i in range(31)])
    np.testing.assert_allclose(similarity, similarity.T)
    assert (np.abs(similarity) <= 1).all()
    # The expectation over users and items, term by term.
    spread, items = np.linalg.inv(energy.users.precision)[1:, 1:], energy.items
    means, own = items.mean[[3, 5], 1:], []
    for j, mean in zip((3, 5), means, strict=True):
        square = items.covariance[j, 1:, 1:] + np.outer(mean, mean)
        own.append(np.trace(square @ spread))
    expected = means[0] @ spread @ means[1] / np.sqrt(own[0] * own[1])
    assert similarity[3, 5] == pytest.approx(expected)


def test_items_without_ratings_follow_their_features():
    ratings, _ = draw(n_users=211, n_items=61, share=0.5)
    means = np.bincount(ratings.items, ratings.values) / ratings.popularity
    dense = ratings.to_csr().toarray()
    dense[:, ::5] = 0
    recipe = NeighboursRecipe(2, n_exposure=1, alpha=1.0, n_iter=10)
    energy = recipe.fit(of(dense), item_features=means[:, None], random=Random(0))
    scores = energy.scores(energy.fold_in(of(dense)), slice(None)).mean(axis=0)
    assert np.corrcoef(scores[::5], means[::5])[0, 1] > 0.9


def test_new_ratings_are_learned():
    ratings, x = draw(n_users=101, n_items=31, share=0.2)
    truth = np.clip(np.round(x), 1, 5)
    recipe = NeighboursRecipe(2, n_exposure=1, n_iter=10)
    energy = recipe.fit(ratings, random=Random(0))
    more = energy.update(of(truth))
    errors = [
        ((part.scores(part.fold_in(ratings), slice(None)) - truth) ** 2).mean()
        for part in (energy, more)
    ]
    assert errors[1] < 0.8 * errors[0]


def test_threads_do_not_matter():
    ratings, _ = draw(n_users=601, n_items=300, share=0.1)
    scores = []
    for n_threads in (1, 2):
        with use_threads(granted=n_threads):
            recipe = clone(NeighboursRecipe(2, n_exposure=2, n_iter=6))
            energy = recipe.fit(ratings, random=Random(3))
            scores.append(energy.scores(energy.fold_in(ratings), slice(0, 9)))
    np.testing.assert_array_equal(*scores)


def test_one_level():
    ratings, _ = draw()
    dense = 3.0 * (ratings.to_csr().toarray() > 0)
    parts = of(dense)
    parts.levels = np.array([3.0])
    energy = NeighboursRecipe(1, n_exposure=1, n_iter=6).fit(parts, random=Random(0))
    people = energy.fold_in(parts)
    assert (energy.scores(people, slice(None)) == 3).all()
    one = np.array([0]), np.array([1])
    assert energy.log_proba(people, *one).tolist() == [[0.0]]


def test_parameters_are_checked():
    ratings, _ = draw()
    with pytest.raises(InvalidParameterError, match="n_components"):
        NeighboursRecipe(0).fit(ratings, random=Random(0))
