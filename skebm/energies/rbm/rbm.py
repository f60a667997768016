"""The restricted Boltzmann machine."""

import numpy as np
from sklearn.utils.metaestimators import available_if

from skebm.energies._bipartite import Bipartite, Chains
from skebm.energies._enumeration import Enumeration
from skebm.energies._reference import Independent
from skebm.energies._sites import flip_energies, flip_grad, have_two_values
from skebm.energies.rbm._binary import sweeps
from skebm.energies.rbm._bounds import (
    bound_weights,
    check_pair,
    largest_singular_value,
)
from skebm.energies.rbm._clamped import Clamped
from skebm.energies.rbm._conditionals import (
    alternatives,
    bounds,
    conditionals_by_sum,
    conditionals_of_coupled,
)
from skebm.energies.rbm._enumeration import HiddenEnumeration
from skebm.energies.rbm._flips import Flips
from skebm.energies.rbm._fused import FusedRBM, has_binary_units
from skebm.energies.rbm._growth import grown
from skebm.energies.rbm._normal import (
    conditionals_of_normal,
    is_normal,
    log_partition_of_normal,
)
from skebm.energies.rbm._phases import (
    fix_gauge,
    gradient,
    preconditioned,
    start_phases,
)
from skebm.utils._parallel import map_blocks
from skebm.utils._products import product


def _has_flips(energy):
    return energy.sites is not None and have_two_values(energy.sites)


