"""The recipe of a user's own energy, and what guards it."""

import copy

import numpy as np
from sklearn.utils.metaestimators import available_if

from skebm.energies._base import Energy
from skebm.energies._real import as_rows, require_real
from skebm.energies._recipe import Recipe

# Rows on which the energy is tried before the training.
_N_ROWS = 50
# Distances from the rows, in standard deviations, between which an energy must grow,
# and random directions besides the axes.
_FAR, _N_DIRECTIONS = (1e3, 1e5), 20


def _own_has(name):
    return lambda energy: hasattr(energy.own, name)


class CustomEnergy(Energy):
    """The energy of a user, with rows in double precision and checks of its values.

    Parameters
    ----------
    own : object
        With ``energy(x)``, ``grad(x, weight)`` and ``params``; ``grad_x``,
        ``grad_x_grad`` and ``project`` are used if they exist.
    """

    def __init__(self, own):
        self.own = own

    def __repr__(self):
        return f"CustomEnergy({self.own!r})"

    @property
    def _label(self):
        return getattr(self.own, "_label", type(self.own).__name__)

    @property
    def params(self):
        """The learned arrays by name, shared with the user's object."""
        return self.own.params

    def project(self):
        """Call ``project`` of the user's object if it has one."""
        getattr(self.own, "project", lambda: None)()

    def energy(self, x):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        x = as_rows(x, np.float64)
        return self._checked(self.own.energy(x), x)

    def grad(self, x, weight=None):
        """Return d energy / d params, summed over rows with ``weight``."""
        return self.own.grad(as_rows(x, np.float64), weight)

    @available_if(_own_has("grad_x"))
    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``."""
        return self.own.grad_x(as_rows(x, np.float64))

    @available_if(_own_has("grad_x"))
    def grad_x_grad(self, x, direction):
        """Return the gradient of ``sum(direction * grad_x(x))`` by name."""
        method = getattr(self.own, "grad_x_grad", super().grad_x_grad)
        return method(as_rows(x, np.float64), direction)

    def _checked(self, values, x):
        shape = np.shape(values)
        if shape != (len(x),) or np.asarray(values).dtype.kind not in "fiu":
            raise ValueError(
                f"energy(x) of {self._label} must return one float for each row, of "
                f"shape ({len(x)},), but returned shape {shape} and dtype "
                f"{np.asarray(values).dtype}. Sum over axis 1, and return an array."
            )
        values = np.asarray(values, np.float64)
        if (wrong := np.isnan(values)).any() and self._is_finite:
            row = x[wrong][0]
            if np.isfinite(row).all():
                told = {name: value.tolist() for name, value in self.params.items()}
                raise ValueError(
                    f"energy(x) of {self._label} is NaN at the row {row.tolist()} with "
                    f"the parameters {told}. Let it return a number for every row, or "
                    "keep the parameters where it does, in a method project()."
                )
        return values

    @property
    def _is_finite(self):
        return all(np.isfinite(value).all() for value in self.params.values())

    # -- before the training ---------------------------------------------------------

    def check(self, x):
        """Raise an error, a sentence, if the user's object breaks the contract."""
        for name, value in self.params.items():
            if not (isinstance(value, np.ndarray) and value.dtype == np.float64):
                kind = getattr(value, "dtype", type(value).__name__)
                raise TypeError(
                    f"params[{name!r}] of {self._label} must be an array of float64, "
                    f"but is {kind}. Make it one: np.array(..., dtype=float)."
                )
            if not (value.ndim and value.flags.c_contiguous and value.flags.writeable):
                raise ValueError(
                    f"params[{name!r}] of {self._label} must be a C-contiguous array "
                    "with at least one axis, since updates change it in place. Make it "
                    "one: np.array(..., ndmin=1, order='C')."
                )
        before, gradient = self.energy(x), self.grad(x)
        self._check_gradient(gradient)
        if hasattr(self, "grad_x") and np.shape(self.grad_x(x)) != x.shape:
            raise ValueError(
                f"grad_x(x) of {self._label} has shape {np.shape(self.grad_x(x))}, but "
                f"x has shape {x.shape}. Return d energy / d x of each row."
            )
        for name, slope in gradient.items():
            # What `params` returns must be what `energy` reads.
            value = self.params[name]
            kept = value.copy()
            value += 1e-3 * np.maximum(np.abs(value), 1e-3)
            same = np.array_equal(self.energy(x), before)
            value[...] = kept
            if same and np.abs(slope).max() > 1e-9:
                raise ValueError(
                    f"energy(x) of {self._label} does not change with "
                    f"params[{name!r}]: params holds a copy or a view of what the "
                    "energy reads. Let params be a property that returns the "
                    "attributes themselves."
                )

    def _check_gradient(self, gradient):
        if sorted(gradient) != sorted(self.params):
            raise ValueError(
                f"grad(x, weight) of {self._label} has the keys {sorted(gradient)}, "
                f"but params has {sorted(self.params)}. Return a gradient for each."
            )
        for name, value in gradient.items():
            wanted = self.params[name].shape
            if np.shape(value) != wanted:
                raise ValueError(
                    f"grad(x, weight)[{name!r}] of {self._label} has shape "
                    f"{np.shape(value)}, but the parameter has {wanted}. Sum over the "
                    "rows with their weights."
                )


