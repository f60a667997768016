"""The base of samplers that follow the gradient of the energy by the row."""

import copy
from typing import NamedTuple

import numpy as np

from skebm.energies import Energy
from skebm.samplers._base import Sampler
from skebm.samplers._tuning import DualAveraging, GradientChains, scales
from skebm.utils._parallel import blocks_of, map_parts
from skebm.utils._random import Random

# Chains that find the step size, and the moves after which the scales of the columns
# are measured again. The step size that is returned comes from the last number of them.
_N_TUNING_CHAINS, _N_TUNING_MOVES = 64, (40, 60, 90)
# Moves before that, in which each chain has its own step size: where the energy is
# steep, chains from the reference would be rejected at a step size that suits all.
# The acceptance at which they aim.
_N_BURN_IN, _BURN_IN_TARGET = 40, 0.6
# Share of the moves with smaller steps, and log of the smallest factor.
_SHARE_SMALL, _LOG_SMALLEST = 0.1, np.log(0.01)
# Change of the log step size of persistent chains, for each move, where no proposal or
# every proposal is accepted.
_GAIN = 0.1


class Point(NamedTuple):
    """Chains with what the next transition needs of them.

    Attributes
    ----------
    chains : state
    energy : ndarray of shape (n,), float64
    slope : ndarray of shape (n, n_features)
    """

    chains: object
    energy: np.ndarray
    slope: np.ndarray

    @classmethod
    def at(cls, energy, chains):
        """Return the point at which chains stand."""
        # A proposal may be so far away that its numbers overflow.
        with np.errstate(all="ignore"):
            return cls(chains, *energy.energy_and_slope(chains))

    def chosen(self, energy, other, takes):
        """Return the point with the chains of another point where ``takes`` is true."""
        if takes.all():
            return other
        n = len(takes)
        rows = np.arange(n)
        rows[takes] += n
        chains = energy.take(energy.join([self.chains, other.chains]), rows)
        return Point(
            chains,
            np.where(takes, other.energy, self.energy),
            np.where(takes[:, None], other.slope, self.slope),
        )


