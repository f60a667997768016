"""The base of energies of a label given a row, which are no density of rows."""

import copy

import numpy as np

from skebm.energies._base import Energy
from skebm.energies._recipe import Recipe, marginals
from skebm.utils._products import product
from skebm.utils._sparse import dense


class ClassEnergy(Energy):
    """Base of energies ``E(x, y)`` of a label ``y`` given a row ``x``.

    They define ``p(y | x) = softmax(-E(x, y))``, and no density of ``x``. A row of
    units is ``[x | one-hot label]``. A subclass has ``class_pullback(x)``.

    Parameters
    ----------
    params : dict of str to ndarray
        The learned arrays, which updates change in place.
    prior : ndarray of shape (n_classes,)
        Log-probabilities of the labels without ``x``. They are not learned.
    n_inputs : int
        Number of columns before the label.
    """

    def __init__(self, params, prior, n_inputs):
        self.params, self.prior, self.n_inputs = params, prior, n_inputs

    @property
    def n_classes(self):
        """Number of classes."""
        return len(self.prior)

    @property
    def weight_names(self):
        """Names of the parameters that penalties shrink: all matrices."""
        return tuple(name for name, value in self.params.items() if value.ndim > 1)

    def astype(self, dtype):
        """Return a copy with parameters of this dtype."""
        twin = copy.copy(self)
        twin.params = {name: value.astype(dtype) for name, value in self.params.items()}
        twin.prior = self.prior.astype(dtype)
        return twin

    def split(self, rows):
        """Return the inputs of rows, and their one-hot labels as an ndarray."""
        return rows[:, : self.n_inputs], dense(rows[:, self.n_inputs :])

    def energy(self, rows):
        """Return the energy of each row with its label, in nats, float64."""
        x, y = self.split(rows)
        return (y * self.class_energy(x)).sum(axis=1)

    def grad(self, rows, weight=None):
        """Return d energy / d params, summed over rows with ``weight``."""
        x, y = self.split(rows)
        weight = np.full(len(y), 1 / len(y)) if weight is None else weight
        return self.class_grad(x, np.asarray(weight)[:, None] * y)

    def class_energy(self, x):
        """Return E(x, y) for every label y: shape (n, n_classes), in nats, float64.

        Parameters
        ----------
        x : {ndarray, CSR matrix} of shape (n, n_inputs)
        """
        return self.class_pullback(x)[0]

    def class_grad(self, x, weight):
        """Return the gradient of ``sum(weight * class_energy(x))`` by name.

        Parameters
        ----------
        x : {ndarray, CSR matrix} of shape (n, n_inputs)
        weight : ndarray of shape (n, n_classes)
            Numbers of any sign.
        """
        return self.class_pullback(x)[1](weight)

    def class_pullback(self, x):
        """Return the energies of all classes, and a function that makes gradients."""
        raise NotImplementedError

    def interpolate(self, beta):
        """Return the energy between the labels without ``x`` (0) and this one (1)."""
        return ClassBlend(self, beta)


class ClassBlend(ClassEnergy):
    """The energy ``beta * E(x, y) - (1 - beta) * prior``.

    Parameters
    ----------
    whole : ClassEnergy
    beta : float
    """

    def __init__(self, whole, beta):
        super().__init__(whole.params, whole.prior, whole.n_inputs)
        self.whole, self.beta = whole, beta

    def astype(self, dtype):
        """Return a copy with parameters of this dtype."""
        return type(self)(self.whole.astype(dtype), self.beta)

    def class_pullback(self, x):
        """Return the energies of all classes, and a function that makes gradients."""
        energies, pullback = self.whole.class_pullback(x)
        energies = self.beta * energies - (1 - self.beta) * self.prior
        return energies, lambda weight: pullback(self.beta * weight)


class ClassRecipe(Recipe):
    """Base of recipes of the energies of a classifier.

    A subclass has ``start(n_inputs, prior, random)``, which returns a
    :class:`ClassEnergy` at the log-probabilities ``prior`` of the labels.
    """

    # As many as LogisticRegression of scikit-learn has by default.
    monitor, label_precision = "classes", 1.0

    def build(self, layer, summary, random):
        """Return the energy from which training starts.

        Parameters
        ----------
        layer : Columns
            The layers of the inputs and of the label.
        summary : Summary
        random : Random
        """
        return self.start(*labels_alone(layer, summary), random)


def labels_alone(layer, summary):
    """Return the number of inputs, and the log-probabilities of labels without them."""
    inputs, label = layer.layers
    own = slice(inputs.n_units, None)
    own = summary._replace(mean=summary.mean[own], variance=summary.variance[own])
    return inputs.n_units, marginals(label, own)[0].bias


def times(x, matrix):
    """Return ``x @ matrix`` as an ndarray, of rows that may be sparse."""
    return product(x, matrix) if isinstance(x, np.ndarray) else np.asarray(x @ matrix)


def products(x, slopes):
    """Return ``x.T @ slopes`` as an ndarray, of rows that may be sparse."""
    return np.asarray(x.T @ slopes)


def in_nats(scores):
    """Return negative scores, which are energies, float64."""
    return -np.asarray(scores, np.float64)