class RBM(Bipartite):
    """Restricted Boltzmann machine with units of any kind on either side.

    ``E(v, h) = visible.energy(v) + hidden.energy(h) - v @ weights @ h``, and with the
    hidden units summed out, the free energy ``F(v) = visible.energy(v) -
    hidden.cgf(v @ weights)`` [1]_.

    Parameters
    ----------
    visible, hidden : layers
        The partition function is finite if the values of one side are bounded. It is
        also finite if the matrix of the weights between real units, scaled by their
        standard deviations, has a largest singular value below 1.
    weights : ndarray of shape (n_visible, n_hidden)
    base : layer, default=None
        The visible layer of the reference, a model of independent units from which
        annealing starts. The best choice is a layer at the marginals of the data.
        ``None`` takes ``visible``.
    coupling : float, default=1
        Factor of the weights. It is below 1 between the reference and the model.

    Raises
    ------
    ValueError
        If one side holds Poisson counts, and the other side holds units whose values
        are not bounded either.

    References
    ----------
    .. [1] P. Smolensky. "Information processing in dynamical systems: foundations of
       harmony theory". In: Parallel Distributed Processing, 1986.
    """

    def __init__(self, visible, hidden, weights, *, base=None, coupling=1.0):
        check_pair(visible, hidden)
        super().__init__(visible, hidden, weights, base=base, coupling=coupling)

    @property
    def is_proper(self):
        """Whether the partition function is known to be finite.

        It is finite if the values of one side are bounded, and after :meth:`project`.
        """
        if self.visible.finite or self.hidden.finite:
            return True
        return largest_singular_value(self) < 1

    @property
    def T(self):  # noqa: N802
        """The model with the roles of visible and hidden units exchanged."""
        return RBM(self.hidden, self.visible, self.weights.T, coupling=self.coupling)

    def grown(self, size, random):
        """Return a model with more hidden units, and almost the same density."""
        return self._with(*grown(self, size, random))

    # -- energy and gradient ---------------------------------------------------------

    @property
    def work(self):
        """Multiply-adds of a sweep, for each row."""
        return 2 * self.weights.size

    @property
    def coupled(self):
        """Whether the visible layer has couplings."""
        return self.visible.coupled

    def inputs(self, x):
        """Return the inputs of the hidden units, before ``coupling``."""
        return product(x, self.weights)

    def energy(self, x, inputs=None):
        """Return the free energy of each row, in nats, float64, shape (n,)."""
        inputs = self.inputs(x) if inputs is None else inputs
        cgf = self.hidden.cgf(self._coupled(inputs))
        return np.asarray(self.visible.energy(x), dtype=np.float64) - cgf

    def joint_energy(self, v, h):
        """Return ``E(v, h)`` of each row, shape (n,)."""
        interaction = ((v @ self.weights) * h).sum(axis=1)
        return (
            self.visible.energy(v) + self.hidden.energy(h) - self.coupling * interaction
        )

    def hidden_mean(self, x, inputs=None):
        """Return the expectation of the hidden units given each row."""
        if inputs is not None:
            return self.hidden.mean(self._coupled(inputs))

        def block_means(block):
            return self.hidden.mean(self._coupled(self.inputs(x[block])))

        blocks = map_blocks(block_means, x.shape[0], self.weights.size)
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    def reconstruct(self, x):
        """Return the visible means given the hidden means given each row."""
        return self.visible.mean(self.hidden_mean(x) @ self.weights.T)

    def _start_phases(self, x, weight, inputs):
        return start_phases(self, x, weight, inputs)

    def _gradient(self, phases, offsets):
        return gradient(self, phases, offsets)

    def contrast(self, positive, negative, offsets=None):
        """Return positive minus negative phase: see :meth:`Bipartite.contrast`.

        The directions that do not change the distribution are removed from it; see the
        method ``gauge`` of layers.
        """
        total = super().contrast(positive, negative, offsets)
        fix_gauge(self.visible, total)
        return total

    def precondition(self, gradient):
        """Return the gradient as one of weights to uncorrelated coordinates."""
        if not self.visible.coupled:
            return gradient
        return preconditioned(self.visible, gradient)

    @property
    def fused(self):
        """Kernels for whole minibatches; None unless all units take two values."""
        return FusedRBM(self) if has_binary_units(self) else None

    def project(self):
        """Bring the parameters back into the domain where the model exists."""
        self.visible.project()
        self.hidden.project()
        # The hidden biases make up for what the gauge removes from the weights, so that
        # the model does not change.
        removed = self.visible.gauge(self.weights)
        if np.ndim(removed):
            self.hidden.bias += self._coupled(removed)
        bound_weights(self)

    # -- sampling --------------------------------------------------------------------

    def gibbs_sweep(self, chains, random):
        """Return the chains after all hidden, then all visible units were drawn."""
        if has_binary_units(self):
            return Chains(*sweeps(self, chains, [random]))
        hidden = self.hidden.sample(self._coupled(chains.inputs), random.fold(0))
        visible = self.visible.sample(
            self._coupled(hidden @ self.weights.T), random.fold(1)
        )
        return Chains(visible, self.inputs(visible))

    @property
    def reference(self):
        """The model of independent units, whose partition function is known."""
        hidden = self.hidden.zeros(self.hidden.n_units, self.dtype)
        no_inputs = np.zeros((1, hidden.n_units), dtype=self.dtype)
        return Independent(self.base, -float(hidden.cgf(no_inputs)[0]))

    def with_reference_at(self, mean, variance, n_rows):
        """Return the same model with a reference that has these marginals."""
        base = self.visible.from_moments(mean, variance, n_rows).astype(self.dtype)
        return self._with(self.visible, self.hidden, self.weights, base=base)

    def with_wide_reference(self, beta):
        """Return the same model with ``beta`` times the energy of the reference."""
        base = self.base.scaled(beta)
        return self._with(self.visible, self.hidden, self.weights, base=base)

    def interpolate(self, beta):
        """Return the model between the reference (0) and this model (1).

        All natural parameters are interpolated, so the result is an RBM.
        """
        hidden = self.hidden.zeros(self.hidden.n_units, self.dtype)
        return self._with(
            self.base.interpolate(self.visible, self.dtype.type(beta)),
            hidden.interpolate(self.hidden, self.dtype.type(beta)),
            self.weights,
            coupling=self.coupling * beta,
        )

    def scaled(self, beta):
        """Return the model whose joint energy is ``beta`` times this joint energy.

        Parameters
        ----------
        beta : float
            An inverse temperature, above 0. With a large one only the lowest energies
            are probable.
        """
        return self._with(
            self.visible.scaled(beta),
            self.hidden.scaled(beta),
            self.weights,
            base=self.base.scaled(beta),
            coupling=self.coupling * beta,
        )

    @property
    def enumerable(self):
        """The configurations of the smaller finite side; None if no side is finite.

        The free energy of a configuration sums the other side out.
        """
        sides = []
        if self.visible.finite:
            sides.append(Enumeration(self, self.visible))
        if self.hidden.finite:
            sides.append(HiddenEnumeration(self, self.hidden))
        return min(sides, key=lambda side: side.n_states, default=None)

    @property
    def is_normal(self):
        """Whether all units are Gaussian, so that the density is normal."""
        return is_normal(self)

    @property
    def closed_log_partition(self):
        """The log partition function if all units are Gaussian, else None."""
        return log_partition_of_normal(self) if self.is_normal else None

    # -- conditionals ----------------------------------------------------------------

    def conditional_log_prob(self, x):
        """Return the exact ``log p(x_i | all other x)`` for every variable.

        Parameters
        ----------
        x : ndarray of shape (n, n_units)

        Returns
        -------
        ndarray of shape (n, n_variables), float64
            In nats; log densities for real units.
        """
        if self.is_normal:
            return conditionals_of_normal(self, x)
        if self.visible.coupled:
            return conditionals_of_coupled(self, x)
        return conditionals_by_sum(self, x)

    def conditional_bounds(self, x):
        """Return upper bounds of :meth:`conditional_log_prob`, or None.

        The bounds cost little where the weights have grown so large that the
        conditionals cost much. None if these cost little, too.

        Parameters
        ----------
        x : ndarray of shape (n, n_units)
        """
        return None if self.is_normal else bounds(self, x)

    def alternatives(self, variable):
        """Return the possible values of a variable, whatever the other variables are.

        They have the form of :meth:`skebm.layers.Layer.alternatives`. None if the
        values depend on the other variables: the range of a real unit does if the
        hidden units are not bounded.
        """
        return alternatives(self, variable)

    @property
    def clamped(self):
        """The model of the holes and the hidden units given the observed cells."""
        return Clamped(self)

    @available_if(_has_flips)
    def flip_energies(self, x):
        """Return ``F(x with unit i flipped) - F(x)`` for every visible unit.

        The method exists if all visible units have two values, as Bernoulli and spin
        units do. It costs about as much as a few evaluations of the free energy.

        Parameters
        ----------
        x : {ndarray, CSR matrix} of shape (n, n_visible)

        Returns
        -------
        ndarray of shape (n, n_visible), float64
            In nats.

        Raises
        ------
        ValueError
            If ``x`` holds a value that its unit cannot take.
        """
        if self.visible.coupled:
            return flip_energies(self, x)
        return Flips(self).energies(x)

    @available_if(_has_flips)
    def flip_grad(self, x, weight):
        """Return the gradient of ``sum(weight * flip_energies(x))`` by name.

        Parameters
        ----------
        x : {ndarray, CSR matrix} of shape (n, n_visible)
        weight : ndarray of shape (n, n_visible)
        """
        if self.visible.coupled:
            return flip_grad(self, x, weight)
        return Flips(self).grad(x, weight)
