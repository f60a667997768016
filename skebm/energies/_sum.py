"""Sums of energies, and the recipe that makes them."""

import re
from functools import reduce
from numbers import Real

import numpy as np
from sklearn.utils.metaestimators import available_if

from skebm.energies._base import Energy
from skebm.energies._recipe import Recipe
from skebm.utils._stored import public


def _all_have(name):
    return lambda total: all(hasattr(part, name) for part in total.parts.values())


@public("skebm.energies")
class Sum(Energy):
    """The energy ``sum_k factors[k] * parts[k].energy(x)``.

    The density is a product of the densities of the parts, up to a constant. A
    parameter has the name of its part, two underscores, and its own name.

    Parameters
    ----------
    parts : dict of str to energy
    factors : dict of str to float
    """

    def __init__(self, parts, factors):
        self.parts = {name: Energy.of(part) for name, part in parts.items()}
        self.factors = factors

    def __repr__(self):
        terms = (f"{self.factors[n]:g} * {part!r}" for n, part in self.parts.items())
        return " + ".join(terms)

    @property
    def _label(self):
        return " + ".join(part._label for part in self.parts.values())

    def _first(self, name):
        found = (getattr(part, name) for part in self.parts.values())
        return next((value for value in found if value is not None), None)

    @property
    def visible(self):
        """The layer of the first part that has one."""
        return self._first("visible")

    @property
    def base(self):
        """The layer of the reference of the first part that has one."""
        return self._first("base")

    @property
    def params(self):
        """The learned arrays by name, shared with the parts."""
        return prefixed({name: part.params for name, part in self.parts.items()})

    @property
    def weight_names(self):
        """Names of the parameters that penalties shrink."""
        return tuple(
            f"{name}__{weight}"
            for name, part in self.parts.items()
            for weight in part.weight_names
        )

    @property
    def work(self):
        """Multiply-adds of a move, for each row."""
        return sum(part.work for part in self.parts.values())

    # -- copies ----------------------------------------------------------------------

    def replace(self, params):
        """Return the sum with copies of these parameters."""
        return self._map(
            lambda name, part: part.replace(
                {key: params[f"{name}__{key}"] for key in part.params}
            )
        )

    def astype(self, dtype):
        """Return a copy with parameters of this dtype."""
        return self._map(lambda name, part: part.astype(dtype))

    def project(self):
        """Bring the parameters back into the domain where the model exists."""
        for part in self.parts.values():
            part.project()

    def _map(self, function):
        parts = {name: function(name, part) for name, part in self.parts.items()}
        return type(self)(parts, self.factors)

    # -- the energy and its gradients ------------------------------------------------

    def energy(self, x):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        return sum(self.factors[n] * part.energy(x) for n, part in self.parts.items())

    def grad(self, x, weight=None):
        """Return d energy / d params, summed over rows with ``weight``."""
        return self._gradient({n: p.grad(x, weight) for n, p in self.parts.items()})

    def pullback(self, x):
        """Return the energies, and the function that turns weights into a gradient."""
        pairs = {name: part.pullback(x) for name, part in self.parts.items()}
        energies = sum(self.factors[name] * pair[0] for name, pair in pairs.items())
        return energies, lambda weight: self._gradient(
            {name: pair[1](weight) for name, pair in pairs.items()}
        )

    @available_if(_all_have("grad_x"))
    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``."""
        slopes = (self.factors[n] * p.grad_x(x) for n, p in self.parts.items())
        return sum(slopes).astype(x.dtype, copy=False)

    def energy_and_slope(self, chains):
        """Return the energy of each row, and d energy / d x."""
        energies, slopes = 0.0, 0.0
        for name, part in self.parts.items():
            values, slope = part.energy_and_slope(chains)
            energies = energies + self.factors[name] * values
            slopes = slopes + self.factors[name] * slope
        return energies, slopes.astype(chains.dtype, copy=False)

    @available_if(_all_have("grad_x_grad"))
    def grad_x_grad(self, x, direction):
        """Return the gradient of ``sum(direction * grad_x(x))`` by name."""
        return self._gradient(
            {n: part.grad_x_grad(x, direction) for n, part in self.parts.items()}
        )

    def _gradient(self, gradients):
        times = {
            name: {key: self.factors[name] * value for key, value in gradient.items()}
            for name, gradient in gradients.items()
        }
        return prefixed(times)


def prefixed(of_parts):
    """Return values of parts, by the names of the parameters of their sum."""
    return {
        f"{name}__{key}": value
        for name, values in of_parts.items()
        for key, value in values.items()
    }


@public("skebm.energies")
class SumRecipe(Recipe):
    """The recipe of a sum of energies, as ``MLP() + 0.5 * Quadratic()`` makes it.

    A grid reaches the parameters of a part by its name, in lower case with underscores,
    as in ``energy__mlp__activation``. The second of two like parts is ``mlp_2``.

    Parameters
    ----------
    recipes : list of recipe
    factors : list of float, default=None
        A factor above 0 for each energy. None is 1 for each.
    """

    def __init__(self, recipes, factors=None):
        self.recipes = recipes
        self.factors = factors

    @classmethod
    def of(cls, recipe):
        """Return a recipe as a sum."""
        return recipe if isinstance(recipe, SumRecipe) else cls([recipe], [1.0])

    def times(self, factor):
        """Return the recipe of the sum times a number."""
        return type(self)(list(self.recipes), [factor * f for f in self._factors])

    def plus(self, other):
        """Return the recipe of the sum of two sums."""
        recipes = [*self.recipes, *other.recipes]
        return type(self)(recipes, [*self._factors, *other._factors])

    @property
    def _factors(self):
        return [1.0] * len(self.recipes) if self.factors is None else self.factors

    @property
    def parts(self):
        """The recipes by their names."""
        parts = {}
        for recipe in map(Recipe.of, self.recipes):
            name, k = _name_of(recipe), 1
            for k in range(1, len(self.recipes) + 1):
                numbered = name if k == 1 else f"{name}_{k}"
                if numbered not in parts:
                    break
            parts[numbered] = recipe
        return parts

    def get_params(self, deep=True):
        """Return the parameters; with ``deep``, those of the parts, too."""
        params = super().get_params(deep=False)
        if deep:
            for name, recipe in self.parts.items():
                params[name] = recipe
                own = recipe.get_params(deep=True)
                params |= {f"{name}__{key}": value for key, value in own.items()}
        return params

    def set_params(self, **params):
        """Set parameters. The name of a part replaces its recipe."""
        for key in ("recipes", "factors"):
            if key in params:
                setattr(self, key, params.pop(key))
        for position, name in enumerate(self.parts):
            if name in params:
                self.recipes = list(self.recipes)
                self.recipes[position] = params.pop(name)
        nested, parts = {}, self.parts
        for key, value in params.items():
            name, found, rest = key.partition("__")
            if name not in parts or not found:
                raise ValueError(
                    f"{key!r} is not a parameter of {self}. Its parts are "
                    f"{', '.join(map(repr, parts))}."
                )
            nested.setdefault(name, {})[rest] = value
        for name, own in nested.items():
            parts[name].set_params(**own)
        return self

    # -- a recipe --------------------------------------------------------------------

    @property
    def is_tilt(self):
        """Whether no part makes the partition function finite."""
        return all(recipe.is_tilt for recipe in self.parts.values())

    @property
    def is_anchored(self):
        """Whether a part needs proposals from a density beside it."""
        return any(r.is_anchored or r.is_tilt for r in self.parts.values())

    @property
    def is_unscaled(self):
        """Whether a part takes rows in the units of the user."""
        return any(recipe.is_unscaled for recipe in self.parts.values())

    @property
    def kernel(self):
        """The sampler of the parts, if all agree on one."""
        kernels = {recipe.kernel for recipe in self.parts.values()}
        return kernels.pop() if len(kernels) == 1 else "independence"

    @property
    def is_shrunk(self):
        """Whether ``l2="auto"`` shrinks the weights."""
        return all(recipe.is_shrunk for recipe in self.parts.values())

    def build(self, layer, summary, random):
        """Return the sum of the energies of the parts."""
        factors = self._factors
        right = [isinstance(f, Real) and 0 < f < np.inf for f in factors]
        if len(right) != len(self.recipes) or not all(right):
            raise ValueError(
                f"factors must be a number above 0 for each of {len(self.recipes)} "
                f"recipes; got {factors!r}. An energy with a negative sign would have "
                "an infinite partition function."
            )
        parts = {
            name: recipe.build(layer, summary, random.fold(k))
            for k, (name, recipe) in enumerate(self.parts.items())
        }
        return Sum(parts, dict(zip(parts, map(float, factors), strict=True)))

    def learning_rate(self, layer, summary, objective, optimizer):
        """Return the lowest learning rate of a part."""
        facts = layer, summary, objective, optimizer
        return min(recipe.learning_rate(*facts) for recipe in self.parts.values())

    def n_updates(self, layer, n_rows):
        """Return the largest number of updates of a part."""
        return max(recipe.n_updates(layer, n_rows) for recipe in self.parts.values())

    def doubt(self, energy, rows):
        """Return what the first part with a doubt says of the whole sum, or None."""
        said = (recipe.doubt(energy, rows) for recipe in self.parts.values())
        return next((sentence for sentence in said if sentence), None)

    def attributes(self, energy, order):
        """Return the fitted attributes of all parts; the first part has precedence."""
        pairs = zip(self.parts.values(), energy.parts.values(), strict=True)
        found = [recipe.attributes(part, order) for recipe, part in pairs]
        return reduce(lambda first, later: later | first, found)


def _name_of(recipe):
    """Return the name of a recipe: that of its class, in lower case."""
    kind = type(getattr(recipe, "recipe", recipe)).__name__
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.removesuffix("Recipe"))
    return words.lower()
