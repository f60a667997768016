"""Do chains mix, does a density overfit: figures to look at beside the score."""

import numpy as np
from scipy.special import ndtri

__all__ = ["energy_gap", "ess", "pseudo_likelihood_scorer", "rhat"]

_MIN_DRAWS = 8
_TAILS = 0.05, 0.95


def rhat(draws):
    """Return the rank-normalised split R-hat of each quantity [1]_.

    The spread of all draws over that within a chain: 1 where every half of every chain
    looks like all the others. Locations are compared, and distances from the median,
    and the larger ratio is returned. The paper asks for 1.01 before means are quoted.

    Parameters
    ----------
    draws : array-like of shape (n_draws, n_chains) or (n_draws, n_chains, n_quantities)
        Real numbers, in the order in which the chains drew them.

    Returns
    -------
    float, or ndarray of shape (n_quantities,)
        At least about 1; infinite where no chain moves but they differ; NaN for a
        quantity that is the same in all draws.

    Raises
    ------
    ValueError
        If the shape is another, draws are fewer than 8, or one is not finite.

    References
    ----------
    .. [1] A. Vehtari, A. Gelman, D. Simpson, B. Carpenter, P.-C. Buerkner.
       "Rank-normalization, folding, and localization: an improved R-hat for assessing
       convergence of MCMC". Bayesian Analysis 16 (2021).

    Examples
    --------
    >>> import numpy as np
    >>> draws = np.random.default_rng(0).normal(size=(500, 4))
    >>> bool(rhat(draws) < 1.02), bool(rhat(draws + [0, 0, 0, 5]) > 1.5)
    (True, True)
    """
    x, shape = _halves(draws)
    folded = np.abs(x - np.median(x, axis=(0, 1)))
    both = [_spread_ratio(_normal_scores(part)) for part in (x, folded)]
    return np.fmax(*both).reshape(shape)[()]


def ess(draws, kind="bulk"):
    """Return the effective sample size of each quantity [1]_.

    The number of independent draws that would tell as much about it, over all chains,
    by Geyer's initial monotone sequence of autocorrelations [2]_. Chains that disagree
    count as correlated.

    Parameters
    ----------
    draws : array-like of shape (n_draws, n_chains) or (n_draws, n_chains, n_quantities)
        Real numbers, in the order in which the chains drew them.
    kind : {"bulk", "tail", "mean"}, default="bulk"
        ``"bulk"``: of ranks, which exists for every distribution; ``"tail"``: of the
        5 % and the 95 % quantile, the smaller one; ``"mean"``: of the mean.

    Returns
    -------
    float, or ndarray of shape (n_quantities,)
        Above ``n_draws * n_chains`` where draws balance each other; NaN for a quantity
        that is the same in all draws.

    Raises
    ------
    ValueError
        As for :func:`rhat`, and if ``kind`` is none of the three.

    References
    ----------
    .. [1] A. Vehtari, A. Gelman, D. Simpson, B. Carpenter, P.-C. Buerkner.
       "Rank-normalization, folding, and localization: an improved R-hat for assessing
       convergence of MCMC". Bayesian Analysis 16 (2021).
    .. [2] C. Geyer. "Practical Markov chain Monte Carlo". Statistical Science 7 (1992).
    """
    x, shape = _halves(draws)
    if kind == "bulk":
        size = _ess(_normal_scores(x))
    elif kind == "mean":
        size = _ess(x)
    elif kind == "tail":
        ends = np.quantile(np.asarray(draws, dtype=np.float64), _TAILS, axis=(0, 1))
        size = np.fmin(*(_ess((x <= end).astype(np.float64)) for end in ends))
    else:
        raise ValueError(f"kind={kind!r} is not known. Known: 'bulk', 'tail', 'mean'.")
    return size.reshape(shape)[()]


def pseudo_likelihood_scorer(estimator, X, y=None):
    """Return the mean pseudo-log-likelihood of the rows, to pass as ``scoring=``.

    It needs no partition function: so a search over large models costs seconds where
    their log-likelihood costs minutes.

    Parameters
    ----------
    estimator : fitted estimator with ``pseudo_log_likelihood``
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : Ignored

    Returns
    -------
    float
        In nats a row; higher is better.
    """
    return float(np.mean(estimator.pseudo_log_likelihood(X)))


