"""The restricted Boltzmann machine."""

from typing import NamedTuple

import numpy as np
from sklearn.utils.metaestimators import available_if

from skebm.energies.rbm._binary import means, sweeps
from skebm.energies.rbm._bounds import (
    bound_weights,
    check_pair,
    largest_singular_value,
)
from skebm.energies.rbm._clamped import Clamped
from skebm.energies.rbm._conditionals import (
    alternatives,
    conditionals_by_sum,
    conditionals_of_normal,
)
from skebm.energies.rbm._flips import Flips, two_values
from skebm.energies.rbm._phases import fix_gauge, gradient, start_phases
from skebm.energies.rbm._updates import contrast_after, descend
from skebm.layers import Bernoulli, Gaussian, Spin
from skebm.utils._math import row_weights
from skebm.utils._parallel import map_blocks
from skebm.utils._products import product


class Chains(NamedTuple):
    """The state of Markov chains: visible units and what hidden units receive of them.

    Attributes
    ----------
    visible : ndarray of shape (n_chains, n_visible)
    inputs : ndarray of shape (n_chains, n_hidden)
        ``visible @ weights``: kept, since energy, gradient and the next sweep all
        need it and it is a third of the work.
    """

    visible: np.ndarray
    inputs: np.ndarray


def _has_flips(energy):
    return two_values(energy.visible) is not None


