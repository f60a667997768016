"""A linear energy of each class: logistic regression, and its kin."""

from numbers import Real

import numpy as np
from scipy.sparse import issparse

from skebm.energies._classes import ClassEnergy, ClassRecipe, in_nats, products, times
from skebm.energies._perceptron_updates import perceptron_updates
from skebm.energies._recipe import columns_of


class LinearClasses(ClassEnergy):
    """The energy ``E(x, y) = -(x @ (center + weights) + bias)[y]``.

    With the log-likelihood it is multinomial logistic regression, and with a hinge the
    linear support vector machine of Crammer and Singer [1]_. ``params`` are ``weights``
    of shape (n_inputs, n_classes) and ``bias`` of shape (n_classes,).

    Parameters
    ----------
    params, prior, n_inputs
        As for :class:`ClassEnergy`.
    center : ndarray of shape (n_inputs, n_classes) or None, default=None
        Weights that are not learned, towards which penalties shrink. None is 0.

    References
    ----------
    .. [1] K. Crammer, Y. Singer. "On the algorithmic implementation of multiclass
       kernel-based vector machines". JMLR 2 (2001).
    """

    def __init__(self, params, prior, n_inputs, center=None):
        super().__init__(params, prior, n_inputs)
        self.center = center

    @property
    def coef(self):
        """The weights of the inputs, an ndarray of shape (n_inputs, n_classes)."""
        weights = self.params["weights"]
        return weights if self.center is None else self.center + weights

    def astype(self, dtype):
        """Return a copy with parameters of this dtype."""
        twin = super().astype(dtype)
        twin.center = None if self.center is None else self.center.astype(dtype)
        return twin

    def class_pullback(self, x):
        """Return the energies of all classes, and a function that makes gradients."""
        weights = self.params["weights"]

        def pullback(weight):
            slopes = -weight.astype(weights.dtype, copy=False)
            return {"weights": products(x, slopes), "bias": slopes.sum(axis=0)}

        scores = times(x, weights) + self.params["bias"]
        if self.center is not None:
            # A product with a few sparse rows takes less time than a sum of matrices.
            scores += times(x, self.center)
        return in_nats(scores), pullback

    @property
    def fused_labels(self):
        """Kernels for whole minibatches; None if a subclass has other formulas."""
        if type(self).class_pullback is not LinearClasses.class_pullback:
            return None
        return perceptron_updates(self, [("weights", "bias")])


class ClassLinear(ClassRecipe):
    """A linear energy of each class; see :class:`LinearClasses`.

    The estimator gets ``coef_`` of shape (n_classes, n_units) and ``intercept_``, in
    the units of the layer: real columns are standardised, unless ``visible`` is
    ``"unscaled"``.

    Parameters
    ----------
    naive_bayes : float, default=0.0
        Training begins at the weights of multinomial naive Bayes times this number,
        and ``l2`` shrinks the weights towards them in place of 0. So a large ``l2``
        gives naive Bayes, which learns from few rows, and a small one gives logistic
        regression, which has the lower error with many rows [1]_ [2]_. 1 suits counts
        of words and their tf-idf, with ``visible="unscaled"``. The rows must not have
        negative numbers.
    alpha : float, default=1.0
        Number that is added to the sum of each column in each class, as in
        scikit-learn's ``MultinomialNB``. It is used only if ``naive_bayes`` is not 0.

    References
    ----------
    .. [1] A. Ng, M. Jordan. "On discriminative vs. generative classifiers". NeurIPS
       2001.
    .. [2] S. Wang, C. Manning. "Baselines and bigrams: simple, good sentiment and topic
       classification". ACL 2012.
    """

    def __init__(self, naive_bayes=0.0, alpha=1.0):
        self.naive_bayes = naive_bayes
        self.alpha = alpha

    def build(self, layer, summary, random):
        """Return the energy with weights 0, about those of naive Bayes if asked for."""
        self._check()
        energy = super().build(layer, summary, random)
        if self.naive_bayes:
            center = log_ratios(*energy.split(summary.rows), summary.weight, self.alpha)
            center *= self.naive_bayes
            energy.center = center.astype(summary.dtype)
        return energy

    def start(self, n_inputs, prior, random):
        """Return the energy with weights 0."""
        weights = np.zeros((n_inputs, len(prior)), prior.dtype)
        return LinearClasses(
            {"weights": weights, "bias": prior.copy()}, prior, n_inputs
        )

    def attributes(self, energy, order):
        """Return the weights and biases under the names of scikit-learn."""
        coef = columns_of(energy.coef, order)
        return {"coef_": coef, "intercept_": energy.params["bias"].copy()}

    def _check(self):
        """Raise an error unless the parameters are numbers that make sense."""
        if not isinstance(self.naive_bayes, Real) or not 0 <= self.naive_bayes < np.inf:
            raise ValueError(
                "naive_bayes of ClassLinear must be a number of at least 0, the factor "
                f"of the weights of naive Bayes; got {self.naive_bayes!r}. Use 0 for "
                "none."
            )
        if not isinstance(self.alpha, Real) or not 0 < self.alpha < np.inf:
            raise ValueError(
                "alpha of ClassLinear must be a number above 0, which is added to the "
                f"sums of columns; got {self.alpha!r}. Use 1."
            )


def log_ratios(x, y, weight, alpha):
    """Return the weights of multinomial naive Bayes, less their means over classes.

    The weight of a column for a class is the log of the column's share in the sum of
    all columns over the rows of the class.

    Parameters
    ----------
    x : {ndarray, CSR matrix} of shape (n, n_inputs)
        Numbers of at least 0.
    y : ndarray of shape (n, n_classes)
        One-hot labels, or labels of 0 and 1.
    weight : ndarray of shape (n,) or None
        How many rows each row counts for.
    alpha : float

    Returns
    -------
    ndarray of shape (n_inputs, n_classes), float64
    """
    numbers = x.data if issparse(x) else x
    if numbers.size and not numbers.min() >= 0:
        raise ValueError(
            "naive_bayes of ClassLinear takes rows without negative or missing "
            "numbers, such as counts of words; these have some, or were standardised. "
            "Set visible='unscaled' for counts in an array, or naive_bayes=0."
        )
    y = y.astype(np.float64) if weight is None else y * weight[:, None]
    sums = products(x, y) + alpha
    logs = np.log(sums / sums.sum(axis=0))
    return logs - logs.mean(axis=1, keepdims=True)
