import pickle

import numba
import numpy as np
import pytest
from scipy import stats

from skebm.utils._random import Random, _philox, _round_keys, folded

N = 211 if numba.config.DISABLE_JIT else 20011
MASK = 0xFFFFFFFF


def philox(counter, key):
    """Philox4x32-10 in plain integers, as in the paper."""
    a, b, c, d = counter
    low, high = key & MASK, key >> 32
    for _ in range(10):
        first, second = a * 0xD2511F53, c * 0xCD9E8D57
        a, b, c, d = (
            *(second >> 32 ^ b ^ low, second & MASK),
            *(first >> 32 ^ d ^ high, first & MASK),
        )
        low, high = (low + 0x9E3779B9) & MASK, (high + 0xBB67AE85) & MASK
    return a, b, c, d


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ("00000000" * 4, "00000000" * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff" * 4, "ffffffff" * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            "243f6a8885a308d313198a2e03707344",
            "299f31d0a4093822",
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_known_answers_of_random123(counter, key, expected):
    words = [int(counter[i : i + 8], 16) for i in range(0, 32, 8)]
    answer = [int(word, 16) for word in expected.split()]
    drawn = _philox(*map(np.uint32, words), _round_keys(int(key, 16)))
    assert [int(word) for word in drawn] == answer
    assert list(philox(words, int(key, 16))) == answer


@pytest.mark.parametrize("width", [1, 2, 3, 5, 7, 11, 13])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform_equals_naive_twin(width, dtype):
    key, stream, row = 0x0123456789ABCDEF, 0xFEDCBA9876543210, 17
    drawn = Random(key, stream, row).uniform((3, width), dtype)
    per_counter = 4 if dtype == np.float32 else 2
    q = -(-width // per_counter)
    for r, j in np.ndindex(3, width):
        counter = j % q, row + r, stream & MASK, stream >> 32
        words = philox(counter, key)
        if dtype == np.float32:
            expected = (words[j // q] >> 8) * 2.0**-24
        else:
            word0, word1 = words[2 * (j // q) : 2 * (j // q) + 2]
            expected = ((word0 << 21) ^ (word1 >> 11)) * 2.0**-53
        assert drawn[r, j] == expected
    assert drawn.dtype == dtype


DRAWS = {
    "uniform32": lambda random, n: random.uniform((n, 5), np.float32),
    "uniform64": lambda random, n: random.uniform((n, 5)),
    "normal": lambda random, n: random.normal((n, 3)),
    "bernoulli": lambda random, n: random.bernoulli(np.full((n, 7), 0.3)),
    "categorical": lambda random, n: random.categorical(np.full((n, 3), 1 / 3)),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_block_draws_what_the_whole_draws_there(draw):
    random = Random(3).fold(1)
    whole = draw(random, 17)
    np.testing.assert_array_equal(draw(random.rows(5), 12), whole[5:])
    np.testing.assert_array_equal(draw(random.rows(2).rows(3), 12), whole[5:])
    np.testing.assert_array_equal(draw(random, 17), whole)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_distributions(dtype):
    uniform = Random(5).uniform((N, 1), dtype).ravel()
    assert uniform.min() > 0
    assert uniform.max() < 1
    assert stats.kstest(uniform, "uniform").pvalue > 1e-6
    across = Random(5).uniform((1, N), dtype).ravel()
    assert stats.kstest(across, "uniform").pvalue > 1e-6
    normal = Random(5).normal((N, 1), dtype)
    assert normal.dtype == dtype
    assert stats.kstest(normal.ravel(), "norm").pvalue > 1e-6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal_and_uniform(dtype):
    """They are the columns of one draw of uniform numbers."""
    normal, uniform = Random(3).normal_and_uniform((13, 5), 2, dtype)
    drawn = Random(3).uniform((13, 7), dtype)
    np.testing.assert_allclose(stats.norm.cdf(normal), drawn[:, :5], rtol=1e-5)
    np.testing.assert_array_equal(uniform, drawn[:, 5:])
    assert normal.dtype == uniform.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bernoulli(dtype):
    probability = np.tile(np.array([0, 0.2, 0.7, 1], dtype=dtype), (N, 1))
    drawn = Random(11).bernoulli(probability)
    assert drawn.dtype == dtype
    assert set(np.unique(drawn)) == {0, 1}
    assert (drawn[:, 0] == 0).all()
    assert (drawn[:, 3] == 1).all()
    p = probability[0].astype(float)
    error = np.sqrt(p * (1 - p) / N)
    assert (np.abs(drawn.mean(axis=0) - p) <= 6 * error).all()


def test_categorical():
    probability = np.array([0, 0.1, 0.6, 0.3, 0])
    drawn = Random(13).categorical(np.tile(probability, (N, 1)))
    assert (drawn.sum(axis=1) == 1).all()
    counts = drawn.sum(axis=0)
    assert counts[0] == counts[4] == 0
    assert stats.chisquare(counts[1:4], N * probability[1:4]).pvalue > 1e-6


def test_streams_are_independent():
    random = Random(17)
    assert random.fold(3, 5).stream == random.fold(3).fold(5).stream
    assert random.fold(np.int64(3)).stream == random.fold(3).stream
    for k, one in enumerate(random.folds([(1, k) for k in range(5)])):
        assert repr(one) == repr(random.fold(1, k))
    streams = {random.fold(i, j).stream for i in range(101) for j in range(97)}
    assert len(streams) == 101 * 97
    columns = [random.fold(k).normal((N, 1)).ravel() for k in range(5)]
    columns += [
        Random(18).normal((N, 1)).ravel(),
        random.rows(1).normal((N, 1)).ravel(),
    ]
    correlation = np.corrcoef(columns) - np.eye(len(columns))
    assert np.abs(correlation).max() < 6 / np.sqrt(N)


def test_seeds_and_copies():
    assert Random.from_state(3).key == Random.from_state(3).key
    assert Random.from_state(3).key != Random.from_state(4).key
    assert Random.from_state(None).key != Random.from_state(None).key
    state = np.random.RandomState(3)
    assert Random.from_state(state).key != Random.from_state(state).key
    random = Random(3, 5, 7)
    twin = pickle.loads(pickle.dumps(random))
    assert (twin.key, twin.stream, twin.row) == (3, 5, 7)
    assert 0 <= random.seed() < 2**31
    assert random.seed() == twin.seed()


def test_permutation():
    orders = [Random(19).fold(k).permutation(5) for k in range(N // 10)]
    assert all(sorted(order) == list(range(5)) for order in orders)
    first = np.bincount([order[0] for order in orders], minlength=5)
    assert stats.chisquare(first).pvalue > 1e-6
    pairs = [Random(19).fold(k).permutation(5, 2) for k in range(N // 10)]
    assert all(a != b for a, b in pairs)
    both = np.bincount([5 * a + b for a, b in pairs], minlength=25)
    assert stats.chisquare(both[both > 0]).pvalue > 1e-6
    assert (both > 0).sum() == 20


def test_folded_is_fold_for_many_streams():
    streams, indices = [3, 2**64 - 5, 7], [(1, 0), (2**32, 11)]
    words = folded(streams, indices)
    assert words.dtype == np.uint32
    for k, stream in enumerate(streams):
        for i, index in enumerate(indices):
            expected = Random(0, stream).fold(*index).words()[1:]
            np.testing.assert_array_equal(words[k, i], expected)
