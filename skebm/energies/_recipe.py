"""Recipes, which make the energy of an estimator from the first rows."""

from numbers import Real
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from skebm.utils._moments import moments
from skebm.utils._sparse import dense
from skebm.utils._stored import public

# Learning rates for an energy of which nothing is known: of Adam,
_ADAM_RATE = 0.003
# of plain descent if the values of the columns are bounded, and
_BOUNDED_RATE = 0.1
# of plain descent if they are not, where too long a step makes the parameters explode.
_UNBOUNDED_RATE = 0.01
# "auto" trains for so many updates a row within bounds: chains need thousands to
# follow, and few rows are overfitted soon.
_UPDATES_PER_ROW, _MIN_UPDATES, _MAX_UPDATES = 4, 1500, 8000


def _sums():
    """Return the class of recipes of sums."""
    # The import is here, since that class inherits from Recipe.
    from skebm.energies._sum import SumRecipe

    return SumRecipe


@public("skebm.energies")
class Summary(NamedTuple):
    """The facts about the rows of a first fit that a recipe may use.

    Attributes
    ----------
    n_rows : float
        Number of rows, or their total weight.
    mean, variance : ndarray of shape (n_units,), float64
    dtype_name : str
        Name of :attr:`dtype`, which files of fitted estimators can hold.
    count_variance : float
        The largest variance of a column of counts; 0 if there is none.
    joint_count_variance : float
        The largest eigenvalue of the covariance of counts; 0 if there are none.
    spread : float
        The largest eigenvalue of the correlations of real columns.
    rows : {ndarray, CSR matrix} of shape (n, n_units) or None
        The rows, with NaN in the holes. None after the fit.
    weight : ndarray of shape (n,) or None
        How many rows each row counts for.
    is_sampled : bool
        Whether the objective draws from the model.
    """

    n_rows: float
    mean: np.ndarray
    variance: np.ndarray
    dtype_name: str
    count_variance: float = 0.0
    joint_count_variance: float = 0.0
    spread: float = 1.0
    rows: np.ndarray | None = None
    weight: np.ndarray | None = None
    is_sampled: bool = True

    @classmethod
    def of(cls, X, weight, **facts):
        """Return the summary of rows.

        Parameters
        ----------
        X : {ndarray, CSR matrix} of shape (n, n_units)
        weight : ndarray of shape (n,) or None
            How many rows each row counts for.
        **facts
            Other attributes.
        """
        n_rows = X.shape[0] if weight is None else weight.sum()
        facts = {"rows": X, "weight": weight, **facts}
        return cls(n_rows, *moments(X, weight), X.dtype.name, **facts)

    @property
    def dtype(self):
        """The dtype of the rows."""
        return np.dtype(self.dtype_name)

    def standardised(self):
        """Return the summary of standardised rows, and their location and scale."""
        location = np.asarray(self.mean, np.float64)
        scale = np.sqrt(np.asarray(self.variance, np.float64))
        scale = np.where(scale > 0, scale, 1.0)
        rows = (dense(self.rows) - location) / scale
        zero, one = np.zeros_like(location), np.ones_like(scale)
        own = self._replace(mean=zero, variance=one, rows=rows.astype(self.dtype))
        return own, location, scale

    def without_rows(self):
        """Return the summary without rows, which the estimator keeps after the fit."""
        return self._replace(rows=None, weight=None)


