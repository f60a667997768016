"""An energy beside a reference, which it tilts or starts from."""

import numpy as np
from scipy.special import logsumexp
from sklearn.utils.metaestimators import available_if

from skebm.energies import _sites
from skebm.energies._base import Energy
from skebm.energies._clamped_rows import ClampedRows
from skebm.energies._derived import Scaled
from skebm.utils._random import Random
from skebm.utils._sparse import dense

# Draws of a variable given the others, for each row, by which it is summed out.
_N_DRAWS = 200


def _both_have_slopes(hybrid):
    return all(hasattr(part, "grad_x") for part in (hybrid.start, hybrid.term))


def _has_layer(hybrid):
    return hybrid.base is not None


def _term_has(name):
    return lambda hybrid: hasattr(hybrid.term, name)


class _WithReference(Energy):
    """Base of energies of a term, whose parameters are learned, and a reference.

    Parameters
    ----------
    start : reference
        An object with ``energy``, ``sample`` and ``log_partition``.
    term : energy
    visible : layer
        The visible layer, which says which values the columns take.
    """

    def __init__(self, start, term, visible):
        self.start, self.term, self.visible = start, Energy.of(term), visible
        # What draws some columns given others.
        self.base = getattr(start, "layer", start if hasattr(start, "given") else None)

    @property
    def _label(self):
        return self.term._label

    def _overrides(self, name):
        """Tell whether the energy has its own method; of dtypes the term decides."""
        owner = self.term if name == "astype" else super()
        return owner._overrides(name)

    @property
    def params(self):
        """The learned arrays of the term by name."""
        return self.term.params

    @property
    def weight_names(self):
        """Names of the parameters that penalties shrink."""
        return self.term.weight_names

    @property
    def reference(self):
        """The density beside the term."""
        return self.start

    @property
    def clamped(self):
        """The model of the holes of rows given the observed cells."""
        if self.base is None:
            raise AttributeError(
                f"{self._label} has no model of holes, since "
                f"{type(self.start.density).__name__} does not draw some columns given "
                "others. Use reference='auto'."
            )
        return ClampedRows(self)

    def scaled(self, beta):
        """Return the energy times ``beta``, with the same reference."""
        return ScaledBeside(self, beta)

    @available_if(_has_layer)
    def conditional_log_prob(self, x):
        """Return ``log p(x_i | all other x)`` for every variable, in nats, float64.

        Finitely many values are summed over. Else the reference draws the variable
        given the others, always with the same random numbers, and the log ratios at
        these draws give the constant.
        """
        if self.sites is not None:
            return _sites.conditional_log_prob(self, x)
        x = dense(x)
        variables, no_inputs = self.base.variables, np.zeros(x.shape, x.dtype)
        of_row = self.log_ratio(x) - self.base.energy(x)
        out = np.empty((len(x), self.base.n_variables))
        for variable in range(self.base.n_variables):
            holes = np.broadcast_to(variables == variable, x.shape)
            given = self.base.given(
                np.repeat(x, _N_DRAWS, axis=0), np.repeat(holes, _N_DRAWS, axis=0)
            )
            drawn = given.sample(
                np.repeat(no_inputs, _N_DRAWS, axis=0), Random(0, variable)
            )
            ratios = self.log_ratio(drawn.astype(x.dtype, copy=False))
            total = logsumexp(ratios.reshape(len(x), _N_DRAWS), axis=1) - np.log(
                _N_DRAWS
            )
            out[:, variable] = of_row - total - self.base.given(x, holes).cgf(no_inputs)
        return out

    def replace(self, params):
        """Return the energy with copies of these parameters, and the same reference."""
        return self._with(self.term.replace(params))

    def astype(self, dtype):
        """Return a copy with parameters of this dtype, and the same reference."""
        return self._with(self.term.astype(dtype))

    def with_term(self, term):
        """Return the energy with another term, and the same reference."""
        return self._with(Energy.of(term))

    @available_if(_term_has("grown"))
    def grown(self, size, random):
        """Return the energy with a larger term of the same values."""
        return self._with(self.term.grown(size, random))

    def project(self):
        """Bring the parameters back into the domain where the model exists."""
        self.term.project()

    def _with(self, term):
        return type(self)(self.start, term, self.visible)


class ScaledBeside(Scaled):
    """The energy of a term and a reference times ``beta``, an inverse temperature."""

    @property
    def clamped(self):
        """The model of the holes of rows given the observed cells."""
        if self.base is None:
            return self.whole.clamped  # a sentence
        return ClampedRows(self)


