"""Estimators with parameters that were learned elsewhere."""

import numpy as np
from sklearn.utils import check_array

from skebm.energies import Summary, rbm_from_parameters
from skebm.inference import at_chain_marginals
from skebm.planning import make_plan
from skebm.tables import Encoding, Table
from skebm.training import Training
from skebm.utils._going_on import defining
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random


class FromParametersMixin:
    """A constructor of fitted restricted Boltzmann machines."""

    @classmethod
    def from_parameters(
        cls,
        components,
        intercept_visible,
        intercept_hidden,
        *,
        variance_visible=None,
        visible="bernoulli",
        hidden="bernoulli",
        **params,
    ):
        """Return a fitted estimator with parameters that were learned elsewhere.

        Parameters
        ----------
        components : array-like of shape (n_components, n_features)
            Weights. If the visible units are Gaussian, ``components @ x`` must apply to
            ``x`` itself, not to the standardised ``x``.
        intercept_visible : array-like of shape (n_features,)
            Biases of the visible units. If the visible units are Gaussian, a bias is
            the mean divided by the variance.
        intercept_hidden : array-like of shape (n_components,)
            Biases of the hidden units.
        variance_visible : array-like of shape (n_features,), default=None
            Variances of Gaussian visible units given the hidden units. None is 1.
        visible : {"bernoulli", "spin", "gaussian"}, default="bernoulli"
            Visible units.
        hidden : {"bernoulli", "spin", "gaussian", "relu"}, default="bernoulli"
            Hidden units.
        **params
            Other parameters of the estimator.

        Returns
        -------
        RBMDensity
            The fitted estimator.

        Examples
        --------
        >>> from sklearn.neural_network import BernoulliRBM
        >>> import numpy as np
        >>> X = np.random.default_rng(0).integers(0, 2, (50, 6))
        >>> theirs = BernoulliRBM(n_components=3, random_state=0).fit(X)
        >>> ours = RBMDensity.from_parameters(
        ...     theirs.components_, theirs.intercept_visible_, theirs.intercept_hidden_
        ... )
        >>> bool(ours.score(X) < 0)
        True
        """
        components = check_array(components, dtype=[np.float64, np.float32])
        if "n_components" in params:
            raise ValueError("n_components is the number of rows of components.")
        energy = rbm_from_parameters(
            components,
            intercept_visible,
            intercept_hidden,
            variance_visible,
            visible,
            hidden,
        )
        n_components, n_features = components.shape
        self = cls(n_components, visible=visible, hidden=hidden, **params)
        self.n_features_in_ = n_features
        self._table = Table.of_kind(visible, n_features)
        self._encoding = Encoding.identity(visible, n_features)
        random = Random.from_state(self.random_state)
        with use_threads(self.n_jobs):
            energy = at_chain_marginals(energy, random.fold(0))
            layer = self._encoding.layer(energy.dtype)
            self._summary = Summary(1, None, None, energy.dtype.name)
            plan = make_plan(self, energy, layer, 1, n_iter=1)
            self._training = Training.start(energy, plan, random.fold(1))
        for name, value in self._fitted_attributes(self._training).items():
            setattr(self, name, value)
        self._defining = defining(self)
        self.history_ = {}
        return self
