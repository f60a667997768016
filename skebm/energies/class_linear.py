"""A linear energy of each class: logistic regression, and its kin."""

import numpy as np

from skebm.energies._classes import ClassEnergy, ClassRecipe, in_nats, products, times
from skebm.energies._perceptron_updates import perceptron_updates
from skebm.energies._recipe import columns_of


class LinearClasses(ClassEnergy):
    """The energy ``E(x, y) = -(x @ weights + bias)[y]``.

    With the log-likelihood it is multinomial logistic regression, and with a hinge the
    linear support vector machine of Crammer and Singer [1]_. ``params`` are ``weights``
    of shape (n_inputs, n_classes) and ``bias`` of shape (n_classes,).

    References
    ----------
    .. [1] K. Crammer, Y. Singer. "On the algorithmic implementation of multiclass
       kernel-based vector machines". JMLR 2 (2001).
    """

    def class_pullback(self, x):
        """Return the energies of all classes, and a function that makes gradients."""
        weights = self.params["weights"]

        def pullback(weight):
            slopes = -weight.astype(weights.dtype, copy=False)
            return {"weights": products(x, slopes), "bias": slopes.sum(axis=0)}

        return in_nats(times(x, weights) + self.params["bias"]), pullback

    @property
    def fused_labels(self):
        """Kernels for whole minibatches; None if a subclass has other formulas."""
        if type(self).class_pullback is not LinearClasses.class_pullback:
            return None
        return perceptron_updates(self, [("weights", "bias")])


class ClassLinear(ClassRecipe):
    """A linear energy of each class; see :class:`LinearClasses`.

    The estimator gets ``coef_`` of shape (n_classes, n_units) and ``intercept_``, in
    the units of the layer: real columns are standardised.
    """

    def start(self, n_inputs, prior, random):
        """Return the energy with weights 0."""
        weights = np.zeros((n_inputs, len(prior)), prior.dtype)
        return LinearClasses(
            {"weights": weights, "bias": prior.copy()}, prior, n_inputs
        )

    def attributes(self, energy, order):
        """Return the weights and biases under the names of scikit-learn."""
        params = energy.params
        coef = columns_of(params["weights"], order)
        return {"coef_": coef, "intercept_": params["bias"].copy()}
