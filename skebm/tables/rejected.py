"""Labels of rows that a classifier does not decide."""

import numpy as np

# The label of a rejected row among numbers, and among other labels.
_NUMBER, _OTHER = -1, None
_THRESHOLDS = "probability", "score"


def checked_thresholds(thresholds):
    """Return the thresholds by name, or raise a sentence."""
    for name, value in thresholds.items():
        is_number = np.isscalar(value) and not isinstance(value, str)
        if name not in _THRESHOLDS or not is_number or np.isnan(value):
            raise ValueError(
                f"reject_below={thresholds!r} must map 'probability' to a number in "
                "[0, 1], 'score' to a log-density in nats, or both to such numbers."
            )
    return thresholds


def with_rejections(labels, is_rejected, classes):
    """Return the labels with -1 or None in place of the labels of rejected rows."""
    if classes.dtype.kind not in "iuf":
        return np.where(is_rejected, _OTHER, labels.astype(object))
    if _NUMBER in classes:
        raise ValueError(
            "reject_below gives rejected rows the label -1, but -1 is a class. Use "
            "another number or a string for that class."
        )
    signed = labels.astype(np.int64) if classes.dtype.kind == "u" else labels
    return np.where(is_rejected, np.array(_NUMBER, signed.dtype), signed)
