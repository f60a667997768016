"""Labels of rows that depend on each other, as the columns behind their units."""

import numpy as np
from scipy.sparse import csr_matrix, hstack, issparse
from sklearn.utils.validation import column_or_1d

from skebm.layers import Bernoulli, Categorical
from skebm.tables.labels import (
    check_classes,
    class_factors,
    label_numbers,
    settled_classes,
)
from skebm.utils._sparse import dense


def is_indicator(y):
    """Tell whether labels are a matrix, with a column for each label."""
    shape = getattr(y, "shape", None)
    if shape is None:
        is_nested = isinstance(y, list | tuple) and len(y) and np.ndim(y[0]) == 1
        shape = (len(y), len(y[0])) if is_nested else ()
    return len(shape) == 2 and shape[1] > 1


def kind_of_labels(structure, y, groups):
    """Return the class of labels that depend on each other; None for plain ones.

    Parameters
    ----------
    structure : recipe or None
        The recipe that the user gave, with ``takes_groups``, or None.
    y : array-like
    groups : array-like or None

    Raises
    ------
    ValueError
        If they do not go together.
    """
    is_matrix = is_indicator(y)
    if structure is None:
        refuse_groups(groups)
        return Indicators if is_matrix else None
    if not structure.takes_groups:
        refuse_groups(groups)
        if not is_matrix:
            raise ValueError(
                f"energy={structure!r} needs y as an indicator matrix, with a column "
                "of 0 and 1 for each label. For one label a row, set energy to an "
                "energy of classes, such as 'linear'."
            )
        return Indicators
    if is_matrix:
        raise ValueError(
            f"energy={structure!r} needs y with one label for each row, but y has "
            "several columns. For several labels a row, set energy to an energy of "
            "classes, such as 'linear'."
        )
    return Chains


def refuse_groups(groups):
    """Raise a sentence if there are groups, for which there is no chain."""
    if groups is not None:
        raise ValueError(
            "groups are chains of rows, for which the energy has no place. Set "
            "energy=ClassChain('linear'), or leave groups out."
        )


def refuse_change(labels, kind):
    """Raise a sentence if a fit that goes on gets labels of another kind.

    Parameters
    ----------
    labels : Indicators, Chains, None or False
        Those of the last call; False if a new model begins.
    kind : type or None
        The result of :func:`kind_of_labels`.
    """
    if labels is False or isinstance(labels, kind or type(None)):
        return
    shapes = "one label a row", "an indicator matrix"
    was, now = shapes if labels is None else shapes[::-1]
    raise ValueError(
        f"y was {was} when the model was fitted, and is {now} now. A fit that goes on "
        "keeps the model. Pass y as before, or call fit with warm_start=False for a "
        "new model."
    )


class Indicators:
    """Label sets as an indicator matrix.

    Attributes
    ----------
    classes : ndarray of int of shape (n_labels,)
        The numbers of the columns, as in scikit-learn's MLPClassifier.
    """

    takes_groups = False

    def __init__(self, n_labels):
        self.classes = np.arange(n_labels)

    @classmethod
    def of(cls, known, classes, y):
        """Return those of the last call, or those of a matrix of labels.

        Parameters
        ----------
        known : Indicators or None
            Those of the last call, if the fit goes on.
        classes : array-like or None
            The argument of ``partial_fit``.
        y : {array-like, sparse matrix} of shape (n, n_labels)
        """
        new = cls(np.shape(y)[1])
        if classes is not None and not np.array_equal(classes, new.classes):
            raise ValueError(
                f"classes={classes!r} does not name the {len(new.classes)} columns of "
                "y by their numbers. Leave classes out if y is an indicator matrix."
            )
        return new if known is None else known

    def columns(self, y, groups=None):
        """Return labels as columns of 0 and 1, shape (n, n_labels), float64."""
        y = dense(y) if issparse(y) else np.asarray(y)
        if y.shape[1:] != self.classes.shape:
            raise ValueError(
                f"y must be an indicator matrix with {len(self.classes)} columns, one "
                f"for each label; got shape {y.shape}."
            )
        if not np.isin(y, (0, 1)).all():
            raise ValueError(
                "y must hold 0 and 1 only, where 1 says that the row has the label of "
                "the column. MultiLabelBinarizer of scikit-learn makes such a matrix."
            )
        return y.astype(float)

    def check(self, columns, weight, estimator):
        """Do nothing: labels that no row has, or that all have, are learned as such."""

    def factors(self, class_weight, columns, weight):
        """Raise a sentence: a class that is one of several has no rows of its own."""
        raise ValueError(
            f"class_weight={class_weight!r} is for one label a row, but y has several "
            "columns. Set class_weight=None, or pass sample_weight."
        )

    def layers(self, dtype):
        """Return the layers of the columns."""
        return [Bernoulli.zeros(len(self.classes), dtype)]

    def blank(self, n_rows, groups=None):
        """Return columns of rows whose labels are unknown."""
        return np.zeros((n_rows, len(self.classes)))

    def restored(self, units):
        """Return the labels of columns, an indicator matrix of int."""
        return units.astype(np.int64)


