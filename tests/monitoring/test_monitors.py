"""The figures of each monitor, against their definitions."""

import numpy as np
import pytest
from scipy import sparse

from skebm.energies import ENERGIES, ClassRBM
from skebm.inference import HOLE_STEPS, completed, conditionals
from skebm.layers import Bernoulli, Categorical, Columns
from skebm.monitoring import MONITORS, ClassMonitor, DensityMonitor, DocumentMonitor
from skebm.monitoring.density import reconstruction_error
from skebm.utils._random import Random
from tests.models import (
    log_partition,
    random_bursty_energy,
    random_documents_energy,
    random_mixed,
    random_rbm,
    units_of,
)


def rows_of(energy, n):
    return energy.reference.sample(n, Random(5))


def with_holes(energy, x):
    holes = np.random.default_rng(3).random((len(x), energy.visible.n_variables)) < 0.3
    return np.where(units_of(energy.visible, holes), np.nan, x)


def test_every_recipe_names_a_monitor():
    for recipe in ENERGIES.values():
        assert recipe.monitor in MONITORS


@pytest.mark.parametrize("weighted", [False, True])
def test_density(weighted):
    energy = random_rbm(("bernoulli", "spin"), 5, 3)
    X, held_out = rows_of(energy, 23), rows_of(energy, 11)
    weight = np.arange(23.0) if weighted else None  # the first row does not count
    own = np.arange(11.0) + 1 if weighted else None
    monitor = DensityMonitor(X, weight, (held_out, own), energy.visible, Random(3))
    figures = monitor.look(energy).figures
    total = energy.conditional_log_prob(X).sum(axis=1)
    np.testing.assert_allclose(
        figures["pseudo_log_likelihood"], np.average(total, weights=weight)
    )
    assert figures[monitor.score_name] == figures["pseudo_log_likelihood"]
    error = np.square(energy.reconstruct(X) - X).mean(axis=1)
    np.testing.assert_allclose(
        figures["reconstruction_error"], np.average(error, weights=weight)
    )
    total = energy.conditional_log_prob(held_out).sum(axis=1)
    np.testing.assert_allclose(
        figures["validation_score"], np.average(total, weights=own)
    )
    gap = np.average(energy.energy(held_out), weights=own)
    gap -= np.average(energy.energy(X), weights=weight)
    np.testing.assert_allclose(figures["free_energy_gap"], gap)
    means = monitor.likelihood(energy, 1.5, lambda rows: np.zeros(len(rows)))
    np.testing.assert_allclose(
        means["log_likelihood"], -np.average(energy.energy(X), weights=weight) - 1.5
    )
    assert set(means) == {"log_likelihood", "validation_log_likelihood"}
    assert monitor.stride(10, 3) >= 1


def test_density_without_held_out_rows_and_of_many_rows():
    energy = random_rbm(("bernoulli", "spin"), 5, 3)
    X = sparse.csr_matrix(rows_of(energy, 307))
    monitor = DensityMonitor(X, None, None, energy.visible, Random(3))
    assert monitor.rows.shape == (100, 5)
    assert set(monitor.look(energy).figures) == {
        "pseudo_log_likelihood",
        "reconstruction_error",
    }


def test_holes_count_for_nothing():
    energy = random_mixed(("categorical", 3), ("gaussian", 2))
    x = with_holes(energy, rows_of(energy, 13))
    terms = conditionals(energy, x)
    assert terms.shape == (13, 3)
    first = np.unique(energy.visible.variables, return_index=True)[1]
    missing = np.isnan(x)[:, first]
    assert missing.any()
    assert (terms[missing] == 0).all()
    whole = completed(energy, x, HOLE_STEPS)
    expected = energy.conditional_log_prob(whole)
    np.testing.assert_allclose(terms[~missing], expected[~missing])
    error = reconstruction_error(energy, x)
    back = energy.reconstruct(whole)
    for r, row in enumerate(x):
        seen = ~np.isnan(row)
        mean = np.square(back[r] - row)[seen].mean() if seen.any() else 0.0
        np.testing.assert_allclose(error[r], mean)


