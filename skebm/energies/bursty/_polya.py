"""Counts of words that come in bursts: the Dirichlet compound multinomial."""

from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.sparse import csr_matrix, issparse
from scipy.special import digamma, gammaln, polygamma

from skebm.energies._documents import lengths_of
from skebm.utils._addresses import KERNEL
from skebm.utils._stored import public

# Bounds of log concentrations, far beyond those of words: a word with less than the
# first has all repetitions for free, and one with more than the second has none.
_LOWEST, _HIGHEST = -20.0, 12.0
# From this count on, formulas with gamma functions are faster than a loop.
_MANY = 1000
# So many numbers in a row, above which the same counts are, are summed by a formula.
_LONG_RUN = 100
# Steps of the fixed-point iteration, which changes the perplexity by less than 0.1 %
# after half of them.
_N_STEPS = 100
# The concentrations from which it starts have this sum.
_START = 30.0
# A document of one word is added, whose words are equally likely.
_EXTRA = 1.0


@public("skebm.energies")
class Polya:
    """The visible layer of documents whose words come in bursts.

    Without hidden units this is the Dirichlet compound multinomial [1]_, the
    distribution of an urn: every word that is drawn is put back together with another
    copy of it. A sequence of ``D`` words with the counts ``x`` has the probability
    ``prod_w Gamma(x_w + a_w) / Gamma(a_w)``, divided by ``Gamma(D + sum a) / Gamma(sum
    a)``. The smaller the concentration ``a_w``, the more often a word that occurs
    occurs again.

    A draw is **fresh**, in proportion to the concentrations, or the copy of an earlier
    draw. Of the ``x_w`` draws of a word, ``s_w = sum_(i < x_w) a_w / (a_w + i)`` are
    fresh, on average. The bias of a word is multiplied by this number.

    Parameters
    ----------
    log_concentration : ndarray of shape (n_words,)
    bias : ndarray of shape (n_words,)
        What is added to the log weight of a sequence for each fresh draw of the word.

    References
    ----------
    .. [1] R. Madsen, D. Kauchak, C. Elkan. "Modeling word burstiness using the
       Dirichlet distribution". ICML 2005.
    """

    finite = False

    def __init__(self, log_concentration, bias):
        self.log_concentration = np.asarray(log_concentration)
        self.bias = np.asarray(bias)

    def __repr__(self):
        return f"Polya(n_words={self.n_units})"

    @classmethod
    def from_documents(cls, x, weight, dtype):
        """Return the layer of largest likelihood, with biases of 0."""
        log_concentration = np.log(concentrations(x, weight)).astype(dtype)
        layer = cls(log_concentration, np.zeros_like(log_concentration))
        layer.project()
        return layer

    @property
    def n_units(self):
        """Number of words in the vocabulary."""
        return len(self.bias)

    @property
    def params(self):
        """The learned arrays by name."""
        return {"log_concentration": self.log_concentration, "bias": self.bias}

    @property
    def concentration(self):
        """The concentration of each word, float64."""
        return np.exp(self.log_concentration.astype(np.float64))

    def replace(self, log_concentration, bias):
        """Return a layer with copies of these parameters."""
        return type(self)(log_concentration.copy(), bias.copy())

    def astype(self, dtype):
        """Return a copy with parameters of this dtype."""
        return type(self)(self.log_concentration.astype(dtype), self.bias.astype(dtype))

    def without_bias(self):
        """Return a copy with biases of 0, which is an urn."""
        return type(self)(self.log_concentration.copy(), np.zeros_like(self.bias))

    def interpolate(self, other, beta):
        """Return the layer between this one (0) and the other (1)."""
        pairs = zip(self.params.values(), other.params.values(), strict=True)
        return type(self)(*((1 - beta) * a + beta * b for a, b in pairs))

    def project(self):
        """Keep the concentrations within bounds."""
        np.clip(self.log_concentration, _LOWEST, _HIGHEST, out=self.log_concentration)

    def energy(self, x):
        """Return the energy of each document, in nats, float64, shape (n,)."""
        rows, words, counts = cells(x)
        log_urn, fresh, _ = self.terms(words, counts)
        terms = log_urn + fresh * self.bias[words]
        return -np.bincount(rows, terms, minlength=x.shape[0])

    def terms(self, words, counts):
        """Return what each word of a document contributes.

        Parameters
        ----------
        words : ndarray of int of shape (n,)
        counts : ndarray of shape (n,), float64

        Returns
        -------
        log_urn : ndarray of shape (n,), float64
            ``log(Gamma(x + a) / Gamma(a))``.
        fresh : ndarray of shape (n,)
            The number of fresh draws, which is the derivative of ``log_urn`` in ``log
            a``.
        slope : ndarray of shape (n,)
            The derivative of ``fresh`` in ``log a``.
        """
        concentration, out = self.concentration, np.empty((3, len(words)))
        if counts.max(initial=0) < _MANY and (counts == np.floor(counts)).all():
            _add_terms(words, counts, concentration, *out)
            return out
        a = concentration[words]
        out[0] = gammaln(counts + a) - gammaln(a)
        out[1] = a * (digamma(counts + a) - digamma(a))
        out[2] = out[1] + a**2 * (polygamma(1, counts + a) - polygamma(1, a))
        return out

    def fresh(self, x):
        """Return the numbers of fresh draws, and their slopes in the log concentration.

        Parameters
        ----------
        x : {ndarray, CSR matrix} of shape (n, n_words)

        Returns
        -------
        fresh, slope : {ndarray, CSR matrix} of shape (n, n_words)
        """
        rows, words, counts = cells(x)
        terms = self.terms(words, counts)[1:].astype(self.bias.dtype)
        if issparse(x):
            return [csr_matrix((t, x.indices, x.indptr), x.shape) for t in terms]
        out = np.zeros((2, *x.shape), dtype=self.bias.dtype)
        out[:, rows, words] = terms
        return out

    def mean_fresh(self, lengths):
        """Return the mean number of fresh draws of each word, without biases.

        Parameters
        ----------
        lengths : ndarray of shape (n,)

        Returns
        -------
        ndarray of shape (n_words,)
            The mean over documents of these lengths.
        """
        a = self.concentration
        return a * (digamma(a.sum() + lengths) - digamma(a.sum())).mean()


