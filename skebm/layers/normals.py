"""Real units that are coupled in pairs: one normal distribution, or a mixture."""

import numpy as np
from scipy.special import softmax

from skebm.layers._components import Components
from skebm.layers._interpolation import interpolated
from skebm.layers._normal_holes import NormalsGiven, Quadratics
from skebm.layers._normal_ratios import log_ratios
from skebm.layers._normals_fit import fit_normals
from skebm.utils._math import log_sum_exp

# The smallest ratio of variances along axes for which a component is learned further.
_NARROWEST = 1e-3
# The diagonal of the factors stays within these bounds. So a standard deviation can
# become ten times as small, and three times as large, as at the start.
_DIAGONAL_BOUNDS = 1 / 3, 10.0
# Share of the mean variance that is added to the variances of the metric. Without it
# steps along narrow directions are so long that the component of outliers, which is
# wide there, takes all rows: columns that are nearly copies made training diverge.
_RIDGE_OF_METRIC = 0.01


class Normals(Components):
    """A mixture of normal distributions with full covariances [1]_.

    Given the inputs of the units, the layer is a mixture of the same kind, with other
    means and weights. So all that a model needs has a closed form. A mixture of one
    normal distribution is a Gaussian layer with a full precision matrix.

    Component ``k`` has coordinates ``z_k``, with ``x = centers[k] + colors[k] @ z_k``.
    Its joint energy with the row is ``|factors[k].T @ z_k|**2 / 2 - shifts[k] @ z_k -
    log_weight[k] + log |det colors[k]| + n_units log(2 pi) / 2``. In these coordinates
    the parameters are well conditioned, also if columns are nearly collinear: a new
    layer has ``factors = identity`` and ``shifts = 0``. The energy of a row sums the
    components out, and adds ``-x @ bias``.

    Parameters
    ----------
    bias : ndarray of shape (n_units,)
        Is added to the inputs of the units.
    log_weight : ndarray of shape (n_components,)
        Logs of the weights of the components.
    shifts : ndarray of shape (n_components, n_units)
    factors : ndarray of shape (n_components, n_units, n_units)
        Matrices that change the scales of the coordinates.
    centers : ndarray of shape (n_components, n_units)
        Means of the components at the start. They are not learned.
    colors : ndarray of shape (n_components, n_units, n_units)
        Matrices whose squares ``colors @ colors.T`` are the covariances at the start.
        They are not learned.
    learned : bool, default=True
        Whether the components are learned. Else only the bias is.

    References
    ----------
    .. [1] C. Fraley, A. Raftery. "Model-based clustering, discriminant analysis, and
       density estimation". JASA 97 (2002).
    """

    coupled = True
    coupling = "full"
    domain = "finite numbers"

    @classmethod
    def from_mixture(cls, weights, means, covariances, learned=True):
        """Return the layer whose density is a mixture of normal distributions.

        Parameters
        ----------
        weights : ndarray of shape (n_components,)
        means : ndarray of shape (n_components, n_units)
        covariances : ndarray of shape (n_components, n_units, n_units)
            Positive definite.
        learned : bool, default=True
        """
        n_components, n_units = means.shape
        return cls(
            np.zeros(n_units),
            np.log(weights),
            np.zeros((n_components, n_units)),
            np.tile(np.eye(n_units), (n_components, 1, 1)),
            means,
            np.linalg.cholesky(covariances),
            learned,
        )

    @classmethod
    def from_rows(cls, X, weight, random, n_components="auto", shrinkage=None):
        """Return a mixture that is fitted to rows; see :func:`fit_normals`.

        Parameters
        ----------
        X : ndarray of shape (n, n_units)
            NaN in the holes.
        weight : ndarray of shape (n,) or None
        random : Random
        n_components : int or "auto", default="auto"
        shrinkage : float, default=None
        """
        size = {"n_components": n_components, "shrinkage": shrinkage}
        mixture = fit_normals(X, weight, random, **size)
        return cls.from_fit(mixture)

    @classmethod
    def from_fit(cls, mixture):
        """Return the layer of a :class:`Mixture`."""
        # Several components get worse on held-out rows if they are learned further.
        # Each has few rows, and only the prior of the fit keeps it from overfitting.
        is_one = len(mixture.weights) == 2
        # Columns that are nearly copies would diverge.
        widths = np.linalg.eigvalsh(mixture.covariances[0])
        learned = is_one and widths[0] > _NARROWEST * widths[-1]
        return cls.from_mixture(*mixture[:3], learned=learned)

    def __repr__(self):
        return f"Normals(n_units={self.n_units}, n_components={self.n_components})"

    @property
    def limits(self):
        """Minus and plus infinity."""
        return np.full(self.n_units, -np.inf), np.full(self.n_units, np.inf)

    @staticmethod
    def outside(X):
        """Return which entries of ``X`` are not finite numbers."""
        return ~np.isfinite(X)

    # -- the density -----------------------------------------------------------------

    def unweighted(self):
        """Return the same components with weights of 1, not learned."""
        none = np.zeros_like(self.log_weight)
        shapes = self.shifts, self.factors, self.centers, self.colors
        return type(self)(self.bias, none, *shapes, learned=False)

    def energy(self, x):
        """Return the energy of each row of ``x``, shape (n,), float64."""
        of_bias = self._double(x) @ self._double(self.bias)
        return -log_sum_exp(self.log_densities(x)) - of_bias

    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``."""
        scales = self._scales()
        u = self._standard(x, scales)
        u *= softmax(self._log_densities(u, scales), axis=1)[:, :, None]
        slope = u.reshape(len(u), -1) @ scales.flat.T
        return (slope - self._double(self.bias)).astype(x.dtype, copy=False)

    def grad(self, x, weight):
        """Return d energy / d params, summed over rows with ``weight``."""
        if not self.learned:
            return {"bias": -(weight @ x)}
        z = self._coordinates(x)
        share = softmax(self._log_joint(z), axis=0) * weight
        weighted = share[:, :, None] * z
        outer = weighted.transpose(0, 2, 1) @ z
        gradient = {
            "bias": -(weight @ x),
            "log_weight": -share.sum(axis=1),
            "shifts": -weighted.sum(axis=1),
            "factors": outer @ self._double(self.factors),
        }
        return {name: g.astype(self.bias.dtype) for name, g in gradient.items()}

    # -- given inputs ----------------------------------------------------------------

    def cgf(self, inputs):
        """Return the log of the integral of ``exp(x @ inputs - energy(x))``."""
        return log_sum_exp(self.log_sums(inputs))

    def mean(self, inputs):
        """Return the expectation of ``x`` given its inputs."""
        return self.mean_of(self._shares(inputs), inputs)

    def mode(self, inputs):
        """Return the mean of the component with the highest density at its mean."""
        every = np.ones(inputs.shape, bool)
        return self.given(inputs, every).mode(inputs)

    def sample(self, inputs, random):
        """Draw ``x`` given its inputs."""
        if self.n_components == 1:
            which = np.zeros(len(inputs), int)
        else:
            which = random.fold(0).categorical(self._shares(inputs)).argmax(axis=1)
        return self.sample_of(which, inputs, random.fold(1))

    def _shares(self, inputs):
        """Return the probability of each component, (n, n_components)."""
        if self.n_components == 1:
            return np.ones((len(inputs), 1))
        return softmax(self.log_sums(inputs), axis=1)

    def cgf_grad(self, inputs, weight):
        """Return d cgf / d params, summed over rows with ``weight``."""
        bias = (weight @ self.mean(inputs)).astype(self.bias.dtype)
        if not self.learned:
            return {"bias": bias}
        scales = self._scales()
        field, scaled = self._fields(inputs, scales)
        inverse = scales.inverse
        share = softmax(self._log_sums(field, scaled, scales), axis=1).T * weight
        z = scaled @ inverse
        weighted = share[:, :, None] * z
        second = weighted.transpose(0, 2, 1) @ z
        # The covariance of z given the inputs is the inverse of factors @ factors.T.
        second += share.sum(1)[:, None, None] * (inverse.transpose(0, 2, 1) @ inverse)
        gradient = {
            "bias": bias,
            "log_weight": share.sum(axis=1),
            "shifts": weighted.sum(axis=1),
            "factors": -second @ self._double(self.factors),
        }
        return {name: g.astype(self.bias.dtype) for name, g in gradient.items()}

    # -- given observed units --------------------------------------------------------

    def given(self, x, holes):
        """Return the distribution of the holes of rows given their observed units.

        Parameters
        ----------
        x : ndarray of shape (n, n_units)
            The values in the holes do not matter.
        holes : ndarray of bool of shape (n, n_units)
        """
        shifts = self._double(self.shifts)
        model = Quadratics(
            self._double(self.bias),
            self.centers,
            np.einsum("kji,kj->ki", self._whiteners, shifts),
            self.precisions,
            self._double(self.log_weight) + self._constant,
        )
        return NormalsGiven(model, x, holes)

    def log_ratios(self, variable, x, low=0.0, high=0.0, log_share=None):
        """Return a grid of values of a unit, and the density there over that of ``x``.

        Parameters
        ----------
        variable : int
        x : ndarray of shape (n, n_units)
        low, high : float
            The range of the inputs that the unit can get from the rest of the model.
        log_share : ndarray of shape (n, n_components), default=None
            Logs of the probabilities of the components given ``x``.

        Returns
        -------
        columns : slice
        values : ndarray of shape (n, n_values, 1)
            The grids of all components, one after the other.
        log_weight : ndarray of shape (n, n_values)
            Log of the weights with which a sum over the values is an integral of
            ``exp(energy(x) - energy(x with the unit at a value))``.
        """
        return log_ratios(self, variable, x, low, high, log_share)

    # -- copies ----------------------------------------------------------------------

    def interpolate(self, other, beta):
        """Return the layer between this layer (0) and ``other`` (1).

        The joint energies of rows and components are interpolated. Both layers must
        have the same centers and colors.
        """
        return interpolated(self, other, beta)

    def scaled(self, beta):
        """Return a layer whose joint energies are ``beta`` times these.

        For one component this is ``beta`` times the energy.
        """
        constant = (beta - 1) * self._constant
        weight = beta * self.log_weight + constant
        shifts, factors = beta * self.shifts, np.sqrt(beta) * self.factors
        params = (beta * self.bias, weight, shifts, factors)
        params = [array.astype(self.bias.dtype) for array in params]
        return type(self)(*params, self.centers, self.colors, self.learned)

    def zeros(self, n_units, dtype=np.float64):
        """Return the layer at its start: no biases, no shifts, and unit factors."""
        layer = self.astype(dtype)
        layer.bias[:] = 0
        if self.learned:
            layer.shifts[:], layer.factors[:] = 0, np.eye(n_units)
        return layer

    def project(self):
        """Keep the diagonals of the factors within bounds."""
        if not self.learned:
            return
        diagonal = np.einsum("kii->ki", self.factors)
        np.clip(diagonal, *_DIAGONAL_BOUNDS, out=diagonal)

    # -- the metric of learning ------------------------------------------------------

    def decorrelate(self, weights):
        """Return weights for the units from weights for uncorrelated coordinates."""
        root = self._root_of_all()
        return (root.T @ weights).astype(weights.dtype)

    def precondition(self, rows):
        """Return a gradient, whose first axis is n_units, in the metric of learning.

        A step along it is a step of gradient descent in uncorrelated coordinates.
        """
        root = self._root_of_all()
        return (root.T @ (root @ rows)).astype(rows.dtype)

    def _root_of_all(self):
        """Return the matrix that makes coordinates uncorrelated, at the start."""
        if not hasattr(self, "_root"):
            self.set_metric(self.zeros(self.n_units).moments()[1])
        return self._root

    def set_metric(self, covariance):
        """Take the metric of learning from the covariance of all rows."""
        n_units = len(covariance)
        ridge = _RIDGE_OF_METRIC * np.trace(covariance) / n_units
        covariance = covariance + ridge * np.eye(n_units)
        self._root = np.linalg.inv(np.linalg.cholesky(covariance))
