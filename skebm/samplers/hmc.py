"""Hamiltonian Monte Carlo."""

import numpy as np

from skebm.samplers._gradients import (
    GradientSampler,
    Point,
    acceptance_of,
    shared,
    varied,
)


class HMC(GradientSampler):
    """Hamiltonian Monte Carlo with trajectories of random length [2]_.

    A row gets a normal momentum and moves along a trajectory of constant energy, in
    steps of the leapfrog rule. The rule of Metropolis corrects the error of these
    steps. So a move leaves the distribution of the energy invariant.

    The number of leapfrog steps of each move is drawn from 1 to ``n_leapfrog``, all
    equally probable. Trajectories of one length may return to where they began, again
    and again [2]_. All chains share the number, which is independent of where they
    are. One move in ten, drawn at random for each chain, makes smaller steps, down to
    a hundredth. So chains get away from where the energy is steeper than elsewhere.

    Parameters
    ----------
    step_size : "auto", float or array-like of shape (n_features,), default="auto"
        ``"auto"`` brings the acceptance to ``target_accept`` by dual averaging [1]_.
        The steps are in proportion to the standard deviations of the columns, as with
        a diagonal mass matrix.
    n_leapfrog : int, default=10
        Largest number of leapfrog steps of a move.
    target_accept : float in (0, 1), default=0.8
        Mean acceptance at which ``"auto"`` aims. In narrow valleys that bend, 0.9 or
        0.95 gives more effective draws.
    n_steps : int, default=1
        Moves in a step.

    References
    ----------
    .. [1] M. Hoffman, A. Gelman. "The No-U-Turn sampler: adaptively setting path
       lengths in Hamiltonian Monte Carlo". JMLR 15 (2014).
    .. [2] R. Neal. "MCMC using Hamiltonian dynamics". Handbook of Markov Chain Monte
       Carlo (2011).
    """

    def __init__(self, step_size="auto", n_leapfrog=10, target_accept=0.8, n_steps=1):
        self.step_size = step_size
        self.n_leapfrog = n_leapfrog
        self.target_accept = target_accept
        self.n_steps = n_steps

    @property
    def _target(self):
        return self.target_accept

    def _check(self):
        super()._check()
        if not (0 < self.target_accept < 1 and self.n_leapfrog >= 1):
            raise ValueError(
                "target_accept must lie between 0 and 1, and n_leapfrog be at least 1; "
                f"they are {self.target_accept!r} and {self.n_leapfrog!r}."
            )

    def transition(self, energy, point, step_size, random):
        """Return the next point, and the acceptance of each proposal."""
        x = energy.configurations(point.chains)
        momentum = random.fold(0).normal(x.shape, x.dtype)
        uniform = shared(random.fold(1)).uniform((1, 1))[0, 0]
        n_steps = 1 + int(self.n_leapfrog * uniform)
        step_size = varied(step_size, len(x), random.fold(3))
        before = point.energy + kinetic(momentum)
        # A trajectory may run so far away that its numbers overflow.
        with np.errstate(all="ignore"):
            x, momentum, slope = leapfrog(
                energy.grad_x, x, momentum, point.slope, step_size, n_steps
            )
            chains = energy.put(point.chains, x)
            proposed = Point(chains, energy.chain_energy(chains), slope)
            rate = acceptance_of(before, proposed.energy + kinetic(momentum))
        takes = random.fold(2).uniform((len(rate), 1))[:, 0] < rate
        return point.chosen(energy, proposed, takes), rate


def kinetic(momentum):
    """Return the kinetic energy of each row, float64."""
    return np.einsum("ni,ni->n", momentum, momentum, dtype=np.float64) / 2


def leapfrog(grad_x, x, momentum, slope, step_size, n_steps):
    """Return rows, momenta and slopes after steps of the leapfrog rule.

    The rule is reversible and preserves volumes.

    Parameters
    ----------
    grad_x : callable
        Returns the slope of the energy at rows.
    x, momentum, slope : ndarray of shape (n, n_features)
        They are not changed.
    step_size : float or ndarray that broadcasts to (n, n_features)
    n_steps : int
    """
    step_size = np.asarray(step_size, dtype=x.dtype)
    momentum = momentum - step_size / 2 * slope
    for t in range(n_steps):
        x = x + step_size * momentum
        slope = grad_x(x)
        # Half steps of neighbours make a whole one.
        momentum -= (step_size if t < n_steps - 1 else step_size / 2) * slope
    return x, momentum, slope
