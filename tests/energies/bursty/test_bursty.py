import numpy as np
import pytest
from scipy import sparse

from skebm.energies import BurstyDocuments, Polya, ReplicatedSoftmax
from skebm.energies.bursty._exact import log_sums
from skebm.energies.bursty._tokens import grown, shrunk, swept
from skebm.layers import Bernoulli, Categorical
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
    random_bursty_energy,
)

LENGTHS = range(5)


def random_documents(n, n_words, rng, kind=np.asarray, high=4):
    return kind(rng.integers(0, high, (n, n_words)).astype(float))


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_hidden_units_are_summed_out(beta, rng):
    """Sum exp(-E(x, h)) over h, with the urn written out draw by draw."""
    energy = random_bursty_energy(5, 3).interpolate(beta)
    rows, h = random_documents(11, 5, rng), all_states(energy.hidden)
    a, c = energy.visible.concentration, energy.coupling
    expected = []
    for row in rows:
        log_urn = sum(np.log(a[k] + i) for k in range(5) for i in range(int(row[k])))
        s = np.array(
            [sum(a[k] / (a[k] + i) for i in range(int(row[k]))) for k in range(5)]
        )
        logit = energy.visible.bias + c * h @ energy.weights.T
        joint = log_urn + logit @ s + c * h @ energy.hidden.bias
        expected.append(np.logaddexp.reduce(joint))
    np.testing.assert_allclose(-energy.energy(rows), expected)


@pytest.mark.parametrize("length", LENGTHS)
def test_sequences_of_a_length_have_the_partition_function_of_it(length):
    energy = random_bursty_energy().interpolate(0.8)
    rows, orders = all_documents(3, length)
    total = np.logaddexp.reduce(np.log(orders) - energy.energy(rows))
    np.testing.assert_allclose(total, energy.exact_log_partitions(4)[length])
    if not length:
        np.testing.assert_allclose(total, energy.log_partition_empty)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_contract(dtype):
    check_energy(random_bursty_energy(5, 3, dtype=dtype))


def test_large_concentrations_are_the_replicated_softmax(rng):
    bias, weights = rng.normal(size=5), rng.normal(size=(5, 3))
    hidden = Bernoulli.zeros(3)
    log_scale = 18.0
    bursty = BurstyDocuments(Polya(bias + log_scale, np.zeros(5)), hidden, weights)
    plain = ReplicatedSoftmax(Categorical(bias), hidden, weights)
    x = random_documents(11, 5, rng)
    actual = bursty.energy(x) + log_scale * x.sum(axis=1)
    np.testing.assert_allclose(actual, plain.energy(x), atol=1e-4)
    np.testing.assert_allclose(bursty.next_word(x), plain.next_word(x), atol=1e-4)


def test_contrast_is_the_gradient_of_the_likelihood(rng):
    """Finite differences through the exact log Z of every length."""
    energy = random_bursty_energy()
    rows = random_documents(7, 3, rng, high=3)
    rows[:, 2] = 0  # at most 4 words
    lengths, weight = rows.sum(axis=1).astype(int), rng.random(7)

    def loss():
        return weight @ (energy.energy(rows) + energy.exact_log_partitions(4)[lengths])

    model = [document_probabilities(energy, d) for d in lengths]
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
    energy = random_bursty_energy(307, n_hidden).interpolate(0.9)
    x, y = (random_documents(n, 307, rng, high=2) for n in (7, 11))
    weights = [w / w.sum() for w in (rng.random(7), rng.random(11))]
    mu, lam = rng.random(307), rng.random(n_hidden)
    plus, minus = (
        energy.start_phase(kind(rows), weight).result()
        for rows, weight in zip((x, y), weights, strict=True)
    )
    actual = energy.contrast(plus, minus, (mu, lam))
    W, b, a = 0.0, 0.0, 0.0
    for rows, weight, sign in ((x, weights[0], -1), (y, weights[1], 1)):
        s, h = energy.visible.fresh(rows)[0] - mu, energy.hidden_mean(rows) - lam
        share = sign * weight[:, None]
        W += energy.coupling * s.T @ (share * h)
        b += (share * s).sum(axis=0)
        a += energy.coupling * (share * h).sum(axis=0)
    np.testing.assert_allclose(actual["weights"], W, atol=1e-10)
    np.testing.assert_allclose(actual["visible.bias"], b - W @ lam, atol=1e-10)
    np.testing.assert_allclose(actual["hidden.bias"], a - mu @ W, atol=1e-10)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_gradient_is_the_slope_of_the_energy_at_fractions(kind, rng):
    energy = random_bursty_energy(5, 3).interpolate(0.7)
    x, weight = 3 * rng.random((7, 5)) * rng.integers(0, 2, (7, 5)), rng.random(7)
    gradient = energy.grad(kind(x), weight)
    for name, value in energy.params.items():
        for i in np.ndindex(value.shape):
            kept, ends = value[i], []
            for step in (1e-5, -1e-5):
                value[i] = kept + step
                ends.append(weight @ energy.energy(kind(x)))
            value[i] = kept
            slope = (ends[0] - ends[1]) / 2e-5
            np.testing.assert_allclose(gradient[name][i], slope, atol=1e-7)


