"""A multilayer perceptron with an output for each class, as the energies of classes."""

import itertools

import numpy as np

from skebm.energies._classes import ClassEnergy, ClassRecipe, in_nats, products, times
from skebm.energies._perceptron_updates import perceptron_updates
from skebm.utils._math import sigmoid
from skebm.utils._validation import layer_sizes, lookup

# The precision of weights a priori (asv_bench/compare/classifiers.py). On parts of
# training sets, sets of up to 800 rows have their lowest log-loss near 1, and sets of
# 1000 rows at 3 or more; 24,000 rows of the census and 50,000 digits have it near 10.
_LABEL_PRECISION, _LABEL_GROWTH = 1.5, 1 / 3
# What sizes must be, and what else there is to do, in words.
_SIZES = (
    "whole numbers above 0, one for each hidden layer, as (100,) is",
    " Use energy='linear' for no layer.",
)


class PerceptronClasses(ClassEnergy):
    """The energy of a class is a negative output of a multilayer perceptron [1]_.

    ``E(x, y) = -(h_L @ output + output_bias)[y]`` with ``h_0 = x`` and ``h_l =
    f(h_{l-1} @ weights_l + bias_l)``. ``params`` have these names.

    Parameters
    ----------
    params, prior, n_inputs
        As for :class:`ClassEnergy`.
    activation : {"relu", "tanh", "logistic"}

    References
    ----------
    .. [1] W. Grathwohl, K.-C. Wang, J.-H. Jacobsen, D. Duvenaud, M. Norouzi, K.
       Swersky. "Your classifier is secretly an energy based model and you should treat
       it like one". ICLR 2020.
    """

    def __init__(self, params, prior, n_inputs, activation):
        super().__init__(params, prior, n_inputs)
        self.activation = activation

    @property
    def n_layers(self):
        """Number of hidden layers."""
        return len(self.params) // 2 - 1

    @property
    def n_hidden(self):
        """Number of hidden units of all layers."""
        numbers = range(1, self.n_layers + 1)
        return sum(len(self.params[f"bias_{k}"]) for k in numbers)

    @property
    def fused_labels(self):
        """Kernels for whole minibatches; None if a subclass has other formulas."""
        if type(self).class_pullback is not PerceptronClasses.class_pullback:
            return None
        hidden = range(1, self.n_layers + 1)
        names = [(f"weights_{k}", f"bias_{k}") for k in hidden]
        return perceptron_updates(
            self, [*names, ("output", "output_bias")], self.activation
        )

    def class_pullback(self, x):
        """Return the energies of all classes, and a function that makes gradients."""
        params, layers = self.params, [x]
        for k in range(1, self.n_layers + 1):
            inputs = times(layers[-1], params[f"weights_{k}"])
            inputs += params[f"bias_{k}"]
            layers.append(_ACTIVATIONS[self.activation][0](inputs))
        scores = layers[-1] @ params["output"] + params["output_bias"]
        return in_nats(scores), lambda weight: self._backward(layers, weight)

    def _backward(self, layers, weight):
        """Return the gradient by name; ``layers`` are the rows and the hidden units."""
        params, (_, derivative) = self.params, _ACTIVATIONS[self.activation]
        slopes = -weight.astype(params["output"].dtype, copy=False)
        gradient = {
            "output": layers[-1].T @ slopes,
            "output_bias": slopes.sum(axis=0),
        }
        slopes = slopes @ params["output"].T
        for k in range(self.n_layers, 0, -1):
            slopes *= derivative(layers[k])
            gradient[f"weights_{k}"] = products(layers[k - 1], slopes)
            gradient[f"bias_{k}"] = slopes.sum(axis=0)
            if k > 1:
                slopes = slopes @ params[f"weights_{k}"].T
        return gradient


class ClassMLP(ClassRecipe):
    """A multilayer perceptron with an output for each class.

    See :class:`PerceptronClasses`.

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(100,)
        Number of units in each hidden layer.
    activation : {"relu", "tanh", "logistic"}, default="relu"
        Function of the inputs of a hidden unit, as in scikit-learn's
        ``MLPClassifier``.
    """

    label_precision, label_growth = _LABEL_PRECISION, _LABEL_GROWTH

    def __init__(self, hidden_layer_sizes=(100,), activation="relu"):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation

    def start(self, n_inputs, prior, random):
        """Return the energy with random features [1]_ and the output ``prior``.

        References
        ----------
        .. [1] K. He, X. Zhang, S. Ren, J. Sun. "Delving deep into rectifiers". ICCV
           2015.
        """
        lookup(self.activation, _ACTIVATIONS, "activation")
        sizes, dtype = (
            [n_inputs, *layer_sizes(self.hidden_layer_sizes, *_SIZES)],
            prior.dtype,
        )
        params = {}
        for k, shape in enumerate(itertools.pairwise(sizes), 1):
            scale = dtype.type(np.sqrt(2 / shape[0]))
            params[f"weights_{k}"] = scale * random.fold(k).normal(shape, dtype)
            params[f"bias_{k}"] = np.zeros(shape[1], dtype)
        params["output"] = np.zeros((sizes[-1], len(prior)), dtype)
        params["output_bias"] = prior.copy()
        return PerceptronClasses(params, prior, n_inputs, self.activation)


# Each function of the inputs of units, which it may overwrite, and its derivative as a
# function of its value.
_ACTIVATIONS = {
    "relu": (lambda z: np.maximum(z, 0, out=z), lambda h: h > 0),
    "tanh": (lambda z: np.tanh(z, out=z), lambda h: 1 - h * h),
    "logistic": (sigmoid, lambda h: h * (1 - h)),
}
