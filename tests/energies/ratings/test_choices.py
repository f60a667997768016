"""The energy of what users choose, against naive formulas."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from skebm.energies.ratings import Choices, ChoicesRecipe
from skebm.energies.ratings._couplings import Couplings
from skebm.energies.ratings._fold import fold, packed, unpacked
from skebm.tables.ratings import Ratings
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random

N_USERS, N_ITEMS, K = 137, 17, 3


@pytest.fixture
def counts(rng):
    """Users choose the even or the odd items; nobody chooses item 16."""
    taste = np.arange(N_USERS) % 2
    fits = taste[:, None] == np.arange(N_ITEMS) % 2
    chosen = rng.random((N_USERS, N_ITEMS)) < np.where(fits, 0.6, 0.1)
    chosen[:, 16] = False
    return chosen * rng.integers(1, 4, chosen.shape).astype(float)


@pytest.fixture
def choices(counts):
    return Ratings.from_csr(csr_array(counts))


def fitted(choices, features=None, **options):
    recipe = ChoicesRecipe(**{"n_components": K, "penalty": 5.0, **options})
    return recipe.fit(choices, item_features=features, random=Random(7))


@pytest.fixture
def energy(choices):
    return fitted(choices)


def random_items(rng):
    means = rng.normal(size=(N_ITEMS, K))
    roots = rng.normal(size=(N_ITEMS, K, K))
    moments = means[:, :, None] * means[:, None] + roots @ roots.transpose(0, 2, 1)
    triangles = np.stack([packed(m) for m in moments]).astype(np.float32)
    return means, triangles, np.stack([unpacked(t) for t in triangles.astype(float)])


def test_folding_in_is_a_normal_posterior(counts, choices, rng):
    means, triangles, moments = random_items(rng)
    base, pull = 2 * np.eye(K) + 0.3, rng.normal(size=(N_USERS, K))
    weights = 0.5 * choices.values
    found, squares = fold(
        choices, weights, (means, triangles), base, pull, variance=0.7
    )
    for user in (0, 1, N_USERS - 1):
        w = 0.5 * counts[user]
        precision = base + np.einsum("i,ixy->xy", w, moments)
        mean = np.linalg.solve(precision, pull[user] + ((1 + w) * (w > 0)) @ means)
        np.testing.assert_allclose(found[user], mean, rtol=1e-6)
        square = 0.7 * np.linalg.inv(precision) + np.outer(mean, mean)
        np.testing.assert_allclose(unpacked(squares[user]), square, rtol=1e-4)
    alone, nothing = fold(choices, weights, (means, triangles), base, pull)
    np.testing.assert_allclose(alone, found, rtol=1e-9)
    assert len(nothing) == 0


def test_couplings_are_regressions_on_all_other_items(counts, choices):
    penalty = 5.0
    couplings = Couplings.of(choices, choices.values, penalty, N_ITEMS)
    np.testing.assert_array_equal(couplings.items, np.arange(16))
    n_chosen = np.maximum((counts > 0).sum(axis=1), 1)
    X = counts[:, :16] * ((n_chosen / n_chosen.mean()) ** -0.3)[:, None]
    popularity = (counts > 0).sum(axis=0)[:16]
    share = (popularity / popularity.mean()) ** -0.3
    for item in (0, 9):
        rest = np.delete(np.arange(16), item)
        gram = X[:, rest].T @ X[:, rest] + penalty * np.eye(15)
        slopes = np.linalg.solve(gram, X[:, rest].T @ X[:, item])
        found = couplings.weights[rest, item]
        np.testing.assert_allclose(found, slopes * share[rest], rtol=1e-8)
        assert couplings.weights[item, item] == 0
    scores = couplings.scores(choices, choices.values)
    np.testing.assert_allclose(scores[:, :16], counts[:, :16] @ couplings.weights)
    assert not scores[:, 16].any()


def test_only_popular_items_are_coupled(choices):
    couplings = Couplings.of(choices, choices.values, 5.0, 4)
    least = np.sort(choices.popularity)[-4]
    assert len(couplings.items) == 4
    assert (choices.popularity[couplings.items] >= least).all()
    energy = fitted(choices, max_items=4)
    people = energy.fold_in(choices)
    rows, items = np.arange(34) % 5, np.arange(34) % N_ITEMS
    scores = energy.scores(people, slice(0, 5))
    found = energy.expected(people, rows, items)
    np.testing.assert_allclose(found, scores[rows, items], rtol=1e-9)


def test_contributions_sum_to_the_score(energy, choices):
    people = energy.fold_in(choices)
    for user, item in ((0, 1), (5, 16)):
        items, parts, baseline = energy.explain(people, user, item)
        score = energy.scores(people, slice(user, user + 1))[0, item]
        assert parts.sum() + baseline == pytest.approx(score, rel=1e-6)
        here = slice(choices.indptr[user], choices.indptr[user + 1])
        np.testing.assert_array_equal(items, choices.items[here])


@pytest.mark.parametrize("coupling", [0.0, 4.0])
def test_users_get_items_of_their_taste(choices, coupling):
    energy = fitted(choices, coupling=coupling)
    scores = energy.scores(energy.fold_in(choices), slice(None))
    taste = np.arange(N_USERS) % 2
    even, odd = scores[:, 0:16:2].mean(axis=1), scores[:, 1:16:2].mean(axis=1)
    assert ((odd > even) == taste).mean() > 0.9
    similar = np.argsort(-energy.similarities(2))
    assert similar[0] == 2
    assert (similar[1:5] % 2 == 0).all()


def test_features_speak_for_an_item_that_nobody_chose(choices):
    features = np.column_stack([np.arange(N_ITEMS) % 2, np.arange(N_ITEMS) % 2 == 0])
    energy = fitted(choices, features.astype(float), alpha=1.0)
    scores = energy.scores(energy.fold_in(choices), slice(None))[:, 16]
    taste = np.arange(N_USERS) % 2
    assert ((scores < np.median(scores)) == taste).mean() > 0.9
    # Without features it has the same rank for all: the mean item.
    plain = fitted(choices)
    mean = plain.factors.items.means[:16].mean(axis=0)
    np.testing.assert_allclose(plain.factors.items.means[16], mean, rtol=1e-3)


def test_users_have_features_too(choices, rng):
    known = np.arange(N_USERS)[:, None] % 2 * 1.0
    recipe = ChoicesRecipe(n_components=K, alpha=1.0)
    energy = recipe.fit(choices, user_features=known, random=Random(7))
    nobody = Ratings([0, 0, 0], [], [], (2, N_ITEMS))
    scores = energy.scores(
        energy.fold_in(nobody, np.array([[0.0], [1.0]])), slice(0, 2)
    )
    even, odd = scores[:, 0:16:2].mean(axis=1), scores[:, 1:16:2].mean(axis=1)
    assert even[0] > odd[0]
    assert odd[1] > even[1]


def test_results_do_not_depend_on_threads(choices, energy):
    with use_threads(2):
        other = fitted(choices)
    np.testing.assert_array_equal(other.factors.items.means, energy.factors.items.means)
    assert isinstance(other, Choices)


def test_new_choices_change_the_energy(energy, choices, counts):
    counts = np.vstack([counts, counts[:2]])
    counts[:, 16] = np.arange(len(counts)) % 2
    new = Ratings.from_csr(csr_array(counts))
    later = energy.update(new)
    scores = later.scores(later.fold_in(new), slice(None))[:, 16]
    taste = np.arange(len(counts)) % 2
    assert ((scores > np.median(scores)) == taste).mean() > 0.9


def test_nobody_chose_anything():
    nothing = Ratings(np.zeros(4), [], [], (3, 5))
    energy = fitted(nothing)
    scores = energy.scores(energy.fold_in(nothing), slice(None))
    assert np.isfinite(scores).all()
    assert np.isfinite(energy.similarities(0)).all()
