"""Energies that are made of another energy: blended, scaled, clamped, wrapped."""

import numpy as np
from sklearn.utils.metaestimators import available_if

from skebm.energies._base import Energy
from skebm.energies._clamped_sites import ClampedSites
from skebm.energies._whole import OfWhole
from skebm.utils._stored import public

__all__ = ["Blend", "ClampedSites", "Scaled", "UserEnergy"]

# Methods of a user's energy that return another energy.
_MAKERS = frozenset({"astype", "interpolate", "replace", "scaled"})


def _has_slope(blend):
    return all(hasattr(end, "grad_x") for end in (blend.start, blend.whole))


def _whole_has_slope(scaled):
    return hasattr(scaled.whole, "grad_x")


@public("skebm.energies")
class Blend(OfWhole):
    """The energy ``(1 - beta) * start.energy(x) + beta * whole.energy(x)``.

    Parameters
    ----------
    start : reference
        Any object with ``energy``, ``sample`` and ``log_partition``.
    whole : Energy
    beta : float
    """

    def __init__(self, start, whole, beta):
        super().__init__(whole)
        self.start, self.beta = start, beta

    @property
    def reference(self):
        """The reference, ``start``."""
        return self.start

    def energy(self, x):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        return self._mixed(self.start.energy(x), self.whole.energy(x))

    def energy_above(self, other, chains):
        """Return the energy of chains minus their energy in another stage.

        Each end is computed once. The stages have the same ends.
        """
        x, share = self.configurations(chains), self.beta - other.beta
        with np.errstate(invalid="ignore"):
            return share * (self.whole.energy(x) - self.start.energy(x))

    def grad(self, x, weight=None):
        """Return d energy / d params, summed over rows with ``weight``."""
        gradient = self.whole.grad(x, weight)
        return {name: self.beta * value for name, value in gradient.items()}

    @available_if(_has_slope)
    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``."""
        return self._mixed(self.start.grad_x(x), self.whole.grad_x(x))

    def energy_and_slope(self, chains):
        """Return the energy of each chain, and d energy / d x where it stands."""
        x = self.configurations(chains)
        values, slope = self.whole.energy_and_slope(x)
        values = self._mixed(self.start.energy(x), values)
        return values, self._mixed(self.start.grad_x(x), slope)

    def _mixed(self, at_start, at_whole):
        return (1 - self.beta) * at_start + self.beta * at_whole


@public("skebm.energies")
class Scaled(OfWhole):
    """The energy ``beta * whole.energy(x)``.

    Parameters
    ----------
    whole : Energy
    beta : float
    """

    def __init__(self, whole, beta):
        super().__init__(whole)
        self.beta = beta

    def energy(self, x):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        return self.beta * self.whole.energy(x)

    def grad(self, x, weight=None):
        """Return d energy / d params, summed over rows with ``weight``."""
        gradient = self.whole.grad(x, weight)
        return {name: self.beta * value for name, value in gradient.items()}

    @available_if(_whole_has_slope)
    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``."""
        return self.beta * self.whole.grad_x(x)


@public("skebm.energies")
class UserEnergy(Energy):
    """The object of a user, with the methods of an energy that it lacks.

    Parameters
    ----------
    energy : object
        With ``energy(x)``, ``grad(x, weight)`` and ``params``.
    """

    def __init__(self, energy):
        self._wrapped = energy

    def __getattribute__(self, name):
        """Return the public member of the user's object, else the default."""
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        wrapped = object.__getattribute__(self, "_wrapped")
        if not hasattr(wrapped, name):
            return object.__getattribute__(self, name)
        value = getattr(wrapped, name)
        if name in _MAKERS:
            return lambda *args: Energy.of(value(*args))
        return value

    def __repr__(self):
        return f"Energy.of({self._wrapped!r})"

    @property
    def _label(self):
        return type(self._wrapped).__name__

    def _overrides(self, name):
        return hasattr(self._wrapped, name)

    @property
    def reference(self):
        """The reference that methods of the object describe, else the default."""
        if hasattr(self._wrapped, "sample_reference"):
            return _ReferenceMethods(self)
        return Energy.reference.fget(self)


class _ReferenceMethods:
    """The reference of an energy with sample_reference and log_partition_reference."""

    def __init__(self, energy):
        self._energy = energy

    def energy(self, x):
        return self._energy.interpolate(0.0).energy(x)

    def sample(self, n_rows, random):
        chains = self._energy.sample_reference(n_rows, random)
        return self._energy.configurations(chains)

    @property
    def log_partition(self):
        return self._energy.log_partition_reference()
