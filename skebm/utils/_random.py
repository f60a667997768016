"""The only source of randomness.

A draw is a pure function of ``(key, stream, row, column, width)`` through the
counter-based generator Philox4x32-10 [1]_. No state is carried from one draw to the
next, so blocks of rows can be drawn on any thread, in any order, with equal results.

References
----------
.. [1] J. Salmon, M. Moraes, R. Dror, D. Shaw. "Parallel random numbers: as easy as
   1, 2, 3". SC 2011.
"""

from functools import lru_cache

import numpy as np
from numba import njit
from sklearn.utils import check_random_state

from skebm.utils._addresses import BORROWS, INNER, KERNEL, address_of, call
from skebm.utils._math import normal_quantile
from skebm.utils._stored import public

_MASK64 = (1 << 64) - 1
_MASK32 = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = 0x9E3779B9, 0xBB67AE85
_ROUNDS = 10
_GOLDEN, _MIX = 0x9E3779B97F4A7C15, (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


@public("skebm.utils")
class Random:
    """Draws addressed by key, stream and row.

    Parameters
    ----------
    key : int
        64-bit key: one for each fit or call.
    stream : int, default=0
        64-bit stream: one for each use; :meth:`fold` makes new ones.
    row : int, default=0
        The row that the first row of a draw stands for; :meth:`rows` shifts it, which
        is how a block of rows draws what the whole array would have drawn there.
    """

    __slots__ = ("key", "row", "stream")

    def __init__(self, key, stream=0, row=0):
        self.key = int(key) & _MASK64
        self.stream = int(stream) & _MASK64
        self.row = int(row)

    def __repr__(self):
        return f"Random(key={self.key:#x}, stream={self.stream:#x}, row={self.row})"

    def __reduce__(self):
        return Random, (self.key, self.stream, self.row)

    @classmethod
    def from_state(cls, random_state):
        """Key a generator by a seed, a ``RandomState`` or ``None`` (fresh entropy)."""
        words = check_random_state(random_state).randint(0, 2**32, 2, np.uint32)
        return cls(int(words[0]) << 32 | int(words[1]))

    def fold(self, *indices):
        """Return an independent stream for each tuple of integers."""
        stream = self.stream
        for index in indices:
            # splitmix64: a bijection of the stream for each index, so that
            # neighbouring indices give unrelated streams.
            stream = (stream + (int(index) + 1) * _GOLDEN) & _MASK64
            stream = ((stream ^ stream >> 30) * _MIX[0]) & _MASK64
            stream = ((stream ^ stream >> 27) * _MIX[1]) & _MASK64
            stream ^= stream >> 31
        return Random(self.key, stream, self.row)

    def folds(self, indices):
        """Return ``[self.fold(*index) for index in indices]``, of one length each."""
        streams = folded([self.stream], indices)[0].view("<u8")[:, 0].tolist()
        return [Random(self.key, stream, self.row) for stream in streams]

    def rows(self, start):
        """Return the same stream with its rows counted from ``start``."""
        return Random(self.key, self.stream, self.row + start)

    def uniform(self, shape, dtype=np.float64):
        """Draw from the open interval (0, 1): 24 bits in float32, 53 in float64."""
        out = np.empty(shape, dtype=dtype)
        rows = out if out.ndim == 2 else out.reshape(-1, 1)
        fill_uniform(*self.words(), self.row, rows)
        return out

    def words(self):
        """Return what kernels need of it: the keys of the rounds and the stream."""
        stream = np.uint32(self.stream & 0xFFFFFFFF), np.uint32(self.stream >> 32)
        return _round_keys(self.key), *stream

    def normal(self, shape, dtype=np.float64):
        """Draw from the standard normal distribution, by inversion."""
        return normal_quantile(self.uniform(shape, dtype))

    def normal_and_uniform(self, shape, n_uniform, dtype=np.float64):
        """Draw rows of normal numbers, and ``n_uniform`` uniform numbers for each.

        One draw of few numbers for each row is twice as fast as two draws.
        """
        n, n_columns = shape
        uniform = self.uniform((n, n_columns + n_uniform), dtype)
        return normal_quantile(uniform[:, :n_columns]), uniform[:, n_columns:]

    def bernoulli(self, probability):
        """Draw 0 or 1, in the dtype and shape of ``probability``."""
        uniform = self.uniform(probability.shape, probability.dtype)
        _below(uniform.reshape(-1), probability.reshape(-1))
        return uniform

    def categorical(self, probability):
        """Draw one-hot rows from rows of probabilities, shape (n, n_categories)."""
        cumulative = np.cumsum(probability, axis=1, dtype=np.float64)
        uniform = self.uniform((len(probability), 1)) * cumulative[:, -1:]
        drawn = (cumulative < uniform).sum(axis=1)
        one_hot = np.zeros_like(probability)
        one_hot[np.arange(len(drawn)), np.minimum(drawn, one_hot.shape[1] - 1)] = 1
        return one_hot

    def multinomial(self, weight, lengths):
        """Draw counts: ``lengths[r]`` draws from the weights of row r.

        Parameters
        ----------
        weight : ndarray of shape (n, n_categories)
            Probabilities of a row up to a factor.
        lengths : ndarray of shape (n,)
            Whole numbers.

        Returns
        -------
        ndarray of shape (n, n_categories), of the dtype of ``weight``
        """
        out = np.zeros_like(weight)
        lengths = np.asarray(lengths).astype(np.int64)
        words = words_address(), *self.words()
        _multinomial(*words, self.row, weight, lengths, out)
        return out

    def permutation(self, n, size=None):
        """Draw an order of ``range(n)``, or only the first ``size`` numbers of one."""
        # Serial work, hence NumPy's own generator of the same family.
        philox = np.random.Philox(key=[self.key, self.stream])
        numpy = np.random.Generator(philox)
        return numpy.permutation(n) if size is None else numpy.choice(n, size, False)

    def seed(self):
        """Draw a seed for a library that has a generator of its own."""
        return int(self.uniform((1, 1))[0, 0] * 2**31)


def folded(streams, indices):
    """Return the two words of what ``fold`` makes of many streams.

    Parameters
    ----------
    streams : list of int
    indices : list of tuple of int
        All of one length.

    Returns
    -------
    ndarray of shape (n_streams, n_tuples, 2), uint32
    """
    streams = np.array(streams, dtype=np.uint64)
    out = np.empty((len(streams), len(indices), 1), dtype=np.uint64)
    with np.errstate(over="ignore"):
        _fold(streams, np.array(indices, dtype=np.uint64), out[..., 0])
    return out.astype("<u8", copy=False).view("<u4")


@njit(**KERNEL)
def _fold(streams, indices, out):
    """Fill ``out`` with the streams that :meth:`Random.fold` makes."""
    for k in range(len(streams)):
        for i in range(len(indices)):
            stream = streams[k]
            for index in indices[i]:
                stream += (index + np.uint64(1)) * np.uint64(_GOLDEN)
                stream = (stream ^ stream >> np.uint64(30)) * np.uint64(_MIX[0])
                stream = (stream ^ stream >> np.uint64(27)) * np.uint64(_MIX[1])
                stream ^= stream >> np.uint64(31)
            out[k, i] = stream


def fill_uniform(round_keys, stream0, stream1, row, out):
    """Fill an array of shape (n, width) from ``row`` on."""
    kernel = uniform_kernel(out.dtype)
    kernel(words_address(), round_keys, stream0, stream1, row, out)


def uniform_kernel(dtype):
    """Return the kernel that draws uniform numbers of this dtype."""
    return _uniform32 if dtype == np.float32 else _uniform64


@lru_cache
def words_address():
    """Return the address of the kernel that fills words, which others are handed."""
    word, words = np.uint32(0), np.empty(4, np.uint32)
    return address_of(_fill_words, words, word, word, word, words)


@lru_cache(maxsize=64)
def _round_keys(key):
    """Return the two Weyl sequences that key the ten rounds, shape (20,), uint32."""
    halves = key & 0xFFFFFFFF, key >> 32
    return np.array(
        [
            (half + r * weyl) & 0xFFFFFFFF
            for half, weyl in zip(halves, _WEYL, strict=True)
            for r in range(_ROUNDS)
        ],
        dtype=np.uint32,
    )


# The rounds are written out, with 32-bit state: so LLVM turns the loop over columns
# into 16 lanes (0.8 ns a number; a loop over the rounds inside it costs 6.7 ns).
@njit(**INNER)
def _round(a, b, c, d, key0, key1):
    low, high = np.uint64(a) * _MULTIPLIERS[0], np.uint64(c) * _MULTIPLIERS[1]
    return (
        np.uint32(np.uint32(high >> _HALF) ^ b ^ key0),
        np.uint32(high & _MASK32),
        np.uint32(np.uint32(low >> _HALF) ^ d ^ key1),
        np.uint32(low & _MASK32),
    )


@njit(**KERNEL)
def _philox(a, b, c, d, k):
    a, b, c, d = _round(a, b, c, d, k[0], k[10])
    a, b, c, d = _round(a, b, c, d, k[1], k[11])
    a, b, c, d = _round(a, b, c, d, k[2], k[12])
    a, b, c, d = _round(a, b, c, d, k[3], k[13])
    a, b, c, d = _round(a, b, c, d, k[4], k[14])
    a, b, c, d = _round(a, b, c, d, k[5], k[15])
    a, b, c, d = _round(a, b, c, d, k[6], k[16])
    a, b, c, d = _round(a, b, c, d, k[7], k[17])
    a, b, c, d = _round(a, b, c, d, k[8], k[18])
    return _round(a, b, c, d, k[9], k[19])


@njit(**INNER)
def _scalars(k):
    # As scalars the keys stay in registers; an array's would be read after each store.
    first = k[0], k[1], k[2], k[3], k[4], k[5], k[6], k[7], k[8], k[9]
    second = k[10], k[11], k[12], k[13], k[14], k[15], k[16], k[17], k[18], k[19]
    return first + second


# Never 0, so that a probability of 0 never fires and ndtri stays finite; never 1.
@njit(**INNER)
def _unit32(word):
    return max(np.float32(np.int32(word >> np.uint32(8))), np.float32(0.5)) * (
        np.float32(2.0**-24)
    )


@njit(**INNER)
def _unit64(word0, word1):
    bits = (np.uint64(word0) << np.uint64(21)) ^ (np.uint64(word1) >> np.uint64(11))
    return max(np.float64(np.int64(bits)), 0.5) * 2.0**-53


@njit(**BORROWS)
def _fill_words(round_keys, stream0, stream1, counter, words):
    """Fill four quarters of an array with the four words of one counter after another.

    The quarters are slices of their own: only so can the compiler see that they do not
    overlap.
    """
    keys, q = _scalars(round_keys), len(words) // 4
    words0, words1 = words[:q], words[q : 2 * q]
    words2, words3 = words[2 * q : 3 * q], words[3 * q :]
    for i in range(q):
        a, b, c, d = _philox(np.uint32(i), counter, stream0, stream1, keys)
        words0[i] = a
        words1[i] = b
        words2[i] = c
        words3[i] = d


@njit(**KERNEL)
def _uniform32(fill_words, round_keys, stream0, stream1, row, out):
    # Column j of a row of width d is word j // q of counter j % q, q = ceil(d / 4).
    n_rows, width = out.shape
    words = np.empty(4 * ((width + 3) // 4), np.uint32)
    for r in range(n_rows):
        counter, line = np.uint32(row + r), out[r]
        call(fill_words, (round_keys, stream0, stream1, counter, words))
        for j in range(width):
            line[j] = _unit32(words[j])


@njit(**KERNEL)
def _uniform64(fill_words, round_keys, stream0, stream1, row, out):
    # Two words a number: column j is words 2 (j // q) and 2 (j // q) + 1 of counter
    # j % q, q = ceil(d / 2).
    n_rows, width = out.shape
    q = (width + 1) // 2
    words = np.empty(4 * q, np.uint32)
    for r in range(n_rows):
        counter = np.uint32(row + r)
        call(fill_words, (round_keys, stream0, stream1, counter, words))
        for half in range(2):
            first, second = words[2 * half * q :], words[(2 * half + 1) * q :]
            line = out[r, half * q : (half + 1) * q]
            for j in range(len(line)):
                line[j] = _unit64(first[j], second[j])


@njit(**KERNEL)
def _below(uniform, probability):
    """Overwrite the uniforms by 1 where they lie below the probability, else by 0."""
    for i in range(uniform.size):
        uniform[i] = 1 if uniform[i] < probability[i] else 0


@njit(**KERNEL)
def _multinomial(fill_words, round_keys, stream0, stream1, row, weight, lengths, out):
    """Count, for each row, how often each category is drawn, by inversion."""
    n_categories = weight.shape[1]
    cumulative = np.empty(n_categories)
    for r in range(len(out)):
        total = 0.0
        for k in range(n_categories):
            total += weight[r, k]
            cumulative[k] = total
        uniform = np.empty((1, lengths[r]))
        _uniform64(fill_words, round_keys, stream0, stream1, row + r, uniform)
        for i in range(lengths[r]):
            low, high = 0, n_categories - 1
            while low < high:  # the first category beyond the uniform
                middle = (low + high) // 2
                if cumulative[middle] > uniform[0, i] * total:
                    high = middle
                else:
                    low = middle + 1
            out[r, low] += 1
