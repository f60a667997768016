import numpy as np
import pytest
from scipy import sparse

from skebm.energies import ReplicatedSoftmax
from skebm.energies.replicated_softmax import lengths_of, spread
from skebm.partition import LengthPartition
from skebm.samplers import ParallelTempering
from skebm.testing import check_energy
from skebm.utils._random import Random
from tests.models import (
    all_documents,
    all_states,
    assert_frequencies,
    begin,
    document_probabilities,
    heavy,
    positions,
    random_documents_energy,
)

LENGTHS = range(5)


def naive_log_weight(energy, rows):
    """Return log sum_h exp(-E(v, h)), by the definition of E."""
    h, c = all_states(energy.hidden), energy.coupling
    length = rows.sum(axis=1)[:, None]
    joint = (rows @ energy.visible.bias)[:, None] + c * (
        length * (h @ energy.hidden.bias) + rows @ energy.weights @ h.T
    )
    return np.logaddexp.reduce(joint, axis=1)


def random_documents(n, n_words, rng, kind=np.asarray, high=4):
    return kind(rng.integers(0, high, (n, n_words)).astype(float))


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_hidden_units_are_summed_out(beta, rng):
    energy = random_documents_energy(5, 3).interpolate(beta)
    rows = random_documents(11, 5, rng)
    np.testing.assert_allclose(-energy.energy(rows), naive_log_weight(energy, rows))


@pytest.mark.parametrize("length", LENGTHS)
def test_sequences_of_a_length_have_the_partition_function_of_it(length):
    energy = random_documents_energy()
    rows, orders = all_documents(3, length)
    total = np.logaddexp.reduce(np.log(orders) - energy.energy(rows))
    log_z = LengthPartition().estimate(energy, None, 4).value[length]
    np.testing.assert_allclose(total, log_z)
    phi = energy.marginal.phi(all_states(energy.hidden))
    np.testing.assert_allclose(total, np.logaddexp.reduce(length * phi))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_contract(dtype):
    check_energy(random_documents_energy(5, 3, dtype=dtype))


def test_contrast_is_the_gradient_of_the_likelihood(rng):
    """Finite differences through the exact log Z of every length."""
    energy = random_documents_energy()
    rows = random_documents(7, 3, rng, high=3)[:, :3]
    rows[:, 2] = 0  # at most 4 words
    weight = rng.random(7)

    def loss():
        log_z = LengthPartition().estimate(energy, None, 4).value
        return weight @ (energy.energy(rows) + log_z[lengths_of(rows).astype(int)])

    model = [document_probabilities(energy, d) for d in lengths_of(rows).astype(int)]
    drawn = np.concatenate([v for v, _ in model])
    share = np.concatenate([w * p for w, (_, p) in zip(weight, model, strict=True)])
    phases = (
        energy.start_phase(rows, weight).result(),
        energy.start_phase(drawn, share).result(),
    )
    gradient = energy.contrast(*phases)
    for name, value in energy.params.items():
        for i in np.ndindex(value.shape):
            kept = value[i]
            value[i] = kept + 1e-5
            slope = loss()
            value[i] = kept - 1e-5
            slope = (slope - loss()) / 2e-5
            value[i] = kept
            np.testing.assert_allclose(gradient[name][i], slope, atol=1e-7)


@pytest.mark.parametrize("n_hidden", [3, 37])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csr_array])
def test_centered_gradient_equals_the_naive_formula(kind, n_hidden, rng):
    energy = random_documents_energy(307, n_hidden)
    x, y = (random_documents(n, 307, rng, high=2) for n in (7, 11))
    weights = rng.random(7), rng.random(11)
    mu, lam = rng.random(307), rng.random(n_hidden)
    plus, minus = (
        energy.start_phase(kind(rows), weight).result()
        for rows, weight in zip((x, y), weights, strict=True)
    )
    actual = energy.contrast(plus, minus, (mu, lam))
    W, b, a = 0.0, 0.0, 0.0
    for rows, weight, sign in ((x, weights[0], -1), (y, weights[1], 1)):
        length, h = lengths_of(rows), energy.hidden_mean(rows)
        share = sign * weight[:, None]
        W += (rows - np.outer(length, mu)).T @ (share * (h - lam))
        b += (share * (rows - np.outer(length, mu))).sum(axis=0)
        a += (share * length[:, None] * (h - lam)).sum(axis=0)
    np.testing.assert_allclose(actual["weights"], W, atol=1e-10)
    np.testing.assert_allclose(actual["visible.bias"], b - W @ lam, atol=1e-10)
    np.testing.assert_allclose(actual["hidden.bias"], a - mu @ W, atol=1e-10)


