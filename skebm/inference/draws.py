"""Draw rows from a fitted model, without chains to start from."""

from typing import NamedTuple

import numpy as np
from sklearn.preprocessing import scale
from sklearn.utils.extmath import randomized_svd

from skebm.samplers import (
    Exact,
    Gibbs,
    anneal,
    draw_grown,
    draw_hidden,
    heated,
    population,
    refined_ladder,
    resolve_kernel,
    sweep,
)

# With at most this many configurations of one side, draws are exact.
_MAX_STATES = 2**16
# Smallest and largest number of chains that are annealed, if they mix.
_MIN_CHAINS, _MAX_CHAINS = 100, 1000
# Chains and stages of the run that chooses the number of stages.
_N_PILOT_CHAINS, _N_PILOT_STAGES = 100, 30
# Smallest and largest number of stages.
_N_STAGES = 30, 500
# The variance of the log weights at which they aim, which is in inverse proportion to
# the number of stages. Chains that mix later may have more of it.
_VARIANCE, _VARIANCE_IF_MIXED = 0.03, 0.3
# Sweeps after the resampling, so that copies of a chain become independent.
_N_BURN_IN = 50
# The chains have mixed when the correlation with their past is below this, in the
# energy and along the main axes of the population.
_MAX_CORRELATION = 0.25
# The largest number of sweeps to wait for that, and the number of axes.
_MAX_GAP, _N_AXES = 64, 8
# Rows of a part, so that few are in memory if the parts are written to a file.
_MOST_ROWS = 10_000
# Chains of either kind whose marginals become the marginals of a reference.
_N_MARGINAL_CHAINS = 200


def draw(energy, n_rows, random, kernel="gibbs"):
    """Return rows drawn from the model, in the units of its visible layer.

    Draws from a small model are exact. For others a population of at most 1,000 chains
    is annealed and resampled, so that each mode gets its share. More rows are taken
    from the same chains later, after as many sweeps as their autocorrelation asks for:
    their correlation with the last rows of the same chains is then below 0.25. If the
    chains do not mix, as many chains as rows are annealed.

    Parameters
    ----------
    energy : Energy
    n_rows : int
    random : Random
    kernel : str or sampler, default="gibbs"
        The sampler that moves the chains.

    Returns
    -------
    ndarray of shape (n_rows, n_units)
    """
    return np.concatenate(list(draw_parts(energy, n_rows, random, kernel)))


def draw_parts(energy, n_rows, random, kernel="gibbs"):
    """Yield the rows of :func:`draw` in parts, one after the other.

    Parts have at most 10,000 rows. No more are in memory at a time.
    """
    if n_rows == 0:
        yield draw(energy, 1, random, kernel)[:0]
        return
    exact = Exact(max_states=_MAX_STATES)
    starts = range(0, n_rows, _MOST_ROWS)
    if exact.accepts(energy):
        for lo in starts:
            n = min(_MOST_ROWS, n_rows - lo)
            yield exact.draw(energy, n, random.rows(lo))
        return
    kernel = resolve_kernel(kernel, energy)
    n_chains = int(np.clip(n_rows, _MIN_CHAINS, _MAX_CHAINS))
    betas = np.linspace(0, 1, _N_PILOT_STAGES)
    start = energy.chains(energy.reference.sample(_N_PILOT_CHAINS, random.fold(0, 0)))
    _, increments = anneal(energy, start, betas, random.fold(0, 1), kernel)

    def annealed(n_chains, variance, random):
        n_stages = len(betas) * increments.sum(axis=0).var() / variance
        n_stages = int(np.clip(n_stages, *_N_STAGES))
        ladder = refined_ladder(betas, increments, n_stages)
        return _annealed(energy, ladder, n_chains, random, kernel)

    if n_rows > _MAX_CHAINS:
        chains = annealed(n_chains, _VARIANCE_IF_MIXED, random.fold(1))
        gap = _gap(energy, chains, random.fold(2), kernel)
        if gap is not None:
            yield from _walked(energy, chains, n_rows, gap, random.fold(3), kernel)
            return
    for k, lo in enumerate(starts):
        n, part = min(_MOST_ROWS, n_rows - lo), random.fold(4)
        part = part.fold(k) if k else part
        chains = annealed(max(n, n_chains), _VARIANCE, part)
        yield energy.configurations(chains)[:n]


