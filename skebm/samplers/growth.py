"""Populations of documents that grow and shrink, word by word."""

import itertools

import numpy as np

from skebm.samplers._base import named_kernel, sweep
from skebm.utils._parallel import map_parts
from skebm.utils._resampling import log_mean_exp, systematic

# Between rungs documents grow by this share of their words, or by one word.
_GROWTH = 0.1


def rungs_to(top):
    """Return the lengths at which populations are resampled and swept, from 0 on."""
    rungs = [0]
    while rungs[-1] < top:
        step = max(1, int(_GROWTH * rungs[-1]))
        rungs.append(min(top, rungs[-1] + step))
    return np.array(rungs)


def change_lengths(energy, chains, rungs, random, n_sweeps=1):
    """Move one population along lengths, up or down, and yield each rung but the first.

    This is sequential Monte Carlo. On the way from rung to rung every chain gets a
    weight, by which the population is resampled. Then Gibbs sweeps move all chains. The
    product of the mean weights is an unbiased estimate of the ratio of the partition
    functions, if the first chains have the distribution of their length [1]_.

    Parameters
    ----------
    energy : energy with ``grow`` and ``shrink``
    chains : state
        Documents of ``rungs[0]`` words.
    rungs : ndarray of int of shape (n_rungs,)
        They rise or fall.
    random : Random
    n_sweeps : int, default=1
        Number of sweeps at each rung.

    Yields
    ------
    chains : state
        The population at the next rung, resampled and swept.
    log_ratio : ndarray of shape (n_between,)
        The estimates of log Z minus log Z of the first rung, at all lengths after the
        last rung up to this one.

    References
    ----------
    .. [1] P. Del Moral, A. Doucet, A. Jasra. "Sequential Monte Carlo samplers". JRSS B
       68 (2006).
    """
    so_far = 0.0
    for t, (length, next_length) in enumerate(itertools.pairwise(rungs)):
        move = energy.grow if next_length > length else energy.shrink
        n_words = abs(int(next_length) - int(length))
        chains, log_weight = move(chains, n_words, random.fold(0, t))
        log_ratio = so_far + log_mean_exp(log_weight.T)
        kept = systematic(log_weight[None, :, -1], random.fold(1, t))[0]
        chains = energy.take(chains, kept)
        for s in range(n_sweeps):
            chains = energy.gibbs_sweep(chains, random.fold(2, t, s))
        so_far = log_ratio[-1]
        yield chains, log_ratio


def draw_grown(energy, lengths, random, n_chains=500, n_sweeps=20):
    """Draw documents of these lengths.

    Populations grow from empty documents, each draw is taken from them at its length,
    and Gibbs sweeps move it on.

    Parameters
    ----------
    energy : energy with ``grow``
    lengths : ndarray of int of shape (n,)
    random : Random
    n_chains : int, default=500
        Number of documents of a population, which gives at most as many draws.
    n_sweeps : int, default=20
        Number of Gibbs sweeps at the end.

    Returns
    -------
    ndarray of shape (n, n_words)
    """
    # Parts have documents of similar lengths, so that most of them grow little.
    order = np.argsort(lengths, kind="stable")
    rows = [order[k : k + n_chains] for k in range(0, max(len(order), 1), n_chains)]

    def draw_part(k):
        return _drawn(energy, lengths[rows[k]], n_chains, random.fold(1, k))

    drawn = map_parts(draw_part, range(len(rows)))
    documents = np.empty((len(lengths), energy.n_features), dtype=energy.dtype)
    documents[np.concatenate(rows)] = np.concatenate(drawn)
    chains, kernel = energy.chains(documents), named_kernel("gibbs")
    return energy.configurations(
        sweep(energy, chains, kernel, n_sweeps, random.fold(2))
    )


def _drawn(energy, lengths, n_chains, random):
    """Draw documents of rising lengths from one population."""
    chains, length = energy.empty(n_chains), 0
    log_weight = np.zeros(n_chains)
    uniform = random.fold(0).uniform((len(lengths), 1))[:, 0]
    out = [energy.configurations(energy.take(chains, slice(0, 0)))]
    rungs = rungs_to(lengths.max(initial=0))
    stops = np.union1d(rungs, lengths)
    for t, stop in enumerate(stops):
        if stop > length:
            chains, gain = energy.grow(chains, int(stop - length), random.fold(1, t))
            log_weight, length = log_weight + gain[:, -1], stop
        share = np.exp(log_weight - log_weight.max()).cumsum()
        here = uniform[lengths == stop] * share[-1]
        chosen = np.minimum(np.searchsorted(share, here), n_chains - 1)
        out.append(energy.configurations(energy.take(chains, chosen)))
        if stop in rungs:
            kept = systematic(log_weight[None], random.fold(2, t))[0]
            chains = energy.gibbs_sweep(energy.take(chains, kept), random.fold(3, t))
            log_weight = np.zeros(n_chains)
    return np.concatenate(out)
