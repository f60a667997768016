"""Energies with a visible and a hidden layer, and weights between them."""

from typing import NamedTuple

import numpy as np
from sklearn.utils.metaestimators import available_if

from skebm.energies._base import Energy
from skebm.utils._stored import public


@public("skebm.energies")
class Chains(NamedTuple):
    """The state of Markov chains: visible units, and inputs of the hidden units.

    Attributes
    ----------
    visible : ndarray of shape (n_chains, n_visible)
    inputs : ndarray of shape (n_chains, n_hidden)
        Inputs of the hidden units, before ``coupling``. The energy, the gradient and
        the next sweep all need them, and to compute them is a third of the work. So
        they are part of the state.
    """

    visible: np.ndarray
    inputs: np.ndarray


def _has_two_values(energy):
    return len(getattr(energy.hidden, "values", ())) == 2


class Bipartite(Energy):
    """Base of energies with two layers and a matrix of weights between them.

    A subclass has ``inputs(x)``, ``energy(x, inputs=None)``, ``interpolate(beta)``, and
    the two steps of its gradient, ``_start_phases`` and ``_gradient``.

    Parameters
    ----------
    visible, hidden : layers
    weights : ndarray of shape (n_visible, n_hidden)
    base : layer, default=None
        The visible layer of the reference; ``None`` takes ``visible``.
    coupling : float, default=1
        Factor of the weights. It is below 1 between the reference and the model.
    """

    option_names = ("base", "coupling")

    def __init__(self, visible, hidden, weights, *, base=None, coupling=1.0):
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
    def n_hidden(self):
        """Number of hidden units."""
        return self.weights.shape[1]

    @property
    def dtype(self):
        """The dtype of the parameters and of draws."""
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
        visible, hidden = (
            {
                name.removeprefix(side): value
                for name, value in params.items()
                if name.startswith(side)
            }
            for side in ("visible.", "hidden.")
        )
        return self._with(
            self.visible.replace(**visible),
            self.hidden.replace(**hidden),
            params["weights"],
        )

    def astype(self, dtype):
        """Return a copy with parameters of this dtype."""
        return self._with(
            self.visible.astype(dtype),
            self.hidden.astype(dtype),
            self.weights.astype(dtype),
            base=self.base.astype(dtype),
        )

    def _with(self, visible, hidden, weights, **changes):
        """Return a model with these layers and weights, and the same other options.

        ``changes`` are options that are not the same.
        """
        options = {name: getattr(self, name) for name in self.option_names}
        return type(self)(visible, hidden, weights, **{**options, **changes})

    def _coupled(self, inputs):
        return inputs if self.coupling == 1 else inputs * self.dtype.type(self.coupling)

    # -- chains ----------------------------------------------------------------------

    def chains(self, x):
        """Return the state of chains that stand at the rows of ``x``."""
        return Chains(x, self.inputs(x))

    def chain_energy(self, chains):
        """Return the free energy of each chain, in nats, float64."""
        return self.energy(chains.visible, chains.inputs)

    def features(self, chains):
        """Return the inputs of the hidden units of each chain."""
        return chains.inputs

    # -- the gradient ----------------------------------------------------------------

    def grad(self, x, weight=None, inputs=None):
        """Return d F / d params, summed over rows with ``weight`` (default: the mean).

        Hidden units enter by their expectation given ``x``, at the same time index.
        """
        phases = self._start_phases(x, weight, inputs).result()
        return self._gradient(phases, self._zero_offsets())

    def start_phase(self, x, weight=None):
        """Begin a phase of the gradient: the rows with their hidden means.

        Parameters
        ----------
        x : {ndarray, CSR matrix} of shape (n, n_visible)
        weight : ndarray of shape (n,), default=None
            None gives all rows the same weight, with sum 1.

        Returns
        -------
        job
            ``result()`` waits, and returns a list of records, one for each block of
            rows.
        """
        return self._start_phases(x, weight, None)

    def start_chain_phase(self, chains, weight=None):
        """Begin a phase of the gradient at chains; see :meth:`start_phase`."""
        return self._start_phases(chains.visible, weight, chains.inputs)

    def contrast(self, positive, negative, offsets=None):
        """Return positive minus negative phase: the gradient of -log p, centered.

        Parameters
        ----------
        positive, negative : list of records
        offsets : tuple of ndarray, default=None
            ``(mu, lam)``, near the means of the visible and of the hidden units. None
            gives the plain difference. If the energy is written in ``v - mu`` and ``h -
            lam``, the updates of weights and biases become independent of each other.
            Learning needs this where units are mostly on [1]_. The offsets are
            subtracted from the values that couple, so the formula holds for every
            layer, in its natural parameters.

        References
        ----------
        .. [1] J. Melchior, A. Fischer, L. Wiskott. "How to center deep Boltzmann
           machines". JMLR 17 (2016).
        """
        if offsets is None:
            offsets = self._zero_offsets()
        return self._gradient(positive + [p.negative() for p in negative], offsets)

    def initial_offsets(self):
        """Return the means of visible and hidden units in the reference."""
        start = self.interpolate(0.0)
        return tuple(
            layer.mean(np.zeros((1, layer.n_units), dtype=self.dtype))[0]
            for layer in (start.visible, start.hidden)
        )

    def offset_targets(self, positive):
        """Return the means of visible and hidden units over the data."""
        return tuple(map(sum, zip(*(phase.means() for phase in positive), strict=True)))

    # -- how often hidden units are on -----------------------------------------------

    @available_if(_has_two_values)
    def activity(self, x):
        """Return the probability of the higher value of each hidden unit, given rows.

        Returns
        -------
        ndarray of shape (n, n_hidden)
        """
        low, high = self.hidden.values
        return (self.hidden_mean(x) - low) / (high - low)

    @available_if(_has_two_values)
    def activity_grad(self, x, weight):
        """Return the gradient of ``sum(weight * activity(x))`` by name.

        It has entries for the parameters on which the activity depends.

        Parameters
        ----------
        x : {ndarray, CSR matrix} of shape (n, n_visible)
        weight : ndarray of shape (n, n_hidden)
        """
        return self._activity_grad(x, weight, np.ones(x.shape[0], dtype=self.dtype))

    def _activity_grad(self, x, weight, bias_factor):
        low, high = self.hidden.values
        active = self.activity(x)
        slope = (weight * ((high - low) * active * (1 - active))).astype(self.dtype)
        weights = self.dtype.type(self.coupling) * (x.T @ slope)
        return {"weights": weights, "hidden.bias": bias_factor @ slope}

    def _zero_offsets(self):
        """Return offsets of 0, whose centered gradient is the plain gradient."""
        return tuple(np.zeros(n, self.dtype) for n in self.weights.shape)
