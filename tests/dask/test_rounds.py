"""Rounds of shards, without Dask: what they learn, and their average."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix

from skebm.dask import _rounds
from skebm.dask._parts import shared_out
from skebm.dask._rounds import (
    Carried,
    Orders,
    Result,
    RowsOfRound,
    averaged,
    do_round,
)
from skebm.dask._shards import Shard, plan_of_shards, updates_of_round
from skebm.objectives import PCD
from skebm.optimizers import SGD, Adam, Average
from skebm.training import Plan, Training
from skebm.utils._random import Random
from skebm.utils._sparse import dense


@pytest.mark.parametrize(
    ("lengths", "n_shards"),
    [([7, 11, 13], 2), ([101], 3), ([1, 1], 5), ([97, 3, 5], 4)],
)
def test_shards_have_each_row_once(lengths, n_shards):
    shards = shared_out(lengths, n_shards)
    rows = [(k, i) for shard in shards for k, lo, hi in shard for i in range(lo, hi)]
    assert sorted(rows) == [(k, i) for k, n in enumerate(lengths) for i in range(n)]
    assert len(shards) == min(n_shards, sum(lengths))
    sizes = [sum(hi - lo for _, lo, hi in shard) for shard in shards]
    # A piece is at most about a quarter of a shard.
    assert max(sizes) - min(sizes) <= max(1, 1.5 * sum(lengths) / (4 * n_shards))


def some_plan(**changes):
    plan = Plan(PCD(n_chains=100), SGD(), None, 0.1, 10, 100)
    return replace(plan, **changes)


@pytest.mark.parametrize("n_shards", [1, 2, 3, 4, 8, 16])
@pytest.mark.parametrize("optimizer", [SGD(), Adam()])
def test_shards_learn_as_much_in_an_epoch(n_shards, optimizer):
    """Number of updates times length of step is that of one machine."""
    n_rows = 24_000
    sizes = [n_rows // n_shards] * n_shards
    plan, factor = plan_of_shards(some_plan(optimizer=optimizer), n_rows, sizes)
    assert 1 <= updates_of_round(n_shards, factor) <= 100
    if n_shards > 4 and optimizer.is_adaptive:
        assert (plan.batch_size, plan.learning_rate) == (25, 0.1)
        return
    n_updates = -(-sizes[0] // plan.batch_size)
    assert_allclose(n_updates * plan.learning_rate, 240 * 0.1, rtol=0.02)
    assert 25 <= plan.batch_size <= 100
    assert plan.objective.n_chains == plan.batch_size


def test_a_batch_of_all_rows_stays_whole():
    plan, _ = plan_of_shards(some_plan(batch_size=200), 200, [100, 100])
    assert (plan.batch_size, plan.learning_rate) == (200, 0.1)


def some_results(n_shards, dtype=np.float32):
    random = np.random.default_rng(0)
    draws = random.normal(size=(n_shards, 2, 5, 3)).astype(dtype)
    masses = np.arange(2.0, 2 + n_shards)
    facts = enumerate(zip(draws, masses, strict=True))
    return [Result({"w": a}, {"w": b}, k, mass, 0.1) for k, ((a, b), mass) in facts]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_average_is_weighted_by_rows(dtype):
    results = some_results(3, dtype)
    before = [part["w"].copy() for result in results for part in result[:2]]
    mean = averaged(results)
    for k in (0, 1):
        one, two, three = (result[k]["w"] for result in results)
        assert_allclose(mean[k]["w"], (2 * one + 3 * two + 4 * three) / 9, atol=1e-6)
        assert mean[k]["w"].dtype == dtype
    assert (mean.count, mean.mass) == (2, 9)
    after = [part["w"] for result in results for part in result[:2]]
    assert_array_equal(after, before)


def test_averages_of_averages_are_averages():
    results = some_results(7)
    tree = averaged([averaged(results[:4]), averaged(results[4:])])
    assert_allclose(tree.params["w"], averaged(results).params["w"], atol=1e-6)
    assert tree.mass == averaged(results).mass


@pytest.mark.parametrize("stored", [np.asarray, csr_matrix])
def test_rows_of_a_round_are_those_of_a_copy(stored):
    whole = np.arange(7.0 * 3).reshape(7, 3)
    numbers = np.array([1, 4, 5, 6])
    rows, batch = RowsOfRound(stored(whole), numbers), np.array([3, 0])
    assert rows.shape == (4, 3)
    assert_array_equal(dense(rows[batch]), whole[[6, 1]])
    units, (where,) = rows.unpacked([batch])
    assert_array_equal(dense(units[where]), whole[[6, 1]])


def test_shards_know_their_holes():
    rows = np.eye(3)
    assert not Shard.of(rows, None).has_holes
    assert not Shard.of(rows.astype(np.uint8), None).has_holes
    assert not Shard.of(csr_matrix(rows), None).has_holes
    rows[2, 1] = np.nan
    assert Shard.of(rows, None).has_holes


@pytest.mark.parametrize("masses", [(1.0, 1.0), (3.0, 1.0)])
def test_the_mean_of_moving_averages_is_that_of_averaged_parameters(rng, masses):
    """Shards keep their moving averages, and go on from the mean of parameters."""
    own, shared = ([Average({"w": np.zeros(3)}, 0.9) for _ in masses] for _ in "ab")
    start = np.zeros(3)
    for _ in range(4):
        steps = rng.normal(size=(2, 30, 3))
        ends = start + steps.cumsum(axis=1)
        for k in range(2):
            for w in ends[k]:
                own[k].update({"w": w})
                shared[k].update({"w": w})
        facts = [(ends[k, -1], mass) for k, mass in enumerate(masses)]
        results, told = (
            [
                Result({"w": w}, a.params, a.count, mass, 0.1, "states")
                for (w, mass), a in zip(facts, averages, strict=True)
            ]
            for averages in (shared, own)
        )
        mean = averaged([result.for_client() for result in results])
        for average in shared:
            average.params["w"][...] = mean.average["w"]
        for_others = averaged([result.for_others() for result in told])
        assert (for_others.average, for_others.carried) == ({}, None)
        start = for_others.params["w"]
        assert_allclose(averaged(told).average["w"], mean.average["w"], rtol=1e-12)
    assert np.abs(own[0].params["w"] - own[1].params["w"]).max() > 0.1


class Quadratic:
    """Parameters of an energy that a round moves down a quadratic of its shard."""

    def __init__(self, x):
        self.params = {"x": x}

    def project(self):
        """All parameters are allowed."""


def after_rounds(n_rounds, slopes, minima, masses, monkeypatch):
    """Return the average after rounds of ten updates of one step size."""

    def visit(training, shard, rows, plan, orders):
        x = training.energy.params["x"]
        for _ in range(-(-len(rows) // plan.batch_size)):
            x -= 0.02 * slopes[orders.epoch] * (x - minima[orders.epoch])
        return 0.02

    monkeypatch.setattr(_rounds, "_visit", visit)
    plan = SimpleNamespace(
        batch_size=4,
        optimizer=SGD(),
        objective=SimpleNamespace(init=lambda energy, random: None),
    )
    x = np.zeros(3)
    start = Training(Quadratic(x), None, None, None, Average({"x": x}, 0.9))
    carried = [Carried.start(start, plan, None) for _ in masses]
    for number in range(n_rounds):
        results = []
        for k, mass in enumerate(masses):
            training = replace(start, energy=Quadratic(x.copy()))
            shard = Shard(np.zeros((40, 1)), np.full(40, mass / 40))
            orders = Orders(k, 0, 1, n_rounds, 0.0, Random(k, number))
            results.append(do_round(training, carried[k], shard, plan, orders))
        carried = [result.carried for result in results]
        x = averaged(results).params["x"]
    return x, carried


@pytest.mark.parametrize("masses", [(1.0, 1.0, 1.0), (3.0, 1.0, 0.5)])
def test_control_variates_lead_to_the_minimum_of_all_shards(masses, rng, monkeypatch):
    slopes, minima = rng.uniform(0.5, 3, (3, 3)), rng.normal(size=(3, 3))
    weights = np.array(masses)[:, None] * slopes
    minimum = (weights * minima).sum(axis=0) / weights.sum(axis=0)
    facts = 200, slopes, minima, masses, monkeypatch
    x, carried = after_rounds(*facts)
    controls = [mass * c.control["x"] for mass, c in zip(masses, carried, strict=True)]
    assert np.abs(controls).max() > 0.1
    assert_allclose(sum(controls), 0, atol=1e-9)
    # At rest the control variate is what the updates of the shard do, the other way.
    steps = 1 - (1 - 0.02 * slopes) ** 10
    expected = [
        steps[k] * (x + 0.45 * c.control["x"] - minima[k])
        for k, c in enumerate(carried)
    ]
    assert_allclose([c.control["x"] for c in carried], expected, atol=1e-9)
    monkeypatch.setattr(
        Carried, "next_control", lambda self, mean: {"x": np.zeros_like(mean["x"])}
    )
    diluted, _ = after_rounds(*facts)
    error, without = (np.abs(found - minimum).max() for found in (x, diluted))
    assert error < 0.2 * without