def test_offsets_are_means_over_words(rng):
    energy = random_documents_energy(5, 3)
    x, weight = random_documents(7, 5, rng), rng.random(7)
    (phase,) = energy.start_phase(x, weight).result()
    words, hidden = phase.means()
    np.testing.assert_allclose(words, weight @ x / (weight @ x).sum())
    share = weight * x.sum(axis=1)
    expected = share @ energy.hidden_mean(x) / share.sum()
    np.testing.assert_allclose(hidden, expected)
    (empty,) = energy.start_phase(0 * x, weight).result()
    assert not np.concatenate(empty.means()).any()


def test_gauge_leaves_every_distribution_alone(rng):
    energy = random_documents_energy()
    before = [document_probabilities(energy, length)[1] for length in LENGTHS]
    params = {name: value.copy() for name, value in energy.params.items()}
    energy.project()
    assert not np.allclose(params["hidden.bias"], energy.hidden.bias)
    for parameter in (energy.weights, energy.visible.bias):
        np.testing.assert_allclose(parameter.mean(axis=0), 0, atol=1e-12)
    for length, probability in zip(LENGTHS, before, strict=True):
        after = document_probabilities(energy, length)[1]
        np.testing.assert_allclose(after, probability)


def test_sparse_documents_are_dense_ones(rng):
    energy = random_documents_energy(11, 5)
    x = random_documents(13, 11, rng, high=2)
    for S in (sparse.csr_matrix(x), sparse.csr_array(x)):
        np.testing.assert_allclose(energy.energy(S), energy.energy(x))
        np.testing.assert_allclose(energy.next_word(S), energy.next_word(x))
        for name, value in energy.grad(S).items():
            np.testing.assert_allclose(value, energy.grad(x)[name])
        moved = energy.gibbs_sweep(energy.chains(S), Random(3))
        same = energy.gibbs_sweep(energy.chains(x), Random(3))
        np.testing.assert_array_equal(moved.visible, same.visible)


def test_next_word_is_a_ratio_of_sequences(rng):
    energy = random_documents_energy(5, 3)
    x = np.vstack([random_documents(7, 5, rng), np.zeros(5)])
    log_z = LengthPartition().estimate(energy, None, 30).value
    lengths = lengths_of(x).astype(int)
    actual = energy.next_word(x)
    np.testing.assert_allclose(np.exp(actual).sum(axis=1), 1)
    # p(w | words) of the model of one word more, whose words are not those of x.
    log_prob = [-energy.energy(x + word) - log_z[lengths + 1] for word in np.eye(5)]
    total = np.logaddexp.reduce(log_prob, axis=0)
    np.testing.assert_allclose(actual, np.transpose(log_prob) - total[:, None])


@heavy
@pytest.mark.parametrize("length", [1, 2, 4])
def test_sweeps_keep_the_distribution_and_the_length(length):
    energy = random_documents_energy(scale=1.5)
    rows, probability = document_probabilities(energy, length)
    start = Random(5).categorical(np.tile(probability, (4001, 1))) @ rows
    chains = energy.chains(start)
    for t in range(3):
        chains = energy.gibbs_sweep(chains, Random(7).fold(t))
    assert_frequencies(chains.visible, rows, probability)


@heavy
def test_tempered_chains_keep_the_distribution_and_the_lengths():
    energy, sampler = random_documents_energy(scale=1.5), ParallelTempering(betas=3)
    energy = energy._with(*energy_parts(energy), lengths=[4])
    state = begin(sampler, energy, 4001, Random(3))
    for t in range(30):
        state = sampler.step(energy, state, Random(5).fold(t))
    x = positions(sampler, energy, state)
    assert_frequencies(x, *document_probabilities(energy, 4))


def energy_parts(energy):
    return energy.visible, energy.hidden, energy.weights