class RBM:
    """Restricted Boltzmann machine with units of any kind on either side.

    ``E(v, h) = visible.energy(v) + hidden.energy(h) - v @ weights @ h``, and with the
    hidden units summed out, the free energy ``F(v) = visible.energy(v) -
    hidden.cgf(v @ weights)`` [1]_.

    Parameters
    ----------
    visible, hidden : layers
        The units. One side must have bounded values, or the weights between real units,
        scaled by their standard deviations, a largest singular value below 1.
    weights : ndarray of shape (n_visible, n_hidden)
    base : layer, default=None
        The visible layer of the reference, a model of independent units from which
        annealing starts; best at the data's marginals. ``None`` takes ``visible``.
    coupling : float, default=1
        Factor of the weights; below 1 on the way from the reference.

    Raises
    ------
    ValueError
        If units of Poisson counts meet others without bound.

    References
    ----------
    .. [1] P. Smolensky. "Information processing in dynamical systems: foundations of
       harmony theory". In: Parallel Distributed Processing, 1986.
    """

    def __init__(self, visible, hidden, weights, *, base=None, coupling=1.0):
        check_pair(visible, hidden)
        self.visible = visible
        self.hidden = hidden
        self.weights = weights
        self.base = visible if base is None else base
        self.coupling = coupling

    def __repr__(self):
        return f"{type(self).__name__}({self.visible!r}, {self.hidden!r})"

    @property
    def n_features(self):
        """Number of columns of a row."""
        return self.weights.shape[0]

    @property
    def dtype(self):
        """The dtype of the parameters and of what is drawn."""
        return self.weights.dtype

    @property
    def params(self):
        """The learned arrays by name, shared with the model."""
        return {
            "weights": self.weights,
            **{f"visible.{name}": p for name, p in self.visible.params.items()},
            **{f"hidden.{name}": p for name, p in self.hidden.params.items()},
        }

    def replace(self, params):
        """Return a model of the same kind with these parameters."""
        part = {
            side: {
                name.removeprefix(side): p
                for name, p in params.items()
                if name.startswith(side)
            }
            for side in ("visible.", "hidden.")
        }
        return type(self)(
            self.visible.replace(**part["visible."]),
            self.hidden.replace(**part["hidden."]),
            params["weights"],
            base=self.base,
            coupling=self.coupling,
        )

    def astype(self, dtype):
        """Return a copy with parameters of this dtype."""
        return type(self)(
            self.visible.astype(dtype),
            self.hidden.astype(dtype),
            self.weights.astype(dtype),
            base=self.base.astype(dtype),
            coupling=self.coupling,
        )

    @property
    def is_normal(self):
        """Whether all units are Gaussian, and so the whole density is normal."""
        sides = (self.visible, self.hidden)
        parts = [part for side in sides for part in getattr(side, "layers", [side])]
        return all(isinstance(part, Gaussian) for part in parts)

    @property
    def is_proper(self):
        """Whether the partition function is finite, as far as that is known.

        It is where the values of a side are bounded, and after :meth:`project`.
        """
        if self.visible.finite or self.hidden.finite:
            return True
        return largest_singular_value(self) < 1

    def _is_binary(self, *arrays):
        """Whether the kernels of binary units apply, to these rows, too."""
        return all(
            isinstance(layer, Bernoulli | Spin) for layer in (self.visible, self.hidden)
        ) and all(
            isinstance(a, np.ndarray) and a.dtype == self.dtype and a.flags.c_contiguous
            for a in (self.weights, *arrays)
        )

    @property
    def T(self):  # noqa: N802
        """The model with the roles of visible and hidden units exchanged."""
        return RBM(self.hidden, self.visible, self.weights.T, coupling=self.coupling)

    # -- energy and gradient ---------------------------------------------------------

    @property
    def work(self):
        """Multiply-adds of a sweep, a row."""
        return 2 * self.weights.size

    def inputs(self, x):
        """Return what the hidden units receive, before ``coupling``."""
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

        def rows(part):
            own = x[part]
            if self._is_binary(own):
                return means(self, own)
            return self.hidden.mean(self._coupled(self.inputs(own)))

        parts = map_blocks(rows, x.shape[0], self.weights.size)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def grad(self, x, weight=None, inputs=None):
        """Return d F / d params, summed over rows with ``weight`` (default: the mean).

        Hidden units enter by their expectation given ``x``, at the same time index.
        """
        phases = self.start_phases(x, weight, inputs).result()
        return gradient(self, phases, self._no_offsets())

    def start_phases(self, x, weight=None, inputs=None):
        """Begin to make phases of the gradient of rows: with their hidden means.

        Parameters
        ----------
        x : {ndarray, CSR matrix} of shape (n, n_visible)
        weight : ndarray of shape (n,), default=None
            None weighs all rows alike, with sum 1.
        inputs : ndarray of shape (n, n_hidden), default=None
            ``self.inputs(x)`` where it is known.

        Returns
        -------
        job
            ``result()`` gives a list of :class:`Phase`, one for each block of rows.
        """
        return start_phases(self, x, weight, inputs)

    def contrast(self, data, model, offsets=None):
        """Return positive minus negative phase: the gradient of -log p, centered.

        What no distribution depends on is taken out of it (``visible.gauge``).

        Parameters
        ----------
        data, model : list of Phase
        offsets : tuple of ndarray, default=None
            ``(mu, lam)``, about the means of visible and hidden units; None gives the
            plain difference. With the energy written in ``v - mu`` and ``h - lam``,
            weights and biases no longer move each other, which learning needs where
            units are mostly on [1]_. Offsets are taken from the values that couple, so
            this holds for every layer, in its natural parameters.

        References
        ----------
        .. [1] J. Melchior, A. Fischer, L. Wiskott. "How to center deep Boltzmann
           machines". JMLR 17 (2016).
        """
        if offsets is None:
            offsets = self._no_offsets()
        total = gradient(self, data + [phase.negative() for phase in model], offsets)
        fix_gauge(self.visible, total)
        return total

    def contrast_after(self, data, chains, offsets, randoms):
        """Sweep, then contrast: a minibatch in phases that threads share.

        Parameters
        ----------
        data : tuple
            Rows of shape (n, n_visible), inputs of shape (n, n_hidden) or None, and
            weights, or None for the mean.
        chains : tuple
            Inputs of shape (n_chains, n_hidden), and weights or None.
        offsets : tuple of ndarray, or None
        randoms : list of Random
            One for each sweep.

        Returns
        -------
        tuple or None
            The gradient, the chains, and the means of visible and hidden units over
            the data. None where there are no such kernels, namely if rows are sparse or
            units take more than two values: then it has to be done step by step.
        """
        x, inputs, weight = data
        if not self._is_binary(x, *([] if inputs is None else [inputs])):
            return None
        if offsets is None:
            offsets = self._no_offsets()
        weight, chain_weight = (
            row_weights(given, len(rows), self.dtype)
            for rows, given in ((x, weight), chains)
        )
        total, moved, of_data = contrast_after(
            self, (x, inputs, weight), (chains[0], -chain_weight), offsets, randoms
        )
        return total, Chains(*moved), of_data

    def descend(
        self,
        X,
        batches,
        steps,
        resample,
        chains,
        offsets,
        offset_rate,
        averages,
        random,
    ):
        """Do several updates of plain gradient descent.

        Returns the chains and the offsets, or None where there is no such kernel. For
        parameters see :func:`skebm.energies.rbm._updates.descend`; ``offsets`` may be
        None, and are so afterwards.
        """
        if not self._is_binary(X):
            return None
        own = (self._no_offsets(), 0.0) if offsets is None else (offsets, offset_rate)
        given = X, batches, steps, resample, chains, *own, averages, random
        state, moved = descend(self, *given)
        return Chains(*state), None if offsets is None else moved

    def _no_offsets(self):
        """Return offsets of zero, with which the gradient is the plain one."""
        return tuple(np.zeros(n, self.dtype) for n in self.weights.shape)

    def _coupled(self, inputs):
        return inputs if self.coupling == 1 else inputs * self.dtype.type(self.coupling)

    def project(self):
        """Bring the parameters back into the domain where the model exists."""
        self.visible.project()
        # A change of gauge moves all three, so that the model stays what it is.
        taken = self.visible.gauge(self.weights)
        if np.ndim(taken):
            self.hidden.bias += self._coupled(taken)
        bound_weights(self)

    # -- sampling --------------------------------------------------------------------

    def chains(self, x):
        """Return the state of chains that stand at the rows of ``x``."""
        return Chains(x, self.inputs(x))

    def gibbs_sweep(self, chains, random):
        """Draw all hidden units, then all visible ones."""
        if self._is_binary():
            return Chains(*sweeps(self, chains, [random]))
        hidden = self.hidden.sample(self._coupled(chains.inputs), random.fold(0))
        visible = self.visible.sample(
            self._coupled(hidden @ self.weights.T), random.fold(1)
        )
        return Chains(visible, self.inputs(visible))

    @property
    def reference(self):
        """The model of independent units, whose partition function is known."""
        return self.interpolate(0.0)

    def interpolate(self, beta):
        """Return the model on the way from the reference (0) to this one (1).

        All natural parameters are interpolated, so every stage is an RBM.
        """
        hidden = self.hidden.zeros(self.hidden.n_units, self.dtype)
        return type(self)(
            self.base.interpolate(self.visible, self.dtype.type(beta)),
            hidden.interpolate(self.hidden, self.dtype.type(beta)),
            self.weights,
            base=self.base,
            coupling=self.coupling * beta,
        )

    def scaled(self, beta):
        """Return the model whose energy of both sides is ``beta`` times this one's.

        Parameters
        ----------
        beta : float
            An inverse temperature, above 0: large ones leave the lowest energies.
        """
        return type(self)(
            self.visible.scaled(beta),
            self.hidden.scaled(beta),
            self.weights,
            base=self.base.scaled(beta),
            coupling=self.coupling * beta,
        )

    def log_partition_reference(self):
        """Return log Z of the reference, in nats."""
        reference = self.reference
        return sum(
            float(layer.cgf(np.zeros((1, layer.n_units), dtype=self.dtype))[0])
            for layer in (reference.visible, reference.hidden)
        )

    def sample_reference(self, n_chains, random):
        """Draw chains from the reference."""
        inputs = np.zeros((n_chains, self.n_features), dtype=self.dtype)
        return self.chains(self.base.sample(inputs, random))

    # -- conditionals ----------------------------------------------------------------

    def conditional_log_prob(self, x):
        """Return ``log p(x_i | all other x)`` for every variable, exactly.

        Parameters
        ----------
        x : ndarray of shape (n, n_units)

        Returns
        -------
        ndarray of shape (n, n_features), float64
            In nats; log densities for real units.
        """
        if self.is_normal:
            return conditionals_of_normal(self, x)
        return conditionals_by_sum(self, x)

    def alternatives(self, feature):
        """Return what else a variable could be, whatever the others are.

        As :meth:`skebm.layers.Layer.alternatives`; None where it depends on the others,
        as for real units beside hidden units without bounds.
        """
        return alternatives(self, feature)

    @property
    def clamped(self):
        """The model of holes in rows, and of the hidden units, given the rest."""
        return Clamped(self)

    @available_if(_has_flips)
    def flip_energies(self, x):
        """Return ``F(x with unit i flipped) - F(x)`` for every visible unit.

        There are flips where all visible units have two values, as Bernoulli and spin
        units do. All of them together cost about as much as a few free energies.

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
            If ``x`` holds other values than the two of its units.
        """
        return Flips(self).energies(x)

    @available_if(_has_flips)
    def flip_grad(self, x, weight):
        """Return the gradient of ``sum(weight * flip_energies(x))`` by name.

        Parameters
        ----------
        x : {ndarray, CSR matrix} of shape (n, n_visible)
        weight : ndarray of shape (n, n_visible)
        """
        return Flips(self).grad(x, weight)
