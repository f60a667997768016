"""Counts of words that come in bursts: the Dirichlet compound multinomial."""

import numpy as np
from scipy.sparse import csr_matrix, issparse
from scipy.special import digamma, gammaln

from skebm.energies._documents import lengths_of

# Bounds of log concentrations, far beyond those of words: a word with less than the
# first has all repetitions for free, and one with more than the second has none.
_LOWEST, _HIGHEST = -20.0, 12.0
# Steps of the fixed-point iteration, which changes the perplexity by less than 0.1 %
# after half of them.
_N_STEPS = 100
# The concentrations from which it starts have this sum.
_START = 30.0
# A document of one word is added, whose words are equally likely.
_EXTRA = 1.0


class Polya:
    """The visible layer of documents whose words come in bursts.

    Without hidden units this is the Dirichlet compound multinomial [1]_, the
    distribution of an urn: every word that is drawn is put back together with another
    copy of it. A sequence of ``D`` words with the counts ``x`` has the probability
    ``prod_w Gamma(x_w + a_w) / Gamma(a_w)``, divided by ``Gamma(D + sum a) / Gamma(sum
    a)``. The smaller the concentration ``a_w``, the more often a word that occurs
    occurs again.

    The bias of a word counts once if the word occurs. Counts between 0 and 1 count in
    part.

    Parameters
    ----------
    log_concentration : ndarray of shape (n_words,)
    bias : ndarray of shape (n_words,)
        Log of the factor of the probability that the word occurs at all.

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

    @property
    def log_fresh(self):
        """Log weight of the first occurrence of each word."""
        return self.log_concentration + self.bias

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
        a = self.concentration
        terms = gammaln(counts + a[words]) - gammaln(a)[words]
        terms += np.minimum(counts, 1) * self.bias[words]
        return -np.bincount(rows, terms, minlength=x.shape[0])

    def slope(self, x, weight):
        """Return d energy / d log_concentration, summed over rows with ``weight``."""
        rows, words, counts = cells(x)
        a = self.concentration
        terms = weight[rows] * (digamma(counts + a[words]) - digamma(a)[words])
        slope = -a * np.bincount(words, terms, minlength=len(a))
        return slope.astype(self.log_concentration.dtype)

    def presence(self, lengths):
        """Return the probability that each word occurs, without biases.

        Parameters
        ----------
        lengths : ndarray of shape (n,)

        Returns
        -------
        ndarray of shape (n_words,)
            The mean over documents of these lengths.
        """
        a, lengths = self.concentration, lengths[:, None]
        total = a.sum()
        # With one word, 0 is left for the others.
        rest = np.maximum(total - a, np.finfo(float).tiny)
        log_absent = gammaln(rest + lengths) - gammaln(rest)
        log_absent -= gammaln(total + lengths) - gammaln(total)
        return 1 - np.exp(log_absent).mean(axis=0)


def seen(x):
    """Return 1 where a word occurs and 0 where it does not; smaller counts stay."""
    if issparse(x):
        data = np.minimum(x.data, 1)
        return csr_matrix((data, x.indices, x.indptr), shape=x.shape)
    return np.minimum(x, 1)


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
    word, times, n_more = _exceedances(words, counts, weight[rows])
    word, times = np.r_[word, np.arange(n_words)], np.r_[times, np.zeros(n_words)]
    n_more = np.r_[n_more, np.full(n_words, _EXTRA / n_words)]
    lengths = lengths_of(x)
    _, more, n_longer = _exceedances(np.zeros(len(lengths), int), lengths, weight)
    more, n_longer = np.r_[more, 0], np.r_[n_longer, _EXTRA]
    a = np.bincount(word, n_more, minlength=n_words)
    a *= _START / a.sum()
    for _ in range(_N_STEPS):
        gain = np.bincount(word, n_more / (times + a[word]), minlength=n_words)
        a *= gain / (n_longer / (more + a.sum())).sum()
        a = np.clip(a, np.exp(_LOWEST), np.exp(_HIGHEST))
    return a


def _exceedances(groups, counts, weight):
    """Return groups, numbers k, and the weight of the counts of a group above k."""
    counts = np.rint(counts).astype(np.int64)
    width = counts.max(initial=0)
    # The lists are sorted by group and count, and summed from the largest count down.
    key, place = np.unique(groups * (width + 1) + counts, return_inverse=True)
    mass = np.bincount(place, weight, minlength=len(key))
    group, count = np.divmod(key, width + 1)
    first = np.r_[0, np.flatnonzero(np.diff(group)) + 1, len(key)]
    below = np.r_[0, np.cumsum(mass)]
    ends = np.repeat(below[first[1:]], np.diff(first))
    before = np.where(np.r_[True, group[1:] != group[:-1]], 0, np.r_[0, count[:-1]])
    n_times = count - before
    times = np.arange(n_times.sum()) - np.repeat(np.cumsum(n_times) - n_times, n_times)
    times = times + np.repeat(before, n_times)
    return np.repeat(group, n_times), times, np.repeat(ends - below[:-1], n_times)
