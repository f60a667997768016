"""Draws that differ from the rows of a fit are noticed."""

import warnings

import numpy as np
import pandas as pd
import pytest

from skebm import EnergyDensity, RBMDensity
from skebm.monitoring.misfit import _by_columns, _moments
from tests.models import heavy

pytestmark = heavy


def copies(rng, n_rows):
    """Return ten noisy copies of one bit."""
    noise = rng.random((n_rows, 10)) < 0.01
    return ((rng.random((n_rows, 1)) < 0.5) ^ noise).astype(float)


def warned(model, X):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X)
    return " ".join(str(w.message) for w in caught)


@pytest.mark.parametrize("objective", ["cd", "mpf", "pseudo_likelihood"])
def test_a_lost_mode_is_named(rng, objective):
    X = pd.DataFrame(copies(rng, 600), columns=list("abcdefghij"))
    params = {"objective": objective, "couplings": "none", "random_state": 0}
    model = RBMDensity(8, n_iter=100, **params)
    sentence = warned(model, X)
    assert "misfit_" in sentence or "no better than independent" in sentence
    assert model.misfit_.to_numpy().max() > 0.5
    assert list(model.misfit_.columns) == list("abcdefghij")


@pytest.mark.parametrize("kind", ["independent", "cluster", "mixed", "holes"])
def test_a_good_fit_does_not_warn(rng, kind):
    X = copies(rng, 600)
    if kind == "independent":
        X = rng.normal(size=(600, 5))
    if kind == "mixed":
        X = pd.DataFrame(X[:, :2], columns=["a", "b"])
        X["job"] = rng.choice(["cook", "nurse", "clerk"], 600)
        X["number"] = rng.lognormal(size=600)
    if kind == "holes":
        X[rng.random(X.shape) < 0.2] = np.nan
    model = RBMDensity(4, random_state=0)
    assert "misfit" not in warned(model, X)
    assert model.misfit_.to_numpy().max() < 0.3
    assert model.misfit_.shape == (model.n_features_in_,) * 2


def test_weights_are_repetitions(rng):
    X = copies(rng, 50)
    twice = _moments(X, np.r_[np.full(25, 2.0), np.full(25, 1.0)])[0]
    repeated = _moments(np.vstack([X, X[:25]]), None)[0]
    np.testing.assert_allclose(twice, repeated)


def test_moments_and_their_errors(rng):
    X = rng.normal([0, 1, 2], size=(4001, 3))
    product, variance = _moments(X, None)
    np.testing.assert_allclose(np.diag(product), X.mean(axis=0))
    np.testing.assert_allclose(product[0, 2], (X[:, 0] * X[:, 2]).mean())
    expected = (X[:, 0] * X[:, 2]).var() / 4001
    np.testing.assert_allclose(variance[0, 2], expected)
    np.testing.assert_allclose(np.diag(variance), X.var(axis=0) / 4001)


def test_the_largest_difference_of_the_units_of_a_column_counts():
    difference = np.array([[0.1, 9.0, 0.5], [9.0, 0.3, 0.2], [0.5, 0.2, 0.4]])
    table, errors = _by_columns(difference, 10 * difference, np.array([0, 0, 1]), 2)
    np.testing.assert_allclose(table, [[0.3, 0.5], [0.5, 0.4]])
    np.testing.assert_allclose(errors, 10 * table)


def test_there_are_rows_to_compare_with():
    X = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = EnergyDensity("pairwise", n_iter=2, random_state=0).fit(X)
    assert model.misfit_.shape == (2, 2)
    given = RBMDensity.from_parameters(np.zeros((2, 3)), np.zeros(3), np.zeros(2))
    with pytest.raises(AttributeError, match="no rows of a fit"):
        _ = given.misfit_