def test_offsets_are_means(rng):
    energy = random_bursty_energy(5, 3)
    x, weight = random_documents(7, 5, rng), rng.random(7)
    (phase,) = energy.start_phase(x, weight).result()
    fresh, hidden = phase.means()
    np.testing.assert_allclose(fresh, weight @ energy.visible.fresh(x)[0])
    np.testing.assert_allclose(hidden, weight @ energy.hidden_mean(x))
    fresh, hidden = energy.initial_offsets()
    drawn = energy.reference.sample(5000, Random(3))
    error = np.abs(energy.base.fresh(drawn)[0].mean(axis=0) - fresh)
    assert (error < 6 * 1.5 / np.sqrt(5000)).all()
    np.testing.assert_array_equal(hidden, 0.5)


def test_next_word_is_a_ratio_of_sequences(rng):
    energy = random_bursty_energy(5, 3).interpolate(0.9)
    x = np.vstack([random_documents(7, 5, rng), rng.random((2, 5)), np.zeros(5)])
    log_prob = np.transpose([-energy.energy(x + word) for word in np.eye(5)])
    log_prob -= np.logaddexp.reduce(log_prob, axis=1)[:, None]
    np.testing.assert_allclose(energy.next_word(x), log_prob)


# -- kernels and their naive twins -----------------------------------------------------


def word_weights(x, a, f):
    """Return the weights of the next word, by differences of log U and of s."""
    layer, words = Polya(np.log(a), f), np.eye(len(a))
    return np.exp(
        [layer.energy(x[None])[0] - layer.energy((x + w)[None])[0] for w in words]
    )


def choose(weight, uniform):
    return min((np.cumsum(weight) <= uniform * weight.sum()).sum(), len(weight) - 1)


def urn_parts(n_words, rng):
    """Return counts of documents, concentrations and logits."""
    x = random_documents(11, n_words, rng, high=3)
    x[3] = 0
    return x, np.exp(rng.normal(size=n_words)), rng.normal(size=(11, n_words))


@pytest.mark.parametrize("n_words", [1, 5, 37, 64])
def test_sweep_of_words_equals_the_naive_one(n_words, rng):
    x, a, f = urn_parts(n_words, rng)
    moved = swept(x, a, f, Random(3))
    for r, row in enumerate(x.copy()):
        tokens = np.repeat(np.arange(n_words), row.astype(int)).tolist()
        uniform = Random(3).rows(r).uniform((1, 2 * len(tokens))).reshape(-1, 2)
        for first, second in uniform:
            word = int(first * len(tokens))
            # The last of those that are left takes the place of the one that goes.
            tokens[0], tokens[word] = tokens[word], tokens[0]
            row[tokens.pop(0)] -= 1
            row[choose(word_weights(row, a, f[r]), second)] += 1
        np.testing.assert_array_equal(moved[r], row)
    np.testing.assert_array_equal(moved.sum(axis=1), x.sum(axis=1))
    assert n_words == 1 or (moved != x).any()


@pytest.mark.parametrize("n_words", [1, 5, 37])
def test_growth_equals_the_naive_one(n_words, rng):
    x, a, f = urn_parts(n_words, rng)
    uniform, longer = rng.random((11, 7)), x.copy()
    log_weight = grown(longer, a, f, uniform)
    for r, row in enumerate(x.copy()):
        total = 0.0
        for t, u in enumerate(uniform[r]):
            weight = word_weights(row, a, f[r])
            total += np.log(weight.sum())
            np.testing.assert_allclose(log_weight[r, t], total)
            row[choose(weight, u)] += 1
        np.testing.assert_array_equal(longer[r], row)


def test_shrinking_equals_the_naive_one(rng):
    x, a, f = urn_parts(37, rng)
    x[:, :7] += 1
    uniform, shorter = rng.random((11, 7)), x.copy()
    log_weight = shrunk(shorter, a, f, uniform)
    for r, row in enumerate(x.copy()):
        tokens, total = np.repeat(np.arange(37), row.astype(int)), 0.0
        for t, u in enumerate(uniform[r]):
            j = int(u * len(tokens))
            row[tokens[j]] -= 1
            tokens[j] = tokens[-1]
            tokens = tokens[:-1]
            total -= np.log(word_weights(row, a, f[r]).sum())
            np.testing.assert_allclose(log_weight[r, t], total)
        np.testing.assert_array_equal(shorter[r], row)


