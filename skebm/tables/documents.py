"""Documents as counts of words."""

import warnings

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, issparse

_COUNTS = "documents are counts of words, as CountVectorizer makes them."


def check_counts(X, estimator, stacklevel):
    """Refuse negative counts, and warn of fractions.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n, n_words)
    estimator : str
        For the sentences.
    stacklevel : int or None
        Of the warning, above this function; None does not warn.

    Raises
    ------
    ValueError
        If a count is negative.

    Warns
    -----
    UserWarning
        If a count is not a whole number.
    """
    values = X.data if issparse(X) else X
    if (values < 0).any():
        raise ValueError(
            f"Negative values in data passed to {estimator}: {_COUNTS} Do not scale or "
            "centre them."
        )
    if stacklevel is not None and (values != np.rint(values)).any():
        warnings.warn(
            f"Fractions in data passed to {estimator}: {_COUNTS} They are taken as "
            "expected counts, and then scores are not probabilities. Do not weigh "
            "words (tf-idf).",
            stacklevel=stacklevel + 1,
        )


def as_documents(counts, gives_sparse, names):
    """Return counts as a CSR matrix, a frame with these names, or as they are."""
    if gives_sparse:
        return csr_matrix(counts)
    return counts if names is None else pd.DataFrame(counts, columns=names)
