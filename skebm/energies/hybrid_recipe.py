"""The recipe of an energy beside a reference."""

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from skebm.energies._couplings import leaves, start_layers
from skebm.energies._recipe import Recipe, marginals
from skebm.energies._reference import Fitted, Independent, InUnits
from skebm.energies._stacking import stacked
from skebm.energies.hybrid import Anchored, Hybrid
from skebm.layers import Gaussian
from skebm.utils._sparse import dense
from skebm.utils._validation import is_auto, lookup

_REFERENCES = {name: name for name in ("auto", "mixture")}


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
        if params and not has_fit_parameter(density, "sample_weight"):
            raise ValueError(
                f"reference={self.reference!r} takes no sample_weight in fit. Use "
                "reference='auto', a density that takes it, such as KernelDensity, or "
                "leave sample_weight out."
            )
        return Fitted(density.fit(rows, **params), summary.dtype_name)

    def sizes(self, n_rows, n_units):
        """Return the sizes of the term that ``"auto"`` tries."""
        return self.recipe.sizes(n_rows, n_units)

    def sized(self, size):
        """Return the recipe with a term of this size."""
        return type(self)(self.recipe.sized(size), self.reference, self.tilts)

    def rebuilt(self, energy, layer, summary, random):
        """Return a new term beside the reference of ``energy``."""
        return energy.with_term(self.recipe.build(layer, summary, random.fold(0)))

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
    needs_one = is_auto(reference)
    if needs_one and recipe.is_anchored and not recipe.is_tilt:
        return HybridRecipe(recipe, tilts=False)
    if reference is None or (needs_one and not recipe.is_tilt):
        return recipe
    return HybridRecipe(recipe, reference)