def test_sums_over_sequences_equal_the_naive_ones(rng):
    layer, logit = Polya(rng.normal(size=3), np.zeros(3)), rng.normal(size=(5, 3))
    actual = log_sums(layer, logit, 4)
    for s, f in enumerate(logit):
        tilted = Polya(layer.log_concentration, f)
        for length in LENGTHS:
            rows, orders = all_documents(3, length)
            total = np.logaddexp.reduce(np.log(orders) - tilted.energy(rows))
            np.testing.assert_allclose(actual[s, length], total)
    np.testing.assert_array_equal(log_sums(layer, logit, 0), np.zeros((5, 1)))


# -- sampling --------------------------------------------------------------------------


@heavy
@pytest.mark.parametrize("length", [1, 2, 4])
def test_sweeps_keep_the_distribution(length):
    energy = random_bursty_energy(scale=1.5)
    rows, probability = document_probabilities(energy, length)
    start = Random(5).categorical(np.tile(probability, (4001, 1))) @ rows
    chains = energy.chains(start)
    for t in range(3):
        chains = energy.gibbs_sweep(chains, Random(7).fold(t))
    assert_frequencies(chains.visible, rows, probability)


@heavy
@pytest.mark.parametrize("start", [[5, 0, 0], [0, 0, 5], [1, 3, 1]])
def test_sweeps_reach_the_distribution_from_anywhere(start):
    energy = random_bursty_energy(scale=1.5)
    chains = energy.chains(np.tile(np.array(start, dtype=float), (4001, 1)))
    for t in range(40):
        chains = energy.gibbs_sweep(chains, Random(7).fold(t))
    assert_frequencies(chains.visible, *document_probabilities(energy, 5))


@heavy
def test_tempered_chains_keep_the_distribution():
    energy, sampler = random_bursty_energy(scale=1.5), ParallelTempering(betas=3)
    parts = energy.visible, energy.hidden, energy.weights
    energy = energy._with(*parts, lengths=[4])
    state = begin(sampler, energy, 4001, Random(3))
    for t in range(30):
        state = sampler.step(energy, state, Random(5).fold(t))
    x = positions(sampler, energy, state)
    assert_frequencies(x, *document_probabilities(energy, 4))


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_a_block_of_chains_draws_what_all_would_draw(kind, rng):
    energy = random_bursty_energy(5, 3)
    x = random_documents(11, 5, rng)
    moved = energy.gibbs_sweep(energy.chains(kind(x)), Random(3))
    rest = energy.gibbs_sweep(energy.chains(kind(x[7:])), Random(3).rows(7))
    np.testing.assert_array_equal(rest.visible, moved.visible[7:])
    np.testing.assert_array_equal(moved.visible.sum(axis=1), x.sum(axis=1))


@heavy
@pytest.mark.parametrize("n_words", [1, 3])
def test_growth_and_its_reverse_weigh_without_bias(n_words):
    energy = random_bursty_energy(scale=1.2).interpolate(0.9)
    log_z = energy.exact_log_partitions(5)
    for name, length, longer in (("grow", 2, 2 + n_words), ("shrink", 5, 5 - n_words)):
        rows, probability = document_probabilities(energy, length)
        start = Random(5).categorical(np.tile(probability, (4001, 1))) @ rows
        move = getattr(energy, name)
        chains, log_weight = move(energy.chains(start), n_words, Random(7))
        weight = np.exp(log_weight[:, -1] - log_z[longer] + log_z[length])
        assert abs(weight.mean() - 1) < 6 * weight.std() / np.sqrt(4001)
        rows, probability = document_probabilities(energy, longer)
        hits = (chains.visible[:, None] == rows).all(axis=2)
        share = weight @ hits / len(weight)
        error = 6 * (weight[:, None] * hits).std(axis=0) / np.sqrt(4001)
        assert (np.abs(share - probability) <= error + 1e-3).all()


def test_from_documents_starts_at_one_urn(rng):
    x = random_documents(23, 5, rng)
    weight = rng.integers(0, 3, 23).astype(float)
    zeros = np.zeros((5, 3))
    one = BurstyDocuments.from_documents(x, weight, zeros.copy())
    two = BurstyDocuments.from_documents(
        np.repeat(x, weight.astype(int), axis=0), None, zeros.copy()
    )
    for name in one.params:
        np.testing.assert_allclose(one.params[name], two.params[name], atol=1e-12)
    np.testing.assert_array_equal(one.lengths, two.lengths)
    np.testing.assert_array_equal(one.shares, two.shares)
    np.testing.assert_allclose(one.energy(x), one.reference.energy(x))
    assert "n_words=5" in repr(one)
