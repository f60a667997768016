"""The rows of a fit of an energy whose rows stay on disk."""

from dataclasses import replace

import numpy as np
import pandas as pd

from skebm.tables.disk._passes import as_floats, streamed, summarised
from skebm.tables.first_rows import FirstRows
from skebm.tables.weights import check_weight


def rows_on_disk(estimator, source, y, sample_weight, go_on, is_stream, **options):
    """Return :class:`TrainingRows`: a sample, and how to train on all rows.

    Parameters
    ----------
    estimator : TableEstimator
        ``_labels_on_disk`` reads its labels, and ``_rows_in_memory`` its rows.
    source : MappedRows or DatasetRows
    y : array-like of shape (n_rows,), the name of a column, or None
    sample_weight : array-like of shape (n_rows,) or None
    go_on : bool
        Whether the last training goes on. Else the columns settle by all rows.
    is_stream : bool
        Whether this is ``partial_fit``, which takes rows in memory.
    **options
        As for ``fit``.
    """
    if is_stream:
        raise ValueError(
            "partial_fit takes rows in memory. Call fit, which reads rows from "
            "disk, or partial_fit for one block of rows after the other."
        )
    weight = check_weight(sample_weight, source)
    labels = estimator._labels_on_disk(y, source, weight, go_on, **options)
    sample, summary = _settled(estimator, source, weight, go_on)
    on_disk = streamed(source, estimator, summary, labels)
    numbers, chosen = summary.sample.numbers, summary.sample.weight
    known = None if labels is None else labels.at(numbers)
    rows = estimator._rows_in_memory(sample, known, chosen, True, False, **options)
    if getattr(estimator, "class_weight", None) is not None:
        weight = labels.weights(estimator.class_weight, weight)
        on_disk = replace(on_disk, mass=float(weight.sum()))
        rows = rows._replace(weight=weight[numbers])
    return rows._replace(go_on=go_on, on_disk=on_disk, all_weights=weight)


def _settled(estimator, source, weight, go_on):
    """Settle the columns by all rows; return a sample and the summary of the rows."""
    if source.names is not None:
        if go_on:
            by_columns = estimator._table.by_columns
        else:
            by_columns = estimator._reads_columns(source.head())
        source.as_arrays = not by_columns
    summary = summarised(source, estimator._kinds, weight)
    facts, sample = summary.facts, as_floats(summary.sample.rows)
    witnesses = facts.witnesses(getattr(sample, "dtype", None))
    estimator._check_rows(_named(witnesses, source), reset=not go_on, summary=facts)
    sample = _named(sample, source)
    if not go_on:
        numbers = estimator._check_rows(sample)
        rows = FirstRows(*summary.stand_in(estimator._table, numbers), None)
        estimator._settled(rows, False, False)
        estimator._encoding = summary.refined(estimator._encoding, estimator._table)
    return sample, summary


def _named(rows, source):
    """Return an array of rows of a dataset with the names of their columns."""
    is_array = isinstance(rows, np.ndarray) and source.names is not None
    return pd.DataFrame(rows, columns=source.names) if is_array else rows
