"""Documents as counts of words."""

import warnings

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, issparse

from skebm.tables.arrays import refuse_huge, validated
from skebm.utils._validation import LONGEST_DOCUMENT

_COUNTS = "documents are counts of words, as CountVectorizer makes them."


def read_documents(estimator, X, reset, is_training, stacklevel):
    """Return validated counts of words.

    Parameters
    ----------
    estimator : estimator
        Its ``n_features_in_`` and its names of words are set or checked.
    X : {array-like, sparse matrix} of shape (n, n_words)
    reset : bool
        Whether these are the first documents of a fit.
    is_training : bool
        Whether a model is trained on these documents.
    stacklevel : int
        Of the warning, above this function.

    Returns
    -------
    {ndarray, CSR matrix} of shape (n, n_words)

    Raises
    ------
    ValueError
        If documents are text, if a count is negative, or if a model cannot be trained
        on a document that long.

    Warns
    -----
    UserWarning
        If a count of a fit is not a whole number.
    """
    _refuse_text(X)
    options = {"accept_sparse": "csr", "dtype": [np.float64, np.float32]}
    X = validated(estimator, X, reset=reset, **options)
    values, name = X.data if issparse(X) else X, type(estimator).__name__
    if (values < 0).any():
        raise ValueError(
            f"Negative values in data passed to {name}: {_COUNTS} Do not scale or "
            "centre them."
        )
    if is_training:
        _refuse_long(X)
    refuse_huge(X)
    if reset and (values != np.rint(values)).any():
        warnings.warn(
            f"Fractions in data passed to {name}: {_COUNTS} They are taken as "
            "expected counts, and then scores are not probabilities. Do not weigh "
            "words (tf-idf).",
            stacklevel=stacklevel,
        )
    return X


def _refuse_text(X):
    """Raise a sentence if documents are strings."""
    first = X[:1] if isinstance(X, list | tuple | np.ndarray | pd.Series) else ()
    if any(isinstance(document, str) for document in first):
        raise ValueError(
            f"X holds text, but {_COUNTS} Put CountVectorizer before this estimator in "
            "a pipeline."
        )


def _refuse_long(X):
    """Raise a sentence if a model cannot be trained on a document that long."""
    with np.errstate(over="ignore"):
        lengths = np.asarray(X.sum(axis=1, dtype=np.float64)).reshape(-1)
    if (longest := lengths.max()) > LONGEST_DOCUMENT:
        raise ValueError(
            f"Row {lengths.argmax()} of X is a document of {longest:.7g} words, and a "
            f"model is trained on documents of at most {LONGEST_DOCUMENT:,} words. "
            "Divide the document into several, or leave it out."
        )


def as_documents(counts, gives_sparse, names):
    """Return counts as a CSR matrix, a frame with these names, or as they are."""
    if gives_sparse:
        return csr_matrix(counts)
    return counts if names is None else pd.DataFrame(counts, columns=names)


def check_lengths(lengths, n_samples):
    """Return the length of each document, or raise a sentence."""
    numbers = np.asarray(lengths)
    whole = numbers.dtype.kind in "iuf" and (numbers == np.rint(numbers)).all()
    if not whole or (numbers < 0).any() or numbers.shape not in ((), (n_samples,)):
        raise ValueError(
            "lengths must be a whole number of words from 0 on, or one for each of the "
            f"{n_samples} documents; got {lengths!r}."
        )
    if (longest := numbers.max(initial=0)) > LONGEST_DOCUMENT:
        raise ValueError(
            f"lengths must be at most {LONGEST_DOCUMENT:,} words; got {longest:.7g}."
        )
    return np.broadcast_to(numbers.astype(np.int64), (n_samples,))
