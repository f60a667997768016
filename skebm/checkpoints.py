"""Where a training stands, as checkpoints keep it."""

import time

import numpy as np

# Attributes of a training that a checkpoint holds, besides its arrays.
_FACTS = (
    *("objective_state", "optimizer_state", "n_epochs", "n_rollbacks", "rate_factor"),
    *("is_last", "strength", "diverged", "finished", "good"),
)


def keeper_of(estimator, *facts):
    """Return what keeps the trainings of a fit that begins, or None.

    Parameters
    ----------
    estimator : estimator
        Its callbacks may have ``begin_fit(estimator, *facts)``, which returns a keeper.
    *facts
        The arguments of its ``fit``.
    """
    callbacks = getattr(estimator, "_skl_callbacks", ())
    keeping = [callback for callback in callbacks if hasattr(callback, "begin_fit")]
    if len(keeping) > 1:
        raise ValueError(
            f"A fit takes one Checkpoint, and {type(estimator).__name__} has "
            f"{len(keeping)}. Set one of them."
        )
    return keeping[0].begin_fit(estimator, facts) if keeping else None


class Place:
    """The place that a training has come to, which a keeper may know from before.

    All random numbers are pure functions of a key and of the place, so that a training
    which goes on from here ends in the same bits.

    Parameters
    ----------
    training : Training
    clock : Clock
    completion : Completion or None
    on_epoch : callable
        It may have ``state()``, which returns what it knows of the epochs before, and
        ``take_up(state)``.
    keeper : object or None
        With ``next()``, which returns the last state of this training, or None if it
        begins; ``is_due(epoch)``, which tells whether to keep a state; and ``keep``.

    Attributes
    ----------
    epoch, batch : int
        Finished epochs of this training, and finished minibatches of the present epoch.
    """

    def __init__(self, training, clock, completion, on_epoch, keeper):
        self.training, self.clock, self.completion = training, clock, completion
        self.on_epoch, self.keeper = on_epoch, keeper
        self.epoch, self.batch, self.was_over = 0, 0, False

    def take_up(self):
        """Go to where the keeper knows the training to be; tell whether it is over."""
        state = None if self.keeper is None else self.keeper.next()
        if state is None:
            return False
        self.epoch, self.batch = state["epoch"], state["batch"]
        self.clock.n_iter = state["n_iter"]
        self.clock.started = time.perf_counter() - state["seconds"]
        self._restore(state)
        if self.completion is not None:
            self.completion.X[self.completion.holes] = state["holes"]
        if hasattr(self.on_epoch, "take_up"):
            self.on_epoch.take_up(state["epochs"])
        self.was_over = state["is_over"]
        if self.was_over:
            self.training.keep()  # where Ctrl-C goes back to
        return self.was_over

    def first_batch(self, epoch):
        """Return the minibatch with which an epoch begins: 0 unless it is taken up."""
        begun, self.batch = self.batch, 0
        return begun if epoch == self.epoch else 0

    def pass_by(self, epoch, batch):
        """Keep the state before a minibatch, if that is due."""
        if self.keeper is not None and self.keeper.is_due(epoch, batch):
            self.keeper.keep(self._state(epoch, batch))

    def end(self, epoch):
        """Keep the state at the end of the training."""
        if self.keeper is not None and not self.was_over:
            self.keeper.keep(self._state(epoch, 0, is_over=True))

    def _state(self, epoch, batch, is_over=False):
        training = self.training
        state = {name: getattr(training, name) for name in _FACTS}
        state |= {"params": training.energy.params, "average": training.average.params}
        state |= {"count": training.average.count, "is_over": is_over}
        state |= {"epoch": epoch, "batch": batch, "n_iter": self.clock.n_iter}
        state["seconds"] = time.perf_counter() - self.clock.started
        if is_over:  # nobody goes back any more
            state |= {"finished": {}, "good": {}}
        if self.completion is not None:
            state["holes"] = self.completion.X[self.completion.holes]
        if hasattr(self.on_epoch, "state"):
            state["epochs"] = self.on_epoch.state()
        return state

    def _restore(self, state):
        training = self.training
        for name, value in training.energy.params.items():
            if np.shape(state["params"].get(name)) != value.shape:
                raise ValueError(
                    f"The checkpoint is of another model: its {name} does not have the "
                    f"shape {value.shape}. Fit with the version of skebm that wrote it."
                )
            value[...] = state["params"][name]
            training.average.params[name][...] = state["average"][name]
        training.average.count = state["count"]
        for name in _FACTS:
            setattr(training, name, state[name])
