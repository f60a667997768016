"""What went wrong in a training, in a sentence."""


def complaint(training, epochs, plan, mixing, n_updates):
    """Return a sentence about what went wrong and what to do, or None.

    There is one sentence at most. What comes first here is often the cause of what
    would follow.

    Parameters
    ----------
    training : Training
        At its end.
    epochs : Epochs
    plan : Plan
    mixing : Mixing or None
    n_updates : int
        Updates in an epoch.
    """
    if training.interrupted:
        return (
            f"Training was interrupted after {training.n_epochs} finished epochs, "
            "whose parameters are kept. Go on with partial_fit or warm_start=True."
        )
    if training.n_rollbacks:
        ended = " and was ended early" if training.diverged else ""
        return (
            f"Training diverged {training.n_rollbacks} time(s){ended}: it went back to "
            "the last good epoch and lowered the learning rate to "
            f"{training.rate_factor:.2g} of what was asked. Set a smaller "
            "learning_rate."
        )
    if plan.n_iter <= 1:
        return None  # one pass alone cannot tell
    if not epochs.has_learned:
        return (
            "The model describes the training rows no better than independent columns "
            "do. Lower learning_rate, or raise n_iter."
        )
    if overfitted := epochs.overfitted():
        lost, epoch = overfitted
        return (
            f"The model overfits: held-out rows score {lost:.2g} nats less than after "
            f"epoch {epoch}. Set n_iter to about that, lower n_components, or raise l2."
        )
    if mixing is not None:
        return mixing.complaint(n_updates * training.n_epochs)
    return None
