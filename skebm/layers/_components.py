"""The components of a mixture of normal distributions."""

from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from skebm.layers._base import Layer
from skebm.utils._stored import public

_HALF_LOG_2PI = np.log(2 * np.pi) / 2
# If the matrices of all rows have at most this many numbers, all rows are drawn at
# once, and not the rows of each component.
_FEW_NUMBERS = 100_000


@public("skebm.layers")
class Scales(NamedTuple):
    """The components in coordinates in which they are standard normal.

    Given its inputs, component k is ``centers[k] + root[k] @ u``, where ``u`` has mean
    ``root[k].T @ inputs + shift[k]`` and covariance 1.

    Attributes
    ----------
    root : ndarray of shape (n_components, n_units, n_units)
    shift : ndarray of shape (n_components, n_units)
    inverse : ndarray of shape (n_components, n_units, n_units)
        Inverses of the factors.
    log_det : ndarray of shape (n_components,)
        Logs of the determinants of ``inverse``.
    origin : ndarray of shape (n_units,)
        The mean of the centers, from which rows are measured.
    flat : ndarray of shape (n_units, n_components * n_units)
        With it, one matrix product gives ``u`` of all components.
    offset : ndarray of shape (n_components * n_units,)
        Where all ``u`` have their means.
    """

    root: np.ndarray
    shift: np.ndarray
    inverse: np.ndarray
    log_det: np.ndarray
    origin: np.ndarray
    flat: np.ndarray
    offset: np.ndarray


