"""The model of the holes of rows, for restricted Boltzmann machines."""

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp, softmax

from skebm.energies._base import Energy
from skebm.energies._reference import Independent
from skebm.energies.rbm._enumeration import each_state, hidden_log_weights
from skebm.energies.rbm._observed import exact_energy, has_few_hidden_states
from skebm.utils._products import product
from skebm.utils._resampling import positions
from skebm.utils._stored import public

# Short chains whose hidden states guide others, for each inverse temperature of the
# reference where they begin, and their sweeps. Rows of a warm reference reach modes of
# small weight.
_N_GUIDES, _N_GUIDE_SWEEPS = 250, 5
_WARM = (1.0, 0.3, 0.1)


@public("skebm.energies")
class ClampedChains(NamedTuple):
    """Chains that stand at rows with holes.

    Attributes
    ----------
    visible : ndarray of shape (n_chains, n_visible)
        The observed units, and the present values of the holes.
    inputs : ndarray of shape (n_chains, n_hidden)
        Inputs of the hidden units from the holes.
    observed : ndarray of shape (n_chains, n_hidden)
        Inputs of the hidden units from the observed units, which never change.
    holes : ndarray of bool of shape (n_chains, n_visible)
        The units that were not observed; all units of a variable or none.
    """

    visible: np.ndarray
    inputs: np.ndarray
    observed: np.ndarray
    holes: np.ndarray


