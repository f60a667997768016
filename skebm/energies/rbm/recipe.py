"""Recipes of restricted Boltzmann machines."""

import numpy as np
from sklearn.base import clone

from skebm.energies._couplings import are_normal, leaves, start_layers
from skebm.energies._graph import coupling_attributes
from skebm.energies._recipe import (
    Recipe,
    columns_of,
    is_adaptive,
    marginals,
    small_weights,
)
from skebm.energies.rbm._normal import principal_axes
from skebm.energies.rbm.class_rbm import ClassRBM
from skebm.energies.rbm.rbm import RBM
from skebm.layers import (
    HIDDEN,
    Bernoulli,
    Categorical,
    Columns,
    Gaussian,
    Normals,
    Spin,
)
from skebm.utils._sparse import dense
from skebm.utils._validation import is_auto, lookup

# Learning rates of "auto" (asv_bench/compare/learning_rate.py).
#
# The rate of models to which no other rule applies.
_RATE = 0.1
# The largest rate of binary units. With few hidden units it is within half a nat of the
# best rate.
_LARGEST_RATE = 0.4
# The rate of binary units times the number of hidden units. With many hidden units the
# chains fall behind: with 200 of them, 8000 updates at 0.4 on the mushrooms end 24 nats
# below as many updates at 0.2.
_RATE_TIMES_HIDDEN = 12.8
# How many times this rate a tree of the visible units gets, and the share of updates
# that this saves. The strongest couplings need not be learned, and chains that draw
# coupled units together follow. On eight sets, three quarters of the updates at three
# times the rate end between 0.1 nats below (plants) and 0.5 nats above (words) as many
# updates at twice the rate.
_TIMES_OF_TREE, _UPDATES_SAVED = 3.0, 0.25
# Rows for each variable below which both are less, but at least once this rate: 9 rows
# for each variable (dna) are overfitted at twice the rate.
_ROWS_OF_TREE = 16
# Rows for each variable below which there are fewer updates, and the smallest share of
# them. Wide rows are overfitted soon: 400 rows of 500 variables lose 11 nats on
# held-out rows from 400 to 1600 updates, with or without a tree.
_ROWS_PER_VARIABLE, _SMALLEST_SHARE = 4, 0.25
# The smallest number of updates if real columns are a mixture of normal distributions,
# which is not learned. Hidden units can only make it wider, so they have little to
# learn. The updates are in proportion to the number of other columns: twenty real
# columns and one with categories lose 0.05 nats from 8000 to 380 updates.
_UPDATES_OF_MIXTURE = 100
# The rate of real hidden units. Real units do not saturate, so too long a step makes
# the parameters explode, above all if neither side is bounded. At 0.2 a fit of 100
# hidden units to iris exploded.
_REAL_HIDDEN_RATE = 0.01
# Their largest rate times the precision of the visible units and the spread of real
# columns. A model that begins at one normal distribution is near its best, and longer
# steps lead away: satellite images lose 1.3 nats a row at five times this rate.
_REAL_HIDDEN_RATE_TIMES_PRECISION = 0.02
# The largest rate times the spread of real columns. If many columns are nearly the
# same, a step along their common direction is longer by this factor. Patches of
# photographs, 64 columns with a spread of 53, diverged in one of five fits at 0.1. The
# spread of tables is up to 18, so they keep their rate.
_RATE_TIMES_SPREAD = 2.5
# The rate if all columns are categories, as in proteins. The covariances of drawn rows
# correlate with the covariances of held-out rows at 0.97 with this rate, and at 0.95
# with twice this rate.
_CATEGORICAL_RATE = 0.05
# The rate times the number of columns if they are coupled by a tree, and its limits.
# Ten columns of the census gain 0.1 nats a row on held-out rows from 0.05 to 0.25, and
# 0.01 from there to 0.5. Chains of 31 sites of proteins fall behind at 0.25; from 0.05
# to 0.1 they gain 2.9 nats, and drawn rows correlate as before.
_CATEGORICAL_TREE_RATE, _CATEGORICAL_LIMITS = 2.5, (0.1, 0.25)
# The rate of coupled columns of counts times the curvature of the log-likelihood in
# their biases, which is the largest eigenvalue of their covariance. A step longer than
# 2 over the curvature overshoots: 32 columns of letters diverge at 2.9.
_RATE_TIMES_JOINT_VARIANCE = 1.5
# The rate of real columns with spins. It was not measured, so it is careful.
_REAL_WITH_SPINS_RATE = 0.05
# What "auto" is where no rows can be held out, and the sizes that it tries otherwise.
_FIXED, _SIZES = 100, tuple(2**k for k in range(2, 11))
# Fewest rows for each hidden unit, and most hidden units for each visible unit.
_ROWS_OF_HIDDEN, _HIDDEN_OF_VISIBLE = 8, 2
# The precision of weights that learn labels only (asv_bench/compare/classifiers.py).
# On parts of training sets, log-losses are a third lower at 0.2 to 0.5 than without a
# penalty. Sets of few rows and several classes would have 0.1, and some of two classes
# 1 to 2.
_LABEL_PRECISION = 0.3


