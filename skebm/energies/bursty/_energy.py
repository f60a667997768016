"""A model of documents whose words come in bursts, with topics."""

from typing import NamedTuple

import numpy as np

from skebm.energies._documents import OfDocuments, distinct_lengths, spread
from skebm.energies.bursty._exact import log_sums
from skebm.energies.bursty._polya import Polya
from skebm.energies.bursty._tokens import grown, shrunk, swept
from skebm.energies.bursty._urn import Urn
from skebm.layers import Bernoulli
from skebm.utils._math import row_weights, sigmoid, softplus_sum
from skebm.utils._parallel import map_blocks, start_blocks
from skebm.utils._products import (
    GRADIENT_ROWS,
    product,
    product_of_columns,
    weight_gradient,
)
from skebm.utils._sparse import dense
from skebm.utils._stored import public

# Number of documents that represent the lengths for the first offsets.
_N_LENGTHS = 100


class FreshDraws(NamedTuple):
    """Documents of data or of chains, as the gradient needs them.

    Attributes
    ----------
    fresh : {ndarray, CSR matrix} of shape (n, n_words)
        The number of fresh draws of each word.
    hidden : ndarray of shape (n, n_hidden)
        Expectations of the hidden units given the rows.
    slope : ndarray of shape (n_words,)
        Gradient of the energy in the log concentrations.
    weight : ndarray of shape (n,)
        Share of each document; negative in the negative phase.
    """

    fresh: np.ndarray
    hidden: np.ndarray
    slope: np.ndarray
    weight: np.ndarray

    def negative(self):
        """Return the same documents with the opposite sign."""
        return self._replace(slope=-self.slope, weight=-self.weight)

    def means(self):
        """Return the means of the fresh draws and of the hidden units."""
        return self.weight @ self.fresh, self.weight @ self.hidden


