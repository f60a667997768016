"""Hidden units of documents as features and topics."""

import numpy as np
from scipy.special import logit
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skebm.utils._types import TableLike
from skebm.utils._validation import checks

# Smaller probabilities are rounded to 0 in single precision.
_LEAST = 1e-7


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
        """Return the similarities of documents, from -1 to 1.

        They are cosines of the log-odds of the hidden units given each document, minus
        the mean log-odds of the documents of ``fit``. So two documents are alike if
        they differ from the others in the same way. Topics that are off count as much
        as topics that are on.

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

        sets = (self._log_odds(self._encoded(Z)) for Z in (X, Y) if Z is not None)
        return cosine_similarity(*(log_odds - self._center for log_odds in sets))

    def _log_odds(self, documents):
        on = self._map_rows(self._energy.hidden_mean, documents).astype(np.float64)
        return logit(np.clip(on, _LEAST, 1 - _LEAST))

    def _compared(self, Z, weight, random):
        """Keep the mean log-odds of the documents of a fit; there is no misfit."""
        self._center = np.average(self._log_odds(Z), axis=0, weights=weight)

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
