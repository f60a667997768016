"""What all estimators do with rows: check them, and read them as numbers and units."""

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

from skebm.tables.encoding import Encoding
from skebm.tables.table import Table, as_frame, by_columns, is_frame
from skebm.utils._sklearn import check_sample_weight, validate_data


class TableMixin:
    """Rows of a table, on their way to the units of a layer and back.

    Needs the parameters ``visible`` and ``handle_unknown``. The first rows settle
    ``_table`` (what the columns hold) and ``_encoding`` (how they become units).
    """

    def _check_rows(self, X, y="no_validation", weight=None, reset=False):
        """Return validated rows as numbers; on ``reset``, learn what columns hold."""
        names = pd.Index(X.columns) if is_frame(X) else None
        holes = get_tags(self).input_tags.allow_nan
        if self._reads_columns(X) if reset else self._table.by_columns:
            X, y = self._check_columns(X, y, reset)
        else:
            options = {"accept_sparse": "csr", "dtype": [np.float64, np.float32]}
            options["order"] = "C"  # as the kernels ask for
            options["ensure_all_finite"] = "allow-nan" if holes else True
            if _is_unlabelled(y):
                X = validate_data(self, X, reset=reset, **options)
            else:
                X, y = validate_data(self, X, y, reset=reset, **options)
        if issparse(X) and np.isnan(X.data).any():
            raise ValueError(
                "X is sparse and has missing values (NaN). Pass it as an array, where "
                "they are drawn from the model, or fill them in first."
            )
        if reset:
            self._table = Table.fit(X, self.visible, weight, names)
            X = self._table.matrix(X, remedy="use visible='gaussian'")
        else:
            X = self._table.matrix(X, self.handle_unknown)
        if not holes:
            self._table.refuse_holes(X, type(self).__name__)
        return X if _is_unlabelled(y) else (X, y)

    def _reads_columns(self, X):
        """Whether the first rows are to be read column by column."""
        return by_columns(X, self.visible)

    def _check_columns(self, X, y, reset):
        """Return rows as a frame, whose columns the table will look at."""
        frame = as_frame(X)
        validate_data(self, X, reset=reset, skip_check_array=True)
        if not _is_unlabelled(y):
            y = column_or_1d(y, warn=True)
            assert_all_finite(y, input_name="y")
            check_consistent_length(frame, y)
        return frame, y

    def _encoded(self, X):
        """Return validated rows of a fitted estimator in the units of its layer."""
        check_is_fitted(self)
        return self._encoding.encode(self._check_rows(X))

    def _settle(self, X, weight):
        """Learn how the columns of a table become units."""
        table = self._table
        self._encoding = Encoding.fit(X, table.kinds, table.sizes, weight)

    @property
    def unit_names_(self):
        """Names of the visible units, in the order of ``components_``."""
        return self._table.unit_names

    def _check_weight(self, sample_weight, X):
        if sample_weight is None:
            return None
        weight = check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
        if not weight.sum() > 0:
            raise ValueError(
                "sample_weight is zero for all rows: nothing to learn from."
            )
        return weight

    def _as_input(self, Z, like=None):
        """Return units as what ``fit`` got, on the index of ``like``."""
        index = like.index if isinstance(like, pd.DataFrame) else None
        return self._table.restore(self._encoding.decode(Z), index)


def _is_unlabelled(y):
    return isinstance(y, str) and y == "no_validation"
