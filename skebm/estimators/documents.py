"""Density and topics of documents."""

import warnings
from functools import partial

import numpy as np
from scipy.sparse import csr_matrix, issparse
from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    DensityMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted

from skebm.energies import DocumentSummary, ReplicatedSoftmaxRecipe
from skebm.estimators._base import (
    EnergyEstimator,
    TrainingRows,
    check_weight,
    fit_hooks,
    store,
)
from skebm.objectives import CD, PCD
from skebm.partition import LENGTH_PARTITIONS, LengthPartitions
from skebm.samplers import LengthTempering, draw_hidden
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random
from skebm.utils._sklearn import (
    fit_context,
    is_fitted,
    validate_data,
)
from skebm.utils._validation import resolve

_OBJECTIVES = {"pcd": partial(PCD, sampler=LengthTempering()), "cd": CD}


class DocumentDensity(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, DensityMixin, EnergyEstimator
):
    """Density and topics of documents by a replicated softmax.

    Learns the distribution of documents, given as counts of words, by a restricted
    Boltzmann machine whose parameters documents of all lengths share [1]_. Its hidden
    units are topics that come on together, where
    :class:`sklearn.decomposition.LatentDirichletAllocation` divides a document among
    its topics. Scores are normalised log-probabilities of the words **in sequence,
    given how many they are**, as its perplexities are.

    Parameters
    ----------
    n_components : int, default=50
        Number of hidden units, the topics.
    objective : {"pcd", "cd"} or objective, default="pcd"
        Estimate of the gradient; see :mod:`skebm.objectives`.
    optimizer : {"adam", "sgd"} or optimizer, default="adam"
        Gradients are as uneven as the frequencies of words, so plain descent would take
        very long to learn rare ones.
    learning_rate : float or "auto", default="auto"
        Size of the first steps. ``"auto"`` is 0.01 for Adam, and 0.5 over the mean
        length of the documents where that is above 50; for plain descent, 0.3 over the
        mean length.
    schedule : {"linear", "constant"}, default="linear"
        ``"linear"``: constant for half of the epochs, then falling to 0.
    batch_size : int or "auto", default="auto"
        Largest minibatch. ``"auto"``: all rows up to 256, else 100.
    n_iter : int or "auto", default="auto"
        Epochs. ``"auto"``: at least 10, and at least four updates a row, though no
        more than 8000 for that and no less than 1500.
    max_time : float, default=None
        Seconds after which training ends, also inside an epoch; the schedule follows
        the clock where that is ahead of the epochs.
    average : float in [0, 1), default=0.999
        Decay of the average of the parameters over updates, which is what the fitted
        model uses; 0 for the last parameters.
    l1, l2, l1b : float, default=0.0
        Penalties on the weights, a document; see :class:`skebm.penalties.Penalties`.
    sparsity_target : float in (0, 1), default=0.1
        Share of documents for which a hidden unit should be on, if ``sparsity_cost`` is
        set.
    sparsity_cost : float, default=0.0
        Strength of the pull towards that target.
    partition : "auto" or method, default="auto"
        How ``log_partition_`` is computed: ``"auto"`` is
        :class:`skebm.partition.LengthPartition` with its defaults, exact for at most
        16 hidden units.
    early_stopping : bool, default=False
        Whether to hold out documents and stop when the log-probability of left-out
        words stops improving.
    validation_fraction : float, default=0.1
        Share of documents held out.
    n_iter_no_change : int, default=5
        Looks at the held-out documents without improvement before stopping.
    tol : float, default=1e-4
        What counts as improvement, in nats a word.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the last fit's parameters.
    n_jobs : int, default=None
        Threads. None: all cores, or what ``joblib.parallel_config`` says. The fitted
        parameters are the same for any number.
    random_state : int, RandomState or None, default=None
    verbose : int, default=0

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_words)
        Weights: how many nats a topic adds to the log-odds of a word, over the mean of
        all words. :meth:`topics` lists the largest.
    intercept_visible_ : ndarray of shape (n_words,)
    intercept_hidden_ : ndarray of shape (n_components,)
        Bias of a hidden unit for each word of a document.
    log_partition_ : LengthPartitions
        ``log_partition_.at(lengths)`` gives value, bracket and standard error of log Z
        for documents of these lengths, in nats, computed at first use.
    history_ : dict of str to list
        A row an epoch, NaN where nothing was measured: ``word_log_likelihood``, the
        mean log-probability of one word of each of some documents given its others, in
        nats; learning rate, seconds; with ``early_stopping`` the same of held-out
        documents, ``validation_score``.
    n_iter_ : int
        Epochs run.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_words,)

    Notes
    -----
    Sparse documents stay sparse. Chains are as many words wide as the vocabulary, which
    is the size of the weights.

    A sample weight of 2 is the document twice: exactly where one batch holds all rows,
    which is the default up to 256 rows, and in expectation with minibatches.

    References
    ----------
    .. [1] R. Salakhutdinov, G. Hinton. "Replicated softmax: an undirected topic model".
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

    _parameter_constraints = EnergyEstimator._parameter_constraints

    def __init__(
        self,
        n_components=50,
        *,
        objective="pcd",
        optimizer="adam",
        learning_rate="auto",
        schedule="linear",
        batch_size="auto",
        n_iter="auto",
        max_time=None,
        average=0.999,
        l1=0.0,
        l2=0.0,
        l1b=0.0,
        sparsity_target=0.1,
        sparsity_cost=0.0,
        partition="auto",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        tol=1e-4,
        warm_start=False,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        store(self, locals())

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Learn the distribution of the documents.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_words)
            How often each word occurs in each document.
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            How many documents each row counts for.

        Returns
        -------
        self : DocumentDensity
            The fitted estimator.

        Raises
        ------
        ValueError
            If a value is negative.

        Warns
        -----
        UserWarning
            If a value is not whole.
        """
        go_on = self.warm_start and is_fitted(self)
        return self._fit(X, None, sample_weight, go_on)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Go once through these documents, on from where the last call ended.

        The learning rate stays at ``learning_rate``: the end of a stream is unknown.
        Parameters are those of :meth:`fit`. Biases and lengths of chains start from the
        first call's documents.

        Returns
        -------
        self : DocumentDensity
            The fitted estimator.
        """
        return self._fit(X, None, sample_weight, is_fitted(self), n_iter=1)

    def _training_rows(self, X, y, sample_weight, go_on):
        """Return the documents of a fit."""
        documents = self._check_rows(X, reset=not go_on)
        weight = check_weight(sample_weight, documents)
        if not go_on:
            self._gives_sparse = issparse(documents)
        hooks = fit_hooks(documents, None, sample_weight)
        return TrainingRows(documents, weight, None, hooks)

    def _summarised(self, rows):
        return DocumentSummary.of(rows.units, rows.weight)

    def _recipe(self):
        return ReplicatedSoftmaxRecipe(self.n_components)

    def _check_rows(self, X, reset=False):
        """Return validated counts."""
        options = {"accept_sparse": "csr", "dtype": [np.float64, np.float32]}
        X = validate_data(self, X, reset=reset, **options)
        values = X.data if issparse(X) else X
        counts = "documents are counts of words, as CountVectorizer makes them."
        if (values < 0).any():
            raise ValueError(
                f"Negative values in data passed to {type(self).__name__}: {counts} Do "
                "not scale or centre them."
            )
        if reset and (values != np.rint(values)).any():
            warnings.warn(
                f"Fractions in data passed to {type(self).__name__}: {counts} They are "
                "taken as expected counts, and scores are no probabilities then. Do "
                "not weigh words (tf-idf).",
                stacklevel=6,
            )
        return X

    def _encoded(self, X):
        check_is_fitted(self)
        return self._check_rows(X)

    def _objective(self):
        return resolve(self.objective, _OBJECTIVES, "objective")

    def _log_partition(self, energy, training):
        method = resolve(self.partition, LENGTH_PARTITIONS, "partition")
        return LengthPartitions(energy, method, training.random.fold(2), self.n_jobs)

    # -- scores ----------------------------------------------------------------------

    def energy(self, X):
        """Return the free energy of each document, in nats, shape (n_samples,).

        To be compared among documents of one length only.
        """
        return self._map_rows(self._energy.energy, self._encoded(X))

    def score_samples(self, X):
        """Return the log-probability of the words of each document, in sequence.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_words)

        Returns
        -------
        ndarray of shape (n_samples,), float64
            In nats: ``log p(w_1 ... w_D | D)``; 0 for an empty document. For counts
            with fractions the formula is evaluated as it stands.
        """
        return self._log_prob(self._encoded(X))[0]

    def _log_prob(self, X):
        """Return log-probabilities and lengths of validated documents."""
        lengths = np.asarray(X.sum(axis=1)).reshape(-1)
        log_z = self.log_partition_.at(lengths).value
        log_prob = -self._map_rows(self._energy.energy, X) - log_z
        return np.where(lengths > 0, log_prob, 0.0), lengths

    def score(self, X, y=None):
        """Return the mean log-probability of a document, in nats.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_words)
        y : Ignored
        """
        return float(self.score_samples(X).mean())

    def perplexity(self, X):
        """Return ``exp(-log p of all documents / number of their words)``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_words)

        Returns
        -------
        float
            1 where there are no words at all.
        """
        log_prob, lengths = self._log_prob(self._encoded(X))
        return float(np.exp(-log_prob.sum() / max(lengths.sum(), 1)))

    # -- features and draws ----------------------------------------------------------

    def transform(self, X):
        """Return the expectation of the hidden units given each document.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_words)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
        """
        return self._map_rows(self._energy.hidden_mean, self._encoded(X))

    def similarity(self, X, Y=None):
        """Return the cosine of the features of documents.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_words)
        Y : {array-like, sparse matrix} of shape (n_others, n_words), default=None
            None compares the documents of ``X`` with each other.

        Returns
        -------
        ndarray of shape (n_samples, n_others)
        """
        # Here, since it imports half of scikit-learn.
        from sklearn.metrics.pairwise import cosine_similarity

        return cosine_similarity(*(self.transform(Z) for Z in (X, Y) if Z is not None))

    def topics(self, n_words=10, feature_names=None):
        """Return the words that each hidden unit makes most likelier.

        Parameters
        ----------
        n_words : int, default=10
        feature_names : array-like of shape (n_features,), default=None
            None takes ``feature_names_in_``, or the numbers of the columns.

        Returns
        -------
        ndarray of shape (n_components, n_words)
            In falling order of their weights.
        """
        check_is_fitted(self)
        if feature_names is None:
            feature_names = getattr(
                self, "feature_names_in_", np.arange(self.n_features_in_)
            )
        order = np.argsort(-self.components_, axis=1, kind="stable")
        return np.asarray(feature_names)[order[:, :n_words]]

    def sample(self, n_samples=1, lengths=None, *, random_state=None):
        """Draw documents from the model.

        Hidden units are drawn by populations that climb from empty documents to the
        longest, with resampling; then words given them.

        Parameters
        ----------
        n_samples : int, default=1
        lengths : int or array-like of shape (n_samples,), default=None
            Number of words; None draws from the lengths that ``fit`` has seen.
        random_state : int, RandomState or None, default=None
            None draws differently at each call.

        Returns
        -------
        ndarray of shape (n_samples, n_words), CSR matrix or DataFrame
            As the documents that ``fit`` got.
        """
        check_is_fitted(self)
        random, energy = Random.from_state(random_state), self._energy
        if lengths is None:
            lengths = energy.draw_lengths(n_samples, random.fold(0))
        lengths = np.broadcast_to(np.asarray(lengths, dtype=np.int64), (n_samples,))
        with use_threads(self.n_jobs):
            hidden = draw_hidden(energy.marginal, lengths, random.fold(1))
            counts = energy.words(hidden.astype(energy.dtype), lengths, random.fold(2))
        if self._gives_sparse:
            return csr_matrix(counts)
        if not hasattr(self, "feature_names_in_"):
            return counts
        import pandas as pd

        return pd.DataFrame(counts, columns=self.feature_names_in_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.sparse = True
        return tags