def energy_gap(estimator, X_train, X_held_out):
    """Return how far the energy of held-out rows lies above that of training rows.

    The partition function cancels, so the gap is that of log-likelihoods. About zero
    for a model that generalises; where it grows while training goes on, the model
    learns its rows by heart [1]_.

    Parameters
    ----------
    estimator : fitted estimator with ``energy``
    X_train, X_held_out : {array-like, sparse matrix} of shape (n, n_features)

    Returns
    -------
    gap, stderr : float
        Difference of the mean energies and its standard error, in nats a row.

    References
    ----------
    .. [1] G. Hinton. "A practical guide to training restricted Boltzmann machines".
       Technical report UTML 2010-003, University of Toronto.
    """
    train, new = (np.asarray(estimator.energy(X)) for X in (X_train, X_held_out))
    variance = sum(np.var(part, ddof=1) / len(part) for part in (train, new))
    return float(new.mean() - train.mean()), float(np.sqrt(variance))


def _halves(draws):
    """Return half chains, shape (n // 2, 2 * n_chains, n_quantities), and a shape."""
    draws = np.asarray(draws, dtype=np.float64)
    if draws.ndim not in (2, 3) or len(draws) < _MIN_DRAWS or 0 in draws.shape:
        raise ValueError(
            f"draws must have shape (n_draws, n_chains) or (n_draws, n_chains, "
            f"n_quantities) with at least {_MIN_DRAWS} draws, but has {draws.shape}. "
            "Make a single chain a column: draws[:, None]."
        )
    if not np.isfinite(draws).all():
        raise ValueError("draws must be finite. Leave diverged chains out.")
    half, shape = len(draws) // 2, draws.shape[2:]
    draws = draws.reshape(*draws.shape[:2], -1)
    return np.concatenate([draws[:half], draws[-half:]], axis=1), shape


def _normal_scores(x):
    """Return the normal quantiles of the ranks of each quantity; ties share a rank."""
    n, scores = x.shape[0] * x.shape[1], np.empty_like(x)
    for q in range(x.shape[2]):
        flat = x[:, :, q].ravel()
        _, which, count = np.unique(flat, return_inverse=True, return_counts=True)
        rank = count.cumsum() - (count - 1) / 2
        score = ndtri((rank - 3 / 8) / (n + 1 / 4))
        scores[:, :, q] = score[which].reshape(x.shape[:2])
    return scores


def _spread_ratio(x):
    n = len(x)
    within = x.var(axis=0, ddof=1).mean(axis=0)
    between = x.mean(axis=0).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt((n - 1) / n + between / within)


def _ess(x):
    n, n_chains = x.shape[:2]
    # Padded to twice the length, so that the ends do not meet.
    spectrum = np.fft.rfft(x - x.mean(axis=0), 2 * n, axis=0)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, 2 * n, axis=0)[:n].mean(axis=1) / n
    within = covariance[0] * n / (n - 1)
    total = covariance[0] + x.mean(axis=0).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = 1 - (within - covariance) / total
    rho[0] = np.where(total > 0, 1.0, np.nan)
    rho = rho[: n - n % 2]
    pairs = rho[::2] + rho[1::2]
    # Sums of neighbours are positive and fall, so noise begins where they do not.
    ended = np.logical_or.accumulate(pairs < 0, axis=0)
    time = -1 + 2 * np.where(ended, 0, np.minimum.accumulate(pairs, axis=0)).sum(axis=0)
    # What is left of the first pair that was cut off, if it begins above zero.
    n_pairs = np.where(ended.any(axis=0), ended.argmax(axis=0), len(pairs))
    even = np.vstack([rho[::2], np.zeros_like(total)])
    time += np.maximum(np.take_along_axis(even, n_pairs[None], axis=0)[0], 0)
    size = n * n_chains
    return size / np.maximum(time, 1 / np.log10(size))
