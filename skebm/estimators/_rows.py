"""Check the rows of an estimator, and read them as numbers and units."""

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.utils import (
    assert_all_finite,
    check_consistent_length,
    column_or_1d,
    get_tags,
)
from sklearn.utils.validation import check_is_fitted

from skebm.tables import (
    Encoding,
    Rows,
    Table,
    as_frame,
    backend_of,
    by_columns,
    compare_names,
    is_frame,
    names_of,
    refuse_huge,
    validated,
    with_dense_reals,
    written,
)
from skebm.utils._sklearn import validate_data


class TableMixin:
    """Methods that turn rows of a table into units of a layer, and back.

    The estimator must have the parameters ``visible`` and ``handle_unknown``. The first
    rows decide ``_table``, the kinds and values of the columns, and ``_encoding``,
    which turns columns into units.
    """

    # What else the user can do about holes, and whether real rows may stay sparse.
    _hole_remedy, _takes_sparse_reals = "", False

    @property
    def _kinds(self):
        return self.visible

    def _read(self, X):
        """Return rows as :class:`Rows`. An object of that class is not changed.

        A method that needs rows more than once calls this first, and hands the result
        to other methods in place of ``X``.
        """
        check_is_fitted(self)
        if isinstance(X, Rows):
            return X
        source = as_frame(X) if self._table.by_columns else None
        index = X.index if isinstance(X, pd.DataFrame) else None
        return Rows(self._check_rows(X if source is None else source), index, source)

    def _encoded(self, X):
        """Return ``X``, or the result of :meth:`_read`, in the units of the layer."""
        rows = self._read(X)
        return self._encoding.encode(rows.numbers)

    def _restore(self, rows):
        """Return :class:`Rows` in the form of the rows of ``fit``."""
        return self._table.restore(*rows)

    def _as_input(self, Z, like=None):
        """Return units as rows in the form of ``fit``, with the labels of ``like``."""
        has_labels = isinstance(like, pd.DataFrame | Rows)
        index = like.index if has_labels else None
        return self._restore(Rows(self._encoding.decode(Z), index))

    def _drawn(self, parts, out=None):
        """Return parts of units as rows in the form of ``fit``, or written to ``out``.

        Only one part of them is in memory at a time if there is an ``out``.
        """
        if out is not None:
            return written(out, map(self._as_input, parts))
        return self._as_input(np.concatenate(list(parts)))

    def _check_rows(self, X, y="no_validation", weight=None, reset=False, summary=None):
        """Return validated rows as numbers; with ``reset``, learn the columns first.

        Rows of weight 0 are left out, but not their labels. With a summary the rows are
        its witnesses.
        """
        frame = is_frame(X)
        names = names_of(X) if frame else None
        backend = backend_of(X) if frame else "pandas"
        takes_holes = get_tags(self).input_tags.allow_nan
        if frame and not reset:
            compare_names(names, self._table.names)
        if self._reads_columns(X) if reset else self._table.by_columns:
            X, y = self._check_columns(X, y, reset)
        else:
            X, y = self._check_array(X, y, reset)
        if weight is not None and not (there := weight > 0).all():
            X, weight = X[there], weight[there]
        if reset:
            facts = weight, names, backend, summary
            self._table = Table.fit(X, self._kinds, *facts)
            X = self._table.matrix(X, remedy="use visible='gaussian'")
        else:
            X = self._table.matrix(X, self.handle_unknown)
        if not self._takes_sparse_reals:
            X = with_dense_reals(X, self._table.kinds)
        if not takes_holes:
            self._table.refuse_holes(X, type(self).__name__, self._hole_remedy)
        return X if _is_unlabelled(y) else (X, y)

    def _reads_columns(self, X):
        """Tell whether the first rows are to be read column by column."""
        return by_columns(X, self._kinds)

    def _check_columns(self, X, y, reset):
        """Return rows as a frame. The table checks the cells later."""
        frame = as_frame(X)
        validate_data(self, X, reset=reset, skip_check_array=True)
        if not _is_unlabelled(y):
            y = column_or_1d(y, warn=True)
            assert_all_finite(y, input_name="y")
            check_consistent_length(frame, y)
        return frame, y

    def _check_array(self, X, y, reset):
        """Return rows as an array or CSR matrix of finite numbers and NaN."""
        options = {"accept_sparse": "csr", "dtype": [np.float64, np.float32]}
        options["order"] = "C"  # as the kernels ask for
        options["ensure_all_finite"] = "allow-nan"  # the table has words of its own
        if _is_unlabelled(y):
            X = validated(self, X, reset=reset, **options)
        else:
            X, y = validated(self, X, y, reset=reset, **options)
        if issparse(X) and np.isnan(X.data).any():
            raise ValueError(
                "X is sparse and has missing values (NaN). Pass it as an array, where "
                "they are drawn from the model, or fill them in first."
            )
        refuse_huge(X)
        return X, y

    def _settled(self, rows, go_on, is_stream):
        """Settle the encoding, and return :class:`FirstRows` and whether to go on."""
        first = getattr(self, "_first_rows", None) if go_on else None
        if go_on and first is None:
            return rows, True
        so_far, is_new = rows, True
        if first is not None and is_stream:
            so_far, is_new = first.joined(rows, self._encoding.scaled_columns)
        if is_new:
            facts = self._table.kinds, self._table.sizes, so_far.weight
            self._encoding = Encoding.fit(so_far.X, *facts)
        kept = so_far.unsettled(self._encoding.scaled_columns, is_new)
        self._first_rows = kept if is_stream else None
        return (so_far if is_new else rows), not is_new

    @property
    def unit_names_(self):
        """Names of the visible units, in the order of ``components_``."""
        check_is_fitted(self)
        return self._table.unit_names


def _is_unlabelled(y):
    return isinstance(y, str) and y == "no_validation"
