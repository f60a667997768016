"""An RBM of Gaussian units begins at a normal distribution."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from skebm import RBMDensity
from skebm.energies.rbm._normal import log_partition_of_normal, principal_axes
from skebm.energies.rbm.rbm import RBM
from skebm.utils._random import Random


def correlated(rng, n, n_columns):
    mixing = rng.normal(size=(n_columns, n_columns))
    X = rng.normal(size=(n, n_columns)) @ mixing
    return (X - X.mean(axis=0)) / X.std(axis=0)


def test_enough_hidden_units_are_one_normal(rng):
    X = correlated(rng, 5000, 5)
    visible, hidden, weights = principal_axes(X, None, 7, Random(0))
    model = RBM(visible, hidden, weights)
    twin = multivariate_normal(X.mean(axis=0), np.cov(X.T))
    density = -model.energy(X) - log_partition_of_normal(model)
    np.testing.assert_allclose(density.mean(), twin.logpdf(X).mean(), atol=0.02)


def test_few_hidden_units_are_probabilistic_pca(rng):
    X = correlated(rng, 5000, 5)
    visible, _, weights = principal_axes(X, None, 2, Random(0))
    precision = np.diag(visible.precision) - weights @ weights.T
    variances, axes = np.linalg.eigh(np.cov(X.T))
    variances[:3] = variances[:3].mean()
    expected = (axes * variances) @ axes.T
    np.testing.assert_allclose(np.linalg.inv(precision), expected, atol=0.02)


def test_nearly_equal_columns_keep_the_model_proper(rng):
    x = rng.normal(size=(200, 1))
    X = x + 1e-7 * rng.normal(size=(200, 3))
    visible, hidden, weights = principal_axes(X, None, 3, Random(0))
    assert RBM(visible, hidden, weights).is_proper


@pytest.mark.parametrize("share_of_holes", [0, 0.6])
def test_a_fit_keeps_the_correlation(rng, share_of_holes):
    X = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=1000)
    X[rng.random(1000) < share_of_holes, 1] = np.nan
    model = RBMDensity(4, visible="gaussian", hidden="gaussian", random_state=0)
    drawn = model.fit(X).sample(4000, random_state=0)
    # Weights that start near zero are at .2 here with the holes.
    assert 0.72 < np.corrcoef(drawn.T)[0, 1] < 0.88
