"""An energy beside a reference, which it tilts or starts from."""

import numpy as np
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.utils.metaestimators import available_if

from skebm.energies import _sites
from skebm.energies._base import Energy
from skebm.energies._clamped_rows import ClampedRows
from skebm.energies._couplings import leaves, start_layers
from skebm.energies._derived import Scaled
from skebm.energies._recipe import Recipe, marginals
from skebm.energies._reference import Fitted, Independent, InUnits
from skebm.energies._stack import stacked
from skebm.layers import Gaussian
from skebm.utils._random import Random
from skebm.utils._sparse import dense
from skebm.utils._validation import lookup

_REFERENCES = {name: name for name in ("auto", "mixture")}
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
        energies, pullback = self.term.pullback(x)
        return -self.strength * energies, lambda weight: self._times(pullback(weight))

    def pullback(self, x):
        """Return the energies, and the function that turns weights into a gradient."""
        ratios, pullback = self.ratio_pullback(x)
        return self.start.energy(x) - ratios, pullback

    def grad(self, x, weight=None):
        """Return d energy / d params, summed over rows with ``weight``."""
        return self._times(self.term.grad(x, weight))

    @available_if(_both_have_slopes)
    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``."""
        slope = self.start.grad_x(x) + self.strength * self.term.grad_x(x)
        return slope.astype(x.dtype, copy=False)

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


class HybridRecipe(Recipe):
    """The energy of another recipe, beside a reference.

    Parameters
    ----------
    recipe : recipe
        It makes the term.
    reference : {"auto", "mixture"} or density, default="auto"
        ``"mixture"`` is a mixture of normal distributions of the real columns, and a
        tree of the others. ``"auto"`` is the same for columns of several kinds or with
        holes, and a stack of mixtures and kernels for others: see
        :class:`skebm.energies.Stack`. A density of scikit-learn, with ``fit``,
        ``score_samples`` and ``sample``, is fitted to the rows in the units of the
        visible layer.
    tilts : bool, default=True
        Whether the term tilts the reference. Else the model is the term alone.
    """

    monitor, objective, holds_out = "likelihood", "nce", True
    # The strength shrinks the term. Adam would take weights of small slopes to 0.
    is_shrunk = False

    def __init__(self, recipe, reference="auto", tilts=True):
        self.recipe = recipe
        self.reference = reference
        self.tilts = tilts

    @property
    def kernel(self):
        """A tilt is near its reference; another energy may be anywhere."""
        kernel = self.recipe.kernel
        return "independence" if self.tilts or kernel == "gibbs" else kernel

    def build(self, layer, summary, random):
        """Return the reference with the term, which changes nothing yet."""
        term = self.recipe.build(layer, summary, random.fold(0))
        visible, start = self._beside(layer, summary, random.fold(1))
        return (Hybrid if self.tilts else Anchored)(start, term, visible)

    def _beside(self, layer, summary, random):
        """Return the visible layer and the reference."""
        visible, _ = marginals(layer, summary)
        if not isinstance(self.reference, str):
            return visible, self._fitted(layer, summary)
        name = lookup(self.reference, _REFERENCES, "reference")
        if self.recipe.is_unscaled and summary.rows is not None:
            standard, location, scale = summary.standardised()
            base = start_layers(layer, standard, "auto", "auto", random)[1]
            return visible, InUnits(Independent(base), location, scale)
        is_stacked = name == "auto" and self.tilts and _are_all_real(layer)
        if is_stacked and not np.isnan(rows := dense(summary.rows)).any():
            facts = summary.weight, random, summary.dtype_name
            return visible, stacked(rows, *facts)
        visible, base = start_layers(layer, summary, "auto", "auto", random)
        return visible, Independent(base)

    def _fitted(self, layer, summary):
        """Return the density that was fitted to the rows."""
        if not _are_all_real(layer):
            raise ValueError(
                "reference takes a density of real columns, but some columns hold "
                "other values. Use reference='auto', or visible='real'."
            )
        rows = dense(summary.rows)
        if np.isnan(rows).any():
            raise ValueError(
                f"reference={self.reference!r} cannot be fitted to missing values. Use "
                "reference='auto', or fill them in first."
            )
        density = clone(self.reference, safe=False)
        params = {} if summary.weight is None else {"sample_weight": summary.weight}
        return Fitted(density.fit(rows, **params), summary.dtype_name)

    def learning_rate(self, layer, summary, objective, optimizer):
        """Return the learning rate of the term."""
        return self.recipe.learning_rate(layer, summary, objective, optimizer)

    def n_updates(self, layer, n_rows):
        """Return the number of updates of the term."""
        return self.recipe.n_updates(layer, n_rows)

    def doubt(self, energy, rows):
        """Return what the recipe of the term says of the whole model, or None."""
        return self.recipe.doubt(energy, rows)

    def attributes(self, energy, order):
        """Return the fitted attributes of the term, and the reference."""
        return self.recipe.attributes(energy.term, order)


def _are_all_real(layer):
    return all(isinstance(units, Gaussian) for units in leaves(layer))


def beside(recipe, reference):
    """Return the recipe, beside a reference if there is to be one.

    Parameters
    ----------
    recipe : Recipe
    reference : {"auto", "mixture"}, density or None
        ``"auto"`` gives a reference to a recipe that needs one.
    """
    is_auto = isinstance(reference, str) and reference == "auto"
    if is_auto and recipe.is_anchored and not recipe.is_tilt:
        return HybridRecipe(recipe, tilts=False)
    if reference is None or (is_auto and not recipe.is_tilt):
        return recipe
    return HybridRecipe(recipe, reference)
