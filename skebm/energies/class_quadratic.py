"""A quadratic energy of each class, with directions that the classes share."""

from numbers import Integral

import numpy as np

from skebm.energies._classes import ClassEnergy, ClassRecipe, in_nats, products, times

# The precision of weights a priori (asv_bench/compare/classifiers.py). On parts of
# training sets, most log-losses still fall from 1 to 3.
_LABEL_PRECISION = 5.0


class QuadraticClasses(ClassEnergy):
    """A quadratic function of ``x`` for each class, as in discriminant analysis [1]_.

    ``E(x, y) = -(bias + x @ weights + x**2 @ squares + (x @ directions)**2 @
    factors)[y]``. So each class has a diagonal of its own, and a term of low rank whose
    directions all classes share. It is what logistic regression learns of the products
    of pairs of columns, with ``n_inputs * rank`` numbers in place of ``n_inputs**2 *
    n_classes / 2``. ``params`` are ``weights`` and ``squares`` of shape (n_inputs,
    n_classes), ``directions`` of shape (n_inputs, rank), ``factors`` of shape (rank,
    n_classes) and ``bias`` of shape (n_classes,).

    References
    ----------
    .. [1] J. Friedman. "Regularized discriminant analysis". JASA 84 (1989).
    """

    def class_pullback(self, x):
        """Return the energies of all classes, and a function that makes gradients."""
        params = self.params
        directions, factors = params["directions"], params["factors"]
        squared, along = _square(x), times(x, directions)
        scores = times(x, params["weights"]) + times(squared, params["squares"])
        scores += along**2 @ factors + params["bias"]

        def pullback(weight):
            slopes = -weight.astype(factors.dtype, copy=False)
            return {
                "weights": products(x, slopes),
                "squares": products(squared, slopes),
                "directions": products(x, 2 * along * (slopes @ factors.T)),
                "factors": products(along**2, slopes),
                "bias": slopes.sum(axis=0),
            }

        return in_nats(scores), pullback


class ClassQuadratic(ClassRecipe):
    """A quadratic energy of each class; see :class:`QuadraticClasses`.

    Parameters
    ----------
    rank : int, default=10
        Number of directions that the classes share. 0 leaves the diagonals alone.
    """

    label_precision = _LABEL_PRECISION

    def __init__(self, rank=10):
        self.rank = rank

    def start(self, n_inputs, prior, random):
        """Return the energy with random directions and all other weights 0."""
        if not isinstance(self.rank, Integral) or self.rank < 0:
            raise ValueError(
                f"rank must be a whole number, 0 or above; got {self.rank!r}."
            )
        dtype, n_classes = prior.dtype, len(prior)
        directions = random.normal((n_inputs, int(self.rank)), dtype)
        params = {
            "weights": np.zeros((n_inputs, n_classes), dtype),
            "squares": np.zeros((n_inputs, n_classes), dtype),
            "directions": directions / dtype.type(np.sqrt(n_inputs)),
            "factors": np.zeros((int(self.rank), n_classes), dtype),
            "bias": prior.copy(),
        }
        return QuadraticClasses(params, prior, n_inputs)


def _square(x):
    return x.power(2) if hasattr(x, "power") else x**2