class Clamped(Energy):
    """``p(holes, h | observed)`` of a restricted Boltzmann machine.

    The energy of a chain is the free energy of its row. Annealing couples the holes to
    the hidden units: at ``beta=0`` the holes have their distribution given the observed
    units in ``rbm.base``, and the hidden units have inputs from the observed units
    only.

    Parameters
    ----------
    rbm : RBM
    beta : float, default=1
        Coupling of the holes.
    """

    def __init__(self, rbm, beta=1.0):
        self.rbm = rbm
        self.beta = rbm.dtype.type(beta)
        self.visible = rbm.visible
        if beta != 1:
            self.visible = rbm.base.interpolate(rbm.visible, self.beta)

    @property
    def dtype(self):
        """The dtype of the model."""
        return self.rbm.dtype

    @property
    def work(self):
        """Multiply-adds of a sweep, for each row."""
        return self.rbm.work

    @property
    def reference(self):
        """The visible units at the marginals, independent of each other."""
        return Independent(self.rbm.base)

    # -- chains ----------------------------------------------------------------------

    def chains(self, x, holes):
        """Return chains at rows whose holes hold values of their domain."""
        observed = product(np.where(holes, 0, x), self.rbm.weights)
        return ClampedChains(x, self._inputs(x, holes), observed, holes)

    def start(self, x, holes, random):
        """Return chains whose holes are drawn from the marginals."""
        given = self.rbm.base.given(x, holes)
        no_inputs = np.zeros(x.shape, dtype=self.dtype)
        return self.chains(given.sample(no_inputs, random).astype(x.dtype), holes)

    def put(self, chains, x):
        """Return the chains with the values of these rows in their holes."""
        visible = np.where(chains.holes, x, chains.visible)
        return chains._replace(
            visible=visible, inputs=self._inputs(visible, chains.holes)
        )

    def chain_energy(self, chains):
        """Return the energy of each chain, in nats, float64, shape (n_chains,)."""
        energy = np.asarray(self.visible.energy(chains.visible), dtype=np.float64)
        return energy - self.rbm.hidden.cgf(self._received(chains))

    def gibbs_sweep(self, chains, random):
        """Return the chains after all hidden units, then all holes were drawn."""
        return self.mean_sweep(chains, random, means=False)[0]

    def mean_sweep(self, chains, random, means=True):
        """Return the chains after a sweep, and the means from which it drew each side.

        Parameters
        ----------
        chains : ClampedChains
        random : Random
        means : bool, default=True
            Whether to compute the means.

        Returns
        -------
        chains : ClampedChains
        hidden, visible : ndarray or None
            The means; None if ``means`` is false.
        """
        received = self._received(chains)
        sent = self._sent(self.rbm.hidden.sample(received, random.fold(0)))
        given = self._given(chains)
        moved = self.put(chains, given.sample(sent, random.fold(1)))
        if not means:
            return moved, None, None
        mean = given.mean(sent) if self.visible.coupled else self.visible.mean(sent)
        return moved, self.rbm.hidden.mean(received), mean

    def climb(self, chains):
        """Return chains whose holes are most probable given the present hidden means.

        This never raises the energy. Minus the cgf of the hidden units is concave, so
        its tangent at the present holes bounds it from above.
        """
        sent = self._sent(self.rbm.hidden.mean(self._received(chains)))
        return self.put(chains, self._given(chains).mode(sent))

    def interpolate(self, beta):
        """Return the model between independent holes (0) and this model (1)."""
        return Clamped(self.rbm, beta)

    def log_partition_start(self, chains):
        """Return log Z at ``beta=0`` given the observed units of each chain, nats."""
        rbm = self.rbm
        no_inputs = np.zeros(chains.visible.shape, dtype=rbm.dtype)
        received = chains.observed * rbm.dtype.type(rbm.coupling)
        of_holes = rbm.base.given(chains.visible, chains.holes).cgf(no_inputs)
        return rbm.hidden.cgf(received) + of_holes

    # -- chains from hidden states ---------------------------------------------------

    def guides(self, random):
        """Return hidden states near the modes of the model, or None.

        They are the states of short chains from many draws of the reference. Annealed
        chains end in few modes, since they leave the others while they are warm. There
        are no guides for coupled visible units, whose reference knows the modes, and
        for hidden units that are not finite.

        Returns
        -------
        ndarray of shape (n_states, n_hidden) or None
            No two states are equal.
        """
        rbm = self.rbm
        if rbm.visible.coupled or not rbm.hidden.finite:
            return None
        starts = [
            Independent(rbm.base.scaled(beta)).sample(_N_GUIDES, random.fold(0, k))
            for k, beta in enumerate(_WARM)
        ]
        chains = rbm.chains(np.concatenate(starts))
        for k in range(_N_GUIDE_SWEEPS):
            chains = rbm.gibbs_sweep(chains, random.fold(1, k))
        inputs = rbm.dtype.type(rbm.coupling) * rbm.inputs(rbm.configurations(chains))
        return np.unique(rbm.hidden.sample(inputs, random.fold(2)), axis=0)

    def guided(self, x, holes, guides, n_chains, random):
        """Return chains drawn from hidden states, and their log importance weights.

        Among these states each has its probability given the observed units. The weight
        of a chain is the inverse of the probability that the hidden units given its row
        are in one of the states.

        Returns
        -------
        chains : ClampedChains
            ``n_chains`` chains of each row, one row after the other.
        log_weight : ndarray of shape (n, n_chains)
        """
        _, log_weight = hidden_log_weights(self.rbm, x, holes, guides)
        share = softmax(log_weight, axis=1)
        uniform = _comb(len(x), n_chains, random.fold(0))
        rows = self._draws(x, holes, guides, share, uniform, random.fold(1))
        rows = rows.reshape(-1, x.shape[1])
        chains = self.chains(rows, np.repeat(holes, n_chains, axis=0))
        received = self._received(chains)
        of_guides = received @ guides.T - self.rbm.hidden.energy(guides)
        log_weight = self.rbm.hidden.cgf(received) - logsumexp(of_guides, axis=1)
        return chains, log_weight.reshape(-1, n_chains)

    # -- exact answers ---------------------------------------------------------------

    def exact_energy(self, x, holes):
        """Return the energy of the observed units if it is exact, else NaN.

        See :func:`skebm.energies.rbm._observed.exact_energy`.
        """
        return exact_energy(self.rbm, x, holes)

    @property
    def draws_exactly(self):
        """Whether the hidden states are few enough for :meth:`draw`."""
        return has_few_hidden_states(self.rbm)

    def draw(self, x, holes, n_draws, random):
        """Return rows with exact and independent draws of their holes.

        Returns
        -------
        ndarray of shape (n, n_draws, n_visible)
        """
        states, share = self._hidden_shares(x, holes)
        uniform = random.fold(0).uniform((len(x), n_draws))
        return self._draws(x, holes, states, share, uniform, random.fold(1))

    def posterior_means(self, x, holes, n_draws=0, random=None):
        """Return exact means of hidden and visible units given the observed units.

        They are sums over all hidden states. Observed units that are coupled keep their
        values; other observed units get means, too.

        Parameters
        ----------
        x : ndarray of shape (n, n_visible)
        holes : ndarray of bool of shape (n, n_visible)
        n_draws : int, default=0
            Number of draws to return. The share of each hidden state among them is
            right up to one draw, so that averages over them vary little.
        random : Random, default=None

        Returns
        -------
        list of ndarray
            The means, (n, n_hidden) and (n, n_visible), and the draws, of shape (n,
            n_draws, n_visible), if there are any.
        """
        states, share = self._hidden_shares(x, holes)
        means = share @ states, self._visible_means(x, holes, states, share)
        means = [mean.astype(self.dtype, copy=False) for mean in means]
        if not n_draws:
            return means
        uniform = _comb(len(x), n_draws, random.fold(0))
        draws = self._draws(x, holes, states, share, uniform, random.fold(1))
        return [*means, draws]

    def _hidden_shares(self, x, holes):
        """Return all hidden states, and their probabilities given each row."""
        states, log_weight = hidden_log_weights(self.rbm, x, holes)
        return states, softmax(log_weight, axis=1)

    def _visible_means(self, x, holes, states, share):
        """Return the average of the means of visible units over hidden states."""
        sent = self._sent(states).astype(self.dtype, copy=False)
        if not self.visible.coupled:
            return share @ self.visible.mean(sent)
        out = np.empty(x.shape)
        for rows, given, inputs in each_state(self.visible, x, holes, sent):
            means = given.mean(inputs).reshape(-1, *sent.shape)
            out[rows] = np.einsum("ns,nsi->ni", share[rows], means)
        return np.where(holes, out, x)

    def _draws(self, x, holes, states, share, uniform, random):
        """Return draws of the holes, of the hidden states at these uniform numbers."""
        n_draws = uniform.shape[1]
        cumulative = share.cumsum(axis=1)
        numbers = positions(cumulative, uniform * cumulative[:, -1:])
        sent = self._sent(states[numbers.ravel()]).astype(self.dtype, copy=False)
        rows, missing = (np.repeat(array, n_draws, axis=0) for array in (x, holes))
        drawn = self.visible.given(rows, missing).sample(sent, random)
        return drawn.reshape(len(x), n_draws, drawn.shape[1])

    def _given(self, chains):
        """Return the distribution of the holes given the observed units."""
        return self.visible.given(chains.visible, chains.holes)

    def _inputs(self, x, holes):
        """Return the inputs of the hidden units from the holes."""
        return product(np.where(holes, x, 0), self.rbm.weights)

    def _received(self, chains):
        """Return the inputs of the hidden units of chains, after the coupling."""
        inputs = chains.observed + self.beta * chains.inputs
        return self.rbm.dtype.type(self.rbm.coupling) * inputs

    def _sent(self, hidden):
        """Return the inputs of the visible units, after the coupling."""
        factor = self.beta * self.rbm.dtype.type(self.rbm.coupling)
        return factor * (hidden @ self.rbm.weights.T)


def _comb(n_rows, n_draws, random):
    """Return uniform numbers for each row, one in each of ``n_draws`` equal parts."""
    return (np.arange(n_draws) + random.uniform((n_rows, n_draws))) / n_draws