def _annealed(energy, betas, n_chains, random, kernel):
    """Return chains of the model, which started from its reference."""
    stages = [energy.interpolate(beta) for beta in betas]
    start = energy.chains(energy.reference.sample(n_chains, random.fold(0)))
    chains = population(stages, start, random.fold(1), kernel)
    return sweep(energy, chains, kernel, _N_BURN_IN, random.fold(2))


def _walked(energy, chains, n_rows, gap, random, kernel):
    """Yield the rows of chains, now and after every ``gap`` sweeps."""
    rows = energy.configurations(chains)
    for k, n_left in enumerate(range(n_rows, 0, -len(rows))):
        if k:
            chains = sweep(energy, chains, kernel, gap, random.fold(k - 1))
            rows = energy.configurations(chains)
        yield rows[:n_left]


def _gap(energy, chains, random, kernel):
    """Return the number of sweeps after which chains have mixed; None if too many."""
    start, n_sweeps = _features(energy, chains), 0
    for k in range(_MAX_GAP.bit_length()):
        chains = sweep(energy, chains, kernel, 2**k - n_sweeps, random.fold(k))
        n_sweeps = 2**k
        now = _features(energy, chains, start.axes)
        if np.abs((start.values * now.values).mean(axis=0)).max() < _MAX_CORRELATION:
            return n_sweeps
    return None


class _Features(NamedTuple):
    """Standardised numbers that tell chains apart."""

    values: np.ndarray
    axes: np.ndarray


def _features(energy, chains, axes=None):
    """Return the energy, and the projections of rows on their main axes."""
    rows = scale(energy.configurations(chains).astype(np.float64))
    if axes is None:
        n_axes = min(_N_AXES, rows.shape[1])
        axes = randomized_svd(rows, n_axes, random_state=0)[2].T
    numbers = np.column_stack([energy.chain_energy(chains), rows @ axes])
    return _Features(scale(numbers), axes)


def draw_documents(energy, lengths, random):
    """Return documents of these lengths, drawn from a model of documents.

    Parameters
    ----------
    energy : energy of documents
        With ``grow``, or with ``marginal`` and ``words``.
    lengths : ndarray of int of shape (n,)
    random : Random

    Returns
    -------
    ndarray of shape (n, n_words)
    """
    if not len(lengths):
        return draw_documents(energy, np.ones(1, np.int64), random)[:0]
    if hasattr(energy, "grow"):
        return draw_grown(energy, lengths, random.fold(1))
    hidden = draw_hidden(energy.marginal, lengths, random.fold(1))
    return energy.words(hidden.astype(energy.dtype), lengths, random.fold(2))


def at_chain_marginals(energy, random):
    """Return the energy with a reference at the marginals of annealed chains.

    This is for parameters that come without data. Every reference is valid. It should
    be wide enough to reach all modes, and else close to the model.

    Parameters
    ----------
    energy : energy with ``with_reference_at``
    random : Random
    """
    kernel = Gibbs()
    start = energy.chains(energy.reference.sample(_N_MARGINAL_CHAINS, random.fold(0)))
    betas = np.linspace(0, 1, _N_STAGES[1])
    stages = [energy.interpolate(beta) for beta in betas]
    parts = [population(stages, start, random.fold(1), kernel)]
    # These chains count as much, whatever the weights of their modes are: a reference
    # that is too wide makes annealing longer, and one that is too narrow misses modes.
    parts.append(heated(energy, _N_MARGINAL_CHAINS, random.fold(2), kernel))
    x = np.concatenate([energy.configurations(part) for part in parts])
    x = x.astype(np.float64)
    return energy.with_reference_at(x.mean(axis=0), x.var(axis=0), len(x))
