"""The history of a fit in the files of TensorBoard."""

import math

# They are the axis of the curves.
_TIMES = ("epoch", "seconds")


def write_tensorboard(history, logdir):
    """Write the history of a fit to a folder that TensorBoard shows.

    The extra ``tensorboard`` installs the writer: ``pip install skebm[tensorboard]``.

    Parameters
    ----------
    history : dict of str to list
        The ``history_`` of a fitted estimator. Each entry but the epochs and the
        seconds becomes a curve over the epochs. NaN and infinite values are left out.
    logdir : str or path
        The folder of this fit. TensorBoard compares the fits in the folders of one
        folder.

    Raises
    ------
    ImportError
        If the package ``tensorboardX`` is missing.
    TypeError
        If ``history`` is not a dict with epochs.
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise ImportError(
            "write_tensorboard needs the package tensorboardX. Install it with "
            "`pip install tensorboardX`."
        ) from error
    if not isinstance(history, dict) or "epoch" not in history:
        raise TypeError(
            "history must be the `history_` of a fitted estimator, a dict with the key "
            f"'epoch'; got {type(history).__name__}."
        )
    with SummaryWriter(str(logdir)) as writer:
        for name, values in history.items():
            if name in _TIMES:
                continue
            for epoch, value in zip(history["epoch"], values, strict=True):
                if math.isfinite(value):
                    writer.add_scalar(name, value, int(epoch))