def test_classes():
    rng = np.random.default_rng(3)
    visible = Columns([Bernoulli(rng.normal(size=5)), Categorical(rng.normal(size=3))])
    energy = ClassRBM(visible, Bernoulli(rng.normal(size=2)), rng.normal(size=(8, 2)))
    X, held_out, weight = rows_of(energy, 23), rows_of(energy, 11), np.arange(23.0)
    monitor = ClassMonitor(X, weight, (held_out, None), visible, Random(3))
    figures = monitor.look(energy).figures
    for rows, share, names in (
        (X, weight, ("log_likelihood", "accuracy")),
        (held_out, None, ("validation_score", "validation_accuracy")),
    ):
        x, y = energy.split(rows)
        log_prob = -energy.class_energy(x)
        log_prob -= np.logaddexp.reduce(log_prob, axis=1)[:, None]
        score = np.average((y * log_prob).sum(axis=1), weights=share)
        hits = log_prob.argmax(axis=1) == y.argmax(axis=1)
        np.testing.assert_allclose(figures[names[0]], score)
        np.testing.assert_allclose(figures[names[1]], np.average(hits, weights=share))
    assert monitor.stride(10, 2) >= 1
    means = monitor.likelihood(energy, 0.0, lambda rows: np.zeros(len(rows)))
    np.testing.assert_allclose(
        means["joint_log_likelihood"], -np.average(energy.energy(X), weights=weight)
    )


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("model", [random_documents_energy, random_bursty_energy])
def test_documents(kind, model):
    energy = model(7, 3)
    X = rows_of(energy, 23)
    X[3] = 0  # an empty document has no word to leave out
    monitor = DocumentMonitor(kind(X), None, (kind(X), None), None, Random(3))
    figures = monitor.look(energy).figures
    rows, words, lengths = monitor.sets["word_log_likelihood"]
    assert len(rows) == 22
    full = X[X.sum(axis=1) > 0]
    np.testing.assert_array_equal(rows + np.eye(7)[words], full)
    np.testing.assert_array_equal(lengths, full.sum(axis=1))
    score = energy.next_word(rows)[np.arange(22), words]
    np.testing.assert_allclose(
        figures["word_log_likelihood"], np.average(score, weights=lengths)
    )
    assert set(figures) == {"word_log_likelihood", "validation_score"}
    assert monitor.stride(10, 3) >= 1
    empty = DocumentMonitor(kind(0 * X), None, None, None, Random(3))
    assert empty.look(energy).figures == {"word_log_likelihood": 0.0}


@pytest.mark.parametrize("weighted", [False, True])
def test_exact_gain_is_the_gain_in_likelihood(weighted):
    energy = random_rbm(("bernoulli", "bernoulli"), 7, 5)
    weight = np.arange(211.0) if weighted else None
    X = rows_of(energy, 211)
    monitor = DensityMonitor(X, weight, None, energy.visible, Random(3))

    def likelihood(model):
        mean = np.average(model.energy(monitor.rows), weights=monitor.weight)
        return -mean - log_partition(model)

    expected = likelihood(energy) - likelihood(energy.interpolate(0.0))
    np.testing.assert_allclose(monitor.exact_gain(energy), expected, rtol=1e-6)


def test_no_exact_gain_with_holes_or_many_states():
    many = random_rbm(("bernoulli", "bernoulli"), 17, 19)
    energy = random_rbm(("bernoulli", "bernoulli"), 17, 5)
    X = rows_of(energy, 11)
    monitor = DensityMonitor(X, None, None, energy.visible, Random(3))
    assert monitor.exact_gain(energy) is not None
    assert monitor.exact_gain(many) is None
    X[3, 4] = np.nan
    monitor = DensityMonitor(X, None, None, energy.visible, Random(3))
    assert monitor.exact_gain(energy) is None
