"""The replicated softmax, a model of documents as counts of words."""

from typing import NamedTuple

import numpy as np

from skebm.energies._documents import OfDocuments, distinct_lengths, lengths_of, spread
from skebm.energies.replicated_softmax._marginal import Marginal
from skebm.layers import Bernoulli, Categorical
from skebm.utils._math import sigmoid, softplus_sum
from skebm.utils._parallel import map_blocks, start_blocks
from skebm.utils._products import GRADIENT_ROWS, product, product_of_columns


class Documents(NamedTuple):
    """Documents of data or of chains, as the gradient needs them.

    Attributes
    ----------
    rows : {ndarray, CSR matrix} of shape (n, n_words)
    hidden : ndarray of shape (n, n_hidden)
        Expectations of the hidden units given the rows.
    lengths : ndarray of shape (n,)
        Number of words of each document.
    weight : ndarray of shape (n,)
        Share of each document; negative in the negative phase.
    """

    rows: np.ndarray
    hidden: np.ndarray
    lengths: np.ndarray
    weight: np.ndarray

    def negative(self):
        """Return the same documents with the opposite sign."""
        return self._replace(weight=-self.weight)

    def means(self):
        """Return the frequencies of the words, and the mean hidden units over words."""
        n_words = self.weight * self.lengths
        total = max(n_words.sum(), np.finfo(n_words.dtype).tiny)
        return self.weight @ self.rows / total, n_words @ self.hidden / total


