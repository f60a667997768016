"""Classification with a restricted Boltzmann machine."""

from numbers import Real

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.base import ClassifierMixin

from skebm.energies import ClassRBMRecipe
from skebm.estimators._base import TrainingRows, fit_hooks, store
from skebm.estimators._conditional import has_holes
from skebm.estimators._generative import GenerativeMixin
from skebm.estimators._table_estimator import TableEstimator
from skebm.inference import observed_energy
from skebm.layers import Categorical, Columns
from skebm.objectives import OBJECTIVES, Conditional, Hybrid
from skebm.tables import (
    FirstRows,
    check_classes,
    check_weight,
    class_factors,
    label_numbers,
    positive,
    settled_classes,
    with_labels,
)
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random
from skebm.utils._sklearn import Interval, StrOptions, fit_context
from skebm.utils._types import Automatic, Seed, Self, Spec, TableLike, Weights
from skebm.utils._validation import resolve


class EnergyClassifier(ClassifierMixin, GenerativeMixin, TableEstimator):
    """Classification with a classification restricted Boltzmann machine.

    The model [1]_ gives every pair of a row and a label an energy. ``predict`` returns
    the label of lowest energy, and ``p(y | x)`` is known in closed form. Training
    maximises the likelihood of the labels given the rows (discriminative), the joint
    likelihood of rows and labels (generative), or a weighted sum of both (hybrid).

    Parameters
    ----------
    n_components : int or "auto", default=100
        Number of hidden units, as for :class:`RBMDensity`.
    generative_weight : float in [0, 1], default=0.0
        Share of the joint likelihood in the objective. 0 is purely discriminative, and
        1 is purely generative. A weight of a few per cent regularises the classifier.
        With a weight above 0, the estimator has ``score_samples`` and ``sample``.
    couplings : {"none", "auto", "tree", "full"}, default="none"
        Couplings of the inputs, as for :class:`RBMDensity`. They matter only if
        ``generative_weight`` is above 0.
    class_weight : dict, "balanced" or None, default=None
        Factors by which the weights of the rows of each class are multiplied.
    visible : str, dict or list, default="auto"
        Units of the columns, as for :class:`RBMDensity`, with one difference: a data
        frame that has only numbers is read as an array. Columns of whole numbers are
        therefore standardised as well.
    l2 : float or "auto", default=0.0
        Factor of ``sum w**2 / 2``, as for :class:`RBMDensity`.
    hidden, objective, optimizer, learning_rate, schedule, batch_size, \
n_iter, max_time, average, l1, l1b, sparsity_target, sparsity_cost, partition, \
resample_inputs, handle_unknown, early_stopping, validation_fraction, \
n_iter_no_change, tol, warm_start, n_jobs, random_state, verbose
        As for :class:`RBMDensity`. ``objective`` estimates the gradient of the joint
        likelihood, so it has no effect if ``generative_weight`` is 0. Early stopping
        evaluates the log-likelihood of the labels of the held-out rows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    components_ : ndarray of shape (n_components, n_units)
        Weights between hidden units and inputs. The scale of a Gaussian column's unit
        is the standard deviation of the column.
    class_components_ : ndarray of shape (n_components, n_classes)
        Weights between hidden units and classes.
    intercept_visible_ : ndarray of shape (n_units,)
        Biases of the inputs.
    unit_names_ : ndarray of str of shape (n_units,)
        Names of the units of the inputs.
    intercept_class_ : ndarray of shape (n_classes,)
        Biases of the classes.
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.
    capacity_path_ : DataFrame
        The sizes that ``"auto"`` has tried, with log-likelihoods of labels as scores.
    log_partition_ : LogPartition
        Log partition function of the joint density. It is meaningful only if
        ``generative_weight`` is above 0.
    history_ : dict of str to list
        Measurements with one entry for each epoch: the mean log-likelihood of the label
        and the accuracy on a fixed subsample of rows, the learning rate, and the
        seconds since the start. With ``early_stopping`` there are also the
        log-likelihood and the accuracy on the held-out rows.
    n_iter_ : int
        Number of epochs run.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)

    References
    ----------
    .. [1] H. Larochelle, M. Mandel, R. Pascanu, Y. Bengio. "Learning algorithms for
       the classification restricted Boltzmann machine". JMLR 13 (2012).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skebm import EnergyClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = EnergyClassifier(n_iter=20, random_state=0).fit(X / 16, y)
    >>> bool(model.score(X / 16, y) > 0.9)
    True
    """

    _parameter_constraints = {
        **TableEstimator._parameter_constraints,
        "generative_weight": [Interval(Real, 0, 1, closed="both")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        n_components: int | Automatic = 100,
        *,
        generative_weight: float = 0.0,
        class_weight: Spec = None,
        visible: Spec = "auto",
        hidden: str = "bernoulli",
        couplings: str = "none",
        objective: Spec = "pcd",
        optimizer: Spec = "auto",
        learning_rate: float | Automatic = "auto",
        schedule: str = "linear",
        batch_size: int | Automatic = "auto",
        n_iter: int | Automatic = "auto",
        max_time: float | None = None,
        average: float = 0.999,
        l1: float = 0.0,
        l2: float | Automatic = 0.0,
        l1b: float = 0.0,
        sparsity_target: float = 0.1,
        sparsity_cost: float = 0.0,
        partition: Spec = "auto",
        resample_inputs: bool = False,
        handle_unknown: str = "error",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        tol: float = 1e-4,
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: Seed = None,
        verbose: int = 0,
    ):
        store(self, locals())

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: TableLike, y, sample_weight: Weights = None) -> Self:
        """Learn the energies of rows with labels.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Labels of at least two classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. None gives every row the weight 1.

        Returns
        -------
        self : EnergyClassifier
            The fitted estimator.
        """
        return self._fit(X, y, sample_weight)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight: Weights = None) -> Self:
        """Run one epoch over these rows, starting where the last call ended.

        Parameters
        ----------
        X, y, sample_weight
            As for :meth:`fit`.
        classes : array-like of shape (n_classes,), default=None
            All classes that may occur in any call. Later calls may repeat them. None
            takes the classes of ``y`` in the first call.

        Returns
        -------
        self : EnergyClassifier
            The fitted estimator.
        """
        return self._fit(X, y, sample_weight, n_iter=1, classes=classes)

    def _training_rows(self, X, y, sample_weight, go_on, is_stream, classes=None):
        """Return the rows of a fit in the units of inputs and label."""
        hooks = fit_hooks(X, y, sample_weight)
        weight = check_weight(sample_weight, X)
        X, y = self._check_rows(X, y, weight, reset=not go_on)
        self.classes_ = settled_classes(go_on and self.classes_, classes, y)
        labels, n_classes = label_numbers(self.classes_, y), len(self.classes_)
        if not go_on:
            check_classes(self.classes_, labels, weight, type(self).__name__)
        labels = labels if weight is None else labels[weight > 0]
        rows = FirstRows(X, positive(weight), labels)
        rows, go_on = self._settled(rows, go_on, is_stream)
        X, weight, labels, _ = rows
        if self.class_weight is not None:
            factors = class_factors(self.class_weight, self.classes_, labels, weight)
            weight = factors[labels] * (1 if weight is None else weight)
        Z = with_labels(self._encoding.encode(X), labels, n_classes)
        label_layer = Categorical.zeros(n_classes, Z.dtype)
        layer = Columns([self._encoding.layer(Z.dtype), label_layer])
        return TrainingRows(Z, weight, layer, hooks, go_on, is_stream, labels)

    _hole_remedy = ", or set generative_weight above 0 to learn about X as well"

    def _reads_columns(self, X):
        """A frame of nothing but numbers is the array of those.

        Discrimination asks for standardised inputs, and not for counts as such.
        """
        dtypes = getattr(X, "dtypes", None)
        plain = isinstance(self.visible, str) and isinstance(dtypes, pd.Series)
        numbers = plain and all(getattr(d, "kind", "O") in "biuf" for d in dtypes)
        return super()._reads_columns(X) and not numbers

    def _recipe(self):
        recipe = ClassRBMRecipe(self.n_components, self.hidden, self.couplings)
        return self._at_size(recipe)

    def _objective(self):
        conditional = Conditional()
        if self.generative_weight == 0:
            return conditional
        generative = resolve(self.objective, OBJECTIVES, "objective")
        if self.generative_weight == 1:
            return generative
        return Hybrid(generative, self.generative_weight)

    def energy(self, X: TableLike, y=None) -> np.ndarray:
        """Return the free energy of each row with a label.

        A low energy means that the row and the label go together.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
            A label for each row. None returns the energies of all classes.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            Free energies in nats: the hidden units are summed out.
        """
        Z = self._encoded(X)
        energy = self._class_energy(Z) + self._encoding.log_volume(Z)[:, None]
        if y is None:
            return energy
        numbers = label_numbers(self.classes_, y, len(energy))
        return energy[np.arange(len(energy)), numbers]

    def _class_energy(self, Z):
        """Return the energies of all classes, the holes of encoded rows summed out."""
        if not has_holes(Z):
            return self._map_rows(self._energy.class_energy, Z)
        energies = []
        for label in range(len(self.classes_)):
            rows = with_labels(Z, np.full(len(Z), label), len(self.classes_))
            with use_threads(self.n_jobs):
                # The draws are the same for all classes, so they differ less.
                energies.append(
                    observed_energy(self._energy, rows, np.isnan(rows), Random(0))
                )
        return np.stack(energies, axis=1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # What is missing comes from the density, which is learned only then.
        tags.input_tags.allow_nan = self.generative_weight != 0
        return tags

    def decision_function(self, X: TableLike) -> np.ndarray:
        """Return the negative energies of all classes.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes
            Negative energies in nats. For two classes the result is the difference
            ``E(x, classes_[0]) - E(x, classes_[1])``, which is positive for
            ``classes_[1]``.
        """
        energy = self.energy(X)
        if len(self.classes_) == 2:
            return energy[:, 0] - energy[:, 1]
        return -energy

    def predict(self, X: TableLike) -> np.ndarray:
        """Return the class of lowest energy for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            Class labels.
        """
        energy = self.energy(X)
        return self.classes_[energy.argmin(axis=1)]

    def predict_proba(self, X: TableLike) -> np.ndarray:
        """Return the probability ``p(y | x)`` of each class.

        The probabilities are exact.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of ``classes_``.
        """
        return softmax(-self._class_energy(self._encoded(X)), axis=1)

    def predict_log_proba(self, X: TableLike) -> np.ndarray:
        """Return the log-probability ``log p(y | x)`` of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Log-probabilities in nats, in the order of ``classes_``.
        """
        energy = -self.energy(X)
        return energy - np.logaddexp.reduce(energy, axis=1)[:, None]
