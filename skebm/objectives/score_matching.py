"""Score matching: the slopes of the model and of the rows, without log Z or chains."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from skebm.energies import Energy
from skebm.utils._math import row_weights
from skebm.utils._sparse import dense
from skebm.utils._validation import require

# Up to this number of columns, "auto" takes all of them. Beyond, it takes so many
# random directions for each row.
_MAX_COLUMNS, _N_DIRECTIONS = 20, 8
# The step of finite differences, in standard deviations: the error of the formula is
# its square, and the rounding of energies is divided by its square.
_STEP = 1e-3


class ScoreState(NamedTuple):
    """What is carried from one minibatch to the next.

    Attributes
    ----------
    scale : ndarray of shape (n_features,) or None
        Standard deviations of the columns of the first minibatch: the units in which
        slopes are measured.
    """

    scale: np.ndarray | None


class _Slopes(BaseEstimator):
    """Base of objectives of slopes: a loss and its gradient, in double precision.

    A subclass has ``_parts(energy, x, scale, random)``. It returns the loss of each
    row, and a function that makes the gradient of weights of the rows.
    """

    requires = ()
    # Adam suits an exact gradient. This is its learning rate.
    adam_rate = 0.01

    def init(self, energy, random):
        """Return the state before the first minibatch."""
        energy = Energy.of(energy)
        remedy = "Use objective='nce', which takes columns of any kind."
        if not energy.is_real:
            raise TypeError(
                f"{type(self).__name__} takes derivatives along the columns, so all of "
                f"them must be real numbers, and those of {energy._label} are not. "
                f"{remedy}"
            )
        require(energy, self, "Add it, or use objective='score_matching' or 'nce'.")
        return ScoreState(None)

    def loss(self, energy, X, weight=None, state=None, random=None):
        """Return the objective, a weighted mean over rows.

        Parameters
        ----------
        energy : energy of real columns
        X : ndarray of shape (n, n_features)
        weight : ndarray of shape (n,), default=None
            Sums to one; None weighs all rows alike.
        state : ScoreState, default=None
        random : Random, default=None
            Not needed if nothing is drawn.
        """
        energy, x, scale = self._prepared(energy, X, state)
        values, _ = self._parts(energy, x, scale, random)
        return float(row_weights(weight, len(x)) @ values)

    def gradient(self, energy, X, weight, state, random):
        """Return the gradient of :meth:`loss`, and the next state."""
        double, x, scale = self._prepared(energy, X, state)
        _, pullback = self._parts(double, x, scale, random)
        gradient = pullback(row_weights(weight, len(x)))
        gradient = {
            name: gradient[name].astype(value.dtype, copy=False)
            for name, value in energy.params.items()
        }
        return gradient, ScoreState(scale)

    def _prepared(self, energy, X, state):
        x, scale = dense(X).astype(np.float64), getattr(state, "scale", None)
        if scale is None:
            spread, size = x.std(axis=0), np.abs(x).max(axis=0)
            scale = np.where(spread > 1e-9 * size, spread, np.where(size > 0, size, 1))
        return Energy.of(energy).astype(np.float64), x, scale


class ScoreMatching(_Slopes):
    """Score matching: ``sum_i s_i^2 / 2 + d s_i / d x_i`` with ``s = -dE/dx`` [1]_.

    It is smallest where the slopes of the model's log-density are those of the density
    of the rows. The derivatives are finite differences of the energy along the columns,
    or along random directions [2]_, [3]_. So an energy needs no ``grad_x``. Slopes are
    measured in standard deviations of the columns.

    Parameters
    ----------
    directions : int or "auto", default="auto"
        Random directions for each row. ``"auto"`` takes the directions of all columns
        if there are at most 20, and 8 random directions of more columns.

    References
    ----------
    .. [1] A. Hyvarinen. "Estimation of non-normalized statistical models by score
       matching". JMLR 6 (2005).
    .. [2] Y. Song, S. Garg, J. Shi, S. Ermon. "Sliced score matching: a scalable
       approach to density and score estimation". UAI 2019.
    .. [3] T. Pang, K. Xu, C. Li, Y. Song, S. Ermon, J. Zhu. "Efficient learning of
       generative models via finite-difference score matching". NeurIPS 2020.
    """

    def __init__(self, directions="auto"):
        self.directions = directions

    def init(self, energy, random):
        """Return the state before the first minibatch."""
        n = self.directions
        if n != "auto" and not (isinstance(n, Integral) and n > 0):
            raise ValueError(
                f"directions must be 'auto' or a whole number above 0; got {n!r}."
            )
        return super().init(energy, random)

    def _ways(self, shape, random):
        """Return directions, (n_directions, 1 or n, n_features), and their weight."""
        n_rows, n_features = shape
        if self.directions == "auto" and n_features <= _MAX_COLUMNS:
            return np.eye(n_features)[:, None], 1.0
        n = _N_DIRECTIONS if self.directions == "auto" else self.directions
        # Signs have the same mean square as normal numbers, and less variance.
        signs = random.uniform((n * n_rows, n_features)) < 0.5
        return np.where(signs, 1.0, -1.0).reshape(n, n_rows, n_features), 1 / n

    def _parts(self, energy, x, scale, random):
        ways, share = self._ways(x.shape, random)
        here, pull_here = energy.pullback(x)
        total, pulls = np.zeros(len(x)), []
        for way in ways:
            up, pull_up = energy.pullback(x + _STEP * scale * way)
            down, pull_down = energy.pullback(x - _STEP * scale * way)
            slope = (up - down) / (2 * _STEP)
            bend = (up - 2 * here + down) / _STEP**2
            total += share * (slope**2 / 2 - bend)
            pulls.append((slope, pull_up, pull_down))

        def pullback(weight):
            curved = share * weight / _STEP**2
            gradient = pull_here(2 * len(ways) * curved)
            for slope, pull_up, pull_down in pulls:
                sloped = share * weight * slope / (2 * _STEP)
                up, down = pull_up(sloped - curved), pull_down(-sloped - curved)
                gradient = {k: g + up[k] + down[k] for k, g in gradient.items()}
            return gradient

        return total, pullback


class DenoisingScoreMatching(_Slopes):
    """Denoising score matching: slopes that lead from noisy rows back to rows [1]_.

    The objective is ``|s(x + noise z) + z / noise|^2 / 2`` with normal ``z`` and ``s =
    -dE/dx``, in standard deviations of the columns. What is learned is the density of
    noisy rows, which is wider: much noise is smooth, and little noise is exact. Each
    row has the noise ``z`` and ``-z``, whose errors cancel in part.

    Parameters
    ----------
    noise : float, default=0.1
        Standard deviation of the noise, in standard deviations of the columns.

    References
    ----------
    .. [1] P. Vincent. "A connection between score matching and denoising autoencoders".
       Neural Computation 23 (2011).
    """

    requires = ("grad_x", "grad_x_grad")

    def __init__(self, noise=0.1):
        self.noise = noise

    def init(self, energy, random):
        """Return the state before the first minibatch."""
        if not 0 < self.noise < np.inf:
            raise ValueError(f"noise must be a number above 0; got {self.noise!r}.")
        return super().init(energy, random)

    def _parts(self, energy, x, scale, random):
        z, total, pulls = random.normal(x.shape, np.float64), 0.0, []
        for side in (1, -1):
            noisy = x + side * self.noise * scale * z
            error = scale * energy.grad_x(noisy) - side * z / self.noise
            total = total + (error**2).sum(axis=1) / 4
            pulls.append((noisy, error * scale / 2))

        def pullback(weight):
            first, second = (
                energy.grad_x_grad(noisy, weight[:, None] * direction)
                for noisy, direction in pulls
            )
            return {name: value + second[name] for name, value in first.items()}

        return total, pullback
