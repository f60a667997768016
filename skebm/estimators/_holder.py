"""The base of estimators that fit a density inside."""

import numpy as np
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.validation import check_is_fitted

from skebm.tables import (
    as_frame,
    by_columns,
    is_frame,
    named_as,
    names_of,
    validated,
)
from skebm.utils._going_on import renewed
from skebm.utils._sklearn import is_fitted, validate_data
from skebm.utils._stored import Versioned

# What is said of a density that is fitted at once.
_NO_EPOCHS = ", which is not trained by epochs."


class DensityHolder(Versioned, CallbackSupportMixin):
    """Base of estimators that fit ``density_`` and show its training.

    For the callbacks the fit of the density is a subtask.
    """

    def _checked(self, X, visible, reset, **options):
        """Return the frame itself, whose columns the density reads, or an array.

        Names and number of columns are checked here. The options are those of
        scikit-learn's check of arrays.
        """
        if is_frame(X):
            names_of(X)  # a sentence about names that occur twice
        if by_columns(X, visible):
            validate_data(self, X, reset=reset, skip_check_array=True)
            X = X if is_frame(X) else as_frame(X)
        else:
            options["dtype"] = [np.float64, np.float32]
            X = validated(self, X, reset=reset, **options)
        return X if reset else named_as(X, getattr(self, "feature_names_in_", None))

    def _density_to_fit(self, new):
        """Return ``new``; with ``warm_start``, the last density with its parameters."""
        last = getattr(self, "density_", None) if self.warm_start else None
        return new if last is None else renewed(last, new)

    def _fit_density(self, density, X, weight, **params):
        """Fit the density, and keep it, also after Ctrl-C if it can be used."""
        context = self._init_callback_context(max_subtasks=1)
        hooks = {"estimator": self, "X": X, "y": None}
        context.call_on_fit_task_begin(**hooks)
        task = context.subcontext(task_name="density")
        if weight is not None:
            params["sample_weight"] = weight
        # Begin and end of the task are the density's own, for whom it has them.
        try:
            with task.propagate_callback_context(density):
                task.call_on_fit_task_begin(**hooks)
                density.fit(X, **params)
                task.call_on_fit_task_end(**hooks)
        finally:
            if is_fitted(density):
                self.density_ = density
        context.call_on_fit_task_end(**hooks)

    @property
    def history_(self):
        """One row for each epoch of the training of the density."""
        return self._of_density("history_", _NO_EPOCHS)

    @property
    def n_iter_(self):
        """Number of epochs of the training of the density."""
        return self._of_density("n_iter_", _NO_EPOCHS)

    def _of_density(self, name, why):
        """Return an attribute of the density; say why there is none."""
        check_is_fitted(self)
        # A property of the density has a sentence of its own.
        if name not in dir(self.density_):
            label = type(self.density_).__name__
            raise AttributeError(f"There is no {name} of {label}{why}")
        return getattr(self.density_, name)
