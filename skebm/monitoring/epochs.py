"""The work between two epochs: history, callbacks, early stopping, divergence."""

import time

import numpy as np

from skebm.monitoring.plateau import Plateau

# A training has diverged if its score is below the score of independent columns by more
# than this share of that score. Noise alone does not take it there.
_DIVERGED = 0.15
# A model overfits if the final held-out score is below the best one by more than this
# share of the gain of the best one over independent columns, and
_SHARE_OF_GAIN_LOST = 0.1
# by more than this share of the score of independent columns. A smaller fall is noise.
_SHARE_OF_SCORE_LOST = 0.02
# Sweeps of the chains for each log Z that the history holds.
_SWEEPS = 5
# Updates of an epoch beside which these sweeps cost little.
_LONG_EPOCH = 200
# Attributes that change from epoch to epoch, or that a fit which goes on compares.
_CARRIED = "score", "baseline", "best_validation", "n_stale"
# The last columns of the history.
_LAST_COLUMNS = ("learning_rate", "seconds")


class Epochs:
    """Records history, calls callbacks, stops early, notices divergence.

    An instance is the ``on_epoch`` of :func:`skebm.training.train`.

    Parameters
    ----------
    estimator : estimator
    context : CallbackContext
        Root context of the fit, with one subtask for each epoch.
    monitor : Monitor
        An object of a class of :data:`skebm.monitoring.MONITORS`.
    training : Training
        The training before the first epoch of this fit.
    n_updates : int
        Updates in an epoch.
    hooks : dict
        ``X``, ``y`` and ``metadata`` of the fit, for the callbacks.
    longest : int, default=None
        Largest number of epochs of a training that ends when it gains little. None for
        a training whose length is fixed.
    """

    def __init__(
        self, estimator, context, monitor, training, n_updates, hooks, longest=None
    ):
        self.estimator = estimator
        self.context = context
        self.monitor = monitor
        self.hooks = hooks
        self.stride = monitor.stride(n_updates, max(1, training.energy.n_hidden))
        self.is_long = n_updates >= _LONG_EPOCH
        self.history = {}
        look = monitor.look(training.energy.interpolate(0.0))
        figures, self.plateau = look.figures, None
        if longest is not None and monitor.small_gain is not None:
            self.plateau = Plateau(look, monitor.small_gain, longest)
        self.n_before = training.n_epochs
        self.score = self.baseline = monitor.in_layer(figures, monitor.score_name)
        self.limit = max(1.0, _DIVERGED * abs(self.baseline))
        monitor.least = self.baseline - self.limit
        # The model where a training goes on; None if it begins.
        is_anywhere = training.n_epochs or training.energy.starts_anywhere
        self.before = training.best if is_anywhere else None
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
        """Record an epoch, and return how the training goes on; see ``train``."""
        estimator, figures = self.estimator, {}
        n_iter, last = training.n_epochs + 1, training.is_last
        epoch = n_iter - self.n_before
        decides = self.plateau is not None and self.plateau.decides(epoch)
        if n_iter % self.stride == 0 or n_iter == 1 or decides or last:
            look = self._look(training.best)
            if look is None and self._expects_less():
                look = self._look(training.best)
            if look is None:
                return "diverged"
            figures = look.figures
            training.strength = figures.get("strength", 1.0)
            if self.plateau is not None:
                self.plateau.add(epoch, look)
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
        if decides and self.plateau.is_reached(epoch):
            self.plateau = None
            return "settled"
        return None if figures else "unknown"

    def _look(self, energy):
        """Return what the monitor sees, or None if the model has diverged."""
        try:
            # The weights of a training that diverges may be of any size.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                look = self.monitor.look(energy)
        except FloatingPointError:
            return None
        self.score = self.monitor.in_layer(look.figures, self.monitor.score_name)
        return look if self.score >= self.monitor.least else None

    def _expects_less(self):
        """Tell whether rows fit worse than to independent columns before the training.

        The rows of a piece of a stream may be few and unusual, or of a new kind. Then
        a low score is no sign of divergence, unless the training has lowered it.
        """
        before, self.before = self.before, None
        if before is None:
            return False
        score, least, self.monitor.least = self.score, self.monitor.least, -np.inf
        is_seen = self._look(before) is not None and self.score < least + self.limit
        self.monitor.least = self.score - self.limit if is_seen else least
        self.score = score
        return is_seen

    def _likelihood(self, training):
        """Return log-likelihoods, if the sampler estimates log Z during the training.

        Returns
        -------
        dict of str to float
            Empty if the sampler has no ``log_partition``.
        """
        state = training.objective_state
        if not hasattr(getattr(state, "sampler", None), "log_partition"):
            return {}
        best, random = training.best, training.random.fold(6, training.n_epochs)
        log_z, stderr = state.sampler.log_partition(state.chains, best, random, _SWEEPS)
        # An estimate without a standard error may be off by any amount.
        log_z = log_z if stderr < np.inf else np.nan
        volume = self.estimator._encoding.log_volume
        figures = self.monitor.likelihood(best, log_z, volume)
        return {**figures, "log_partition_error": stderr}

    def _record(self, n_iter, figures, learning_rate, seconds):
        """Append a row to the history, and print it if ``verbose`` asks for that.

        The columns of the history are ``epoch``, then the figures in the order in which
        they first appear, then ``learning_rate`` and ``seconds``.
        """
        row = {"epoch": n_iter, **figures}
        row |= {"learning_rate": float(learning_rate), "seconds": seconds}
        n_rows = len(self.history.get("epoch", ()))
        for name in row:
            if name not in self.history:
                self.history[name] = [np.nan] * n_rows
        for name in _LAST_COLUMNS:
            self.history[name] = self.history.pop(name)
        for name, column in self.history.items():
            column.append(row.get(name, np.nan))
        verbose = self.estimator.verbose
        if verbose and (
            n_iter % max(1, int(10.0 ** (2 - verbose))) == 0 or n_iter == 1
        ):
            text = ", ".join(f"{name} {value:.4g}" for name, value in row.items())
            print(f"[{type(self.estimator).__name__}] {text}")

    def finished(self, n_epochs):
        """Return the history of the epochs that are finished.

        An interrupt at the end of an epoch leaves a row for an epoch that is not.
        """
        n_rows = sum(epoch <= n_epochs for epoch in self.history.get("epoch", ()))
        return {name: column[:n_rows] for name, column in self.history.items()}

    def state(self):
        """Return what later epochs depend on, as plain values and arrays."""
        looks = [] if self.plateau is None else self.plateau.looks
        return {
            "history": {name: np.array(c) for name, c in self.history.items()},
            "look_epochs": np.array([epoch for epoch, _ in looks]),
            "look_scores": np.array([look.scores for _, look in looks]),
            "has_plateau": self.plateau is not None,
            "has_before": self.before is not None,
            "least": self.monitor.least,
            "seconds": time.perf_counter() - self.started,
            **{name: getattr(self, name) for name in _CARRIED},
        }

    def take_up(self, state):
        """Go on from the state of another process.

        Raises
        ------
        ValueError
            If the model before the training is not the same.
        """
        if not np.isclose(self.baseline, state["baseline"], rtol=1e-6, equal_nan=True):
            raise ValueError(
                "The fit cannot go on: without the training its model is another one "
                "than at the checkpoint. If a density is given as the reference, set "
                "its random_state."
            )
        for name in _CARRIED:
            setattr(self, name, state[name])
        self.history = {name: c.tolist() for name, c in state["history"].items()}
        self.monitor.least = state["least"]
        self.started = time.perf_counter() - state["seconds"]
        self.before = self.before if state["has_before"] else None
        if not state["has_plateau"]:
            self.plateau = None
        elif self.plateau is not None:
            pairs = zip(
                state["look_epochs"].tolist(), state["look_scores"], strict=True
            )
            first = self.plateau.looks[0][1]
            looks = [(epoch, first._replace(scores=scores)) for epoch, scores in pairs]
            self.plateau.looks = looks

    def _is_stale(self, figures):
        """Tell whether the held-out score has not improved for long enough."""
        if "validation_score" not in figures:
            return False
        score = figures["validation_score"]
        if score > self.best_validation + self.estimator.tol:
            self.best_validation, self.n_stale = score, 0
        else:
            self.n_stale += 1
        return self.n_stale >= self.estimator.n_iter_no_change

    def overfitted(self):
        """Return the loss of the held-out score since its best epoch, and that epoch.

        Returns
        -------
        tuple of (float, int), or None
            None if no rows are held out, or if the loss is within the noise.
        """
        epochs, scores = (
            np.array(self.history.get(name, ()))
            for name in ("epoch", "validation_score")
        )
        scored = np.flatnonzero(np.isfinite(scores))
        if not len(scored):
            return None
        best = scored[scores[scored].argmax()]
        shift = self.monitor.shifts.get("validation_score", 0.0)
        start, loss = self.held_out_baseline, scores[best] - scores[scored[-1]]
        if loss > max(
            _SHARE_OF_GAIN_LOST * (scores[best] - start),
            _SHARE_OF_SCORE_LOST * abs(start + shift),
        ):
            return loss, epochs[best]
        return None

    def has_learned(self, energy):
        """Tell whether the fit ended better than independent columns, up to noise.

        The exact likelihood decides where it takes little time.
        """
        if energy.starts_anywhere:
            return True  # its reference, which need not be its equal, is the baseline
        gain = self.monitor.exact_gain(energy)
        if gain is None:
            gain = self.score - self.baseline
        return gain >= self.monitor.least_gain(self.baseline)
