"""Fits whose chains are tempered."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skebm import EnergyClassifier, RBMDensity
from skebm.objectives import CD, PCD
from skebm.partition import AIS, Auto, ExactPartition, TrajectoryPartition
from skebm.samplers import ParallelTempering, TrajectoryTempering
from tests.models import heavy

pytestmark = heavy

N_ROWS, N_COLUMNS = 307, 11
# Full batches make one update an epoch: 250 in all.
OFTEN = TrajectoryTempering(every=1)


@pytest.fixture
def clusters(rng):
    """Rows near one of two opposite corners, seven to three, and which of them."""
    first = rng.random((N_ROWS, 1)) < 0.7
    flips = rng.random((N_ROWS, N_COLUMNS)) < 0.04
    return (first ^ flips).astype(float), first[:, 0].astype(int)


def density(sampler, **params):
    params = {"n_components": 5, "n_iter": 250, "random_state": 0, **params}
    params = {"couplings": "none", **params}
    objective = PCD(n_chains=53, sampler=sampler)
    return RBMDensity(objective=objective, **params)


@pytest.mark.parametrize(
    "sampler", ["tempering", "trajectory", ParallelTempering(betas=5)], ids=str
)
def test_tempered_fits_are_at_least_as_good(sampler, clusters):
    X, _ = clusters
    scores = [density(s, learning_rate=0.3).fit(X).score(X) for s in ("gibbs", sampler)]
    assert scores[1] > scores[0] - 0.02


def test_history_has_the_likelihood(clusters):
    X, _ = clusters
    model = density(OFTEN, early_stopping=True, n_iter_no_change=999).fit(X)
    history = pd.DataFrame(model.history_)
    looks = history["pseudo_log_likelihood"].notna()
    error = history.loc[looks, "log_partition_error"]
    for name in ("log_likelihood", "validation_log_likelihood"):
        assert (history.loc[looks, name].notna() == np.isfinite(error)).all()
    last = history.iloc[-1]
    assert last["log_partition_error"] < 0.2
    # The rows of the monitor are a subsample of the training part: all are scored.
    spread = model.score_samples(X).std() / np.sqrt(len(X) // 10)
    error = abs(last["validation_log_likelihood"] - model.score(X))
    assert error < 5 * (last["log_partition_error"] + spread)
    plain = density("gibbs").fit(X)
    assert "log_partition_error" not in plain.history_


def test_likelihood_is_in_the_units_of_the_rows(clusters):
    X, _ = clusters
    model = density(OFTEN, visible="gaussian").fit(100 * X[:97])
    last = pd.DataFrame(model.history_).iloc[-1]
    assert last["log_partition_error"] < 0.2
    np.testing.assert_allclose(
        last["log_likelihood"],
        model.score(100 * X[:97]),
        atol=5 * last["log_partition_error"] + 1e-3,
    )


def test_long_epochs_show_it_every_time(clusters):
    X, _ = clusters
    model = density(OFTEN, n_iter=5, batch_size=1, learning_rate=0.01).fit(X)
    history = pd.DataFrame(model.history_)
    assert history["log_partition_error"].notna().all()
    known = np.isfinite(history["log_partition_error"])
    assert known.iloc[-1]
    assert (np.isfinite(history["log_likelihood"]) == known).all()


def test_log_partition_of_the_averaged_model(clusters):
    X, _ = clusters
    model = density(OFTEN, partition="trajectory").fit(X)
    part, exact = model.log_partition_, ExactPartition().estimate(model._energy).value
    assert part.method == "trajectory"
    assert part.lower <= exact <= part.upper
    assert part.upper - part.lower < 1
    assert abs(part.value - exact) < 5 * part.stderr
    assert part.ess > 10
    copy = pickle.loads(pickle.dumps(model))
    assert copy.score(X) == model.score(X)
    auto = Auto(exact=ExactPartition(max_units=1))
    assert clone(model).set_params(partition=auto).fit(X).log_partition_.method == (
        "trajectory"
    )


def test_auto_falls_back_where_the_ladder_has_not_settled(clusters):
    X, _ = clusters
    auto = Auto(
        exact=ExactPartition(max_units=1),
        trajectory=TrajectoryPartition(max_visits=1),
        ais=AIS(n_chains=11, max_temperatures=400),
    )
    model = density("trajectory", partition=auto).fit(X)
    # A new training from a trained model begins with a ladder of its own.
    model.set_params(warm_start=True, n_iter=1).fit(X)
    assert model.log_partition_.method == "ais"
    model.set_params(partition=TrajectoryPartition(max_visits=1)).fit(X)
    with pytest.warns(ConvergenceWarning, match="within inf nats"):
        assert np.isinf(model.log_partition_.stderr)


def test_warm_start_and_partial_fit_go_on(clusters):
    X, _ = clusters
    model = density(OFTEN, partition="trajectory").fit(X)
    before = model._training.objective_state.chains
    model.partial_fit(X)
    after = model._training.objective_state.chains
    assert after.n_steps > before.n_steps
    assert after.rungs[: len(before.rungs)] == before.rungs
    model.set_params(warm_start=True).fit(X)
    exact = ExactPartition().estimate(model._energy).value
    assert abs(model.log_partition_.value - exact) < 5 * model.log_partition_.stderr


def test_a_fit_that_went_back_keeps_its_ladder(clusters):
    X, _ = clusters
    model = density("trajectory", learning_rate=3e3, optimizer="sgd", n_iter=20)
    with pytest.warns(ConvergenceWarning, match="diverged"):
        model.fit(X)
    state = model._training.objective_state.chains
    for rung in state.rungs:
        assert all(np.isfinite(p).all() for p in rung.params.values())
    assert np.isfinite(model.score(X))


@pytest.mark.parametrize("sampler", ["tempering", "trajectory"])
def test_threads_do_not_matter(sampler, rng):
    X = (rng.random((307, 401)) < 0.3).astype(np.float32)
    params = {"n_components": 211, "n_iter": 5}
    fits = [density(sampler, n_jobs=n, **params).fit(X) for n in (1, 2)]
    np.testing.assert_array_equal(fits[0].components_, fits[1].components_)
    assert fits[0].history_.get("log_likelihood") == fits[1].history_.get(
        "log_likelihood"
    )


def test_classifier(clusters):
    X, y = clusters
    model = EnergyClassifier(
        5,
        generative_weight=1.0,
        objective=PCD(n_chains=53, sampler=OFTEN),
        partition="trajectory",
        n_iter=250,
        random_state=0,
    ).fit(X, y)
    exact = ExactPartition().estimate(model._energy).value
    assert abs(model.log_partition_.value - exact) < 5 * model.log_partition_.stderr
    assert np.isfinite(model.history_["joint_log_likelihood"][-1])


def test_it_says_where_a_ladder_is_missing(clusters):
    X, _ = clusters
    model = density("gibbs", partition="trajectory").fit(X)
    with pytest.raises(ValueError, match="Use partition='ais'"):
        model.score(X)
    with pytest.raises(ValueError, match="Use it in PCD"):
        RBMDensity(5, n_iter=1, objective=CD(sampler=TrajectoryTempering())).fit(X)
