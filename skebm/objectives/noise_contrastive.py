"""Noise-contrastive estimation: tell rows from draws of the reference."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logsumexp
from sklearn.base import BaseEstimator

from skebm.energies import Energy
from skebm.utils._math import row_weights
from skebm.utils._parallel import map_blocks
from skebm.utils._sparse import dense
from skebm.utils._validation import require

# Largest number of rows of noise that are kept, and of their cells.
_MAX_NOISE, _MAX_CELLS = 50_000, 10_000_000
# Share of a Newton step by which log Z follows the parameters.
_RATE_OF_LOG_Z = 0.1
# Rows of noise that give the first estimate of log Z.
_FIRST = 5000
# Rows that one thread takes at a time.
_BLOCK = 256


class NoiseState(NamedTuple):
    """What is carried from one minibatch to the next.

    Attributes
    ----------
    noise : ndarray of shape (n_noise, n_features)
        Draws of the reference.
    log_ratio : float or ndarray of shape (n_members,)
        The estimate of log Z of the model minus log Z of the reference, in nats. There
        is one for each member of an ensemble, which learns on its own.
    """

    noise: np.ndarray
    log_ratio: float | np.ndarray


class NCE(BaseEstimator):
    """Noise-contrastive estimation [1]_.

    The log ratio of model and reference is the logit of a classifier that tells rows
    from draws of the reference. Its logistic loss needs no chains, and log Z is one
    more parameter. The gradient is exact for the drawn noise. With much noise the
    estimates are as good as those of maximum likelihood.

    Parameters
    ----------
    n_noise : int, default=5
        Rows of noise for each row.

    References
    ----------
    .. [1] M. Gutmann, A. Hyvarinen. "Noise-contrastive estimation of unnormalized
       statistical models, with applications to natural image statistics". JMLR 13
       (2012).
    """

    requires = ("reference",)
    # Adam suits an exact gradient. This is its learning rate.
    adam_rate = 0.002

    def __init__(self, n_noise=5):
        self.n_noise = n_noise

    def init(self, energy, random):
        """Return the state before the first minibatch."""
        energy = Energy.of(energy)
        require(energy, self, "Give the energy a reference.")
        row = energy.reference.sample(1, random.fold(0))
        n_noise = max(1, min(_MAX_NOISE, _MAX_CELLS // row.shape[1]))
        noise = energy.reference.sample(n_noise, random.fold(1))
        of_noise = energy.log_ratio(noise[:_FIRST])
        return NoiseState(noise, float(logsumexp(of_noise) - np.log(len(of_noise))))

    def gradient(self, energy, X, weight, state, random):
        """Return the gradient of the logistic loss, and the next state.

        Parameters
        ----------
        energy : energy
        X : ndarray of shape (n, n_features)
        weight : ndarray of shape (n,) or None
            Sums to one; None weighs all rows alike.
        state : NoiseState
        random : Random

        Returns
        -------
        gradient : dict of str to ndarray
        state : NoiseState
        """
        energy, X, n_rows = Energy.of(energy), dense(X), X.shape[0]
        draws = random.uniform((self.n_noise * n_rows, 1))[:, 0]
        noise = state.noise[(draws * len(state.noise)).astype(np.intp)]
        rows = np.concatenate([X, noise.astype(X.dtype, copy=False)])
        share = np.concatenate(
            [row_weights(weight, n_rows), np.full(len(noise), 1 / n_rows)]
        )
        is_row = np.arange(len(rows)) < n_rows
        # One for each member of an ensemble.
        shift = np.expand_dims(state.log_ratio, -1) + np.log(self.n_noise)

        def part(block):
            ratios, pullback = energy.ratio_pullback(rows[block])
            chance = expit(ratios - shift)
            error = share[block] * (is_row[block] - chance)
            curvature = (chance * (1 - chance)) @ share[block]
            return pullback(error), error.sum(axis=-1), curvature

        parts = map_blocks(part, len(rows), energy.work, size=_BLOCK)
        gradients, errors, curvatures = zip(*parts, strict=True)
        gradient = {name: sum(g[name] for g in gradients) for name in gradients[0]}
        step = sum(errors) / np.maximum(sum(curvatures), 1e-12)
        log_ratio = state.log_ratio - _RATE_OF_LOG_Z * np.clip(step, -1, 1)
        return gradient, state._replace(log_ratio=log_ratio)
