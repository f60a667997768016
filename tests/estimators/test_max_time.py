"""Fits that the clock ends."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from skebm import RBMDensity


@pytest.mark.parametrize("learning_rate", [0.5, 5.0])
def test_the_last_epoch_is_looked_at(learning_rate):
    """A training that diverges leaves a model that has not."""
    X = load_digits().data[:300]
    options = {"visible": "gaussian", "couplings": "none", "random_state": 0}
    start = RBMDensity(16, n_iter=0, **options).fit(X).pseudo_log_likelihood(X).mean()
    rbm = RBMDensity(16, learning_rate=learning_rate, max_time=0.5, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rbm.set_params(n_iter=10**6).fit(X)
    assert all(issubclass(w.category, ConvergenceWarning) for w in caught)
    assert rbm.n_iter_ < 10**6
    # If the clock ends an epoch that diverged, the last row is of an epoch before it.
    is_last_seen = np.isfinite(rbm.history_["pseudo_log_likelihood"][-1])
    assert is_last_seen or rbm._training.n_rollbacks
    assert rbm.pseudo_log_likelihood(X).mean() > start - 0.2 * abs(start)