class Recipe(BaseEstimator):
    """Base of recipes: hyperparameters, and an energy made from them.

    Attributes
    ----------
    monitor : str
        The monitor of the training, a name of :data:`skebm.monitoring.MONITORS`.
    is_tilt : bool
        Whether the energy needs another density beside it, since it does not have a
        finite partition function of its own.
    is_anchored : bool
        Whether the energy is a whole model without a reference of its own. A density
        beside it then proposes rows and serves as the noise of objectives, and does not
        change the model.
    is_joint : bool
        Whether the energy of a label and a row is a density of both, so that a
        classifier may have ``generative_weight`` above 0.
    is_structured : bool
        Whether the labels of a row, or of several rows, depend on each other.
    is_unscaled : bool
        Whether the energy takes rows in the units of the user. Then ``visible="auto"``
        does not scale the columns.
    is_shrunk : bool
        Whether ``l2="auto"`` shrinks the weights.
    label_precision : float
        ``l2="auto"`` times the number of rows if only labels are learned: the weights
        are normal with the variance ``1 / label_precision`` a priori.
    label_growth : float
        Power of the number of rows with which this product grows from 300 rows on.
    objective, kernel : str
        What ``"auto"`` stands for in an estimator.
    holds_out : bool
        Whether held-out rows have a part in the training.

    Notes
    -----
    Recipes add up, and have factors: ``MLP() + 0.5 * Quadratic()`` is the recipe of the
    sum of the energies; see :class:`SumRecipe`.
    """

    monitor, objective, kernel = "density", "pcd", "gibbs"
    is_tilt, is_anchored, is_unscaled, is_joint = False, False, False, False
    is_structured, is_shrunk, holds_out = False, True, False
    label_precision, label_growth = 0.0, 0.0

    @classmethod
    def of(cls, recipe):
        """Return the recipe itself, or a user's object with all these methods."""
        return recipe if isinstance(recipe, Recipe) else UserRecipe(recipe)

    def __add__(self, other):
        """Return the recipe of the sum of two energies."""
        if not hasattr(other, "build"):
            return NotImplemented
        make = _sums().of
        return make(self).plus(make(other))

    def __radd__(self, other):
        """Return the recipe of the sum, of which ``sum`` adds the first part to 0."""
        if isinstance(other, Real) and other == 0:
            return self
        return _sums().of(other).plus(_sums().of(self))

    def __mul__(self, factor):
        """Return the recipe of the energy times a number."""
        if not isinstance(factor, Real):
            return NotImplemented
        return _sums().of(self).times(float(factor))

    __rmul__ = __mul__

    def build(self, layer, summary, random):
        """Return the energy from which training starts.

        Parameters
        ----------
        layer : layer
            The visible layer; its parameters are not set yet.
        summary : Summary
        random : Random

        Returns
        -------
        Energy
            An energy at the marginals of the rows. So its reference is the best model
            of independent columns.
        """
        raise NotImplementedError

    def sizes(self, n_rows, n_units):
        """Return the sizes that ``"auto"`` tries, the smallest first.

        The sequence is empty if the recipe has one size. Else :meth:`build` makes an
        energy that has the method ``grown(size, random)``.

        Parameters
        ----------
        n_rows, n_units : int
            Number of rows and of visible units.
        """
        return ()

    def sized(self, size):
        """Return the recipe of this size, if its size is ``"auto"``."""
        return self

    def rebuilt(self, energy, layer, summary, random):
        """Return what :meth:`build` returns, of which ``energy`` has the costly parts.

        Parameters
        ----------
        energy : Energy
            What the same recipe of another size has built from the same rows.
        layer, summary, random
            As for :meth:`build`.
        """
        return self.build(layer, summary, random)

    def learning_rate(self, layer, summary, objective, optimizer):
        """Return the learning rate that ``"auto"`` stands for."""
        if is_adaptive(optimizer):
            return getattr(objective, "adam_rate", _ADAM_RATE)
        return _BOUNDED_RATE if layer.finite else _UNBOUNDED_RATE

    def n_updates(self, layer, n_rows):
        """Return the number of updates that ``n_iter="auto"`` stands for."""
        return max(_MIN_UPDATES, min(_UPDATES_PER_ROW * n_rows, _MAX_UPDATES))

    def describe(self, energy):
        """Return a line about what the recipe has chosen, or None."""
        return None

    def doubt(self, energy, rows):
        """Return a sentence if the fitted energy is not a model of rows, or None.

        Parameters
        ----------
        energy : Energy
        rows : ndarray of shape (n, n_units)
        """
        return None

    def attributes(self, energy, order):
        """Return the fitted attributes of an estimator with this energy.

        Parameters
        ----------
        energy : Energy
        order : ndarray of int of shape (n_units,)
            The units in the order of the columns.

        Returns
        -------
        dict of str to object
        """
        return {}


@public("skebm.energies")
class UserRecipe(Recipe):
    """A user's object with ``build``, and the methods that it has not got itself.

    Parameters
    ----------
    recipe : object
        With ``build(layer, summary, random)``.
    """

    def __init__(self, recipe):
        self.recipe = recipe

    def build(self, layer, summary, random):
        """Return what the user's object builds."""
        return self.recipe.build(layer, summary, random)

    def learning_rate(self, layer, summary, objective, optimizer):
        """Return the learning rate of the user's object, or that of any recipe."""
        method = getattr(self.recipe, "learning_rate", super().learning_rate)
        return method(layer, summary, objective, optimizer)

    def n_updates(self, layer, n_rows):
        """Return the number of updates of the user's object, or that of any recipe."""
        return getattr(self.recipe, "n_updates", super().n_updates)(layer, n_rows)

    def attributes(self, energy, order):
        """Return the attributes of the user's object, or none."""
        return getattr(self.recipe, "attributes", super().attributes)(energy, order)


def is_adaptive(optimizer):
    """Tell whether an optimizer divides by the size of gradients, as Adam does."""
    return getattr(optimizer, "is_adaptive", True)


def marginals(layer, summary):
    """Return the visible layer and the base of the reference, at the marginals.

    They are equal but two objects, since updates in place must not move the reference.
    """
    base = layer.from_moments(summary.mean, summary.variance, summary.n_rows)
    base = base.astype(summary.dtype)
    return base.astype(summary.dtype), base


def small_weights(shape, dtype, random):
    """Return random weights from which training starts, with almost no effect."""
    return random.normal(shape, dtype) * dtype.type(0.01)


def columns_of(weights, order):
    """Return weights as ``components_``, of shape (n_components, n_units)."""
    return np.ascontiguousarray(weights[order].T)
