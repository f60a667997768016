"""The figures of the history are those that methods return, in the user's units."""

import numpy as np
import pandas as pd
import pytest

from skebm import RBMDensity

N = 24  # so few that all of them are watched


@pytest.fixture
def table():
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "wage": random.lognormal(8, 1, N),
            "kids": random.poisson(2, N),
            "job": random.choice(list("abc"), N),
            "on": random.choice([150.0, 160.0], N),
            "x": 1000 * random.normal(size=N),
        }
    )


def last(fitted, name):
    return fitted.history_[name][-1]


@pytest.mark.parametrize("weighted", [False, True])
def test_figures_are_those_of_the_methods(table, weighted):
    weight = np.linspace(0.5, 2, N) if weighted else None
    fitted = RBMDensity(3, n_iter=4, random_state=0).fit(table, sample_weight=weight)
    score = np.average(fitted.pseudo_log_likelihood(table), weights=weight)
    assert last(fitted, "pseudo_log_likelihood") == pytest.approx(score)
    found = fitted.reconstruct(table)
    square = sum((found[name] - table[name]) ** 2 for name in ("wage", "kids", "x"))
    square += found["job"] != table["job"]
    # The two values are 0 and 1 here, whose error is at most 1.
    least = np.average(square / 5, weights=weight)
    assert last(fitted, "reconstruction_error") == pytest.approx(least, rel=1e-3)


def test_errors_of_an_array():
    X = np.random.default_rng(0).normal([0, 50], [1, 1000], (N, 2))
    fitted = RBMDensity(3, n_iter=4, random_state=0).fit(X)
    error = np.square(fitted.reconstruct(X) - X).mean()
    assert last(fitted, "reconstruction_error") == pytest.approx(error)


def test_other_units_shift_the_score_and_change_nothing_else():
    X = np.random.default_rng(0).normal([0, 50], [1, 3], (200, 2))
    options = {"n_iter": 8, "random_state": 0, "early_stopping": True}
    meters, miles = (RBMDensity(3, **options).fit(k * X) for k in (1, 1024.0))
    shift = 2 * np.log(1024)
    for name in ("pseudo_log_likelihood", "validation_score"):
        difference = np.subtract(meters.history_[name], miles.history_[name])
        np.testing.assert_allclose(difference[-1], shift, rtol=1e-6)
    np.testing.assert_allclose(
        meters.history_["free_energy_gap"][-1], miles.history_["free_energy_gap"][-1]
    )
    assert meters.n_iter_ == miles.n_iter_
