"""Hamiltonian Monte Carlo."""

import numpy as np

from skebm.samplers._gradients import (
    GradientSampler,
    Point,
    acceptance_of,
    shared,
    varied,
)
from skebm.samplers._leapfrog import best_length, kinetic, leapfrog, length_at

# The number of leapfrog steps while the step size is not known.
_N_LEAPFROG = 10
# Rates of acceptance below this count as much: a chain that rarely moves counts, and a
# single proposal does not.
_SMALLEST_RATE = 0.01


class HMC(GradientSampler):
    """Hamiltonian Monte Carlo with trajectories of random length [2]_.

    A row gets a normal momentum and moves along a trajectory of constant energy, in
    steps of the leapfrog rule. The rule of Metropolis corrects the error of these
    steps. So a move leaves the distribution of the energy invariant.

    The number of leapfrog steps of each move is drawn from 0.3 ``n_leapfrog`` to
    ``n_leapfrog``, all equally probable. Trajectories of one length may return to where
    they began, again and again [2]_. All chains share the number, which is independent
    of where they are. One move in ten, drawn at random for each chain, makes smaller
    steps, down to a hundredth. So chains get away from where the energy is steeper than
    elsewhere.

    Parameters
    ----------
    step_size : "auto", float or array-like of shape (n_features,), default="auto"
        ``"auto"`` brings the acceptance to ``target_accept`` by dual averaging [1]_.
        The steps are in proportion to the standard deviations of the columns, as with
        a diagonal mass matrix.
    n_leapfrog : "auto" or int, default="auto"
        Largest number of leapfrog steps of a move. ``"auto"`` watches 64 chains along
        trajectories of up to 128 steps. It takes the length after which the slowest of
        the columns, the main axis, and their squares are least correlated with the
        start, for the number of gradients. The idea of a criterion for each gradient,
        and of the main axis, is from [4]_. If ``step_size`` is a number, it is 10.
    target_accept : float in (0, 1), default=0.8
        Acceptance at which ``"auto"`` aims: the harmonic mean over the chains [3]_. It
        is near the mean where the energy is equally steep everywhere. It is far below
        the mean if some chains are stuck, as in narrow valleys that bend, so steps are
        smaller there.
    n_steps : int, default=1
        Moves in a step.

    References
    ----------
    .. [1] M. Hoffman, A. Gelman. "The No-U-Turn sampler: adaptively setting path
       lengths in Hamiltonian Monte Carlo". JMLR 15 (2014).
    .. [2] R. Neal. "MCMC using Hamiltonian dynamics". Handbook of Markov Chain Monte
       Carlo (2011).
    .. [3] M. Hoffman, A. Radul, P. Sountsov. "An adaptive-MCMC scheme for setting
       trajectory lengths in Hamiltonian Monte Carlo". AISTATS 2021.
    .. [4] P. Sountsov, M. Hoffman. "Focusing on difficult directions for learning HMC
       trajectory lengths". arXiv 2110.11576.
    """

    def __init__(
        self, step_size="auto", n_leapfrog="auto", target_accept=0.8, n_steps=1
    ):
        self.step_size = step_size
        self.n_leapfrog = n_leapfrog
        self.target_accept = target_accept
        self.n_steps = n_steps

    @property
    def _target(self):
        return self.target_accept

    def _check(self):
        super()._check()
        if isinstance(self.n_leapfrog, str) and self.n_leapfrog != "auto":
            raise ValueError(
                f"n_leapfrog={self.n_leapfrog!r} is not known. Known: 'auto'."
            )
        if not (0 < self.target_accept < 1 and self._largest >= 1):
            raise ValueError(
                "target_accept must lie between 0 and 1, and n_leapfrog be at least 1; "
                f"they are {self.target_accept!r} and {self.n_leapfrog!r}."
            )

    @property
    def _largest(self):
        return _N_LEAPFROG if self.n_leapfrog == "auto" else self.n_leapfrog

    def _with_length(self, energy, chains, rows, step_size, random):
        if self.n_leapfrog != "auto":
            return self
        known = self._with(step_size, _N_LEAPFROG)
        n_leapfrog = best_length(known, energy, chains, rows, step_size, random)
        return self._with(step_size, n_leapfrog)

    def _average(self, rates):
        return 1 / (1 / np.maximum(rates, _SMALLEST_RATE)).mean()

    def transition(self, energy, point, step_size, random):
        """Return the next point, and the acceptance of each proposal."""
        x = energy.configurations(point.chains)
        draws = random.fold(0).normal_and_uniform(x.shape, 2, x.dtype)
        momentum, (takes, sizes) = draws[0], draws[1].T
        share = shared(random.fold(1)).uniform((1, 1))[0, 0]
        n_steps = length_at(share, self._largest)
        step_size = varied(step_size, sizes)
        before = point.energy + kinetic(momentum)
        # A trajectory may run so far away that its numbers overflow.
        with np.errstate(all="ignore"):
            x, momentum, slope = leapfrog(
                energy.grad_x, x, momentum, point.slope, step_size, n_steps
            )
            chains = energy.put(point.chains, x)
            proposed = Point(chains, energy.chain_energy(chains), slope)
            rate = acceptance_of(before, proposed.energy + kinetic(momentum))
        return point.chosen(energy, proposed, takes < rate), rate
