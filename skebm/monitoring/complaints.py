"""The warning at the end of a training that went wrong."""


def complaint(training, epochs, plan, mixing, misfit, n_updates):
    """Return a warning that says what went wrong and what to do, or None.

    A training gets one warning at most: the first that applies, since an earlier
    problem in this list is often the cause of a later one.

    Parameters
    ----------
    training : Training
        The training at its end.
    epochs : Epochs
    plan : Plan
    mixing : Mixing or None
    misfit : Misfit or None
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
            f"{training.rate_factor:.2g} times learning_rate. Set a smaller "
            "learning_rate."
        )
    if plan.n_iter <= 1:
        # A single epoch is too short to judge a fit by.
        return None
    if not epochs.has_learned(training.best):
        return (
            "The model describes the training rows no better than independent columns "
            "do. Lower learning_rate, or raise n_iter."
        )
    if overfitted := epochs.overfitted():
        loss, epoch = overfitted
        return (
            f"The model overfits: held-out rows score {loss:.2g} nats less than after "
            f"epoch {epoch}. Set n_iter to about that, lower n_components, or raise l2."
        )
    sentence = None
    if mixing is not None:
        sentence = mixing.complaint(n_updates * training.n_epochs)
    if sentence is None and misfit is not None and misfit.is_cheap:
        sentence = misfit.complaint()
    return sentence
