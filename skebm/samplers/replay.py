"""Chains that are drawn from a large buffer."""

from typing import NamedTuple

import numpy as np

from skebm.energies import Energy
from skebm.samplers._base import Sampler, named_kernel


class ReplayChains(NamedTuple):
    """A buffer of rows, and the chains that have moved last.

    Attributes
    ----------
    buffer : ndarray of shape (size, n_features)
        Rows at which chains wait.
    moved : state of the kernel
        The chains of the last step.
    """

    buffer: np.ndarray
    moved: object


class Replay(Sampler):
    """Moves some chains of a large buffer at each step, and puts them back [1]_.

    A step draws as many rows of the buffer as there are chains, at random and without
    replacement. Some of them start again at the reference. All make ``n_steps`` steps
    of the kernel, and go back to their places. So a gradient is a mean over few chains,
    and yet successive gradients hardly repeat each other. The new starts find modes
    that the buffer has lost.

    Chains that have just started again do not have the distribution of the energy yet.
    So the draws are biased unless ``n_steps`` moves forget their start, or ``restart``
    is 0.

    Parameters
    ----------
    kernel : str or sampler, default="langevin"
        The sampler that moves the chains. It has a ``move``. A step size that is
        ``"auto"`` follows the model from step to step.
    size : int, default=10000
        Number of rows of the buffer. It is at least the number of chains.
    restart : float in [0, 1], default=0.05
        Probability with which a chain starts again.
    n_steps : int, default=20
        Steps of the kernel in a step.

    References
    ----------
    .. [1] Y. Du, I. Mordatch. "Implicit generation and modeling with energy-based
       models". NeurIPS 2019.
    """

    needs_persistence = True

    def __init__(self, kernel="langevin", size=10000, restart=0.05, n_steps=20):
        self.kernel = kernel
        self.size = size
        self.restart = restart
        self.n_steps = n_steps

    @property
    def requires(self):
        """A reference, and what the kernel needs."""
        return ("reference", *named_kernel(self.kernel).requires)

    def _check(self):
        if not (self.size >= 1 and 0 <= self.restart <= 1 and self.n_steps >= 1):
            raise ValueError(
                "size and n_steps must be at least 1, and restart lie between 0 and 1; "
                f"they are {self.size!r}, {self.n_steps!r} and {self.restart!r}."
            )

    def spread(self, energy, chains, random):
        """Return a buffer of these chains, filled up with draws from the reference."""
        self._check()
        # The kernel has to have a move of single chains.
        kernel = named_kernel(self.kernel)
        rows = energy.configurations(chains)
        n_more = max(self.size - len(rows), 0)
        drawn = energy.reference.sample(n_more, random.fold(0))
        buffer = np.concatenate([rows, drawn.astype(rows.dtype, copy=False)])
        return ReplayChains(buffer, kernel.spread(energy, chains, random.fold(1)))

    def chains(self, state):
        """Return the chains that have moved last."""
        return named_kernel(self.kernel).chains(state.moved)

    def step(self, energy, state, random):
        """Draw chains from the buffer, move them, and put them back."""
        energy, kernel = Energy.of(energy), named_kernel(self.kernel)
        n = energy.n_chains(kernel.chains(state.moved))
        places = random.fold(0).permutation(len(state.buffer), n)
        rows = state.buffer[places]
        again = random.fold(1).uniform((n, 1))[:, 0] < self.restart
        if again.any():
            drawn = energy.reference.sample(int(again.sum()), random.fold(2))
            rows[again] = drawn
        moved = kernel.at(state.moved, energy.chains(rows))
        moved = kernel.steps(energy, moved, self.n_steps, random.fold(3))
        buffer = state.buffer.copy()
        buffer[places] = energy.configurations(kernel.chains(moved))
        return ReplayChains(buffer, moved)
