"""The base of estimators that fit a density inside."""

from sklearn.callback import CallbackSupportMixin
from sklearn.utils.validation import check_is_fitted


class DensityHolder(CallbackSupportMixin):
    """Base of estimators that fit ``density_`` and show its training.

    For the callbacks the fit of the density is a subtask.
    """

    def _fit_density(self, X, weight):
        context = self._init_callback_context(max_subtasks=1)
        hooks = {"estimator": self, "X": X, "y": None}
        context.call_on_fit_task_begin(**hooks)
        task = context.subcontext(task_name="density")
        params = {} if weight is None else {"sample_weight": weight}
        # Begin and end of the task are the density's own, for whom it has them.
        with task.propagate_callback_context(self.density_):
            task.call_on_fit_task_begin(**hooks)
            self.density_.fit(X, **params)
            task.call_on_fit_task_end(**hooks)
        context.call_on_fit_task_end(**hooks)

    @property
    def history_(self):
        """One row for each epoch of the training of the density."""
        check_is_fitted(self)
        return self.density_.history_

    @property
    def n_iter_(self):
        """Number of epochs of the training of the density."""
        check_is_fitted(self)
        return self.density_.n_iter_
