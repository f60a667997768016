"""What all kinds of columns share, and the kind of a layer that has no other."""

import numpy as np


class Kind:
    """Columns that are modelled by one layer, as units of that layer, and back.

    A kind answers two sets of questions. The first ones are about any column: which
    layer models it, what its cells may be, and what its units are called. The second
    ones are about the columns that ``fit`` has seen: ``encode`` turns rows of shape
    (n, n_columns) into units of shape (n, n_units), and ``decode`` turns units into
    rows. A hole is NaN, in all units of its column.

    With this base class a column is one unit, and its values stay as they are.

    Parameters
    ----------
    n_columns : int, default=0
        Number of columns; there are none before ``fit``.

    Attributes
    ----------
    name : str
        What ``visible`` calls the kind; the registry's key, which :func:`find_kind`
        and :class:`Encoding` set.
    layer_class : type
        The class of the layer.
    domain : str or None
        The numbers that a cell may hold, for sentences. None if they are not checked
        here: every finite number is allowed, or values are numbered.
    learns_limits : bool
        Whether :meth:`limits` depends on the numbers that ``fit`` has seen.
    outside_is_unknown : bool
        Whether a number outside the domain is a value that ``fit`` has not seen, so
        that ``handle_unknown`` decides about it.
    takes_text : bool
        Whether an array of text or objects is read column by column if ``visible``
        names this kind for all columns.
    averages_values : bool
        Whether the expectation of a column of two numbered values lies between them,
        where they are real numbers.
    holds_numbers : bool
        Whether a cell is a number, so that a posterior interval makes sense, rather
        than a category or one of two values.
    variance : float
        The largest variance of a column of counts; 0 for other kinds.
    spread : float
        The largest eigenvalue of the correlations of real columns: 1 if they are not
        correlated, and their number if they are all the same. 1 for other kinds.
    """

    name = None
    layer_class = None
    domain = None
    learns_limits = False
    outside_is_unknown = False
    takes_text = False
    averages_values = False
    holds_numbers = True
    variance = 0.0
    spread = 1.0

    def __init__(self, n_columns=0):
        self.n_columns = n_columns

    # -- any column ------------------------------------------------------------------

    def is_numbered(self, is_auto, is_numeric):
        """Whether the values of a column are numbered by their positions.

        Parameters
        ----------
        is_auto : bool
            Whether the rules of "auto" have chosen the kind.
        is_numeric : bool
            Whether the column holds numbers or booleans.
        """
        return False

    def check_values(self, values, label):
        """Raise a sentence if a column cannot have these numbered values."""

    def n_values(self, n_numbered, high):
        """Return how many values a column has; 0 if they are not counted.

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
            Smallest and largest number of each column that ``fit`` has seen, 0 being
            seen always.
        """
        if self.domain is None:
            return np.full(len(low), -np.inf), np.full(len(low), np.inf)
        return self.layer_class.zeros(len(low)).limits

    def outside(self, X, low, high):
        """Return which numbers are outside the domain; a hole is not.

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
            Its values, if they are numbered.
        """
        return [str(name)]

    # -- the columns of fit ----------------------------------------------------------

    def fit(self, X, sizes, weight):
        """Return the kind that has learned how to encode these columns.

        Parameters
        ----------
        X : {ndarray, CSR matrix} of shape (n, n_columns)
            NaN where a value is missing.
        sizes : ndarray of int of shape (n_columns,)
            Number of values of each column; 0 if they are not counted.
        weight : ndarray of shape (n,) or None
        """
        return self.unchanged(X.shape[1])

    def unchanged(self, n_columns):
        """Return the kind that leaves the values of columns as they are."""
        return type(self)(n_columns)

    @property
    def variables(self):
        """The column that each unit belongs to, int, shape (n_units,)."""
        return np.arange(self.n_columns)

    @property
    def structure(self):
        """Arguments of the layer that are not learned, by name."""
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
            0 for values that are counted, and for holes.
        """
        return np.zeros((1, self.n_columns))


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
        """Return the kind that leaves the values of columns as they are."""
        return LayerKind(self.layer_class, n_columns)