class Components(Layer):
    """Base of :class:`Normals`: the formulas of the single components."""

    finite = False

    def __init__(
        self, bias, log_weight, shifts, factors, centers, colors, learned=True
    ):
        super().__init__(bias)
        self.learned = learned
        names = ("log_weight", "shifts", "factors")
        fixed = ("centers", "colors", "learned")
        self.param_names = ("bias", *names) if learned else ("bias",)
        self.structure_names = fixed if learned else (*names, *fixed)
        self.log_weight, self.shifts, self.factors = log_weight, shifts, factors
        self.centers = np.asarray(centers, np.float64)
        self.colors = np.asarray(colors, np.float64)
        self._whiteners = np.linalg.inv(self.colors)
        log_det = np.linalg.slogdet(self.colors)[1]
        self._constant = -log_det - self.n_units * _HALF_LOG_2PI

    @property
    def n_components(self):
        """Number of normal distributions."""
        return len(self.log_weight)

    @property
    def covariances(self):
        """Covariances of the components, (n_components, n_units, n_units), float64."""
        root = self._scales().root
        return root @ root.transpose(0, 2, 1)

    @property
    def precisions(self):
        """Inverses of :attr:`covariances`."""
        root = self._roots()
        return root.transpose(0, 2, 1) @ root

    def _double(self, array):
        return array.astype(np.float64, copy=False)

    def _roots(self):
        """Return matrices with ``root @ (x - center) = factors.T @ z``."""
        return self._double(self.factors).transpose(0, 2, 1) @ self._whiteners

    def _coordinates(self, x):
        """Return the ``z`` of each component, (n_components, n, n_units), float64."""
        away = self._double(x) - self.centers[:, None]
        return away @ self._whiteners.transpose(0, 2, 1)

    def _log_joint(self, z):
        """Return minus the joint energies without the bias, (n_components, n)."""
        scaled = z @ self._double(self.factors)
        linear = (z @ self._double(self.shifts)[:, :, None])[:, :, 0]
        constant = self._double(self.log_weight) + self._constant
        return linear - np.einsum("kni,kni->kn", scaled, scaled) / 2 + constant[:, None]

    def log_densities(self, x):
        """Return minus the joint energies without the bias, (n, n_components)."""
        scales = self._scales()
        return self._log_densities(self._standard(x, scales), scales)

    def _standard(self, x, scales):
        """Return ``u`` minus its means, (n, n_components, n_units), float64."""
        # One product of all components is several times faster than many small ones.
        u = (self._double(x) - scales.origin) @ scales.flat
        u -= scales.offset
        return u.reshape(len(u), *self.shifts.shape)

    def _log_densities(self, u, scales):
        # The square is completed: the linear term is part of the means of `u`.
        constant = np.einsum("ki,ki->k", scales.shift, scales.shift) / 2
        constant += self._double(self.log_weight) + self._constant
        return constant - np.einsum("nki,nki->nk", u, u) / 2

    def _scales(self):
        """Return the :class:`Scales`, which are kept if they are not learned."""
        if hasattr(self, "_kept_scales"):
            return self._kept_scales
        inverse = np.linalg.inv(self._double(self.factors))
        shift = np.einsum("kij,kj->ki", inverse, self._double(self.shifts))
        log_det = np.linalg.slogdet(inverse)[1]
        root = self.colors @ inverse.transpose(0, 2, 1)
        whitener, origin = self._roots(), self.centers.mean(axis=0)
        means = np.einsum("kij,kj->ki", whitener, self.centers - origin) + shift
        flat = whitener.transpose(2, 0, 1).reshape(self.n_units, -1)
        scales = Scales(root, shift, inverse, log_det, origin, flat, means.reshape(-1))
        if not self.learned:
            self._kept_scales = scales
        return scales

    def _fields(self, inputs, scales):
        """Return the inputs with the bias, and the means of standard coordinates."""
        field = self._double(inputs) + self._double(self.bias)
        return field, field @ scales.root + scales.shift[:, None]

    def log_sums(self, inputs):
        """Return the log normaliser of each component, (n, n_components)."""
        scales = self._scales()
        return self._log_sums(*self._fields(inputs, scales), scales)

    def _log_sums(self, field, scaled, scales):
        square = np.einsum("kni,kni->nk", scaled, scaled) / 2
        constant = self._double(self.log_weight) + scales.log_det
        return square + field @ self.centers.T + constant

    def means(self, inputs):
        """Return the mean of each component, (n_components, n, n_units)."""
        scales = self._scales()
        scaled, root = self._fields(inputs, scales)[1], scales.root
        return self.centers[:, None] + scaled @ root.transpose(0, 2, 1)

    def mean_of(self, share, inputs):
        """Return the expectation of ``x`` if components have these shares."""
        mean = np.einsum("nk,kni->ni", share, self.means(inputs))
        return mean.astype(inputs.dtype)

    def sample_of(self, which, inputs, random):
        """Draw ``x`` given the number of its component, and its inputs."""
        noise = random.normal(inputs.shape, inputs.dtype)
        field = self._double(inputs) + self._double(self.bias)
        scales = self._scales()
        out = np.empty_like(noise)
        if self.n_components > 1 and noise.size * self.n_units <= _FEW_NUMBERS:
            roots = scales.root[which]
            standard = (field[:, None] @ roots)[:, 0] + scales.shift[which] + noise
            out[:] = self.centers[which] + (roots @ standard[:, :, None])[:, :, 0]
            return out
        for k in np.unique(which):
            rows = which == k
            root = scales.root[k]
            standard = field[rows] @ root + scales.shift[k] + noise[rows]
            out[rows] = self.centers[k] + standard @ root.T
        return out

    def moments(self, weight=None):
        """Return mean and covariance of the layer without inputs, float64.

        Parameters
        ----------
        weight : ndarray of shape (n_components,), default=None
            Shares of the components, if they are not those of the layer.
        """
        no_inputs = np.zeros((1, self.n_units))
        if weight is None:
            weight = softmax(self.log_sums(no_inputs)[0])
        centers = self.means(no_inputs)[:, 0]
        mean = weight @ centers
        away = centers - mean
        return mean, np.tensordot(weight, self.covariances, 1) + (
            weight * away.T
        ) @ away
