"""The base of the kinds of columns, and the kind of a layer without an entry."""

from typing import NamedTuple

import numpy as np

from skebm.utils._stored import public


class Facts(NamedTuple):
    """What is known of columns from all rows, each of shape (n_columns,).

    Attributes
    ----------
    mean, variance : ndarray of float64
    low, high : ndarray of float64
        Smallest and largest number.
    has_between : ndarray of bool
        Whether there is a number between 0 and 1.
    """

    mean: np.ndarray
    variance: np.ndarray
    low: np.ndarray
    high: np.ndarray
    has_between: np.ndarray

    def take(self, columns):
        """Return the facts of some columns."""
        return Facts(*(fact[columns] for fact in self))


class Kind:
    """Base of kinds: columns that one layer models, as units of the layer, and back.

    A kind has two groups of methods. The first group is about any column: the layer
    that models it, the values of its cells, and the names of its units. The second
    group is about the columns that ``fit`` has seen: ``encode`` turns rows of shape
    (n, n_columns) into units of shape (n, n_units), and ``decode`` turns units into
    rows. A hole is NaN in all units of its column.

    In this base class a column is one unit, and its values do not change.

    Parameters
    ----------
    n_columns : int, default=0
        Number of columns, which is 0 before ``fit``.

    Attributes
    ----------
    name : str
        The name of the kind in ``visible``. It is the key of the registry, and
        :func:`find_kind` and :class:`Encoding` set it.
    layer_class : type
        The class of the layer.
    domain : str or None
        The numbers that a cell may hold, in the words of an error message. None if the
        numbers are not checked: every finite number is allowed, or values are numbered.
    learns_limits : bool
        Whether :meth:`limits` depends on the numbers that ``fit`` has seen.
    learns_scale : bool
        Whether numbers are standardised by the numbers that ``fit`` has seen.
    outside_is_unknown : bool
        Whether a number outside the domain is a value that ``fit`` has not seen, so
        that ``handle_unknown`` decides about it.
    takes_text : bool
        Whether an array of text or objects is read column by column if ``visible``
        names this kind for all columns.
    averages_values : bool
        Whether the expectation of a column of two numbered values is a number between
        them, if they are real numbers.
    holds_numbers : bool
        Whether a cell is a number, so that a posterior interval makes sense. A category
        is not a number, and neither is one of two values.
    numbers_categories : bool
        Whether cells are the numbers of categories, whose differences mean nothing.
    is_curved : bool
        Whether the mean of a column is not the decoded mean of its units, so that it
        comes from draws.
    variance : float
        The largest variance of a column of counts; 0 for other kinds.
    spread : float
        The largest eigenvalue of the correlations of real columns. It is 1 if they are
        not correlated, and their number if they are all the same. 1 for other kinds.
    joint_variance : float
        The largest eigenvalue of the covariance of columns of counts; 0 for other
        kinds.
    """

    name = None
    layer_class = None
    domain = None
    learns_limits = False
    learns_scale = False
    outside_is_unknown = False
    takes_text = False
    averages_values = False
    holds_numbers = True
    is_curved = False
    numbers_categories = False
    variance = 0.0
    spread = 1.0
    joint_variance = 0.0

    def __init__(self, n_columns=0):
        self.n_columns = n_columns

    # -- any column ------------------------------------------------------------------

    def is_numbered(self, is_auto, is_numeric):
        """Tell whether the values of a column are numbered.

        Parameters
        ----------
        is_auto : bool
            Whether the rules of "auto" have chosen the kind.
        is_numeric : bool
            Whether the column holds numbers or booleans.
        """
        return False

    def check_values(self, values, label):
        """Raise an error if a column cannot have these numbered values."""

    def check_largest(self, high, label):
        """Raise an error if a column cannot hold numbers as large as this."""

    def n_values(self, n_numbered, high):
        """Return the number of numbered values or counts of a column; 0 for others.

        Parameters
        ----------
        n_numbered : int
            Number of values that are numbered.
        high : float
            Largest number that the column may hold.
        """
        return n_numbered

    def limits(self, low, high):
        """Return the smallest and the largest number that each column may hold.

        Parameters
        ----------
        low, high : ndarray of shape (n_columns,)
            Smallest and largest of 0 and the numbers of each column that ``fit`` has
            seen.
        """
        if self.domain is None:
            return np.full(len(low), -np.inf), np.full(len(low), np.inf)
        return self.layer_class.zeros(len(low)).limits

    def outside(self, X, low, high):
        """Return which numbers are outside the domain. A hole is not.

        Parameters
        ----------
        X : ndarray of shape (n, n_columns) or (n_cells,)
            Columns of numbers, or single cells: the entries of a sparse matrix.
        low, high : ndarray of shape (n_columns,) or (n_cells,)
            Limits of each column, or of the column of each cell.
        """
        layer = self.layer_class.zeros(X.shape[-1])
        wrong = np.reshape(layer.outside(np.atleast_2d(X)), X.shape)
        return wrong & ~np.isnan(X) if wrong.any() else wrong

    def unit_names(self, name, values):
        """Return the names of a column's units.

        Parameters
        ----------
        name : str
            The column's name.
        values : sequence or None
            The values of the column, if they are numbered.
        """
        return [str(name)]

    # -- the columns of fit ----------------------------------------------------------

    def fit(self, X, sizes, weight):
        """Return a kind that has learned how to encode these columns.

        Parameters
        ----------
        X : {ndarray, CSR matrix} of shape (n, n_columns)
            NaN where a value is missing.
        sizes : ndarray of int of shape (n_columns,)
            Number of numbered values or counts of each column; 0 for other columns.
        weight : ndarray of shape (n,) or None
        """
        return self.unchanged(X.shape[1])

    def refined(self, facts):
        """Return the kind with what is known of all rows, after a fit to some of them.

        Parameters
        ----------
        facts : Facts
            Of the columns of the kind.
        """
        return self

    def straightened(self, X, weight):
        """Return the kind without curves."""
        return self

    def unchanged(self, n_columns):
        """Return a kind that does not change the values of columns."""
        return type(self)(n_columns)

    @property
    def variables(self):
        """The column that each unit belongs to, int, shape (n_units,)."""
        return np.arange(self.n_columns)

    @property
    def structure(self):
        """The arguments of the layer that are not learned, by name."""
        return {}

    def layer(self, dtype):
        """Return the visible layer of the units."""
        n_units = len(self.variables)
        return self.layer_class.zeros(n_units, dtype, **self.structure)

    def encode(self, X):
        """Return the units of the columns, in the dtype of ``X``."""
        return X

    def decode(self, Z):
        """Return the columns of the units, or of their expectations."""
        return Z

    def best_guess(self, Z, decoded):
        """Return the best single guess of columns.

        Parameters
        ----------
        Z : ndarray of shape (n, n_units)
            Expectations of the units.
        decoded : ndarray of shape (n, n_columns)
            Means of decoded draws.
        """
        return self.decode(Z)

    def log_volumes(self, Z):
        """Return the log of the volume, in the user's units, of a unit volume of ``Z``.

        Returns
        -------
        ndarray of shape (n, n_columns) or (1, n_columns), float64
            In nats; 0 for holes, and for columns whose values do not change.
        """
        return np.zeros((1, self.n_columns))


@public("skebm.tables.kinds")
class LayerKind(Kind):
    """The kind of a layer of LAYERS without an entry in KINDS.

    A column is one unit. The layer says which numbers the column may hold.

    Parameters
    ----------
    layer_class : type
    n_columns : int, default=0
    """

    def __init__(self, layer_class, n_columns=0):
        super().__init__(n_columns)
        self.layer_class = layer_class

    @property
    def domain(self):
        """The domain of the layer."""
        return self.layer_class.domain

    def unchanged(self, n_columns):
        """Return a kind that does not change the values of columns."""
        return LayerKind(self.layer_class, n_columns)
