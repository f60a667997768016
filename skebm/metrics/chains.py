"""Scorers, convergence diagnostics of Markov chains, and a measure of overfitting."""

import numpy as np
from scipy.special import ndtri

__all__ = ["energy_gap", "ess", "pseudo_likelihood_scorer", "rhat"]

_MIN_DRAWS = 8
_TAILS = 0.05, 0.95


def rhat(draws):
    """Return the rank-normalised split R-hat of each quantity [1]_.

    R-hat is the ratio of the standard deviation of all draws to the standard deviation
    of the draws within a chain. Every chain is split into halves. The ratio is 1 if all
    halves have the same distribution. It is computed for the values and for their
    distances from the median, and the larger ratio is returned. The paper recommends
    to use the draws only if R-hat is below 1.01.

    Parameters
    ----------
    draws : array-like of shape (n_draws, n_chains) or (n_draws, n_chains, n_quantities)
        Real numbers, in the order in which the chains drew them.

    Returns
    -------
    float, or ndarray of shape (n_quantities,)
        The value is at least about 1. It is infinite if no chain moves and the chains
        differ, and NaN for a quantity that is the same in all draws.

    Raises
    ------
    ValueError
        If ``draws`` has another shape, has fewer than 8 draws, or has a value that is
        not finite.

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
    ratios = [_spread_ratio(_normal_scores(values)) for values in (x, folded)]
    return np.fmax(*ratios).reshape(shape)[()]


def ess(draws, kind="bulk"):
    """Return the effective sample size of each quantity [1]_.

    The effective sample size is the number of independent draws that would be as
    informative about the quantity as the draws of all chains. It is estimated by
    Geyer's initial monotone sequence of autocorrelations [2]_. Differences between
    chains raise the autocorrelations.

    Parameters
    ----------
    draws : array-like of shape (n_draws, n_chains) or (n_draws, n_chains, n_quantities)
        Real numbers, in the order in which the chains drew them.
    kind : {"bulk", "tail", "mean"}, default="bulk"
        What the sample size refers to:

        - ``"bulk"``: the ranks of the draws, which have a finite variance for every
          distribution;
        - ``"tail"``: the 5 % and the 95 % quantile, of which the smaller sample size is
          returned;
        - ``"mean"``: the mean of the quantity.

    Returns
    -------
    float, or ndarray of shape (n_quantities,)
        The value is above ``n_draws * n_chains`` if successive draws are negatively
        correlated, and NaN for a quantity that is the same in all draws.

    Raises
    ------
    ValueError
        If ``draws`` is refused by :func:`rhat`, or ``kind`` is not known.

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
    """Return the mean pseudo-log-likelihood of the rows.

    The function can be passed as ``scoring=`` to :class:`GridSearchCV
    <sklearn.model_selection.GridSearchCV>`. The pseudo-log-likelihood does not need the
    partition function, so for large models it takes seconds where the log-likelihood
    takes minutes.

    Parameters
    ----------
    estimator : fitted estimator with ``pseudo_log_likelihood``
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
    y : Ignored

    Returns
    -------
    float
        Nats a row; higher is better.
    """
    return float(np.mean(estimator.pseudo_log_likelihood(X)))


def energy_gap(estimator, X_train, X_held_out):
    """Return the mean energy of held-out rows minus the mean energy of training rows.

    The partition function cancels in the difference. The gap therefore equals the
    difference of the mean log-likelihoods of training and held-out rows. It is about
    zero for a model that generalises. If it grows during training, the model overfits
    [1]_.

    Parameters
    ----------
    estimator : fitted estimator with ``energy_samples`` or ``energy``
    X_train : {array-like, sparse matrix, DataFrame} of shape (n_train, n_features)
    X_held_out : {array-like, sparse matrix, DataFrame} of shape (n_new, n_features)

    Returns
    -------
    gap : float
        Difference of the mean energies, in nats a row.
    stderr : float
        Standard error of the gap, in nats a row.

    References
    ----------
    .. [1] G. Hinton. "A practical guide to training restricted Boltzmann machines".
       Technical report UTML 2010-003, University of Toronto.
    """
    # The `energy` of an EnergyDensity is a parameter.
    energy = getattr(estimator, "energy_samples", None) or estimator.energy
    train, held_out = (np.asarray(energy(X)) for X in (X_train, X_held_out))
    variance = sum(np.var(e, ddof=1) / len(e) for e in (train, held_out))
    return float(held_out.mean() - train.mean()), float(np.sqrt(variance))


def _halves(draws):
    """Return the halves of all chains, and the shape of the result.

    The halves have shape (n_draws // 2, 2 * n_chains, n_quantities).
    """
    draws = np.asarray(draws, dtype=np.float64)
    if draws.ndim not in (2, 3) or len(draws) < _MIN_DRAWS or 0 in draws.shape:
        raise ValueError(
            "draws must have shape (n_draws, n_chains) or (n_draws, n_chains, "
            f"n_quantities) with at least {_MIN_DRAWS} draws, but has {draws.shape}. "
            "Make a single chain a column: draws[:, None]."
        )
    if not np.isfinite(draws).all():
        raise ValueError("draws must be finite. Leave out chains that diverged.")
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
    # The Fourier transform is periodic; zeros behind the draws keep the ends apart.
    spectrum = np.fft.rfft(x - x.mean(axis=0), 2 * n, axis=0)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, 2 * n, axis=0)[:n].mean(axis=1) / n
    within = covariance[0] * n / (n - 1)
    total = covariance[0] + x.mean(axis=0).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = 1 - (within - covariance) / total
    rho[0] = np.where(total > 0, 1.0, np.nan)
    rho = rho[: n - n % 2]
    pairs = rho[::2] + rho[1::2]
    # For a reversible chain the sums of neighbours are positive and decrease. The sums
    # after the first negative one are noise.
    ended = np.logical_or.accumulate(pairs < 0, axis=0)
    time = -1 + 2 * np.where(ended, 0, np.minimum.accumulate(pairs, axis=0)).sum(axis=0)
    # The first pair that was cut off adds its first member, if that is positive.
    n_pairs = np.where(ended.any(axis=0), ended.argmax(axis=0), len(pairs))
    even = np.vstack([rho[::2], np.zeros_like(total)])
    time += np.maximum(np.take_along_axis(even, n_pairs[None], axis=0)[0], 0)
    size = n * n_chains
    return size / np.maximum(time, 1 / np.log10(size))
