import numpy as np
import pytest

from skebm.samplers.lengths import (
    LengthTempering,
    climb,
    draw_hidden,
    exchanged,
    make_ladder,
)
from skebm.utils._random import Random
from tests.models import (
    all_states,
    assert_frequencies,
    begin,
    document_probabilities,
    heavy,
    random_documents_energy,
)


@pytest.fixture
def marginal():
    return random_documents_energy(7, 3, scale=1.2).marginal


def hidden_probabilities(marginal, length):
    states = all_states(random_documents_energy(7, 3).hidden)
    log_weight = length * marginal.phi(states)
    return states, np.exp(log_weight - np.logaddexp.reduce(log_weight))


def log_z(marginal, lengths):
    states, _ = hidden_probabilities(marginal, 0)
    phi = marginal.phi(states)
    return np.array([np.logaddexp.reduce(length * phi) for length in lengths])


@heavy
def test_ladder_rises_from_nothing_to_the_top(marginal):
    ladder = make_ladder(marginal, 53.0, 101, Random(3))
    assert ladder[0] == 0
    assert ladder[-1] == 53
    assert (np.diff(ladder) > 0).all()
    np.testing.assert_array_equal(ladder, make_ladder(marginal, 53.0, 101, Random(3)))


@heavy
@pytest.mark.parametrize("falls", [False, True])
def test_populations_estimate_ratios_without_bias(marginal, falls):
    ladder = np.array([0.0, 0.7, 2.0, 5.0, 11.0])
    ladder = ladder[::-1] if falls else ladder
    states, probability = hidden_probabilities(marginal, ladder[0])
    n_populations, n_chains = 307, 13
    start = Random(5).categorical(np.tile(probability, (n_populations * n_chains, 1)))
    start = (start @ states).reshape(n_populations, n_chains, 3)
    for rung in climb(marginal, ladder, start, Random(7)):
        near = [rung.length, rung.length + 0.5]
        expected = log_z(marginal, near) - log_z(marginal, ladder[:1])
        ratio = np.exp(rung.log_ratio_at(near) - expected)
        error = ratio.std(axis=0, ddof=1) / np.sqrt(n_populations)
        assert (np.abs(ratio.mean(axis=0) - 1) <= 6 * error + 1e-9).all()
    weight = np.repeat(np.exp(rung.log_ratio - rung.log_ratio.max()), n_chains)
    hits = (rung.states.reshape(-1, 1, 3) == states).all(axis=2)
    share = weight @ hits / weight.sum()
    expected = hidden_probabilities(marginal, ladder[-1])[1]
    np.testing.assert_allclose(share, expected, atol=6 / np.sqrt(4 * len(weight)) * 1.5)


@heavy
def test_units_of_every_length_are_drawn_on_one_way(marginal):
    lengths = np.tile([11, 0, 2], 2003)
    hidden = draw_hidden(marginal, lengths, Random(3))
    for length in (0, 2, 11):
        own = hidden[lengths == length]
        assert_frequencies(own, *hidden_probabilities(marginal, length))
    assert draw_hidden(marginal, [], Random(3)).shape == (0, 3)


# -- chains that exchange hidden units -------------------------------------------------


@heavy
@pytest.mark.parametrize("n_steps", [1, 2])
def test_chains_that_exchange_keep_the_distribution_of_their_lengths(n_steps):
    energy = random_documents_energy(scale=1.5)  # lengths 2, 3 and 5
    sampler = LengthTempering(n_steps=n_steps, n_exchanges=5)
    lengths = np.tile([5, 2, 3], 1667)
    state = energy.chains(
        np.eye(3)[np.zeros(len(lengths), dtype=int)] * lengths[:, None]
    )
    for t in range(30):
        state = sampler.step(energy, state, Random(5).fold(t))
    np.testing.assert_array_equal(state.visible.sum(axis=1), lengths)
    for length in (2, 3, 5):
        own = state.visible[lengths == length]
        assert_frequencies(own, *document_probabilities(energy, length))
    start = begin(sampler, energy, 30, Random(3)).visible.sum(axis=1)
    np.testing.assert_array_equal(np.unique(start), [2, 3, 5])


def naive_exchange(lengths, phi, n_rounds, random):
    order = np.argsort(lengths, kind="stable")
    log_uniform = np.log(random.uniform((n_rounds, len(lengths) - 1)))
    own = list(order)
    for t in range(n_rounds):
        for k in range(t % 2, len(own) - 1, 2):
            a, b = lengths[order[k]], lengths[order[k + 1]]
            before = a * phi[own[k]] + b * phi[own[k + 1]]
            after = a * phi[own[k + 1]] + b * phi[own[k]]
            if log_uniform[t, k] < after - before:
                own[k], own[k + 1] = own[k + 1], own[k]
    return {int(order[k]): int(own[k]) for k in range(len(own))}


def test_exchange_equals_the_naive_one(rng):
    lengths, phi = rng.integers(0, 30, 101), rng.normal(size=101)
    order = exchanged(lengths, phi, 7, Random(3))
    assert dict(enumerate(order.tolist())) == naive_exchange(lengths, phi, 7, Random(3))
    assert sorted(order) == list(range(101))
    assert (order != np.arange(101)).any()
