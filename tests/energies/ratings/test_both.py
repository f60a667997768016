"""The product of two energies of ratings: its weight, its levels, its reasons."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from skebm import EnergyRecommender
from skebm.energies.ratings import BothRecipe, NeighboursRecipe, RatingRBMRecipe

RNG = np.random.default_rng(4)
TASTE = RNG.normal(size=(90, 1)) * np.sign(np.arange(14) - 6.5)
STARS = np.clip(np.rint(3 + TASTE + 0.5 * RNG.normal(size=TASTE.shape)), 1, 5)
X = csr_array(np.where(RNG.random(STARS.shape) < 0.6, STARS, 0))
RECIPE = BothRecipe(NeighboursRecipe(3, n_exposure=2), RatingRBMRecipe(3))
PAIRS = np.array([0, 0, 4, 89]), np.array([1, 13, 2, 7])


@pytest.fixture(scope="module")
def model():
    return EnergyRecommender(RECIPE, random_state=0).fit(X)


def test_levels_have_the_product_of_probabilities(model):
    energy, people = model.energy_, model._people
    experts = [
        np.exp(expert.log_proba(known, *PAIRS))
        for expert, known in zip((energy.first, energy.second), people, strict=True)
    ]
    shares = 1 - energy.weight, energy.weight
    expected = experts[0] ** shares[0] * experts[1] ** shares[1]
    expected /= expected.sum(axis=1, keepdims=True)
    assert_allclose(model.predict_proba(*PAIRS), expected)
    assert_allclose(model.predict(*PAIRS), expected @ model.levels_)
    scores = energy.scores(people, np.array([0, 4, 89]))
    rows = np.searchsorted([0, 4, 89], PAIRS[0])
    assert_allclose(scores[rows, PAIRS[1]], model.predict(*PAIRS))
    assert_array_equal(energy.scores(people, slice(3, 5))[1], scores[1])


@pytest.mark.parametrize(("spoiled", "weight"), [("first", 1.0), ("second", 0.0)])
def test_an_expert_that_knows_nothing_gets_no_weight(monkeypatch, spoiled, weight):
    kind = {"first": NeighboursRecipe, "second": RatingRBMRecipe}[spoiled]
    fit = kind.fit

    def blind(self, ratings, **options):
        energy = fit(self, ratings, **options)
        log_p = np.log([0.96, *4 * [0.01]])
        energy.log_proba = lambda people, rows, items: np.tile(log_p, (len(rows), 1))
        return energy

    monkeypatch.setattr(kind, "fit", blind)
    model = EnergyRecommender(RECIPE, random_state=0).fit(X)
    assert model.energy_.weight == weight


def test_reasons_sum_to_the_expected_rating(model):
    reasons = model.explain(4, 2)
    assert len(reasons) == X[[4]].nnz + 1
    assert_allclose(reasons["contribution"].sum(), model.predict([4], [2])[0])


def test_one_rating_gives_equal_weights():
    one = csr_array(([4.0, 5.0], ([0, 1], [0, 1])), shape=(2, 2))
    model = EnergyRecommender("both", random_state=0).fit(one[[0]])
    assert model.energy_.weight == 0.5
    assert np.isfinite(model.predict([0], [1])).all()
