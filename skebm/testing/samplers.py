"""Checks of samplers."""

import numpy as np

from skebm.energies import Energy
from skebm.samplers import Exact, resolve_kernel, sweep
from skebm.testing._base import MAX_STATES, N_DRAWS, SIGMAS, require, require_like
from skebm.testing._enumeration import enumerated
from skebm.utils._random import Random

# Chance all but never gives a correct sampler a smaller p-value.
_P_VALUE = 1e-6
# Quantiles at which draws of real units are compared.
_QUANTILES = 0.1, 0.25, 0.5, 0.75, 0.9


def check_sampler(sampler, energy, draws=None, random_state=0):
    """Check that a sampler draws from the distribution of an energy.

    Chains start once from the reference and once from exact draws, which they must
    leave as they are. If the sampler has a ``move``, its moves must do so, too. A
    sampler without the correction of Metropolis, such as :class:`Langevin
    <skebm.samplers.Langevin>`, passes only with small steps.

    Parameters
    ----------
    sampler : sampler
        Any object with ``init(energy, x, random)``, ``step(energy, state, random)`` and
        ``chains(state)``, which returns the chains of the energy.
    energy : energy
        Chains must forget their start in 50 steps.
    draws : ndarray of shape (n_draws, n_features), default=None
        Independent and exact draws of the energy. None enumerates the configurations
        of the energy, or of its hidden units, of which there must be at most 1024.
    random_state : int, RandomState or None, default=0
        Seed of the random numbers of the check.

    Raises
    ------
    AssertionError
        If the contract is broken. The message says what is wrong.
    """
    random, energy = Random.from_state(random_state), Energy.of(energy)
    distribution = enumerated(energy) if draws is None else None
    if draws is None:
        exact = Exact(max_states=MAX_STATES)
        if not exact.accepts(energy):
            raise ValueError(
                "check_sampler needs exact draws, or few visible configurations: at "
                f"most {MAX_STATES}."
            )
        draws = exact.draw(energy, N_DRAWS, random.fold(3))
    x = energy.reference.sample(N_DRAWS, random.fold(0))
    state = sampler.init(energy, x, random.fold(0))
    _check_step(sampler, energy, state, random.fold(1))
    for t in range(50):
        state = sampler.step(energy, state, random.fold(2, t))
    starts = {"After 50 steps from the reference": state}
    state = sampler.init(energy, draws, random.fold(5))
    for t in range(3):
        state = sampler.step(energy, state, random.fold(4, t))
    # If a state holds other chains, too, these do not start at exact draws.
    has_move = hasattr(sampler, "move")
    if type(sampler.chains(state)) is type(state) or has_move:
        starts["After 3 steps from exact draws"] = state
    rows = {what: sampler.chains(state) for what, state in starts.items()}
    if has_move:
        kernel = resolve_kernel(sampler, energy)
        chains = sweep(energy, energy.chains(draws), kernel, 3, random.fold(6))
        rows["After 3 moves from exact draws"] = chains
    for what, chains in rows.items():
        x = energy.configurations(chains)
        if distribution is not None:
            _check_frequencies(x, *distribution, what)
        else:
            _check_moments(x, draws, what)


def _check_step(sampler, energy, state, random):
    """Check what a step returns, and that it changes nothing."""

    def rows(state):
        return energy.configurations(sampler.chains(state))

    before = rows(state).copy()
    like = before.shape, energy.dtype
    require_like(before, *like, "The rows of sampler.init(...)")
    moved, same = (sampler.step(energy, state, random) for _ in range(2))
    require_like(rows(moved), *like, "The rows of sampler.step(...)")
    sentence = (
        "sampler.step is not a function of energy, state and random: two calls with "
        "the same arguments return different states."
    )
    require(rows(moved) == rows(same), sentence)
    require(rows(state) == before, "sampler.step changes the state it was given.")


def _check_frequencies(x, states, probability, what):
    """Compare how often each configuration occurs, by a chi-square test."""
    from scipy.stats import chisquare

    hits = (x[:, None, :] == states).all(axis=2)
    require(hits.any(axis=1), f"{what}, the sampler left the domain of its energy.")
    order = np.argsort(probability)
    counts, expected = hits.sum(axis=0)[order], len(x) * probability[order]
    # The rarest configurations share a bin, so that its expected count is at least 5.
    bins = np.r_[0, np.arange(np.searchsorted(expected.cumsum(), 5) + 1, len(order))]
    counts, expected = (np.add.reduceat(n, bins) for n in (counts, expected))
    p_value = chisquare(counts, expected).pvalue
    sentence = f"{what}, the states do not have the distribution of the energy"
    require(p_value > _P_VALUE, f"{sentence} (chi-square test, p = {p_value:.1e}).")


def _check_moments(x, draws, what):
    """Compare moments and quantiles of columns, and products of pairs of columns."""
    require(np.isfinite(x), f"{what}, rows of the sampler are not finite.")
    center, scale = draws.mean(axis=0), draws.std(axis=0)
    quantiles = np.quantile(draws, _QUANTILES, axis=0)
    means, errors = [], []
    for rows in (x, draws):
        z = (rows - center) / scale
        figures = [z, z * z, z * np.roll(z, 1, axis=1)]
        figures += [(rows <= quantile).astype(float) for quantile in quantiles]
        figures = np.hstack(figures)
        means.append(figures.mean(axis=0))
        errors.append(figures.var(axis=0) / len(rows))
    distance = np.abs(means[0] - means[1]) / np.sqrt(sum(errors) + 1e-12)
    require(
        distance <= SIGMAS,
        f"{what}, a moment or a quantile is {distance.max():.1f} standard errors away "
        "from its value for exact draws of the energy.",
    )
