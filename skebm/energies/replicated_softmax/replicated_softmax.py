"""The replicated softmax: documents as counts of words."""

from typing import NamedTuple

import numpy as np

from skebm.energies._bipartite import Bipartite
from skebm.energies.replicated_softmax._marginal import Marginal
from skebm.layers import Bernoulli, Categorical
from skebm.utils._math import sigmoid, softplus_sum
from skebm.utils._parallel import map_blocks, start_blocks
from skebm.utils._products import GRADIENT_ROWS, product, product_of_columns


class Documents(NamedTuple):
    """Documents of data or of chains, with what a gradient needs of them.

    Attributes
    ----------
    rows : {ndarray, CSR matrix} of shape (n, n_words)
    hidden : ndarray of shape (n, n_hidden)
        Expectations given the rows.
    lengths : ndarray of shape (n,)
    weight : ndarray of shape (n,)
    """

    rows: np.ndarray
    hidden: np.ndarray
    lengths: np.ndarray
    weight: np.ndarray

    def negative(self):
        """Return the same documents with the sign turned."""
        return self._replace(weight=-self.weight)

    def means(self):
        """Return how often a word is which one, and the mean hidden units of a word."""
        share = self.weight * self.lengths
        total = max(share.sum(), np.finfo(share.dtype).tiny)
        return self.weight @ self.rows / total, share @ self.hidden / total


class ReplicatedSoftmax(Bipartite):
    """Documents of any length, seen by binary hidden units.

    ``E(v, h) = -v @ bias - D h @ hidden_bias - v @ weights @ h`` for the counts ``v``
    of the ``D`` words of a document [1]_. It is an RBM with a categorical visible unit
    for each word, that all have the same weights; the hidden biases grow with the
    length, so that documents of all lengths can use one set of parameters.

    Probabilities are those of a document **as a sequence of words, given its length**:
    ``p(w_1 ... w_D | D) = exp(-F(v)) / Z(D)``. There is no multinomial coefficient in
    them, as in the perplexities of other topic models, and each length has a partition
    function of its own, ``Z(D) = sum_h exp(D phi(h))`` (see :attr:`marginal`).

    Parameters
    ----------
    visible : Categorical
        The vocabulary; ``visible.bias`` has shape (n_words,).
    hidden : Bernoulli
    weights : ndarray of shape (n_words, n_hidden)
    lengths : array-like of int, default=(1,)
        Lengths of documents, each once: chains that start from the reference have them.
    shares : array-like, default=None
        How many documents have each of the lengths; None takes equal shares.
    base : Categorical, default=None
        The words of the reference, best at their frequencies; None takes ``visible``.
    coupling : float, default=1
        Factor of weights and hidden biases; below 1 on the way from the reference.

    References
    ----------
    .. [1] R. Salakhutdinov, G. Hinton. "Replicated softmax: an undirected topic model".
       NIPS 2009.
    """

    option_names = ("lengths", "shares", "base", "coupling")

    def __init__(
        self, visible, hidden, weights, *, lengths=(1,), shares=None, **options
    ):
        super().__init__(visible, hidden, weights, **options)
        self.lengths = np.asarray(lengths)
        self.shares = np.ones(len(lengths)) if shares is None else np.asarray(shares)

    def __repr__(self):
        return f"ReplicatedSoftmax(n_words={self.n_features}, {self.hidden!r})"

    @classmethod
    def from_documents(cls, x, weight, weights):
        """Return a model at the words' frequencies in documents, with these weights.

        Parameters
        ----------
        x : {ndarray, CSR matrix} of shape (n, n_words)
        weight : ndarray of shape (n,) or None
            How many documents each row counts for.
        weights : ndarray of shape (n_words, n_hidden)
        """
        weight = np.ones(x.shape[0]) if weight is None else weight
        lengths = np.rint(lengths_of(x)[weight > 0]).astype(np.int64)
        lengths, which = np.unique(lengths, return_inverse=True)
        shares = np.bincount(which, weight[weight > 0])
        total = max(shares @ lengths, 1)
        base = Categorical.from_moments(weight @ x / total, None, total)
        base = base.astype(weights.dtype)
        hidden = Bernoulli.zeros(weights.shape[1], weights.dtype)
        # The reference is a layer of its own: updates in place must not move it.
        visible = base.astype(weights.dtype)
        energy = cls(
            visible, hidden, weights, lengths=lengths, shares=shares, base=base
        )
        energy.project()
        return energy

    @property
    def sites(self):
        """None: the columns are counts, and ``visible`` is the layer of one word."""
        return None

    @property
    def work(self):
        """Multiply-adds of a sweep, a document."""
        return 6 * self.weights.size

    # -- energy and gradient ---------------------------------------------------------

    def inputs(self, x):
        """Return what the hidden units receive, their biases too, before coupling."""
        return product(x, self.weights) + lengths_of(x)[:, None] * self.hidden.bias

    def energy(self, x, inputs=None):
        """Return the free energy of each document, in nats, float64, shape (n,)."""
        inputs = self.inputs(x) if inputs is None else inputs
        own = np.asarray(self.visible.energy(x), dtype=np.float64)
        return own - softplus_sum(self._coupled(inputs))

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

        Offsets are about the frequencies of the words and the mean hidden units. With
        the energy written in ``v - D mu`` and ``h - lam`` weights and biases no longer
        move each other; and lengths that differ between data and chains no longer show
        in the gradient.
        """
        mu, lam = offsets
        rows, hidden, lengths, weight = zip(*phases, strict=True)
        weight, lengths = np.concatenate(weight), np.concatenate(lengths)
        factor = self.dtype.type(-self.coupling)
        shares = factor * weight[:, None] * (np.concatenate(hidden) - lam)
        # sum (v - D mu) share = sum v share - mu sum D share: mu is one more row.
        biases = lengths @ shares
        shares, rows = np.vstack([shares, -biases]), [*rows, mu[None]]
        weights = np.empty_like(self.weights)
        map_blocks(
            lambda part: product_of_columns(rows, shares, part, weights[part]),
            len(weights),
            shares.size,
            size=GRADIENT_ROWS,
        )
        words = (weight @ lengths) * mu - sum(p.weight @ p.rows for p in phases)
        # What the centered weights do for the biases is taken out of their gradient.
        return {
            "weights": weights,
            "visible.bias": words - weights @ lam,
            "hidden.bias": biases - mu @ weights,
        }

    def project(self):
        """Take out what no distribution depends on: the means over words, in place.

        A constant in the weights of a hidden unit is one in its bias, since both grow
        with the length.
        """
        mean = self.weights.mean(axis=0)
        self.weights -= mean
        self.hidden.bias += mean
        self.visible.bias -= self.visible.bias.mean()

    def next_word(self, x):
        """Return the log-probability of each word as the next one of a document.

        Parameters
        ----------
        x : {ndarray, CSR matrix} of shape (n, n_words)
            May hold empty documents.

        Returns
        -------
        ndarray of shape (n, n_words), float64
        """
        gained = self._coupled(self.weights + self.hidden.bias)
        inputs = self._coupled(self.inputs(x))
        log_weight = np.array([softplus_sum(row + gained) for row in inputs])
        log_weight += self.visible.bias
        return log_weight - np.logaddexp.reduce(log_weight, axis=1)[:, None]

    def activity_grad(self, x, weight):
        """Return the gradient of ``sum(weight * activity(x))`` by name.

        The hidden biases grow with the length of a document.
        """
        factor = self.coupling * lengths_of(x)
        return self._activity_grad(x, weight, factor.astype(self.dtype))

    # -- sampling --------------------------------------------------------------------

    @property
    def marginal(self):
        """The hidden units with the words summed out, a :class:`Marginal`."""
        return Marginal(self)

    def gibbs_sweep(self, chains, random):
        """Draw all hidden units, then all words: chains keep their lengths.

        In between each hidden unit is drawn anew with the words summed out: all words
        of a long document together hold its hidden units where they are.
        """
        hidden, _ = self.sweep_hidden(chains, random)
        lengths = lengths_of(chains.visible)
        return self.chains(self.words(hidden, lengths, random.fold(1)))

    def sweep_hidden(self, chains, random):
        """Draw the hidden units of chains, given their words and then without them.

        Returns
        -------
        hidden : ndarray of shape (n, n_hidden)
        phi : ndarray of shape (n,)
            Log weights of the units in a document of one word.
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
        """Return the model on the way from the reference (0) to this one (1)."""
        visible = self.base.interpolate(self.visible, self.dtype.type(beta))
        coupling = self.coupling * beta
        return self._with(visible, self.hidden, self.weights, coupling=coupling)

    def draw_lengths(self, n_rows, random):
        """Draw lengths of documents from those that there are."""
        share = np.cumsum(self.shares)
        uniform = random.uniform((n_rows, 1))[:, 0] * share[-1]
        return self.lengths[np.searchsorted(share[:-1], uniform)]


