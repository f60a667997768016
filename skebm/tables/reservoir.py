"""Rows that stand for all rows of a stream."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.sparse import issparse, vstack

from skebm.tables.frames import as_frame, is_frame
from skebm.utils._sparse import dense

# Rows of a smaller share of the largest weight are left out.
_NEGLIGIBLE = 1e-9


@dataclass(frozen=True)
class Reservoir:
    """A sample of the rows of a stream, with weights that halve as rows get older.

    Row i of the stream has the weight ``w_i = 2^(i / half_life)``, times its sample
    weight. Its priority is ``w_i / u_i``, where u_i is uniform, and the rows of the
    highest priorities are kept. The sum of ``max(w_i, bound)`` over kept rows of any
    sort, where the bound is the highest priority of a row that is not kept, has the sum
    of ``w_i`` over all rows of that sort as its mean [1]_. So the kept rows with these
    weights stand for all rows. Weights stay logarithms, since they grow without end
    [2]_.

    What is kept does not depend on the pieces in which the rows came.

    Attributes
    ----------
    X : {ndarray, CSR matrix, DataFrame} of shape (n, n_features) or None
        The rows that are kept, in time order.
    log_weight, log_priority : ndarray of shape (n,), float64
    log_bound : float
        The highest priority of a row that is not kept.
    n_seen : int
        Number of rows of the stream.

    References
    ----------
    .. [1] N. Duffield, C. Lund, M. Thorup. "Priority sampling for estimation of
       arbitrary subset sums". Journal of the ACM 54 (2007).
    .. [2] G. Cormode, V. Shkapenyuk, D. Srivastava, B. Xu. "Forward decay: a practical
       time decay model for streaming systems". ICDE 2009.
    """

    X: object = None
    log_weight: np.ndarray = field(default_factory=lambda: np.empty(0))
    log_priority: np.ndarray = field(default_factory=lambda: np.empty(0))
    log_bound: float = -np.inf
    n_seen: int = 0

    def joined(self, X, weight, half_life, most, random):
        """Return the reservoir after more rows.

        Parameters
        ----------
        X : {ndarray, CSR matrix, DataFrame} of shape (n_new, n_features)
        weight : ndarray of shape (n_new,) or None
            How many rows each row counts for.
        half_life : float or None
            Number of rows after which the weight is half. None keeps the weights.
        most : int
            Number of rows to keep.
        random : Random
            The same for all pieces.
        """
        n_new = X.shape[0]
        log_weight = np.zeros(n_new)
        if half_life is not None:
            numbers = self.n_seen + np.arange(n_new)
            log_weight = numbers * (np.log(2) / half_life)
        if weight is not None:
            with np.errstate(divide="ignore"):
                log_weight = log_weight + np.log(weight)
        uniform = random.rows(self.n_seen).uniform((n_new, 1))[:, 0]
        all_weights = np.append(self.log_weight, log_weight)
        priority = np.append(self.log_priority, log_weight - np.log(uniform))
        # With ties, the older row stays.
        order = np.argsort(-priority, kind="stable")
        kept, dropped = np.sort(order[:most]), order[most:]
        bound = max(self.log_bound, priority[dropped].max(initial=-np.inf))
        # There may be room, after negligible rows have gone, for rows below the bound.
        kept = kept[priority[kept] > bound]
        counted = np.maximum(all_weights[kept], bound)
        least = counted.max(initial=-np.inf) + np.log(_NEGLIGIBLE)
        kept = kept[counted > least]
        return Reservoir(
            _taken(X if self.X is None else _stacked(self.X, X), kept),
            all_weights[kept],
            priority[kept],
            bound,
            self.n_seen + n_new,
        )

    @property
    def weight(self):
        """How many of the newest rows each row counts for; None if all are equal."""
        log_weight = np.maximum(self.log_weight, self.log_bound)
        if not len(log_weight) or np.ptp(log_weight) == 0:
            return None
        return np.exp(log_weight - log_weight.max())

    def __getstate__(self):
        """Return a state without frames, which safe files such as skops refuse."""
        is_packed = isinstance(self.X, pd.DataFrame)
        X = _packed(self.X) if is_packed else self.X
        return {**vars(self), "X": X, "is_packed": is_packed}

    def __setstate__(self, state):
        state = dict(state)
        if state.pop("is_packed"):
            state["X"] = _unpacked(*state["X"])
        vars(self).update(state)


def _stacked(old, new):
    """Return rows with newer rows below them."""
    if is_frame(old) or is_frame(new):
        frames = [as_frame(old), as_frame(new)]
        return pd.concat(frames, ignore_index=True)
    if issparse(old) and issparse(new):
        return vstack([old, new], format="csr")
    return np.concatenate([dense(old), dense(new)])


def _taken(X, numbers):
    if is_frame(X):
        X = as_frame(X)
        return X.iloc[numbers].reset_index(drop=True)
    return X[numbers]


def _packed(frame):
    """Return the names of the columns, and lists of cells with the dtypes."""
    columns = []
    for j in range(frame.shape[1]):
        column = frame.iloc[:, j]
        dtype = column.dtype
        if isinstance(dtype, pd.CategoricalDtype):
            levels = dtype.categories.tolist(), dtype.ordered
            columns.append((column.cat.codes.to_numpy(), "category", levels))
        elif isinstance(dtype, np.dtype) and dtype.kind in "biuf":
            columns.append((column.to_numpy(), str(dtype), None))
        else:
            cells = column.astype(object).where(column.notna(), None)
            columns.append((cells.tolist(), str(dtype), None))
    return frame.columns.tolist(), list(frame.columns.names), columns


def _unpacked(names, levels, columns):
    """Return the frame that was packed."""
    series = {}
    for j, (cells, dtype, categories) in enumerate(columns):
        if categories is None:
            series[j] = pd.Series(cells, dtype=dtype)
        else:
            values, is_ordered = categories
            series[j] = pd.Categorical.from_codes(cells, values, ordered=is_ordered)
    frame = pd.DataFrame(series)
    frame.columns = (
        pd.MultiIndex.from_tuples(names, names=levels)
        if len(levels) > 1
        else pd.Index(names, name=levels[0])
    )
    return frame
