"""The choice of a size by held-out rows."""

import numpy as np
import pytest

from skebm.monitoring.capacity import CapacityPath, paired_gain


@pytest.fixture
def scores(rng):
    return rng.normal(size=53)


def test_a_weight_is_a_repetition(rng, scores):
    weight = rng.integers(1, 4, 53)
    better = scores + 0.3 + rng.normal(size=53)
    gain, _ = paired_gain(better, scores, weight)
    repeated, _ = paired_gain(np.repeat(better, weight), np.repeat(scores, weight))
    assert gain == pytest.approx(repeated)


def test_the_error_is_the_standard_error_of_the_mean_difference(rng, scores):
    better = scores + rng.normal(0.1, 1.0, 53)
    gain, error = paired_gain(better, scores)
    difference = better - scores
    assert gain == pytest.approx(difference.mean())
    assert error == pytest.approx(difference.std() / np.sqrt(53))


def test_a_gain_within_one_standard_error_is_not_worth_more_units(rng, scores):
    noise = rng.normal(size=53)
    noise = (noise - noise.mean()) / noise.std() / np.sqrt(53)  # the error is 1 / 53
    path = CapacityPath()
    assert path.add(4, 10, 0.0, scores, 1.0)
    assert not path.add(8, 20, 0.0, scores + noise + 0.9 / 53, 1.0)
    assert path.n_stale == 1
    # Compared with the choice so far, and not with the size before.
    assert path.add(16, 40, 0.0, scores + noise + 1.1 / 53, 1.0)
    assert (path.best, path.n_stale) == (2, 0)
    assert path.columns["chosen"] == [False, False, True]
    np.testing.assert_allclose(path.columns["gain"][1:], [0.9 / 53, 1.1 / 53])
    np.testing.assert_allclose(path.columns["gain_error"][1:], 1 / 53)
    assert np.isnan(path.columns["gain"][0])
    assert path.columns["validation_score"][0] == pytest.approx(scores.mean())
