"""The recipe of a user's own energies of classes."""

import copy

import numpy as np

from skebm.energies._base import Energy
from skebm.energies._classes import ClassEnergy, ClassRecipe, labels_alone

# Rows on which the energies are tried before the training.
_N_ROWS = 20


class CustomClasses(ClassEnergy):
    """The object of a user with energies of classes, and checks of what it returns.

    Parameters
    ----------
    own : object
        With ``class_energy(x)``, which returns energies in nats of shape (n,
        n_classes), ``class_grad(x, weight)``, which returns the gradient of
        ``sum(weight * class_energy(x))`` by name, and ``params``, the arrays by the
        same names. ``weight_names`` and ``project()`` are used if they exist.
    prior, n_inputs
        As for :class:`ClassEnergy`.
    """

    astype = Energy.astype  # a user's energy has the dtype that it has

    def __init__(self, own, prior, n_inputs):
        self.own, self.prior, self.n_inputs = own, prior, n_inputs

    def __repr__(self):
        return f"CustomClasses({self.own!r})"

    @property
    def _label(self):
        return type(self.own).__name__

    @property
    def params(self):
        """The learned arrays by name, shared with the user's object."""
        return self.own.params

    @property
    def weight_names(self):
        """Names of the parameters that penalties shrink."""
        return getattr(self.own, "weight_names", super().weight_names)

    def project(self):
        """Call ``project`` of the user's object if it has one."""
        getattr(self.own, "project", lambda: None)()

    def class_pullback(self, x):
        """Return the energies of all classes, and a function that makes gradients."""
        energies = np.asarray(self.own.class_energy(x))
        wanted = x.shape[0], self.n_classes
        if energies.shape != wanted or energies.dtype.kind not in "fiu":
            raise ValueError(
                f"class_energy(x) of {self._label} must return numbers of shape "
                f"{wanted}, one for each row and class, but returned shape "
                f"{energies.shape} and dtype {energies.dtype}."
            )
        energies = energies.astype(np.float64, copy=False)
        return energies, lambda weight: self.own.class_grad(x, weight)

    def check(self, x):
        """Raise an error, a sentence, if the user's object breaks the contract."""
        energies, pullback = self.class_pullback(x)
        gradient = pullback(np.ones_like(energies))
        found, wanted = (
            {name: np.shape(value) for name, value in arrays.items()}
            for arrays in (gradient, self.params)
        )
        if found != wanted:
            raise ValueError(
                f"class_grad(x, weight) of {self._label} has the names and shapes "
                f"{found}, but params has {wanted}. Return a gradient for each, summed "
                "over the rows."
            )


class ClassCustom(ClassRecipe):
    """Energies of classes of your own, or a recipe that makes them.

    Parameters
    ----------
    energy : object
        With ``class_energy(x)``, ``class_grad(x, weight)`` and ``params``; see
        :class:`CustomClasses`. It is copied before it is trained. Or with
        ``build(layer, summary, random)``, which returns such an object; then
        ``learning_rate`` and ``n_updates`` are used if they exist.
    """

    label_precision = 0.0  # 0 need not be a likely value of its parameters

    def __init__(self, energy):
        self.energy = energy

    def build(self, layer, summary, random):
        """Return a copy of the energy, after it was tried on the first rows."""
        if hasattr(self.energy, "build"):
            own = self.energy.build(layer, summary, random)
        else:
            own = copy.deepcopy(self.energy)
        if hasattr(own, "split"):
            return own
        n_inputs, prior = labels_alone(layer, summary)
        energy = CustomClasses(own, prior, n_inputs)
        energy.check(summary.rows[:_N_ROWS, :n_inputs])
        return energy

    def learning_rate(self, layer, summary, objective, optimizer):
        """Return the learning rate of the user's recipe, or that of any recipe."""
        method = getattr(self.energy, "learning_rate", super().learning_rate)
        return method(layer, summary, objective, optimizer)

    def n_updates(self, layer, n_rows):
        """Return the number of updates of the user's recipe, or that of any recipe."""
        return getattr(self.energy, "n_updates", super().n_updates)(layer, n_rows)