@njit(**KERNEL)
def _add_terms(words, counts, concentration, log_urn, fresh, slope):
    for i in range(len(words)):
        a = concentration[words[i]]
        product, log_total, n_fresh, n_slope = 1.0, 0.0, 0.0, 0.0
        for k in range(int(counts[i])):
            product *= a + k
            if product > 1e200:
                log_total += np.log(product)
                product = 1.0
            n_fresh += a / (a + k)
            n_slope += a * k / (a + k) ** 2
        log_urn[i] = log_total + np.log(product)
        fresh[i], slope[i] = n_fresh, n_slope


def cells(x):
    """Return the rows, the words and the counts of all words that occur, float64."""
    if issparse(x):
        rows = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
        return rows, x.indices, x.data.astype(np.float64, copy=False)
    rows, words = np.nonzero(x)
    return rows, words, x[rows, words].astype(np.float64)


def concentrations(x, weight):
    """Return the concentrations of largest likelihood, by a fixed point [1]_.

    A document of one word, equally likely to be any, is added, so that no concentration
    is 0. Counts are rounded.

    Parameters
    ----------
    x : {ndarray, CSR matrix} of shape (n, n_words)
    weight : ndarray of shape (n,)
        How many documents each row counts for.

    Returns
    -------
    ndarray of shape (n_words,), float64

    References
    ----------
    .. [1] T. Minka. "Estimating a Dirichlet distribution". Technical report, MIT, 2000.
    """
    rows, words, counts = cells(x)
    n_words = x.shape[1]
    # digamma(x + a) - digamma(a) = sum_(k < x) 1 / (k + a). So it suffices to know how
    # many documents have more than k times each word.
    (word, times, n_more), runs = _exceedances(words, counts, weight[rows])
    word, times = np.r_[word, np.arange(n_words)], np.r_[times, np.zeros(n_words)]
    n_more = np.r_[n_more, np.full(n_words, _EXTRA / n_words)]
    lengths = lengths_of(x)
    group = np.zeros(len(lengths), int)
    (_, more, n_longer), long_runs = _exceedances(group, lengths, weight)
    more, n_longer = np.r_[more, 0], np.r_[n_longer, _EXTRA]
    a = np.bincount(word, n_more, minlength=n_words)
    np.add.at(a, runs.group, runs.mass * (runs.stop - runs.start))
    a *= _START / a.sum()
    for _ in range(_N_STEPS):
        gain = np.bincount(word, n_more / (times + a[word]), minlength=n_words)
        total = (n_longer / (more + a.sum())).sum()
        gain = gain + runs.sums(a)
        a *= gain / (total + long_runs.sums(a.sum(keepdims=True)).sum())
        a = np.clip(a, np.exp(_LOWEST), np.exp(_HIGHEST))
    return a


class _Runs(NamedTuple):
    """Numbers in a row, above which the counts of a group have the same weight.

    Attributes
    ----------
    group : ndarray of int of shape (n_runs,)
    start, stop : ndarray of int of shape (n_runs,)
        The first number, and the one after the last.
    mass : ndarray of shape (n_runs,)
        Weight of the counts above these numbers.
    """

    group: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    mass: np.ndarray

    def where(self, chosen):
        """Return some of the runs."""
        return _Runs(*(values[chosen] for values in self))

    def sums(self, a):
        """Return the sum of ``mass / (number + a)`` over the numbers of each group."""
        of_run = a[self.group]
        sums = digamma(self.stop + of_run) - digamma(self.start + of_run)
        return np.bincount(self.group, self.mass * sums, minlength=len(a))


def _exceedances(groups, counts, weight):
    """Return how much weight the counts of each group above each number have.

    Parameters
    ----------
    groups : ndarray of int of shape (n,)
    counts, weight : ndarray of shape (n,)

    Returns
    -------
    group, number : ndarray of int of shape (n_pairs,)
        The numbers from 0 up to the largest count of the group, which is left out.
    mass : ndarray of shape (n_pairs,)
        Weight of the counts above the number.
    runs : _Runs
        Numbers of long runs, which are not listed.
    """
    counts = np.rint(counts).astype(np.int64)
    width = counts.max(initial=0) + 1
    key, place = np.unique(groups * width + counts, return_inverse=True)
    mass = np.bincount(place, weight, minlength=len(key))
    group, count = np.divmod(key, width)
    is_first = np.diff(group, prepend=-1) > 0
    first = np.flatnonzero(is_first)
    sizes = np.diff(first, append=len(key))
    # The weight of this count and of all larger ones of its group.
    below = np.r_[0, np.cumsum(mass)]
    above = np.repeat(below[first + sizes], sizes) - below[:-1]
    # It is the weight above each number from the next smaller count on.
    lower = np.where(is_first, 0, np.roll(count, 1))
    runs = _Runs(group, lower, count, above)
    is_long = count - lower > _LONG_RUN
    short = runs.where(~is_long)
    sizes = short.stop - short.start
    number = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - short.stop, sizes)
    pairs = np.repeat(short.group, sizes), number, np.repeat(short.mass, sizes)
    return pairs, runs.where(is_long)
