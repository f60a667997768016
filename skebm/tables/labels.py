"""Labels as numbers of classes, and beside the units of their rows."""

import numpy as np
from scipy.sparse import csr_matrix, hstack, issparse
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

# The weights of rows are multiplied by these factors.
_LARGEST_FACTOR = 1e50


def unique_labels(y):
    """Return the classes of labels, in increasing order.

    Raises
    ------
    ValueError
        If labels are missing, or cannot be compared with each other.
    """
    try:
        check_classification_targets(y)
        return np.unique(y)
    except TypeError:
        types = sorted({type(label).__name__ for label in y})
        raise ValueError(
            f"y holds labels of several types: {', '.join(types)}. Labels must be all "
            "numbers or all strings, and none may be missing."
        ) from None


def label_numbers(classes, y, n_rows=None):
    """Return the position of each label in ``classes``.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        In increasing order.
    y : array-like of shape (n,)
    n_rows : int, default=None
        Number of labels that there must be. None takes any number.

    Raises
    ------
    ValueError
        If a label is not among the classes, or if there are more labels or fewer.
    """
    y = column_or_1d(y, warn=True)
    if n_rows is not None and len(y) != n_rows:
        raise ValueError(f"X has {n_rows} rows, but y has {len(y)} labels.")
    try:
        numbers = np.clip(np.searchsorted(classes, y), 0, len(classes) - 1)
        unknown = np.unique(y[classes[numbers] != y])
    except TypeError:
        unknown = _incomparable(y, classes)
    if len(unknown):
        raise ValueError(
            f"y holds labels that fit has not seen: {unknown[:5]}. Known: {classes}."
        )
    return numbers


def _incomparable(y, classes):
    """Return the labels that are no class, if they cannot be compared with classes."""
    known = set(map(repr, classes.tolist()))
    labels = {repr(label): label for label in y.tolist()}
    unknown = [label for text, label in labels.items() if text not in known]
    return np.array(unknown, dtype=object)


def settled_classes(known, classes, y):
    """Return the classes of a model in increasing order.

    Parameters
    ----------
    known : ndarray of shape (n_classes,) or False
        The classes of the last call. False in a first call.
    classes : array-like of shape (n_classes,) or None
        The classes that the user names. None takes the known ones, or those of ``y``.
    y : array-like of shape (n,)

    Raises
    ------
    ValueError
        If the user names other classes than the known ones.
    """
    present = unique_labels(y)
    if known is False:
        return present if classes is None else unique_labels(classes)
    if classes is not None and not np.array_equal(unique_labels(classes), known):
        raise ValueError(
            f"`classes={classes!r}` is not the same as on last call to partial_fit, "
            f"was: {known!r}. Pass the same classes, or call fit for a new model."
        )
    return known


def check_classes(classes, numbers, weight, estimator):
    """Raise a sentence unless there are rows of at least two classes.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
    numbers : ndarray of int of shape (n,)
        -1 is a row without a label.
    weight : ndarray of shape (n,) or None
    estimator : str
        For the sentence.
    """
    present = np.unique(numbers if weight is None else numbers[weight > 0])
    if len(classes) < 2 or not (present >= 0).any():
        raise ValueError(
            f"{estimator} needs rows of at least two classes, but y holds one class: "
            f"{classes[0]!r}."
        )


def class_factors(class_weight, classes, numbers, weight):
    """Return the factor by which ``class_weight`` multiplies the weights of each class.

    Parameters
    ----------
    class_weight : dict or "balanced"
        ``"balanced"`` counts a weight as so many rows.
    classes : ndarray of shape (n_classes,)
    numbers : ndarray of int of shape (n,)
        -1 is a row without a label.
    weight : ndarray of shape (n,) or None

    Returns
    -------
    ndarray of shape (n_classes + 1,)
        0 for classes of which there are no rows, and last 1, for rows without a label.
    """
    if isinstance(class_weight, dict):
        for label, factor in class_weight.items():
            if not (np.isfinite(factor) and 0 <= factor < _LARGEST_FACTOR):
                raise ValueError(
                    f"class_weight must hold numbers from 0 to {_LARGEST_FACTOR:g}; it "
                    f"has {factor!r} for {label!r}."
                )
    counts = numbers >= 0 if weight is None else (numbers >= 0) & (weight > 0)
    numbers, weight = numbers[counts], None if weight is None else weight[counts]
    present, factors = np.unique(numbers), np.zeros(len(classes) + 1)
    factors[-1] = 1
    factors[present] = compute_class_weight(
        class_weight, classes=classes[present], y=classes[numbers], sample_weight=weight
    )
    return factors


def with_labels(Z, numbers, n_classes):
    """Return rows of units with one-hot labels behind them.

    A row without a label has zeros there. If the row has holes, the label is a hole as
    well: what fills holes draws them together.

    Parameters
    ----------
    Z : {ndarray, CSR matrix} of shape (n, n_units)
    numbers : ndarray of int of shape (n,)
        -1 is a row without a label.
    n_classes : int
    """
    one_hot = (numbers[:, None] == np.arange(n_classes)).astype(Z.dtype)
    if (missing := numbers < 0).any() and not issparse(Z):
        one_hot[missing & np.isnan(Z).any(axis=1)] = np.nan
    if issparse(Z):
        return hstack([Z, csr_matrix(one_hot)], format="csr")
    return np.hstack([Z, one_hot])
