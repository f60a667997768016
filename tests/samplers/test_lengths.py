import numpy as np
import pytest

from skebm.samplers.lengths import climb, coins, draw_hidden, make_ladder, temper
from skebm.utils._random import Random
from tests.models import all_states, assert_frequencies, heavy, random_documents_energy


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
    hits = (rung.hidden.reshape(-1, 1, 3) == states).all(axis=2)
    share = weight @ hits / weight.sum()
    expected = hidden_probabilities(marginal, ladder[-1])[1]
    np.testing.assert_allclose(share, expected, atol=6 / np.sqrt(4 * len(weight)) * 1.5)


@heavy
def test_tempering_keeps_the_distribution_of_every_length(marginal):
    ladder = np.array([0.0, 2.0, 5.0, 11.0])
    hidden = coins(marginal, (4, 4001), Random(3))
    hidden = temper(marginal, ladder, hidden, 31, Random(5))
    for length, own in zip(ladder, hidden, strict=True):
        assert_frequencies(own, *hidden_probabilities(marginal, length))


@heavy
def test_units_of_every_length_are_drawn_on_one_way(marginal):
    lengths = np.tile([11, 0, 2], 2003)
    hidden = draw_hidden(marginal, lengths, Random(3))
    for length in (0, 2, 11):
        own = hidden[lengths == length]
        assert_frequencies(own, *hidden_probabilities(marginal, length))
    assert draw_hidden(marginal, [], Random(3)).shape == (0, 3)