class RBMRecipe(Recipe):
    """A restricted Boltzmann machine.

    Parameters
    ----------
    n_components : int or "auto", default=100
        Number of hidden units. ``"auto"`` begins with 4, and ``fit`` doubles it
        while held-out rows gain. It is 100 where no rows can be held out: in
        ``partial_fit``, and as a part of a sum.
    hidden : str, default="bernoulli"
        Kind of the hidden units, a name of :data:`skebm.layers.HIDDEN`.
    couplings : {"auto", "none", "tree", "full"}, default="auto"
        Which visible units are coupled directly; see :class:`skebm.RBMDensity`.
    n_clusters : int or "auto", default="auto"
        Number of components of the mixture of real columns.
    """

    energy_class = RBM

    def __init__(
        self,
        n_components=100,
        hidden="bernoulli",
        couplings="auto",
        n_clusters="auto",
    ):
        self.n_components = n_components
        self.hidden = hidden
        self.couplings = couplings
        self.n_clusters = n_clusters

    def build(self, layer, summary, random):
        """Return an RBM at the visible layer of the rows, with small random weights."""
        hidden = self._hidden(summary.dtype)
        is_bounded = bool(np.isfinite(hidden.limits).all())
        visible, base = self._start(layer, summary, is_bounded, random.fold(1))
        if self._is_normal(visible, hidden, summary):
            rows, weight = dense(summary.rows), summary.weight
            start = principal_axes(rows, weight, len(hidden.bias), random.fold(2))
            start = [part.astype(summary.dtype) for part in start]
            return self.energy_class(*start, base=base)
        shape = layer.n_units, self._n_hidden
        weights = visible.decorrelate(small_weights(shape, summary.dtype, random))
        return self.energy_class(visible, hidden, weights, base=base)

    def _start(self, layer, summary, bounded_hidden, random):
        """Return the visible layer and the base of the reference."""
        couplings = self.couplings
        if couplings == "auto" and not bounded_hidden:
            couplings = "tree" if layer.finite else "none"
        # An exact gradient needs the probabilities of single units, which are fast to
        # compute for independent units only.
        if self.couplings == "auto" and not summary.is_sampled:
            couplings = "none"
        return start_layers(layer, summary, couplings, self.n_clusters, random)

    def _is_normal(self, visible, hidden, summary):
        """Tell whether the model is one normal distribution that can be begun at."""
        if self.couplings != "auto" or summary.rows is None:
            return False
        units = [*leaves(visible), hidden]
        return all(isinstance(part, Gaussian) for part in units) and are_normal(
            visible, dense(summary.rows), "auto", summary.weight
        )

    def learning_rate(self, layer, summary, objective, optimizer):
        """Return the learning rate that ``"auto"`` stands for."""
        if is_adaptive(optimizer):
            return super().learning_rate(layer, summary, objective, optimizer)
        layers, hidden = leaves(layer), self._hidden(summary.dtype)
        if not hidden.finite:
            return _rate_of_real_hidden(layers, summary.spread)
        if all(isinstance(units, Bernoulli) for units in [*layers, hidden]):
            rate = _RATE_TIMES_HIDDEN / self._n_hidden
            if layer.coupled:
                share = _share_of_rows(layer, summary.n_rows)
                rate *= max(_TIMES_OF_TREE * share, 1)
            return min(max(rate, _RATE), _LARGEST_RATE)
        if all(isinstance(units, Categorical) for units in layers):
            if not layer.coupled:
                return _CATEGORICAL_RATE
            low, high = _CATEGORICAL_LIMITS
            return min(max(_CATEGORICAL_TREE_RATE / layer.n_variables, low), high)
        has_spins = any(isinstance(units, Spin) for units in [*layers, hidden])
        if has_spins and not all(units.finite for units in layers):
            return _REAL_WITH_SPINS_RATE
        # The variance of a count is the curvature of the log-likelihood in its bias.
        variance = max(summary.count_variance, 1)
        if layer.coupled:
            joint = summary.joint_count_variance / _RATE_TIMES_JOINT_VARIANCE
            variance = max(variance, joint)
        # Steps of coupled real columns are steps in uncorrelated coordinates.
        coupled = any(isinstance(units, Normals) for units in layers)
        spread = 1.0 if coupled else summary.spread
        return min(_RATE, 1 / variance, _RATE_TIMES_SPREAD / spread)

    def n_updates(self, layer, n_rows):
        """Return the number of updates that ``n_iter="auto"`` stands for."""
        n_updates = super().n_updates(layer, n_rows)
        mixtures = [u for u in leaves(layer) if isinstance(u, Normals)]
        n_fixed = sum(u.n_units for u in mixtures if not u.learned)
        if n_fixed:
            share = 1 - n_fixed / layer.n_variables
            return max(min(n_updates, _UPDATES_OF_MIXTURE), round(share * n_updates))
        if not layer.finite:
            return n_updates
        if layer.coupled and all(isinstance(u, Bernoulli) for u in leaves(layer)):
            n_updates *= 1 - _UPDATES_SAVED * _share_of_rows(layer, n_rows)
        share = n_rows / (_ROWS_PER_VARIABLE * layer.n_variables)
        return round(n_updates * min(max(share, _SMALLEST_SHARE), 1))

    @property
    def _n_hidden(self):
        return _FIXED if is_auto(self.n_components) else int(self.n_components)

    def sizes(self, n_rows, n_units):
        """Return the sizes that ``"auto"`` tries; see the base."""
        if not is_auto(self.n_components):
            return ()
        most = min(n_rows // _ROWS_OF_HIDDEN, _HIDDEN_OF_VISIBLE * n_units, _SIZES[-1])
        return [size for size in _SIZES if size <= max(_SIZES[0], most)]

    def sized(self, size):
        """Return the recipe of this size, if its size is ``"auto"``."""
        is_open = is_auto(self.n_components)
        return clone(self).set_params(n_components=size) if is_open else self

    def describe(self, energy):
        """Return a line about the couplings of the visible units."""
        return f"visible units: {energy.visible!r}"

    def attributes(self, energy, order):
        """Return weights and biases under the names of scikit-learn's BernoulliRBM."""
        components = columns_of(energy.weights, order)
        return {
            "components_": components,
            "intercept_visible_": energy.visible.bias[order],
            "intercept_hidden_": energy.hidden.bias.copy(),
            **coupling_attributes(energy.visible, order),
            "_n_features_out": len(components),
        }

    def _hidden(self, dtype):
        return lookup(self.hidden, HIDDEN, "hidden").zeros(self._n_hidden, dtype)


def _rate_of_real_hidden(layers, spread):
    """Return the learning rate of real hidden units."""
    real = [units for units in layers if isinstance(units, Gaussian)]
    precision = max((float(units.precision.max()) for units in real), default=1.0)
    # The precision of columns that are standardised, and not coupled, is 1.
    if precision < 1.5:
        return _REAL_HIDDEN_RATE
    scale = precision * spread
    return min(_REAL_HIDDEN_RATE, _REAL_HIDDEN_RATE_TIMES_PRECISION / scale)


class ClassRBMRecipe(RBMRecipe):
    """A restricted Boltzmann machine of inputs and a label.

    :meth:`build` takes a layer ``Columns([inputs, label])`` of the layer of the inputs
    and the layer of the label.

    Parameters
    ----------
    n_components, hidden, couplings, n_clusters
        As for :class:`RBMRecipe`. The couplings are those of the inputs.
    """

    energy_class = ClassRBM
    monitor, is_joint, is_shrunk = "classes", True, False
    label_precision = _LABEL_PRECISION

    def _start(self, layer, summary, bounded_hidden, random):
        """Return the layers of the inputs, which may be coupled, and of the label."""
        inputs, label = layer.layers
        n = inputs.n_units
        of_inputs, of_label = (
            summary._replace(mean=summary.mean[units], variance=summary.variance[units])
            for units in (slice(n), slice(n, None))
        )
        if summary.rows is not None:
            of_inputs = of_inputs._replace(rows=summary.rows[:, :n])
        pairs = (
            super()._start(inputs, of_inputs, bounded_hidden, random),
            marginals(label, of_label),
        )
        return tuple(Columns(pair) for pair in zip(*pairs, strict=True))

    def learning_rate(self, layer, summary, objective, optimizer):
        """Return the learning rate of an RBM of the inputs."""
        inputs = layer.layers[0]
        return super().learning_rate(inputs, summary, objective, optimizer)

    def n_updates(self, layer, n_rows):
        """Return the number of updates of any recipe; wide rows were not measured."""
        return Recipe.n_updates(self, layer, n_rows)

    def attributes(self, energy, order):
        """Return the weights and biases of inputs, label and hidden units."""
        inputs, label = energy.visible.layers
        return {
            "components_": columns_of(energy.weights, order),
            "class_components_": energy.weights[energy.n_inputs :].T.copy(),
            "intercept_visible_": inputs.bias[order],
            "intercept_class_": label.bias.copy(),
            "intercept_hidden_": energy.hidden.bias.copy(),
            **coupling_attributes(inputs, order),
        }


def _share_of_rows(layer, n_rows):
    """Return the share of the rows that a tree needs to take long steps, at most 1."""
    return min(n_rows / (_ROWS_OF_TREE * layer.n_variables), 1)
