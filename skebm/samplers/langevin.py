"""Langevin dynamics, without and with the correction of Metropolis."""

import numpy as np

from skebm.samplers._gradients import GradientSampler, Point, varied

# Unadjusted proposals with a smaller log ratio are not taken.
_HOPELESS = -20.0


def _proposed(energy, point, step_size, noise):
    """Return the point after a step of Langevin dynamics with this noise."""
    x = energy.configurations(point.chains)
    step_size = np.asarray(step_size, dtype=x.dtype)
    proposed = noise * step_size
    proposed += x
    proposed -= step_size * step_size / 2 * point.slope
    return Point.at(energy, energy.put(point.chains, proposed))


def _log_ratio(point, proposed, noise, step_size):
    """Return the log of the ratio in the rule of Metropolis and Hastings, float64.

    A step from the proposal leads back with the noise ``noise - drift``. The difference
    of the two squares is a product, which loses no digits.
    """
    step_size = np.asarray(step_size, dtype=noise.dtype)
    drift = point.slope + proposed.slope
    drift *= step_size / 2
    noise = noise + noise
    noise -= drift
    squares = np.vecdot(drift, noise, dtype=np.float64)
    ratio = point.energy - proposed.energy + squares / 2
    return np.where(np.isfinite(ratio), ratio, -np.inf)


def _adjusted(energy, point, step_size, noise, uniform):
    """Return the point after the rule of Metropolis, and the acceptance."""
    proposed = _proposed(energy, point, step_size, noise)
    rate = np.exp(np.minimum(_log_ratio(point, proposed, noise, step_size), 0.0))
    takes = uniform < rate
    return point.chosen(energy, proposed, takes), rate


def _draws(energy, point, n_uniform, random):
    """Return normal numbers of the shape of the rows, and uniform ones for each row."""
    x = energy.configurations(point.chains)
    normal, uniform = random.normal_and_uniform(x.shape, n_uniform, x.dtype)
    return normal, *uniform.T


class Langevin(GradientSampler):
    """Unadjusted Langevin dynamics: ``x - step_size**2 / 2 * grad_x + step_size * z``.

    ``z`` is standard normal. A proposal is taken unless its energy is not finite, or
    the rule of Metropolis would accept it with a probability below ``exp(-20)``, since
    such chains run away. The chains do not have exactly the distribution of the energy.
    For a normal distribution with variance ``s**2`` in a column, their variance is too
    large by a share of about ``step_size**2 / (4 * s**2)``. Use :class:`MALA` or
    :class:`HMC` where that matters.

    Parameters
    ----------
    step_size : "auto", float or array-like of shape (n_features,), default="auto"
        ``"auto"`` aims at steps of which the rule of Metropolis would accept 98 %. Then
        the share above is a few percent in few columns. The steps are in proportion to
        the standard deviations of the columns.
    n_steps : int, default=1
        Moves in a step.

    References
    ----------
    .. [1] M. Hoffman, A. Gelman. "The No-U-Turn sampler: adaptively setting path
       lengths in Hamiltonian Monte Carlo". JMLR 15 (2014).
    .. [2] M. Welling, Y. W. Teh. "Bayesian learning via stochastic gradient Langevin
       dynamics". ICML 2011.
    """

    _target = 0.98

    def __init__(self, step_size="auto", n_steps=1):
        self.step_size = step_size
        self.n_steps = n_steps

    @np.errstate(all="ignore")  # a proposal may be too far away for its numbers
    def transition(self, energy, point, step_size, random):
        """Return the next point, and the acceptance that a correction would have."""
        x = energy.configurations(point.chains)
        noise = random.normal(x.shape, x.dtype)
        proposed = _proposed(energy, point, step_size, noise)
        ratio = _log_ratio(point, proposed, noise, step_size)
        rate = np.exp(np.minimum(ratio, 0.0))
        return point.chosen(energy, proposed, ratio > _HOPELESS), rate

    @np.errstate(all="ignore")
    def _tune(self, energy, point, step_size, random):
        # Chains without a correction could run away while the step size is too large.
        return _adjusted(energy, point, step_size, *_draws(energy, point, 1, random))


class MALA(GradientSampler):
    """The Metropolis-adjusted Langevin algorithm [2]_.

    A step of Langevin dynamics, ``x - step_size**2 / 2 * grad_x + step_size * z``, is
    accepted by the rule of Metropolis and Hastings. So a move leaves the distribution
    of the energy invariant. One move in ten, drawn at random for each chain, makes a
    smaller step, down to a hundredth. So chains get away from where the energy is
    steeper than elsewhere.

    Parameters
    ----------
    step_size : "auto", float or array-like of shape (n_features,), default="auto"
        ``"auto"`` aims at the acceptance of 0.574, which is optimal in many columns
        [3]_. The steps are in proportion to the standard deviations of the columns.
    n_steps : int, default=1
        Moves in a step. Each move but the first of a step costs one gradient.

    References
    ----------
    .. [1] M. Hoffman, A. Gelman. "The No-U-Turn sampler: adaptively setting path
       lengths in Hamiltonian Monte Carlo". JMLR 15 (2014).
    .. [2] G. Roberts, R. Tweedie. "Exponential convergence of Langevin distributions
       and their discrete approximations". Bernoulli 2 (1996).
    .. [3] G. Roberts, J. Rosenthal. "Optimal scaling of discrete approximations to
       Langevin diffusions". JRSS B 60 (1998).
    """

    _target = 0.574

    def __init__(self, step_size="auto", n_steps=1):
        self.step_size = step_size
        self.n_steps = n_steps

    @np.errstate(all="ignore")  # a proposal may be too far away for its numbers
    def transition(self, energy, point, step_size, random):
        """Return the next point, and the acceptance of each proposal."""
        noise, takes, sizes = _draws(energy, point, 2, random)
        return _adjusted(energy, point, varied(step_size, sizes), noise, takes)
