"""Density and topics of documents with restricted Boltzmann machines."""

from functools import partial

import numpy as np
from scipy.sparse import issparse
from sklearn.base import DensityMixin
from sklearn.utils.validation import check_is_fitted

from skebm.energies import ENERGIES, DocumentSummary
from skebm.estimators._base import EnergyEstimator, fit_hooks, store
from skebm.estimators._topics import TopicsMixin
from skebm.inference import draw_documents
from skebm.objectives import CD, PCD
from skebm.partition import LengthPartitions, find_length_partition
from skebm.samplers import LengthTempering
from skebm.tables import as_documents, check_lengths, check_weight, read_documents
from skebm.tables.training_rows import TrainingRows
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random
from skebm.utils._sklearn import StrOptions, fit_context
from skebm.utils._types import Automatic, Seed, Self, Spec, TableLike, Weights
from skebm.utils._validation import checks, resolve

# The energy of each kind of words, and the sampler of its persistent chains.
_WORDS = {
    "bursty": ("bursty_documents", "gibbs"),
    "multinomial": ("replicated_softmax", LengthTempering()),
}


class DocumentDensity(TopicsMixin, DensityMixin, EnergyEstimator):
    """Density and topics of documents with a restricted Boltzmann machine.

    The estimator learns the distribution of documents that are given as counts of
    words. A word that occurs in a document tends to occur again. Without topics, the
    model of such words is a Dirichlet compound multinomial [1]_, where training starts.
    The hidden units are topics, which change the concentrations of the words. Several
    topics can be on in one document, while latent Dirichlet allocation divides a
    document among its topics. Scores are normalised log-probabilities of the words **in
    sequence, given the number of words**, as the perplexities of topic models are.

    Parameters
    ----------
    n_components : int, default=50
        Number of hidden units, which are the topics.
    words : {"bursty", "multinomial"}, default="bursty"
        Whether a word that occurs tends to occur again. If not, the words of a document
        are independent given its topics, and the model is a replicated softmax [2]_.
    objective : {"pcd", "cd"} or objective, default="pcd"
        Objective that estimates the gradient; see :mod:`skebm.objectives`.
    optimizer : {"adam", "sgd"} or optimizer, default="adam"
        Optimizer; see :mod:`skebm.optimizers`. Gradients are as uneven as the
        frequencies of words, so SGD takes very long to learn rare words.
    learning_rate : float or "auto", default="auto"
        Learning rate of the first updates. With Adam, ``"auto"`` is 0.01 if the mean
        length of the documents is at most 50, and 0.5 over the mean length if it is
        larger. With SGD it is 0.3 over the mean length.
    l1, l2, l1b : float, default=0.0
        Factors of penalties on the weights that are added to the negative
        log-likelihood of a document; see :class:`skebm.penalties.Penalties`.
    partition : "auto" or method, default="auto"
        Method that computes ``log_partition_``. ``"auto"`` is
        :class:`skebm.partition.LengthPartition`.
    early_stopping : bool, default=False
        Whether to hold out documents, and to stop when the log-probability of words
        that are left out of these documents stops improving.
    schedule, batch_size, n_iter, max_time, average, sparsity_target, sparsity_cost, \
validation_fraction, n_iter_no_change, tol, warm_start, n_jobs, random_state, verbose
        As for :class:`RBMDensity`, with documents for rows. ``tol`` is in nats a word.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_words)
        What a topic adds to the log concentrations of bursty words, or to the log-odds
        of multinomial words relative to the mean of all words, in nats.
    concentration_ : ndarray of shape (n_words,)
        Concentrations of the words, which are infinite for multinomial words.
    intercept_visible_ : ndarray of shape (n_words,)
        Biases of the words.
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units. With multinomial words, a document of ``D`` words
        multiplies them by ``D``.
    log_partition_ : LengthPartitions
        Log partition functions of documents of all lengths.
        ``log_partition_.at(lengths)`` returns their values, brackets and standard
        errors in nats. They are computed at first use.
    history_ : dict of str to list
        Measurements with one entry for each epoch, NaN where nothing was measured.
        ``word_log_likelihood`` is the log-probability of one word of a document given
        its other words, in nats, averaged over a subsample of documents. There are also
        the learning rate and the seconds since the start. With ``early_stopping`` there
        is also ``validation_score``, which is the same average over held-out documents.
    n_iter_ : int
        Number of epochs run.
    n_features_in_ : int
        Number of columns of ``X`` in ``fit``.
    feature_names_in_ : ndarray of shape (n_words,)
        Names of the columns of ``X`` in ``fit``, if it had names.

    Notes
    -----
    Sparse documents stay sparse, and the persistent chains are dense. Sample weights
    act as those of :class:`RBMDensity` do.

    References
    ----------
    .. [1] R. Madsen, D. Kauchak, C. Elkan. "Modeling word burstiness using the
       Dirichlet distribution". ICML 2005.
    .. [2] R. Salakhutdinov, G. Hinton. "Replicated softmax: an undirected topic model".
       NIPS 2009.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from skebm import DocumentDensity
    >>> texts = ["the cat and the dog", "stocks and bonds fell", "a dog chased the cat"]
    >>> X = CountVectorizer().fit_transform(texts)
    >>> topics = DocumentDensity(n_components=3, random_state=0).fit(X)
    >>> topics.transform(X).shape
    (3, 3)
    >>> bool(topics.perplexity(X) < X.shape[1])
    True
    """

    _parameter_constraints = {
        **EnergyEstimator._parameter_constraints,
        "words": [StrOptions(set(_WORDS))],
    }

    def __init__(
        self,
        n_components: int = 50,
        *,
        words: str = "bursty",
        objective: Spec = "pcd",
        optimizer: Spec = "adam",
        learning_rate: float | Automatic = "auto",
        schedule: str = "linear",
        batch_size: int | Automatic = "auto",
        n_iter: int | Automatic = "auto",
        max_time: float | None = None,
        average: float = 0.999,
        l1: float = 0.0,
        l2: float | Automatic = 0.0,
        l1b: float = 0.0,
        sparsity_target: float = 0.1,
        sparsity_cost: float = 0.0,
        partition: Spec = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        tol: float = 1e-4,
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: Seed = None,
        verbose: int = 0,
    ):
        store(self, locals())

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: TableLike, y=None, sample_weight: Weights = None) -> Self:
        """Learn the distribution of the documents.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_words)
            Counts of the words of each document.
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the documents. None gives every document the weight 1.

        Returns
        -------
        self : DocumentDensity
            The fitted estimator.

        Raises
        ------
        ValueError
            If a count is negative.

        Warns
        -----
        UserWarning
            If a count is not a whole number.
        """
        return self._fit(X, None, sample_weight)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: TableLike, y=None, sample_weight: Weights = None) -> Self:
        """Run one epoch over these documents, starting where the last call ended.

        The learning rate stays at ``learning_rate``, since the end of a stream of
        documents is unknown. The first call sets the starting values of the biases and
        the lengths of the chains.

        Parameters
        ----------
        X, y, sample_weight
            As for :meth:`fit`.

        Returns
        -------
        self : DocumentDensity
            The fitted estimator.
        """
        return self._fit(X, None, sample_weight, n_iter=1)

    def _training_rows(self, X, y, sample_weight, go_on, is_stream):
        """Return the documents of a fit."""
        documents = self._check_rows(X, reset=not go_on, is_training=True)
        weight = check_weight(sample_weight, documents)
        self._gives_sparse = self._gives_sparse if go_on else issparse(documents)
        hooks = fit_hooks(documents, None, sample_weight)
        return TrainingRows(documents, weight, None, hooks, go_on, is_stream)

    def _summarised(self, rows):
        return DocumentSummary.of(rows.units, rows.weight)

    def _recipe(self):
        return ENERGIES[_WORDS[self.words][0]](self.n_components)

    def _check_rows(self, X, reset=False, is_training=False):
        """Return validated counts. The warning points at the call of ``fit``."""
        return read_documents(self, X, reset, is_training, stacklevel=7)

    def _encoded(self, X):
        check_is_fitted(self)
        return self._check_rows(X)

    def _objective(self):
        pcd = partial(PCD, sampler=_WORDS[self.words][1])
        return resolve(self.objective, {"pcd": pcd, "cd": CD}, "objective")

    def _partition(self):
        return find_length_partition(self.partition)

    def _log_partition(self, energy, training):
        random = training.random.fold(2)
        return LengthPartitions(energy, self._partition(), random, self.n_jobs)

    # -- scores ----------------------------------------------------------------------

    def energy(self, X: TableLike) -> np.ndarray:
        """Return the free energy of each document, to compare those of one length.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_words)

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Free energies in nats.
        """
        documents = self._encoded(X)
        return self._map_rows(self._energy.energy, documents)

    def score_samples(self, X: TableLike) -> np.ndarray:
        """Return the log-probability of the sequence of words of each document.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_words)

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Log-probabilities ``log p(w_1 ... w_D | D)`` in nats, and 0 for an empty
            document. If counts are not whole, the formula of the log-probability is
            evaluated at these counts.
        """
        return self._log_prob(self._encoded(X))[0]

    def _log_prob(self, X):
        """Return log-probabilities and lengths of validated documents."""
        lengths = np.asarray(X.sum(axis=1)).reshape(-1)
        log_z = self.log_partition_.at(lengths).value
        log_prob = -self._map_rows(self._energy.energy, X) - log_z
        return np.where(lengths > 0, log_prob, 0.0), lengths

    def score(self, X: TableLike, y=None) -> float:
        """Return the mean log-probability of the documents.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_words)
        y : Ignored

        Returns
        -------
        float, in nats
        """
        return float(self.score_samples(X).mean())

    def perplexity(self, X: TableLike) -> float:
        """Return the perplexity of the documents.

        The perplexity is ``exp(-log p / n)``, with the log-probability ``log p`` of all
        documents and the number ``n`` of their words.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_words)

        Returns
        -------
        float
            Lower is better; 1 if there are no words.
        """
        log_prob, lengths = self._log_prob(self._encoded(X))
        return float(np.exp(-log_prob.sum() / max(lengths.sum(), 1)))

    @checks("n_samples", "random_state")
    def sample(self, n_samples: int = 1, lengths=None, *, random_state: Seed = None):
        """Draw documents from the model.

        Populations of chains start at empty documents, climb to the longest document,
        and are resampled on the way (sequential Monte Carlo).

        Parameters
        ----------
        n_samples : int, default=1
            Number of documents.
        lengths : int or array-like of shape (n_samples,), default=None
            Numbers of words. None draws from the lengths of the documents in ``fit``.
        random_state : int, RandomState or None, default=None
            Seed of the random numbers. None draws differently at each call.

        Returns
        -------
        ndarray, CSR matrix or DataFrame of shape (n_samples, n_words)
            Counts of words, in the type of the documents that ``fit`` got.
        """
        check_is_fitted(self)
        random, energy = Random.from_state(random_state), self._energy
        if lengths is None:
            lengths = energy.draw_lengths(n_samples, random.fold(0))
        lengths = check_lengths(lengths, n_samples)
        with use_threads(self.n_jobs):
            counts = draw_documents(energy, lengths, random)
        names = getattr(self, "feature_names_in_", None)
        return as_documents(counts, self._gives_sparse, names)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.sparse = True
        return tags