class ReplicatedSoftmax(OfDocuments):
    """A model of documents of any length, with binary hidden units.

    ``E(v, h) = -v @ bias - D h @ hidden_bias - v @ weights @ h`` for the counts ``v``
    of the ``D`` words of a document [1]_. It is an RBM with one categorical visible
    unit for each word of the document, and all of these units have the same weights.
    The hidden biases are multiplied by the length, so that documents of all lengths can
    use one set of parameters.

    The model gives the probability of a document **as a sequence of words, given its
    length**: ``p(w_1 ... w_D | D) = exp(-F(v)) / Z(D)``. It does not include the
    multinomial coefficient, and neither do the perplexities of other topic models. Each
    length has its own partition function ``Z(D) = sum_h exp(D phi(h))`` (see
    :attr:`marginal`).

    Parameters
    ----------
    visible : Categorical
        The vocabulary; ``visible.bias`` has shape (n_words,).
    hidden : Bernoulli
    weights : ndarray of shape (n_words, n_hidden)
    lengths : array-like of int, default=(1,)
        Distinct lengths of documents. Chains that start from the reference have these
        lengths.
    shares : array-like, default=None
        Number of documents of each length. None takes equal numbers.
    base : Categorical, default=None
        The words of the reference. The best choice is a layer at the frequencies of the
        words. None takes ``visible``.
    coupling : float, default=1
        Factor of the weights and of the hidden biases. It is below 1 between the
        reference and the model.

    References
    ----------
    .. [1] R. Salakhutdinov, G. Hinton. "Replicated softmax: an undirected topic model".
       NIPS 2009.
    """

    def __repr__(self):
        return f"ReplicatedSoftmax(n_words={self.n_features}, {self.hidden!r})"

    @classmethod
    def from_documents(cls, x, weight, weights):
        """Return a model at the frequencies of the words, with these weights.

        Parameters
        ----------
        x : {ndarray, CSR matrix} of shape (n, n_words)
        weight : ndarray of shape (n,) or None
            How many documents each row counts for.
        weights : ndarray of shape (n_words, n_hidden)
        """
        weight = np.ones(x.shape[0]) if weight is None else weight
        lengths, shares = distinct_lengths(x, weight)
        total = max(shares @ lengths, 1)
        base = Categorical.from_moments(weight @ x / total, None, total)
        base = base.astype(weights.dtype)
        hidden = Bernoulli.zeros(weights.shape[1], weights.dtype)
        # The reference has another layer, since updates in place must not move it.
        visible = base.astype(weights.dtype)
        energy = cls(
            visible, hidden, weights, lengths=lengths, shares=shares, base=base
        )
        energy.project()
        return energy

    @property
    def work(self):
        """Multiply-adds of a sweep, for each document."""
        return 6 * self.weights.size

    @property
    def concentration(self):
        """The concentrations of the words, which are infinite."""
        return np.full(self.n_features, np.inf)

    # -- energy and gradient ---------------------------------------------------------

    def inputs(self, x):
        """Return the inputs of the hidden units with their biases, before coupling."""
        return product(x, self.weights) + lengths_of(x)[:, None] * self.hidden.bias

    def energy(self, x, inputs=None):
        """Return the free energy of each document, in nats, float64, shape (n,)."""
        inputs = self.inputs(x) if inputs is None else inputs
        visible = np.asarray(self.visible.energy(x), dtype=np.float64)
        return visible - softplus_sum(self._coupled(inputs))

    def hidden_mean(self, x, inputs=None):
        """Return the expectation of the hidden units given each document."""
        inputs = self.inputs(x) if inputs is None else inputs
        return sigmoid(self._coupled(inputs))

    def _start_phases(self, x, weight, inputs):
        if weight is None:
            weight = np.full(x.shape[0], 1 / x.shape[0])
        weight = weight.astype(self.dtype, copy=False)

        def phase(_):
            lengths = lengths_of(x).astype(self.dtype, copy=False)
            return Documents(x, self.hidden_mean(x, inputs), lengths, weight)

        return start_blocks(phase, x.shape[0], 0)

    def _gradient(self, phases, offsets):
        """Return d F / d params, summed over phases with signed weights.

        The offsets are near the frequencies of the words and the mean hidden units. If
        the energy is written in ``v - D mu`` and ``h - lam``, the updates of weights
        and biases become independent of each other, and a difference between the
        lengths of data and chains does not change the gradient.
        """
        mu, lam = offsets
        rows, hidden, lengths, weight = zip(*phases, strict=True)
        weight, lengths = np.concatenate(weight), np.concatenate(lengths)
        factor = self.dtype.type(-self.coupling)
        shares = factor * weight[:, None] * (np.concatenate(hidden) - lam)
        # sum (v - D mu) share = sum v share - mu sum D share, so mu is one more row.
        biases = lengths @ shares
        shares, rows = np.vstack([shares, -biases]), [*rows, mu[None]]
        weights = np.empty_like(self.weights)
        map_blocks(
            lambda block: product_of_columns(rows, shares, block, weights[block]),
            len(weights),
            shares.size,
            size=GRADIENT_ROWS,
        )
        words = (weight @ lengths) * mu - sum(p.weight @ p.rows for p in phases)
        # In the centered energy the weights contribute to the biases. The gradient of
        # the biases makes up for it.
        return {
            "weights": weights,
            "visible.bias": words - weights @ lam,
            "hidden.bias": biases - mu @ weights,
        }

    def project(self):
        """Remove the means over the words, which do not change the distribution.

        A constant in the weights of a hidden unit moves to its bias, since both are
        multiplied by the length.
        """
        mean = self.weights.mean(axis=0)
        self.weights -= mean
        self.hidden.bias += mean
        self.visible.bias -= self.visible.bias.mean()

    def next_word(self, x):
        """Return the log-probability of each word as the next word of a document.

        Parameters
        ----------
        x : {ndarray, CSR matrix} of shape (n, n_words)
            Documents, which may be empty.

        Returns
        -------
        ndarray of shape (n, n_words), float64
            In nats.
        """
        from_next_word = self._coupled(self.weights + self.hidden.bias)
        inputs = self._coupled(self.inputs(x))
        log_weight = np.array([softplus_sum(row + from_next_word) for row in inputs])
        log_weight += self.visible.bias
        return log_weight - np.logaddexp.reduce(log_weight, axis=1)[:, None]

    def activity_grad(self, x, weight):
        """Return the gradient of ``sum(weight * activity(x))`` by name.

        The hidden biases are multiplied by the length of a document.
        """
        factor = self.coupling * lengths_of(x)
        return self._activity_grad(x, weight, factor.astype(self.dtype))

    # -- sampling --------------------------------------------------------------------

    @property
    def marginal(self):
        """The hidden units with the words summed out, a :class:`Marginal`."""
        return Marginal(self)

    def gibbs_sweep(self, chains, random):
        """Return the chains after all hidden units, then all words were drawn.

        The chains keep their lengths. In between, each hidden unit is drawn again with
        the words summed out. Given all words of a long document its hidden units could
        hardly move.
        """
        hidden, _ = self.sweep_hidden(chains, random)
        lengths = lengths_of(chains.visible)
        return self.chains(self.words(hidden, lengths, random.fold(1)))

    def sweep_hidden(self, chains, random):
        """Draw the hidden units of chains given their words, then with them summed out.

        Returns
        -------
        hidden : ndarray of shape (n, n_hidden)
        phi : ndarray of shape (n,)
            Log weight of the hidden units in a document of one word.
        """
        mean = sigmoid(self._coupled(chains.inputs))
        lengths = lengths_of(chains.visible).astype(self.dtype)
        hidden = random.fold(0).bernoulli(mean)
        return Marginal(self, self.dtype.type).sweep(hidden, lengths, random.fold(2))

    def words(self, hidden, lengths, random):
        """Draw documents of these lengths given hidden units."""
        logit = self._coupled(hidden @ self.weights.T) + self.visible.bias
        weight = np.exp(logit - logit.max(axis=1, keepdims=True))
        return random.multinomial(weight, lengths)

    @property
    def reference(self):
        """The model of independent words."""
        return IndependentWords(self.base, self.lengths, self.shares, self.n_hidden)

    def interpolate(self, beta):
        """Return the model between the reference (0) and this model (1)."""
        visible = self.base.interpolate(self.visible, self.dtype.type(beta))
        coupling = self.coupling * beta
        return self._with(visible, self.hidden, self.weights, coupling=coupling)


class IndependentWords:
    """The reference of a replicated softmax, whose words are independent.

    Parameters
    ----------
    layer : Categorical
        The frequencies of the words.
    lengths, shares : ndarray
        As for :class:`ReplicatedSoftmax`.
    n_hidden : int
        Number of hidden units, which are independent of the words.
    """

    def __init__(self, layer, lengths, shares, n_hidden):
        self.layer, self.lengths, self.shares = layer, lengths, shares
        self.n_hidden = n_hidden

    def energy(self, x):
        """Return the energy of each document, in nats, float64, shape (n,)."""
        energy = np.asarray(self.layer.energy(x), dtype=np.float64)
        return energy - self.n_hidden * np.log(2)

    def sample(self, n_rows, random):
        """Draw documents whose lengths are spread like the lengths of the data.

        The lengths do not depend on ``random``, so that tempered replicas can exchange
        rows.
        """
        inputs = np.zeros((n_rows, self.layer.n_units), dtype=self.layer.bias.dtype)
        lengths = spread(self.lengths, self.shares, n_rows)
        return random.multinomial(self.layer.mean(inputs), lengths)