def test_a_block_of_chains_draws_what_all_would_draw(rng):
    energy = random_documents_energy(5, 3)
    x = random_documents(11, 5, rng)
    moved = energy.gibbs_sweep(energy.chains(x), Random(3))
    rest = energy.gibbs_sweep(energy.chains(x[7:]), Random(3).rows(7))
    np.testing.assert_array_equal(rest.visible, moved.visible[7:])
    np.testing.assert_array_equal(moved.visible.sum(axis=1), x.sum(axis=1))


def test_chains_share_the_lengths_of_documents():
    lengths, shares = np.array([0, 2, 3, 50]), np.array([3.0, 4.0, 5.0, 1.0])
    every = np.repeat(lengths, shares.astype(int))
    np.testing.assert_array_equal(spread(lengths, shares, 13), every)
    for n in (1, 5, 29):
        own = spread(lengths, shares, n)
        assert abs(own.mean() - every.mean()) <= 0.5
        assert (np.diff(own) >= 0).all()
    energy = random_documents_energy()
    drawn = energy.reference.sample(30, Random(3)).sum(axis=1)
    np.testing.assert_array_equal(np.unique(drawn), [2, 3, 5])


def test_from_documents_starts_at_the_frequencies(rng):
    x = random_documents(23, 5, rng)
    weight = rng.integers(0, 3, 23)
    zeros = np.zeros((5, 3))
    one = ReplicatedSoftmax.from_documents(x, weight, zeros.copy())
    two = ReplicatedSoftmax.from_documents(
        np.repeat(x, weight, axis=0), None, zeros.copy()
    )
    for name in one.params:
        np.testing.assert_allclose(one.params[name], two.params[name], atol=1e-12)
    np.testing.assert_array_equal(one.lengths, two.lengths)
    np.testing.assert_array_equal(one.shares, two.shares)
    counts = weight @ x
    frequency = (counts + 1 / 5) / (counts.sum() + 1)
    np.testing.assert_allclose(one.next_word(x[:1])[0], np.log(frequency))
    empty = ReplicatedSoftmax.from_documents(0 * x, None, zeros.copy())
    np.testing.assert_allclose(empty.next_word(x[:1])[0], np.log(1 / 5))


# -- the hidden units alone ------------------------------------------------------------


def naive_sweep(energy, hidden, lengths, uniform):
    """Flip each unit with the probability that enumeration gives."""
    hidden = hidden.copy()
    for r, j in np.ndindex(hidden.shape):
        both = np.tile(hidden[r], (2, 1))
        both[1, j] = 1 - both[1, j]
        weight = both @ energy.weights.T + energy.visible.bias
        phi = both @ energy.hidden.bias + np.logaddexp.reduce(weight, axis=1)
        flip = 1 / (1 + np.exp(-lengths[r] * (phi[1] - phi[0])))
        if uniform[r, j] < flip:
            hidden[r, j] = 1 - hidden[r, j]
    return hidden


def test_sweep_of_hidden_units_equals_the_naive_one(rng):
    energy = random_documents_energy(7, 5)
    lengths = rng.integers(0, 50, 401) / 7
    hidden = rng.integers(0, 2, (401, 5)).astype(float)
    moved, phi = energy.marginal.sweep(hidden, lengths, Random(3))
    expected = naive_sweep(energy, hidden, lengths, Random(3).uniform((401, 5)))
    np.testing.assert_array_equal(moved, expected)
    assert (moved != hidden).any(axis=0).all()
    np.testing.assert_allclose(phi, energy.marginal.phi(moved))
    words = energy.marginal.words(moved)
    mean = energy.visible.mean(moved @ energy.weights.T)
    np.testing.assert_allclose(words, mean)


@heavy
@pytest.mark.parametrize("length", [0.0, 2.5, 7.0])
def test_sweeps_of_hidden_units_keep_their_distribution(length):
    energy = random_documents_energy(7, 3, scale=1.5).interpolate(0.9)
    states = all_states(energy.hidden)
    log_weight = length * energy.marginal.phi(states)
    probability = np.exp(log_weight - np.logaddexp.reduce(log_weight))
    hidden = Random(5).categorical(np.tile(probability, (4001, 1))) @ states
    for t in range(3):
        lengths = np.full(4001, length)
        hidden, _ = energy.marginal.sweep(hidden, lengths, Random(7).fold(t))
    assert_frequencies(hidden, states, probability)
