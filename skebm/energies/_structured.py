"""The base of energies of several labels that depend on each other, given rows."""

import copy

import numpy as np

from skebm.energies._base import Energy
from skebm.energies._recipe import Recipe
from skebm.utils._sparse import dense


class StructuredEnergy(Energy):
    """Base of energies of labels that depend on each other, given rows.

    A row of units is ``[x | labels]``. Energies ``single`` of single labels say what
    ``x`` has to do with each label, and arrays of this energy say what the labels have
    to do with each other. A subclass has

    - ``energy_pullback(rows)``, which returns the energy of each row with its labels,
      and a function that turns weights of rows into a gradient;
    - ``nll_pullback(rows)``, which returns the negative log-likelihood of the labels of
      each row, in nats, and such a function;
    - ``mode(rows)``, which returns the labels of lowest energy, as units;
    - ``marginals(rows)``, which returns the probability of each label of each row.

    The last two do not look at the labels of the rows.

    Parameters
    ----------
    single : energy
        Energies of single labels, as a :class:`ClassEnergy` has them.
    coupled : dict of str to ndarray
        The learned arrays of this energy. A dot in their names tells them apart from
        the arrays of ``single``.
    """

    # The learned arrays of this energy that penalties shrink.
    coupled_weights: tuple = ()

    def __init__(self, single, coupled):
        self.single, self.coupled_params = single, coupled

    @property
    def params(self):
        """The learned arrays by name, which updates change in place."""
        return {**self.single.params, **self.coupled_params}

    @property
    def n_inputs(self):
        """Number of columns before the labels."""
        return self.single.n_inputs

    @property
    def n_classes(self):
        """Number of labels of which a row has one or several."""
        return self.single.n_classes

    @property
    def n_hidden(self):
        """Number of hidden units."""
        return self.single.n_hidden

    @property
    def work(self):
        """Multiply-adds of the energies of a row."""
        return self.single.work

    @property
    def weight_names(self):
        """Names of the parameters that penalties shrink."""
        return (*self.single.weight_names, *self.coupled_weights)

    def astype(self, dtype):
        """Return a copy with parameters of this dtype."""
        twin = copy.copy(self)
        twin.single = self.single.astype(dtype)
        arrays = self.coupled_params.items()
        twin.coupled_params = {name: value.astype(dtype) for name, value in arrays}
        return twin

    def interpolate(self, beta):
        """Return the energy between the labels without ``x`` (0) and this one (1)."""
        twin, arrays = copy.copy(self), self.coupled_params.items()
        twin.single = self.single.interpolate(beta)
        twin.coupled_params = {n: value.dtype.type(beta) * value for n, value in arrays}
        return twin

    def project(self):
        """Bring the parameters back into the domain where the model exists."""
        self.single.project()

    def precondition(self, gradient):
        """Return the gradient by name in the metric in which steps are taken."""
        own = {name: gradient[name] for name in self.coupled_params}
        single = {name: gradient[name] for name in self.single.params}
        return self.single.precondition(single) | own

    def split(self, rows):
        """Return the inputs of rows, and their labels as an ndarray."""
        return rows[:, : self.n_inputs], dense(rows[:, self.n_inputs :])

    def energy(self, rows):
        """Return the energy of each row with its labels, in nats, float64."""
        return self.energy_pullback(rows)[0]

    def grad(self, rows, weight=None):
        """Return d energy / d params, summed over rows with ``weight``."""
        n_rows = rows.shape[0]
        weight = np.full(n_rows, 1 / n_rows) if weight is None else np.asarray(weight)
        return self.energy_pullback(rows)[1](weight)

    def nll_pullback(self, rows):
        """Return -log p(labels | x), in nats, and a function that makes gradients."""
        raise NotImplementedError

    def nll(self, rows):
        """Return -log p(labels | x) of each row, in nats, float64."""
        return self.nll_pullback(rows)[0]


class StructuredRecipe(Recipe):
    """Base of recipes of labels that depend on each other.

    A subclass has the parameter ``energy``, the energy of single labels.
    """

    monitor, is_structured, takes_groups = "structured", True, False

    def around(self, single):
        """Return a copy with this recipe as the energy of single labels."""
        twin = copy.copy(self)
        twin.energy = single
        return twin

    @property
    def label_precision(self):
        """The precision of the weights of single labels a priori."""
        return self.energy.label_precision

    def learning_rate(self, layer, summary, objective, optimizer):
        """Return the learning rate of the energy of single labels."""
        return self.energy.learning_rate(layer, summary, objective, optimizer)

    def n_updates(self, layer, n_rows):
        """Return the number of updates of the energy of single labels."""
        return self.energy.n_updates(layer, n_rows)

    def attributes(self, energy, order):
        """Return the attributes of the energy of single labels."""
        return self.energy.attributes(energy.single, order)