class Custom(Recipe):
    """The recipe of a user's own energy of real columns.

    Training changes a copy, so the object keeps its values, and every fit starts from
    them. Rows reach the energy in the units of the user, in double precision. The model
    is the energy alone. A mixture of normal distributions beside it proposes rows; see
    :class:`HybridRecipe`.

    Parameters
    ----------
    energy : object
        With ``energy(x)``, which returns the energy of each row, ``grad(x, weight)``,
        which returns a dict of gradients, summed over rows with ``weight`` or averaged
        for None, and ``params``, a dict from the same names to arrays of float64.
        ``grad_x(x)`` is optional, and serves samplers that follow slopes; so is
        ``project()``, which brings the parameters back into their domain.
    """

    is_anchored, is_unscaled, is_shrunk = True, True, False

    def __init__(self, energy):
        self.energy = energy

    @property
    def kernel(self):
        """Chains follow slopes if there are any."""
        return "mala" if hasattr(self.energy, "grad_x") else "independence"

    def build(self, layer, summary, random):
        """Return a copy of the energy, after it was tried on the first rows."""
        require_real(layer, self)
        energy = CustomEnergy(copy.deepcopy(self.energy))
        x = as_rows(summary.rows, np.float64)
        x = x[~np.isnan(x).any(axis=1)][:_N_ROWS]
        if len(x):
            energy.check(x)
        return energy

    def doubt(self, energy, rows):
        """Return a sentence if the partition function is infinite, or None.

        It is if, far from many rows, the energy does not grow along a direction faster
        than the logarithm of the distance.
        """
        x = as_rows(rows, np.float64)
        x = x[~np.isnan(x).any(axis=1)][:_N_ROWS]
        if not len(x):
            return None
        d, scale = x.shape[1], np.maximum(x.std(axis=0), 1e-300)
        turns = np.cos(np.outer(1 + np.arange(_N_DIRECTIONS), 1 + np.arange(d) ** 2))
        for way in [*np.eye(d), *-np.eye(d), *turns]:
            way = way / np.linalg.norm(way) * scale
            with np.errstate(all="ignore"):
                near, far = (energy.energy(x + step * way) for step in _FAR)
                growth = (far - near) / np.log(_FAR[1] / _FAR[0])
            # NaN compares as false, so infinite energies count as grown.
            if np.mean(growth < 1 - 1e-6) > 0.5:
                return (
                    f"The partition function of {energy._label} is infinite: its "
                    f"energy does not grow along {np.round(way, 3).tolist()}, so it is "
                    "no density, and scores mean nothing. Add a term that grows, as in "
                    "Custom(mine) + 0.01 * Quadratic(), or keep the parameters where "
                    "the energy grows, in a method project()."
                )
        return None
