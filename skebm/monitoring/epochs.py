"""What happens between two epochs of an estimator's training."""

import time

import numpy as np

# A model this much worse than independent columns, in shares of their score, has
# diverged: noise alone does not take it there.
_DIVERGED = 0.15
# A held-out score that ended this far below its best, in shares of what it had gained
# and of the score of independent columns, tells of overfitting and not of noise.
_SHARE_OF_GAIN_LOST, _SHARE_OF_SCORE_LOST = 0.1, 0.02
# Sweeps behind the log Z of a row of the history, and the updates of an epoch beside
# which they cost little.
_SWEEPS, _LONG_EPOCH = 5, 200


class Epochs:
    """Records history, calls callbacks, stops early, notices divergence.

    An instance is the ``on_epoch`` of :func:`skebm.training.train`.

    Parameters
    ----------
    estimator : estimator
    context : CallbackContext
        Root context of the fit, with one subtask an epoch.
    monitor : monitor of `skebm.monitoring.monitors`
    training : Training
        Before its first epoch here.
    n_updates : int
        Updates an epoch.
    n_iter : int
        Epochs that are planned.
    hooks : dict
        ``X``, ``y``, ``metadata`` of the fit, for the callbacks.
    """

    def __init__(self, estimator, context, monitor, training, n_updates, n_iter, hooks):
        self.estimator = estimator
        self.context = context
        self.monitor = monitor
        self.hooks = hooks
        self.stride = monitor.stride(n_updates, max(1, training.energy.n_hidden))
        self.is_long = n_updates >= _LONG_EPOCH
        self.last = training.n_epochs + n_iter
        self.history = {}
        figures = monitor.row(training.energy.interpolate(0.0))
        self.score = self.baseline = figures[monitor.score_name]
        self.held_out_baseline = figures.get("validation_score")
        self.best_validation, self.n_stale = -np.inf, 0
        self.started = time.perf_counter()
        self._begin()

    def _begin(self):
        if not hasattr(self.estimator, "_skl_callbacks"):
            return
        self.task = self.context.subcontext(task_name="epoch")
        self.task.call_on_fit_task_begin(estimator=self.estimator, **self.hooks)

    def __call__(self, training, learning_rate):
        """Take note of an epoch; return what `train` asks for."""
        estimator, figures = self.estimator, {}
        n_iter = training.n_epochs + 1
        last = n_iter == self.last
        if n_iter % self.stride == 0 or n_iter == 1 or last:
            try:
                figures = self.monitor.row(training.best)
            except FloatingPointError:
                return "diverged"
            self.score = figures[self.monitor.score_name]
            limit = max(1.0, _DIVERGED * abs(self.baseline))
            if not self.score >= self.baseline - limit:
                return "diverged"
        online = self._likelihood(training) if figures or self.is_long else {}
        seconds = time.perf_counter() - self.started
        self._record(n_iter, figures | online, learning_rate, seconds)
        stop = self._is_stale(figures)
        if hasattr(estimator, "_skl_callbacks"):
            stop |= self.task.call_on_fit_task_end(
                estimator=estimator,
                **self.hooks,
                reconstruction_attributes=lambda: {
                    **estimator._fitted_attributes(training),
                    "n_iter_": n_iter,
                    "history_": {name: list(c) for name, c in self.history.items()},
                },
            )
            if not (stop or last):
                self._begin()
        if stop:
            return "stop"
        return None if figures else "unknown"

    def _likelihood(self, training):
        """Return log-likelihoods, where the sampler knows log Z as it goes."""
        state = training.objective_state
        if not hasattr(getattr(state, "sampler", None), "log_partition"):
            return {}
        best, random = training.best, training.random.fold(6, training.n_epochs)
        log_z, stderr = state.sampler.log_partition(state.chains, best, random, _SWEEPS)
        # With no error to state there is no figure: it may be off by any amount.
        log_z = log_z if stderr < np.inf else np.nan
        volume = self.estimator._encoding.log_volume
        figures = self.monitor.likelihood(best, log_z, volume)
        return {**figures, "log_partition_error": stderr}

    def _record(self, n_iter, figures, learning_rate, seconds):
        row = {"epoch": n_iter, **figures}
        row |= {"learning_rate": float(learning_rate), "seconds": seconds}
        n_rows = len(self.history.get("epoch", ()))
        for name in row.keys() - self.history.keys():
            self.history[name] = [np.nan] * n_rows
        for name, column in self.history.items():
            column.append(row.get(name, np.nan))
        verbose = self.estimator.verbose
        if verbose and (n_iter % max(1, int(10 ** (2 - verbose))) == 0 or n_iter == 1):
            text = ", ".join(f"{name} {value:.4g}" for name, value in row.items())
            print(f"[{type(self.estimator).__name__}] {text}")

    def finished(self, n_epochs):
        """Return the history without an epoch that was interrupted at its end."""
        n_rows = sum(epoch <= n_epochs for epoch in self.history.get("epoch", ()))
        return {name: column[:n_rows] for name, column in self.history.items()}

    def _is_stale(self, figures):
        """Tell whether the held-out score has not improved for long enough."""
        if not self.estimator.early_stopping or "validation_score" not in figures:
            return False
        score = figures["validation_score"]
        if score > self.best_validation + self.estimator.tol:
            self.best_validation, self.n_stale = score, 0
        else:
            self.n_stale += 1
        return self.n_stale >= self.estimator.n_iter_no_change

    def overfitted(self):
        """Return how far the held-out score fell from its best, and when it was best.

        None where no rows are held out, or the fall is no more than noise.
        """
        epochs, scores = (
            np.array(self.history.get(name, ()))
            for name in ("epoch", "validation_score")
        )
        looks = np.flatnonzero(np.isfinite(scores))
        if not len(looks):
            return None
        best = looks[scores[looks].argmax()]
        start, lost = self.held_out_baseline, scores[best] - scores[looks[-1]]
        if lost > max(
            _SHARE_OF_GAIN_LOST * (scores[best] - start),
            _SHARE_OF_SCORE_LOST * abs(start),
        ):
            return lost, epochs[best]
        return None

    @property
    def has_learned(self):
        """Whether the fit ended better than a model with no interactions."""
        return self.score >= self.baseline + self.monitor.least_gain(self.baseline)
