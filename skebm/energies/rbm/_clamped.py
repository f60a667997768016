"""A restricted Boltzmann machine some of whose units are observed."""

from typing import NamedTuple

import numpy as np

from skebm.utils._products import product


class ClampedChains(NamedTuple):
    """Chains that stand at rows with holes, each at its own.

    Attributes
    ----------
    visible : ndarray of shape (n_chains, n_visible)
        What was observed, and the present values of the holes.
    inputs : ndarray of shape (n_chains, n_hidden)
        What the hidden units receive of the holes.
    given : ndarray of shape (n_chains, n_hidden)
        What they receive of the observed units, which never changes.
    holes : ndarray of bool of shape (n_chains, n_visible)
        The units that were not observed; all units of a variable or none.
    """

    visible: np.ndarray
    inputs: np.ndarray
    given: np.ndarray
    holes: np.ndarray


class Clamped:
    """``p(holes, h | observed)`` of a restricted Boltzmann machine.

    The energy of a chain is the free energy of its row without the energy of the
    observed units alone, which no sweep changes. Annealing couples the holes: at
    ``beta=0`` they are independent units at the marginals of ``rbm.base`` while the
    hidden units see all that was observed.

    Parameters
    ----------
    rbm : RBM
    beta : float, default=1
    """

    def __init__(self, rbm, beta=1.0):
        self.rbm = rbm
        self.beta = rbm.dtype.type(beta)
        self.visible = rbm.visible
        if beta != 1:
            self.visible = rbm.base.interpolate(rbm.visible, self.beta)

    @property
    def work(self):
        """Multiply-adds of a sweep, a row."""
        return self.rbm.work

    def chains(self, x, holes):
        """Return chains at rows whose holes hold some value of their domain."""
        given = product(np.where(holes, 0, x), self.rbm.weights)
        return ClampedChains(x, self._moving(x, holes), given, holes)

    def start(self, x, holes, random):
        """Return chains whose holes are drawn from the marginals."""
        drawn = self.rbm.base.sample(np.zeros_like(x), random)
        return self.chains(np.where(holes, drawn, x), holes)

    def energy(self, visible, inputs, given, holes):
        """Return the energy of each chain, in nats, float64, shape (n_chains,)."""
        own = self.visible.energy(np.where(holes, visible, 0))
        cgf = self.rbm.hidden.cgf(self._received(inputs, given))
        return np.asarray(own, dtype=np.float64) - cgf

    def gibbs_sweep(self, chains, random):
        """Draw all hidden units, then all holes."""
        received = self._received(chains.inputs, chains.given)
        sent = self._sent(self.rbm.hidden.sample(received, random.fold(0)))
        return self.filled(chains, self.visible.sample(sent, random.fold(1)))

    def mean_sweep(self, chains, random):
        """Return the chains after a sweep, and the means it drew both sides from."""
        received = self._received(chains.inputs, chains.given)
        sent = self._sent(self.rbm.hidden.sample(received, random.fold(0)))
        moved = self.filled(chains, self.visible.sample(sent, random.fold(1)))
        return moved, self.rbm.hidden.mean(received), self.visible.mean(sent)

    def climb(self, chains):
        """Return chains whose holes are the best for the present hidden means.

        The energy never rises by that: minus the cgf of the hidden units is concave,
        so that its tangent at the present holes bounds it from above.
        """
        received = self._received(chains.inputs, chains.given)
        sent = self._sent(self.rbm.hidden.mean(received))
        return self.filled(chains, self.visible.mode(sent))

    def filled(self, chains, visible):
        """Return the chains with their holes filled from these rows."""
        _, _, given, holes = chains
        visible = np.where(holes, visible, chains.visible)
        return ClampedChains(visible, self._moving(visible, holes), given, holes)

    def interpolate(self, beta):
        """Return the model on the way from independent holes (0) to this one (1)."""
        return Clamped(self.rbm, beta)

    def log_partition_reference(self, chains):
        """Return log Z at ``beta=0`` for the observed part of each chain, in nats."""
        rbm = self.rbm
        zeros = np.zeros((1, rbm.n_features), dtype=rbm.dtype)
        alone = rbm.base.cgfs(zeros)[0]
        received = chains.given * rbm.dtype.type(rbm.coupling)
        return rbm.hidden.cgf(received) + missing(rbm.visible, chains.holes) @ alone

    def _moving(self, x, holes):
        return product(np.where(holes, x, 0), self.rbm.weights)

    def _received(self, inputs, given):
        return self.rbm.dtype.type(self.rbm.coupling) * (given + self.beta * inputs)

    def _sent(self, hidden):
        factor = self.beta * self.rbm.dtype.type(self.rbm.coupling)
        return factor * (hidden @ self.rbm.weights.T)


def missing(layer, holes):
    """Return which variables the holes in units are, shape (n, n_features)."""
    first = np.unique(layer.variables, return_index=True)[1]
    return holes[:, first]
