"""The only file that imports private names of scikit-learn."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from sklearn.utils._indexing import _get_column_indices as get_column_indices
from sklearn.utils._openmp_helpers import (
    _openmp_effective_n_threads as available_threads,
)
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_params,
)
from sklearn.utils._set_output import _get_output_config as get_output_config
from sklearn.utils.validation import (
    _check_feature_names_in as check_feature_names_in,
)
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _is_fitted as is_fitted
from sklearn.utils.validation import validate_data

_Method = TypeVar("_Method")

if TYPE_CHECKING:

    def fit_context(
        *, prefer_skip_nested_validation: bool
    ) -> Callable[[_Method], _Method]:
        """Return a decorator of methods that fit, which keeps their signature."""

else:
    from sklearn.base import _fit_context as fit_context

__all__ = [
    "HasMethods",
    "Interval",
    "StrOptions",
    "available_threads",
    "check_feature_names_in",
    "check_matplotlib_support",
    "check_sample_weight",
    "fit_context",
    "get_column_indices",
    "get_output_config",
    "is_fitted",
    "validate_data",
    "validate_params",
]
