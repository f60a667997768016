import numpy as np
import pytest

from skebm.samplers.growth import change_lengths, draw_grown, rungs_to
from skebm.utils._random import Random
from tests.models import (
    assert_frequencies,
    document_probabilities,
    heavy,
    random_bursty_energy,
)


def test_rungs_rise_from_nothing_to_the_top():
    for top in (0, 1, 5, 307):
        rungs = rungs_to(top)
        assert rungs[0] == 0
        assert rungs[-1] == top
        assert (np.diff(rungs) > 0).all()
    assert len(rungs_to(3070)) < 90


@heavy
@pytest.mark.parametrize("falls", [False, True])
def test_populations_estimate_ratios_without_bias(falls):
    energy = random_bursty_energy(scale=1.2)
    rungs = np.array([5, 4, 2, 0] if falls else [0, 1, 3, 5])
    rows, probability = document_probabilities(energy, rungs[0])
    log_z, lengths = energy.exact_log_partitions(5), np.arange(6)
    lengths = lengths[::-1] if falls else lengths
    n_populations, tables = 307, []
    for k in range(n_populations):
        start = Random(5, k).categorical(np.tile(probability, (13, 1))) @ rows
        moves = change_lengths(energy, energy.chains(start), rungs, Random(7, k))
        tables.append(np.concatenate([log_ratio for _, log_ratio in moves]))
    ratio = np.exp(tables - log_z[lengths[1:]] + log_z[lengths[0]])
    error = ratio.std(axis=0, ddof=1) / np.sqrt(n_populations)
    assert (np.abs(ratio.mean(axis=0) - 1) <= 6 * error + 1e-9).all()


@heavy
def test_documents_of_every_length_are_drawn():
    energy = random_bursty_energy(scale=1.2)
    lengths = np.tile([5, 0, 2], 2003)
    drawn = draw_grown(energy, lengths, Random(3))
    np.testing.assert_array_equal(drawn.sum(axis=1), lengths)
    for length in (2, 5):
        own = drawn[lengths == length]
        assert_frequencies(own, *document_probabilities(energy, length))
    assert draw_grown(energy, np.zeros(0, dtype=int), Random(3)).shape == (0, 3)