class GradientSampler(Sampler):
    """Base of samplers of real columns that follow the gradient of the energy.

    A subclass has ``transition(energy, point, step_size, random)``, which returns the
    next point and the probability with which each proposal is accepted, and
    ``_target``, the mean acceptance at which the step size aims.

    **The step size** is a number, or an array with a number for each column. With
    ``"auto"``, :meth:`tuned` finds it: chains from the reference move on, and dual
    averaging [1]_ brings their acceptance to the target. The step sizes of the columns
    are in proportion to the standard deviations of the chains. So the scales of the
    columns do not matter, as with a diagonal mass matrix.

    The chains of :meth:`step` carry their step size. With ``"auto"`` it goes on
    adapting slowly, so that it follows a model that is learned.
    """

    requires = ("grad_x",)
    n_leapfrog = 1
    _target = 0.8

    # -- the step size ---------------------------------------------------------------

    @property
    def adapts(self):
        """Whether the step size follows the energy."""
        return isinstance(self.step_size, str)

    def _check(self):
        """Raise a ValueError if the step size is not valid."""
        if self.adapts:
            if self.step_size != "auto":
                raise ValueError(
                    f"step_size={self.step_size!r} is not known. Known: 'auto'."
                )
            return
        steps = np.asarray(self.step_size, dtype=np.float64)
        if steps.ndim > 1 or not (np.isfinite(steps) & (steps > 0)).all():
            raise ValueError(
                "step_size must be 'auto', a number above 0, or such a number for each "
                f"column; it is {self.step_size!r}."
            )

    def _numbers(self):
        """Return the step size, and complain if there is none."""
        self._check()
        if self.adapts:
            raise ValueError(
                f"{type(self).__name__}(step_size='auto') has no step size yet. Call "
                "sampler.tuned(energy) first, or pass a number."
            )
        return self.step_size

    def tuned(self, energy, random=None):
        """Return the sampler with a step size for this energy.

        Parameters
        ----------
        energy : energy
            With a reference, from which the chains start.
        random : Random, default=None
            None takes a fixed key.

        Returns
        -------
        sampler
            The sampler itself if it has a step size.

        Raises
        ------
        ValueError
            If the energy has no reference, or no step size is small enough.
        """
        self._check()
        if not self.adapts:
            return self
        energy = Energy.of(energy)
        if not hasattr(energy, "reference"):
            raise ValueError(
                f"{type(self).__name__}(step_size='auto') starts its tuning at the "
                "reference of the energy, which has none. Pass a number as step_size."
            )
        random = Random(0) if random is None else random
        x = energy.reference.sample(_N_TUNING_CHAINS, random.fold(0))
        return self._search(energy, energy.chains(x), random.fold(1))

    def _with(self, step_size, n_leapfrog):
        """Return a copy of the sampler with these numbers."""
        twin = copy.copy(self)
        twin.step_size, twin.n_leapfrog = step_size, n_leapfrog
        return twin

    def _search(self, energy, chains, random):
        """Return the sampler with the numbers that are found by moving chains."""
        sampler, seen = self, None
        scale = scales([energy.configurations(chains)], 1.0)
        chains, log_step, scale = self._burnt_in(energy, chains, scale, random.fold(0))
        for k, n_moves in enumerate(_N_TUNING_MOVES):
            if k == len(_N_TUNING_MOVES) - 1:
                facts = energy, chains, np.concatenate(seen), np.exp(log_step) * scale
                sampler = sampler._with_length(*facts, random.fold(2))
            averaging, seen = DualAveraging(log_step, self._target), []
            point = Point.at(energy, chains)
            for t in range(n_moves):
                step_size, draws = np.exp(averaging.log_step) * scale, random.fold(1, k)
                point, rate = sampler._tune(energy, point, step_size, draws.fold(t))
                averaging.update(self._average(rate))
                if t >= n_moves // 2:
                    seen.append(energy.configurations(point.chains))
            chains, log_step = point.chains, averaging.average
            if k < len(_N_TUNING_MOVES) - 1:
                scale = scales(seen, scale)
        step_size = np.exp(log_step) * scale
        if not (np.isfinite(step_size) & (step_size > 0)).all():
            raise ValueError(
                f"{type(self).__name__} found no step size at which the energy is "
                "finite. Pass a number as step_size."
            )
        return self._with(step_size, sampler.n_leapfrog)

    def _with_length(self, energy, chains, rows, step_size, random):
        """Return the sampler with trajectories of a length that suits the energy."""
        return self

    def _average(self, rates):
        """Return the number that is to be at the target, for rates of acceptance."""
        return rates.mean()

    def _burnt_in(self, energy, chains, scale, random):
        """Return chains that have left their start, a log step size and scales."""
        log_step = np.full((energy.n_chains(chains), 1), -np.log(scale.size) / 4)
        point, seen = Point.at(energy, chains), []
        for t in range(_N_BURN_IN):
            step_size = np.exp(log_step) * scale
            point, rate = self._tune(energy, point, step_size, random.fold(t))
            log_step += rate[:, None] - _BURN_IN_TARGET
            seen.append(energy.configurations(point.chains))
        scale = scales(seen[_N_BURN_IN // 2 :], scale)
        return point.chains, float(np.median(log_step)), scale

    def _tune(self, *arguments):
        """Make the transition with which a step size is found."""
        return self.transition(*arguments)

    # -- moves -----------------------------------------------------------------------

    def move(self, energy, chains, random):
        """Return the chains after one transition."""
        return self._moved(energy, chains, random)[0]

    def follow(self, energy, chains, random):
        """Return the chains after a move, and the sampler nearer to its target."""
        chains, rates = self._moved(energy, chains, random)
        step_size = self._followed(self.step_size, rates)
        return chains, self._with(step_size, self.n_leapfrog)

    def _moved(self, energy, chains, random):
        """Return the chains after one transition, and their rates of acceptance."""
        point = Point.at(energy, chains)
        point, rates = self.transition(energy, point, self._numbers(), random)
        return point.chains, rates

    def moves(self, energy, chains, n_moves, random):
        """Return the chains after several transitions."""
        step_size, point = self._numbers(), Point.at(energy, chains)
        for t in range(n_moves):
            point, _ = self.transition(energy, point, step_size, random.fold(t))
        return point.chains

    def _followed(self, step_size, rates):
        """Return a step size whose acceptance is nearer to the target than rates."""
        return step_size * np.exp(_GAIN * (self._average(rates) - self._target))

    def spread(self, energy, chains, random):
        """Return the chains with a step size; ``"auto"`` is tuned to the energy."""
        tuned = self.tuned(Energy.of(energy), random.fold(0))
        numbers = {"step_size": tuned.step_size, "n_leapfrog": tuned.n_leapfrog}
        return GradientChains(chains, **numbers)

    def chains(self, state):
        """Return the chains of the energy."""
        return state.chains

    def at(self, state, chains):
        """Return the state with other chains, and the step size of this state."""
        return state._replace(chains=chains)

    def acceptance(self, state):
        """Return the share of the proposals of the last step that were accepted."""
        return state.acceptance

    def step(self, energy, state, random):
        """Return the state after ``n_steps`` moves of blocks of chains in parallel."""
        return self._stepped(Energy.of(energy), state, [random])

    def steps(self, energy, state, n, random):
        """Return the state after ``n`` steps, of which the first one alone looks."""
        streams = [random.fold(t) for t in range(n)]
        return self._stepped(Energy.of(energy), state, streams)

    def _stepped(self, energy, state, streams):
        """Return the state after a step for each stream of random numbers."""
        sampler = self._with(state.step_size, state.n_leapfrog)
        blocks = blocks_of(energy.n_chains(state.chains), energy.work)
        points, step_size = [None] * len(blocks), state.step_size
        for random in streams:
            arguments = energy, state.chains, step_size, random
            results = map_parts(
                lambda pair, arguments=arguments: sampler._move_block(
                    *pair, *arguments
                ),
                list(zip(blocks, points, strict=True)),
            )
            points, rates = zip(*results, strict=True)
            rates = np.concatenate(rates, axis=1)
            if self.adapts:
                step_size = self._followed(step_size, rates)
        parts = [point.chains for point in points]
        chains = parts[0] if len(parts) == 1 else energy.join(parts)
        return state._replace(
            chains=chains, step_size=step_size, acceptance=float(rates.mean())
        )

    def _move_block(self, block, point, energy, chains, step_size, random):
        """Return the point of a block after a step, and the acceptances (moves, n)."""
        if point is None:
            point = Point.at(energy, energy.take(chains, block))
        rates = np.empty((self.n_steps, len(point.energy)))
        for t in range(self.n_steps):
            draws = random.rows(block.start).fold(t)
            point, rates[t] = self.transition(energy, point, step_size, draws)
        return point, rates


def acceptance_of(energy_before, energy_after):
    """Return ``min(1, exp(before - after))``; 0 where the proposal is not finite."""
    rate = np.exp(np.minimum(energy_before - energy_after, 0.0))
    return np.where(np.isfinite(energy_after), rate, 0.0)


def varied(step_size, uniform):
    """Return step sizes of chains, a few of which are smaller than the others.

    Where the energy is steeper than elsewhere, chains that make the usual steps only
    would be rejected again and again. The factors do not depend on where chains are,
    so moves remain reversible.

    Parameters
    ----------
    step_size : float or ndarray of shape (n_features,)
    uniform : ndarray of shape (n,)
        A number in (0, 1) for each chain.

    Returns
    -------
    ndarray of shape (n, 1) or (n, n_features), float64
    """
    factor, small = np.ones((len(uniform), 1)), uniform < _SHARE_SMALL
    factor[small, 0] = np.exp(_LOG_SMALLEST / _SHARE_SMALL * uniform[small])
    return factor * step_size


def shared(random):
    """Return the stream whose draws all blocks of chains share."""
    return random.rows(-random.row)