class Anchored(_WithReference):
    """An energy with a reference that does not change it.

    Chains start at the reference, annealing too, and noise-contrastive estimation
    compares the rows with its draws.
    """

    starts_anywhere = True

    @property
    def closed_log_partition(self):
        """The log partition function of the term if it has a closed form, else None."""
        return self.term.closed_log_partition

    def energy(self, x):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        return self.term.energy(x)

    def grad(self, x, weight=None):
        """Return d energy / d params, summed over rows with ``weight``."""
        return self.term.grad(x, weight)

    def pullback(self, x):
        """Return the energies, and the function that turns weights into a gradient."""
        return self.term.pullback(x)

    @available_if(_term_has("grad_x"))
    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``."""
        return self.term.grad_x(x)

    def energy_and_slope(self, chains):
        """Return the energy of each row, and d energy / d x."""
        return self.term.energy_and_slope(chains)

    @available_if(_term_has("grad_x_grad"))
    def grad_x_grad(self, x, direction):
        """Return the gradient of ``sum(direction * grad_x(x))`` by name."""
        return self.term.grad_x_grad(x, direction)


class Hybrid(_WithReference):
    """A reference that is tilted: ``p(x)`` is proportional to ``start(x) exp(-E(x))``.

    ``energy(x) = start.energy(x) + strength * term.energy(x)``. The term corrects what
    the reference has wrong [1]_.

    Parameters
    ----------
    start, term, visible
        As above.
    strength : float, default=1.0
        Rows that are held out choose it.

    References
    ----------
    .. [1] A. Grover, J. Song, A. Agarwal, K. Tran, A. Kapoor, E. Horvitz, S. Ermon.
       "Bias correction of learned generative models using likelihood-free importance
       weighting". NeurIPS 2019.
    """

    def __init__(self, start, term, visible, strength=1.0):
        super().__init__(start, term, visible)
        self.strength = strength

    def energy(self, x):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        return self.start.energy(x) - self.log_ratio(x)

    def log_ratio(self, x):
        """Return the log of the model over the reference, up to a constant."""
        if self.strength == 0:
            return np.zeros(x.shape[0])
        return -self.strength * self.term.energy(x)

    def energy_above(self, other, chains):
        """Return the energy of chains minus their energy in another stage.

        The stages have the same reference, which can take longer than the tilt.
        """
        return (self.strength - other.strength) * self.term.energy(chains)

    @property
    def closed_log_partition(self):
        """The log partition function of a reference without a tilt, else None."""
        return self.start.log_partition if self.strength == 0 else None

    def ratio_pullback(self, x):
        """Return the log ratios, and what makes gradients of the energy of weights."""
        energies, pullback = self.term.pullbacks(x)
        return -self.strength * energies, lambda weight: self._times(pullback(weight))

    def pullback(self, x):
        """Return the energies, and the function that turns weights into a gradient."""
        energies, pullback = self.term.pullback(x)
        energies = self.start.energy(x) + self.strength * energies
        return energies, lambda weight: self._times(pullback(weight))

    def grad(self, x, weight=None):
        """Return d energy / d params, summed over rows with ``weight``."""
        return self._times(self.term.grad(x, weight))

    @available_if(_both_have_slopes)
    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``."""
        slope = self.start.grad_x(x) + self.strength * self.term.grad_x(x)
        return slope.astype(x.dtype, copy=False)

    def energy_and_slope(self, chains):
        """Return the energy of each row, and d energy / d x."""
        values, slope = self.term.energy_and_slope(chains)
        if self.strength != 1:
            values, slope = self.strength * values, self.strength * slope
        values += self.start.energy(chains)
        slope = self.start.grad_x(chains) + slope
        return values, slope.astype(chains.dtype, copy=False)

    @available_if(_term_has("grad_x_grad"))
    def grad_x_grad(self, x, direction):
        """Return the gradient of ``sum(direction * grad_x(x))`` by name."""
        return self._times(self.term.grad_x_grad(x, direction))

    def interpolate(self, beta):
        """Return the reference with this share of the tilt."""
        return self.with_strength(beta * self.strength)

    def with_strength(self, strength):
        """Return the same hybrid with another strength of the tilt."""
        return Hybrid(self.start, self.term, self.visible, float(strength))

    def _with(self, term):
        return Hybrid(self.start, term, self.visible, self.strength)

    def _times(self, gradient):
        if self.strength == 1:
            return gradient
        return {name: self.strength * value for name, value in gradient.items()}
