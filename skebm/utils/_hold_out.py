"""Rows that are held out from a training."""

import numpy as np

from skebm.utils._groups import group_starts, rows_of_groups


def hold_out_groups(rows, fraction, random):
    """Return the rows to train on, and the rows to hold out, in whole groups.

    Parameters
    ----------
    rows : {ndarray, CSR matrix} of shape (n, n_units)
        The last column is 1 where a group begins.
    fraction, random
        As for :func:`hold_out`, but a share of the groups.
    """
    starts = group_starts(rows)
    parts = hold_out(np.arange(len(starts) - 1), None, fraction, random)
    return tuple(rows_of_groups(starts, np.sort(groups)) for groups in parts)


def hold_out(numbers, labels, fraction, random):
    """Return the rows to train on, and the rows to hold out.

    The held-out rows are stratified by labels if there are enough rows of each label.
    Else they are drawn from all rows but one of each label, so that the training sees
    every label.

    Parameters
    ----------
    numbers : ndarray of int of shape (n,)
        Numbers of the rows.
    labels : ndarray of int of shape (n_all,) or None
        Labels of all rows.
    fraction : float in (0, 1)
        Share of the rows to hold out.
    random : Random

    Returns
    -------
    train_rows, held_out : ndarray of int

    Raises
    ------
    ValueError
        If there are too few rows.
    """
    # Here, since it imports half of scikit-learn.
    from sklearn.model_selection import train_test_split

    n_rows, n_labels, smallest = len(numbers), 1, 2
    n_held_out = int(np.ceil(fraction * n_rows))
    if labels is not None:
        labels = labels[numbers]
        counts = np.unique(labels, return_counts=True)[1]
        n_labels, smallest = len(counts), counts.min()
    n_left = n_rows - n_held_out
    if smallest >= 2 and n_held_out >= n_labels and n_left >= n_labels:
        return train_test_split(
            numbers, test_size=fraction, random_state=random.seed(), stratify=labels
        )
    if n_left < n_labels:
        what = f" of {n_labels} classes" if n_labels > 1 else ""
        raise ValueError(
            f"early_stopping holds out {n_held_out} of {n_rows} row(s), by "
            f"validation_fraction={fraction:g}, which leaves too few rows{what} to "
            "train on. Pass more rows, lower validation_fraction, or set "
            "early_stopping=False."
        )
    order = random.permutation(n_rows)
    first = np.unique(labels[order], return_index=True)[1]
    held_out = np.delete(order, first)[:n_held_out]
    return numbers[np.setdiff1d(order, held_out)], numbers[held_out]
