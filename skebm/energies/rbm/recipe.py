"""How estimators make restricted Boltzmann machines."""

from skebm.energies._recipe import (
    Recipe,
    columns_of,
    is_adaptive,
    marginals,
    small_weights,
)
from skebm.energies.rbm.class_rbm import ClassRBM
from skebm.energies.rbm.rbm import RBM
from skebm.layers import HIDDEN, Bernoulli, Categorical, Spin
from skebm.utils._validation import lookup

# Learning rates of "auto" (asv_bench/compare/learning_rate.py). Few binary units are
# within half a nat of their best rate at 0.4; with many, chains fall behind: 8000
# updates of 200 on the mushrooms end 24 nats below those at 0.2.
_RATE, _LARGEST_RATE, _RATE_TIMES_HIDDEN = 0.1, 0.4, 12.8
# Real units do not saturate: a step that is too long explodes, soonest where both sides
# can answer without bound. At 0.2 a fit of 100 hidden units to iris did. Real columns
# beside others take the rate of binary ones, 0.1.
_REAL_HIDDEN_RATE = 0.01
# Where many real columns are nearly the same, a step along what they share is that much
# longer: patches of photographs, 64 columns whose correlations have an eigenvalue of
# 53, diverged in one of five fits at 0.1. Tables have up to 18, and keep their rate.
_RATE_TIMES_SPREAD = 2.5
# Of nothing but categories, as in proteins: rows drawn from what 0.1 has learned have
# covariances that agree with held-out ones to 0.95, and 0.97 at half of it.
_CATEGORICAL_RATE = 0.05
# Real columns beside spins, which were not measured.
_REAL_WITH_SPINS_RATE = 0.05


class RBMRecipe(Recipe):
    """A restricted Boltzmann machine.

    Parameters
    ----------
    n_components : int, default=100
        Number of hidden units.
    hidden : str, default="bernoulli"
        Hidden units, a name of :data:`skebm.layers.HIDDEN`.
    """

    energy_class = RBM

    def __init__(self, n_components=100, hidden="bernoulli"):
        self.n_components = n_components
        self.hidden = hidden

    def build(self, layer, summary, random):
        """Return an RBM at the marginals, with weights that hardly do anything."""
        visible, base = marginals(layer, summary)
        hidden = self._hidden(summary.dtype)
        shape = layer.n_units, self.n_components
        weights = small_weights(shape, summary.dtype, random)
        return self.energy_class(visible, hidden, weights, base=base)

    def learning_rate(self, layer, summary, objective, optimizer):
        """Return the learning rate that ``"auto"`` stands for."""
        if is_adaptive(optimizer):
            return super().learning_rate(layer, summary, objective, optimizer)
        layers, hidden = _leaves(layer), self._hidden(summary.dtype)
        if not hidden.finite:
            return _REAL_HIDDEN_RATE
        if all(isinstance(units, Bernoulli) for units in [*layers, hidden]):
            rate = _RATE_TIMES_HIDDEN / self.n_components
            return min(max(rate, _RATE), _LARGEST_RATE)
        if all(isinstance(units, Categorical) for units in layers):
            return _CATEGORICAL_RATE
        has_spins = any(isinstance(units, Spin) for units in [*layers, hidden])
        if has_spins and not all(units.finite for units in layers):
            return _REAL_WITH_SPINS_RATE
        # Counts couple by their value, so the variance is the curvature of their bias.
        variance = max(summary.count_variance, 1)
        return min(_RATE, 1 / variance, _RATE_TIMES_SPREAD / summary.spread)

    def attributes(self, energy, order):
        """Return weights and biases under the names of scikit-learn's BernoulliRBM."""
        components = columns_of(energy.weights, order)
        return {
            "components_": components,
            "intercept_visible_": energy.visible.bias[order],
            "intercept_hidden_": energy.hidden.bias.copy(),
            "_n_features_out": len(components),
        }

    def _hidden(self, dtype):
        return lookup(self.hidden, HIDDEN, "hidden").zeros(self.n_components, dtype)


class ClassRBMRecipe(RBMRecipe):
    """A restricted Boltzmann machine of inputs and a label.

    The layer that :meth:`build` takes is that of the inputs beside that of the label,
    ``Columns([inputs, label])``.

    Parameters
    ----------
    n_components, hidden
        As for :class:`RBMRecipe`.
    """

    energy_class = ClassRBM
    monitor = "classes"

    def learning_rate(self, layer, summary, objective, optimizer):
        """Return the learning rate of an RBM of the inputs."""
        inputs = layer.layers[0]
        return super().learning_rate(inputs, summary, objective, optimizer)

    def attributes(self, energy, order):
        """Return the weights and biases of inputs, label and hidden units."""
        inputs, label = energy.visible.layers
        return {
            "components_": columns_of(energy.weights, order),
            "class_components_": energy.weights[energy.n_inputs :].T.copy(),
            "intercept_visible_": inputs.bias[order],
            "intercept_class_": label.bias.copy(),
            "intercept_hidden_": energy.hidden.bias.copy(),
        }


def _leaves(layer):
    """Return the layers of which a layer is made, or itself."""
    return list(getattr(layer, "layers", [layer]))