@public("skebm.energies")
class BurstyDocuments(OfDocuments):
    """A model of documents whose words come in bursts, with binary hidden units.

    A document with the counts ``x`` has the energy ``E(x, h) = -log U(x) - s @ bias - h
    @ hidden_bias - s @ weights @ h``. Here ``U(x) = prod_w Gamma(x_w + a_w) /
    Gamma(a_w)`` is the weight of the sequence in a Dirichlet compound multinomial with
    the concentrations ``a`` [1]_, and ``s_w = d log U / d log a_w = sum_(i < x_w) a_w /
    (a_w + i)`` is the number of fresh draws of the word (:class:`Polya`). So a topic
    changes the log concentrations by its weights, to first order. If the concentrations
    are small, a word that occurs has one fresh draw, and topics decide which words
    occur. If they are large, all draws are fresh, and the model becomes
    :class:`skebm.energies.ReplicatedSoftmax`. Without weights and biases it is the
    Dirichlet compound multinomial, where training starts.

    The model gives the probability of a document **as a sequence of words, given its
    length**, ``exp(-F(x)) / Z(D)``, as the replicated softmax does.

    The next word of a sequence has a simple distribution given the hidden units: its
    weight is ``(x_w + a_w) exp(f_w a_w / (x_w + a_w))``, with ``f = bias + weights @
    h``. Chains draw single words from it (:meth:`gibbs_sweep`), and documents
    :meth:`grow` by it.

    Parameters
    ----------
    visible : Polya
        The concentrations and the biases of the words.
    hidden : Bernoulli
    weights : ndarray of shape (n_words, n_hidden)
    lengths : array-like of int, default=(1,)
        Distinct lengths of documents. Chains that start from the reference have these
        lengths.
    shares : array-like, default=None
        Number of documents of each length. None takes equal numbers.
    base : Polya, default=None
        The words of the reference, whose biases are not used. The best choice is the
        layer that fits the documents best. None takes ``visible``.
    coupling : float, default=1
        Factor of the weights and of the hidden biases. It is below 1 between the
        reference and the model.

    References
    ----------
    .. [1] R. Madsen, D. Kauchak, C. Elkan. "Modeling word burstiness using the
       Dirichlet distribution". ICML 2005.
    """

    def __init__(self, visible, hidden, weights, **options):
        super().__init__(visible, hidden, weights, **options)
        self.base = self.base.without_bias()

    def __repr__(self):
        return f"BurstyDocuments(n_words={self.n_features}, {self.hidden!r})"

    @classmethod
    def from_documents(cls, x, weight, weights):
        """Return a model at one Dirichlet compound multinomial, with these weights.

        Parameters
        ----------
        x : {ndarray, CSR matrix} of shape (n, n_words)
        weight : ndarray of shape (n,) or None
            How many documents each row counts for.
        weights : ndarray of shape (n_words, n_hidden)
        """
        weight = np.ones(x.shape[0]) if weight is None else weight
        lengths, shares = distinct_lengths(x, weight)
        visible = Polya.from_documents(x, weight, weights.dtype)
        hidden = Bernoulli.zeros(weights.shape[1], weights.dtype)
        return cls(visible, hidden, weights, lengths=lengths, shares=shares)

    @property
    def concentration(self):
        """The concentration of each word, float64."""
        return self.visible.concentration

    # -- energy and gradient ---------------------------------------------------------

    def inputs(self, x):
        """Return the inputs of the hidden units with their biases, before coupling."""
        return self._inputs(self.visible.fresh(x)[0])

    def _inputs(self, fresh):
        return product(fresh, self.weights) + self.hidden.bias

    def energy(self, x, inputs=None):
        """Return the free energy of each document, in nats, float64, shape (n,)."""
        inputs = self.inputs(x) if inputs is None else inputs
        return self.visible.energy(x) - softplus_sum(self._coupled(inputs))

    def hidden_mean(self, x, inputs=None):
        """Return the expectation of the hidden units given each document."""
        inputs = self.inputs(x) if inputs is None else inputs
        return sigmoid(self._coupled(inputs))

    def _start_phases(self, x, weight, inputs):
        weight = row_weights(weight, x.shape[0], self.dtype)

        def phase(_):
            fresh, slope = self.visible.fresh(x)
            of_fresh = self._inputs(fresh) if inputs is None else inputs
            hidden = sigmoid(self._coupled(of_fresh))
            shares = weight[:, None] * hidden
            gradient = -(weight @ fresh) - (weight @ slope) * self.visible.bias
            gradient += self._slope_gradient(slope, shares)
            return FreshDraws(fresh, hidden, gradient, weight)

        return start_blocks(phase, x.shape[0], 0)

    def _slope_gradient(self, slope, shares):
        """Return the gradient of -s @ weights @ share in the log concentrations."""
        products = weight_gradient(slope, shares, self.coupling)
        return np.einsum("wj,wj->w", products, self.weights)

    def _gradient(self, phases, offsets):
        """Return d F / d params, summed over phases with signed weights.

        The offsets are near the means of the fresh draws and of the hidden units.
        """
        mu, lam = offsets
        rows, hidden, slopes, weight = zip(*phases, strict=True)
        weight = np.concatenate(weight)
        factor = self.dtype.type(-self.coupling)
        shares = factor * weight[:, None] * (np.concatenate(hidden) - lam)
        # sum (s - mu) share = sum s share - mu sum share, so mu is one more row.
        biases = shares.sum(axis=0)
        shares, rows = np.vstack([shares, -biases]), [*rows, mu[None]]
        weights = np.empty_like(self.weights)
        map_blocks(
            lambda block: product_of_columns(rows, shares, block, weights[block]),
            len(weights),
            shares.size,
            size=GRADIENT_ROWS,
        )
        words = weight.sum() * mu - sum(p.weight @ p.fresh for p in phases)
        # In the centered energy the weights contribute to the biases. The gradient of
        # the biases makes up for it.
        return {
            "weights": weights,
            "visible.log_concentration": sum(slopes),
            "visible.bias": words - weights @ lam,
            "hidden.bias": biases - mu @ weights,
        }

    def project(self):
        """Keep the concentrations within bounds."""
        self.visible.project()

    def initial_offsets(self):
        """Return the means of fresh draws and of hidden units in the reference."""
        fresh = self.base.mean_fresh(spread(self.lengths, self.shares, _N_LENGTHS))
        hidden = np.full(self.n_hidden, 0.5)
        return fresh.astype(self.dtype), hidden.astype(self.dtype)

    def next_word(self, x):
        """Return the log-probability of each word as the next word of a document.

        Parameters
        ----------
        x : ndarray of shape (n, n_words)
            Documents, which may be empty.

        Returns
        -------
        ndarray of shape (n, n_words), float64
            In nats.
        """
        concentration = self.concentration
        # The new word is a fresh draw with this probability.
        chance = concentration / (x + concentration)
        log_weight = np.log(x + concentration) + chance * self.visible.bias
        inputs, weights = self._coupled(self.inputs(x)), self._coupled(self.weights)
        for row, share, out in zip(inputs, chance, log_weight, strict=True):
            out += softplus_sum(row + share[:, None] * weights)
        return log_weight - np.logaddexp.reduce(log_weight, axis=1)[:, None]

    def activity_grad(self, x, weight):
        """Return the gradient of ``sum(weight * activity(x))`` by name."""
        fresh, slope = self.visible.fresh(x)
        active = sigmoid(self._coupled(self._inputs(fresh)))
        shares = (weight * (active * (1 - active))).astype(self.dtype)
        return {
            "weights": -weight_gradient(fresh, shares, self.coupling),
            "visible.log_concentration": -self._slope_gradient(slope, shares),
            "hidden.bias": self.dtype.type(self.coupling) * shares.sum(axis=0),
        }

    # -- sampling --------------------------------------------------------------------

    def gibbs_sweep(self, chains, random):
        """Return the chains after all hidden units, then each word in turn was drawn.

        The chains keep their lengths.
        """
        logit = self._logit(self._draw_hidden(chains, random.fold(0)))
        x = dense(chains.visible)
        return self.chains(swept(x, self.concentration, logit, random.fold(1)))

    def _draw_hidden(self, chains, random):
        return random.bernoulli(sigmoid(self._coupled(chains.inputs)))

    def _logit(self, hidden):
        """Return what fresh draws add to the log weight, given hidden units."""
        return self._coupled(hidden @ self.weights.T) + self.visible.bias

    # -- documents that grow ---------------------------------------------------------

    def empty(self, n_chains):
        """Return chains that stand at empty documents."""
        return self.chains(np.zeros((n_chains, self.n_features), dtype=self.dtype))

    @property
    def log_partition_empty(self):
        """log Z of empty documents, in nats."""
        return float(softplus_sum(self._coupled(self.hidden.bias[None]))[0])

    def grow(self, chains, n_words, random):
        """Add words to documents, one after the other.

        The hidden units are drawn given the documents, and the words given both. If the
        chains have the distribution of their length, the mean of the exponential of the
        log weights is the ratio of the partition functions.

        Parameters
        ----------
        chains : Chains
        n_words : int
            Number of words that each document gets.
        random : Random

        Returns
        -------
        chains : Chains
        log_weight : ndarray of shape (n_chains, n_words), float64
            Log importance weights after each word.
        """
        return self._resized(grown, chains, n_words, random)

    def shrink(self, chains, n_words, random):
        """Take random words out of documents: the reverse of :meth:`grow`."""
        return self._resized(shrunk, chains, n_words, random)

    def _resized(self, kernel, chains, n_words, random):
        logit = self._logit(self._draw_hidden(chains, random.fold(0)))
        x = dense(chains.visible).copy()
        uniform = random.fold(1).uniform((len(x), n_words))
        log_weight = kernel(x, self.concentration, logit, uniform)
        return self.chains(x), log_weight

    def exact_work(self, top):
        """Return about the multiply-adds of :meth:`exact_log_partitions`."""
        # The states take memory even if the documents are very short.
        return 2.0**self.n_hidden * self.n_features * (top + 10) ** 2

    def exact_log_partitions(self, top):
        """Return log Z of the lengths 0 to ``top`` by a sum over all hidden states."""
        states = self.hidden.states(0, 2**self.n_hidden).astype(self.dtype)
        log_weight = self._coupled(states @ self.hidden.bias).astype(np.float64)
        log_z = log_sums(self.visible, self._logit(states).astype(np.float64), top)
        return np.logaddexp.reduce(log_weight[:, None] + log_z, axis=0)

    @property
    def reference(self):
        """The model of one Dirichlet compound multinomial, without topics."""
        return Urn(self.base, self.lengths, self.shares, self.n_hidden)

    def interpolate(self, beta):
        """Return the model between the reference (0) and this model (1)."""
        visible = self.base.interpolate(self.visible, self.dtype.type(beta))
        coupling = self.coupling * beta
        return self._with(visible, self.hidden, self.weights, coupling=coupling)