class IndependentWords:
    """The reference of a replicated softmax: words independent of each other.

    Parameters
    ----------
    layer : Categorical
        The frequencies of the words.
    lengths, shares : ndarray
        As for :class:`ReplicatedSoftmax`.
    n_hidden : int
        Hidden units, which see no words.
    """

    def __init__(self, layer, lengths, shares, n_hidden):
        self.layer, self.lengths, self.shares = layer, lengths, shares
        self.n_hidden = n_hidden

    def energy(self, x):
        """Return the energy of each document, in nats, float64, shape (n,)."""
        energy = np.asarray(self.layer.energy(x), dtype=np.float64)
        return energy - self.n_hidden * np.log(2)

    def sample(self, n_rows, random):
        """Draw documents, their lengths spread as those of documents.

        The lengths do not depend on ``random``: so tempered replicas can exchange rows.
        """
        inputs = np.zeros((n_rows, self.layer.n_units), dtype=self.layer.bias.dtype)
        lengths = spread(self.lengths, self.shares, n_rows)
        return random.multinomial(self.layer.mean(inputs), lengths)


def lengths_of(x):
    """Return the number of words of each row."""
    return np.asarray(x.sum(axis=1)).reshape(-1)


def spread(lengths, shares, n):
    """Return ``n`` whole numbers that stand for lengths: the means of equal parts.

    So they have the same sum as ``n`` documents, up to rounding.
    """
    rank = np.r_[0, np.cumsum(shares)]
    sums = np.r_[0, np.cumsum(shares * lengths)]
    edges = np.linspace(0, rank[-1], n + 1)
    means = np.diff(np.interp(edges, rank, sums)) / np.diff(edges)
    return np.rint(np.round(means, 6)).astype(np.int64)
