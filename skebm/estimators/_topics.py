"""Hidden units of documents as features and topics."""

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skebm.utils._types import TableLike
from skebm.utils._validation import checks


class TopicsMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Methods of a fitted density of documents that tell of its hidden units."""

    def transform(self, X: TableLike):
        """Return the expectations of the hidden units given each document.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_words)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Probability that each topic is on.
        """
        documents = self._encoded(X)
        return self._map_rows(self._energy.hidden_mean, documents)

    def similarity(self, X: TableLike, Y=None):
        """Return the cosine similarities of documents.

        The cosines are computed from the features that :meth:`transform` returns.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_words)
        Y : {array-like, sparse matrix} of shape (n_others, n_words), default=None
            Other documents. None compares the documents of ``X`` with each other.

        Returns
        -------
        ndarray of shape (n_samples, n_others)
            Cosines.
        """
        # Here, since it imports half of scikit-learn.
        from sklearn.metrics.pairwise import cosine_similarity

        return cosine_similarity(*(self.transform(Z) for Z in (X, Y) if Z is not None))

    @checks("n_words")
    def topics(self, n_words: int = 10, feature_names=None):
        """Return the words with the largest weights of each hidden unit.

        Parameters
        ----------
        n_words : int, default=10
            Number of words for each hidden unit.
        feature_names : array-like of shape (n_features,), default=None
            Words of the columns. None takes ``feature_names_in_``, or the numbers of
            the columns if there are no names.

        Returns
        -------
        ndarray of shape (n_components, n_words)
            Words in decreasing order of their weights.
        """
        check_is_fitted(self)
        n_features = self.n_features_in_
        if feature_names is not None and len(feature_names) != n_features:
            raise ValueError(
                f"feature_names has {len(feature_names)} words, but the documents of "
                f"fit had {n_features} columns."
            )
        if feature_names is None:
            feature_names = getattr(self, "feature_names_in_", np.arange(n_features))
        order = np.argsort(-self.components_, axis=1, kind="stable")
        return np.asarray(feature_names)[order[:, :n_words]]