class Chains:
    """Labels of rows that are links of chains: one-hot, and where chains begin.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
    """

    takes_groups = True

    def __init__(self, classes):
        self.classes = classes

    @classmethod
    def of(cls, known, classes, y):
        """Return those of the last call, or those of labels; see Indicators."""
        before = False if known is None else known.classes
        return cls(settled_classes(before, classes, column_or_1d(y, warn=True)))

    def columns(self, y, groups=None):
        """Return columns of shape (n, n_classes + 1): one-hot, and starts of groups."""
        numbers = label_numbers(self.classes, y)
        columns = self.blank(len(numbers), groups)
        columns[np.arange(len(numbers)), numbers] = 1
        return columns

    def check(self, columns, weight, estimator):
        """Raise a sentence unless there are several classes, and whole groups."""
        numbers = columns[:, :-1].argmax(axis=1)
        check_classes(self.classes, numbers, weight, estimator)
        if weight is not None:
            inside = columns[1:, -1] == 0
            if (np.diff(weight > 0)[inside]).any():
                raise ValueError(
                    "sample_weight is 0 for some rows of a group, and not for others. "
                    "A group is learned as a whole, with the mean weight of its rows: "
                    "set the weights of all of its rows to 0, or of none."
                )

    def factors(self, class_weight, columns, weight):
        """Return the factor of the weight of each row; a chain has their mean."""
        numbers = columns[:, :-1].argmax(axis=1)
        return class_factors(class_weight, self.classes, numbers, weight)[numbers]

    def layers(self, dtype):
        """Return the layers of the columns."""
        n_classes = len(self.classes)
        return [Categorical.zeros(n_classes, dtype), Bernoulli.zeros(1, dtype)]

    def blank(self, n_rows, groups=None):
        """Return columns of rows whose labels are unknown."""
        columns = np.zeros((n_rows, len(self.classes) + 1))
        columns[:, -1] = _are_first(groups, n_rows)
        return columns

    def restored(self, units):
        """Return the labels of columns, which are one-hot."""
        return self.classes[units.argmax(axis=1)]


def _are_first(groups, n_rows):
    """Return whether each row is the first of its group; all are without groups."""
    if groups is None:
        return np.ones(n_rows, bool)
    groups = column_or_1d(groups, warn=True)
    if len(groups) != n_rows:
        raise ValueError(f"X has {n_rows} rows, but groups has {len(groups)} entries.")
    first = np.ones(n_rows, bool)
    first[1:] = groups[1:] != groups[:-1]
    names, counts = np.unique(groups[first], return_counts=True)
    if (counts > 1).any():
        parted = names[counts > 1].tolist()[0]
        raise ValueError(
            f"The rows of group {parted!r} do not follow each other. Groups are chains "
            "of rows in the order of X: sort the rows of X, y and groups by group."
        )
    return first


def with_columns(Z, columns):
    """Return rows of units with more columns behind them.

    Parameters
    ----------
    Z : {ndarray, CSR matrix} of shape (n, n_units)
    columns : ndarray of shape (n, n_columns)
    """
    columns = columns.astype(Z.dtype)
    if issparse(Z):
        return hstack([Z, csr_matrix(columns)], format="csr")
    return np.hstack([Z, columns])
