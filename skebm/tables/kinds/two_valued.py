"""Columns of two values."""

import numpy as np
from scipy.sparse import issparse

from skebm.layers import Bernoulli, Spin
from skebm.tables.kinds._base import Kind


class BernoulliKind(Kind):
    """Columns of 0 and 1, of probabilities of 1, or of two numbered values.

    Parameters
    ----------
    n_columns : int, default=0
    is_binary : ndarray of bool of shape (n_columns,), default=True
        Which columns do not hold numbers between 0 and 1.
    """

    layer_class = Bernoulli
    domain = Bernoulli.domain
    averages_values = True
    holds_numbers = False

    def __init__(self, n_columns=0, is_binary=True):
        super().__init__(n_columns)
        self.is_binary = is_binary

    def is_numbered(self, is_auto, is_numeric):
        """Tell whether "auto" chose the kind, or the values are not numbers."""
        return is_auto or not is_numeric

    def check_values(self, values, label):
        """Raise an error if there are more than two values."""
        if len(values) > 2:
            raise ValueError(
                f"Bernoulli units take two values, but {label} of X has {len(values)}. "
                "Use visible='categorical' for it."
            )

    def outside(self, X, low, high):
        """Return which numbers are outside the limits."""
        # Usually none is, which two passes tell. NaN has no place in an order.
        if X.size and X.min() >= low.max() and X.max() <= high.min():
            return np.zeros(X.shape, bool)
        return (low > X) | (high < X)

    def unit_names(self, name, values):
        """Return the name of the column, and the second value if it is not 1."""
        if values is not None and len(values) == 2 and list(values) != [0, 1]:
            return [f"{name}={values[1]}"]
        return [str(name)]

    def fit(self, X, sizes, weight):
        """Return the kind that knows which columns hold only 0 and 1."""
        n_columns = X.shape[1]
        if issparse(X):
            between = np.unique(X.tocoo().col[(X.data > 0) & (X.data < 1)])
            return BernoulliKind(n_columns, ~np.isin(np.arange(n_columns), between))
        return BernoulliKind(n_columns, ~((X > 0) & (X < 1)).any(axis=0))

    def refined(self, facts):
        """Return the kind that knows which columns of all rows hold only 0 and 1."""
        return BernoulliKind(self.n_columns, ~facts.has_between)

    def best_guess(self, Z, decoded):
        """Return the more probable value, or the mean of a column of probabilities."""
        return np.where(self.is_binary, Z > 0.5, Z)


class SpinKind(Kind):
    """Columns of -1 and +1."""

    layer_class = Spin
    domain = Spin.domain
    holds_numbers = False

    def best_guess(self, Z, decoded):
        """Return the more probable value."""
        return np.where(np.isnan(Z), Z, np.where(Z > 0, 1, -1).astype(Z.dtype))
