"""Classification with a restricted Boltzmann machine."""

from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin

from skebm.estimators._base import store
from skebm.estimators._class_plan import ClassPlanMixin
from skebm.estimators._generative import GenerativeMixin
from skebm.estimators._reject import RejectMixin
from skebm.estimators._structured import StructuredMixin
from skebm.estimators._table_estimator import TableEstimator
from skebm.estimators._unlabelled import UnlabelledMixin
from skebm.layers import Categorical, Columns
from skebm.tables import (
    FirstRows,
    TrainingRows,
    check_classes,
    check_weight,
    class_factors,
    kind_of_labels,
    label_numbers,
    positive,
    refuse_change,
    with_labels,
)
from skebm.utils._sklearn import HasMethods, Interval, StrOptions, fit_context
from skebm.utils._types import Automatic, Seed, Self, Spec, TableLike, Weights


class EnergyClassifier(
    RejectMixin,
    ClassPlanMixin,
    StructuredMixin,
    GenerativeMixin,
    UnlabelledMixin,
    ClassifierMixin,
    TableEstimator,
):
    """Classification by lowest energy.

    The model gives every pair of a row and a label an energy [1]_. ``predict`` returns
    the label of lowest energy, and ``p(y | x)`` is known in closed form. By default the
    energy is a classification restricted Boltzmann machine [2]_, and training maximises
    the likelihood of the labels given the rows (discriminative), the joint likelihood
    of rows and labels (generative), or a weighted sum of both (hybrid).

    Parameters
    ----------
    n_components : int or "auto", default=100
        Number of hidden units of ``energy="rbm"``, as for :class:`RBMDensity`.
    energy : {"rbm", "linear", "quadratic", "mlp"}, recipe or object, default="rbm"
        The energy of a label given a row: a name of
        :data:`skebm.energies.CLASS_ENERGIES`, or a recipe with parameters of its own,
        such as ``ClassMLP(hidden_layer_sizes=(50, 50))``. An object with
        ``class_energy(x)``, ``class_grad(x, weight)`` and ``params`` is an energy of
        your own; see :class:`skebm.energies.ClassCustom`. It takes the rows in the
        units of the layer, in which real columns are standardised, unless ``visible``
        is ``"unscaled"``. :class:`skebm.energies.ClassChain` labels sequences of rows,
        and :class:`skebm.energies.MultiLabel` has the parameters for several labels.
    loss : str or loss, default="nll"
        What training minimises, a function of the energies of all classes: a name of
        :data:`skebm.objectives.LOSSES`, or an object, such as ``Hinge(margin=2)``.
        ``"nll"`` is the negative log-likelihood ``-log p(y | x)``.
    generative_weight : float in [0, 1] or "auto", default="auto"
        Share of the joint likelihood in the objective. 0 is purely discriminative, and
        1 is purely generative. A weight of one to five per cent regularises the
        classifier. With a weight above 0, the estimator learns from rows without a
        label, and it has ``score_samples`` and ``sample``. It needs ``energy="rbm"``
        and ``loss="nll"``. ``"auto"`` is 0 if all rows of ``y`` have a label. Else
        it is 1 over the root of the number of labels, at most 0.1. 0 leaves out rows
        without a label.
    couplings : {"none", "auto", "tree", "full"}, default="none"
        Couplings of the inputs, as for :class:`RBMDensity`. They matter only if
        ``generative_weight`` is above 0.
    class_weight : dict, "balanced" or None, default=None
        Factors by which the weights of the rows of each class are multiplied.
    reject_below : dict or None, default=None
        Thresholds below which ``predict`` rejects a row: ``{"probability": 0.9}`` of
        its largest class probability, ``{"score": -150.0}`` of its log-density in nats,
        as ``score_samples`` returns it, or both. They may be set after ``fit``.
    visible : str, dict or list, default="auto"
        Units of the columns, as for :class:`RBMDensity`, with two differences. A data
        frame that has only numbers is read as an array. Columns of whole numbers are
        therefore standardised as well. Sparse rows stay sparse for energies other than
        ``"rbm"``: ``"auto"`` divides their columns by the largest absolute value, and
        ``"unscaled"`` leaves them as they are.
    l2 : float or "auto", default="auto"
        Factor of ``sum w**2 / 2``, as for :class:`RBMDensity`. ``"auto"`` falls with
        the number of rows. It is 0.3 over that number for ``energy="rbm"``. For
        ``"mlp"`` it is 1.5 over that number, times the cubic root of the rows over 300
        if there are more than 300. It is 0 in ``partial_fit``, for an energy of your
        own, and for ``generative_weight > 0``.
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
        Class labels, without what stands for a missing label. For several labels a
        row, they are the numbers of the columns.
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
    energy_ : Energy
        The fitted energy. The attributes above, from ``components_`` on, belong to
        ``energy="rbm"``. ``"linear"`` has ``coef_`` and ``intercept_``. With several
        labels a row, energies other than ``"rbm"`` have ``label_couplings_``, and
        ``ClassChain`` has ``transitions_``.
    log_partition_ : LogPartition or None
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
    .. [1] Y. LeCun, S. Chopra, R. Hadsell, M. Ranzato, F. Huang. "A tutorial on
       energy-based learning". In: Predicting structured data, MIT Press (2006).
    .. [2] H. Larochelle, M. Mandel, R. Pascanu, Y. Bengio. "Learning algorithms for
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
        "energy": [
            str,
            HasMethods(["build"]),
            HasMethods(["class_energy", "class_grad"]),
        ],
        "loss": [str, HasMethods(["__call__", "check"])],
        "generative_weight": [
            StrOptions({"auto"}),
            Interval(Real, 0, 1, closed="both"),
        ],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "reject_below": [dict, None],
    }

    def __init__(
        self,
        n_components: int | Automatic = 100,
        *,
        energy: Spec = "rbm",
        loss: Spec = "nll",
        generative_weight: float | Automatic = "auto",
        class_weight: Spec = None,
        reject_below: dict | None = None,
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
        l2: float | Automatic = "auto",
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
    def fit(
        self, X: TableLike, y, sample_weight: Weights = None, *, groups=None
    ) -> Self:
        """Learn the energies of rows with labels.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Training rows, or rows on disk, as for :meth:`RBMDensity.fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_labels), or str
            Labels of at least two classes. A row without a label has the label None,
            or -1 in numbers. If there are fewer than two other classes, -1 is a class
            itself, as in labels -1 and 1. A matrix of 0 and 1 says which of several
            labels each row has. If ``X`` is the path of Parquet or Arrow files, the
            name of the column that holds the labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. None gives every row the weight 1.
        groups : array-like of shape (n_samples,), default=None
            Which rows are a chain, for ``energy=ClassChain(...)``. The rows of a group
            follow each other. None makes each row a chain.

        Returns
        -------
        self : EnergyClassifier
            The fitted estimator.
        """
        return self._fit(X, y, sample_weight, groups=groups)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X, y, classes=None, sample_weight: Weights = None, *, groups=None
    ) -> Self:
        """Run one epoch over these rows, starting where the last call ended.

        Parameters
        ----------
        X, y, sample_weight, groups
            As for :meth:`fit`.
        classes : array-like of shape (n_classes,), default=None
            All classes that may occur in any call. Later calls may repeat them. None
            takes the classes of ``y`` in the first call. If -1 is one of them, it is a
            label and not a missing one.

        Returns
        -------
        self : EnergyClassifier
            The fitted estimator.
        """
        options = {"classes": classes, "groups": groups}
        return self._fit(X, y, sample_weight, n_iter=1, **options)

    def _rows_in_memory(
        self, X, y, sample_weight, go_on, is_stream, classes=None, groups=None
    ):
        """Return the rows of a fit in the units of inputs and label."""
        kind = kind_of_labels(self._structure, y, groups)
        refuse_change(go_on and self._labels, kind)
        if kind is not None:
            self._automatic_share = 0.0
            stage = groups, go_on, is_stream, classes
            return self._structured_rows(kind, X, y, sample_weight, *stage)
        self._labels = None
        self._is_sparse = (go_on and self._is_sparse) or issparse(X)
        weight = check_weight(sample_weight, X)
        y = self._note_unlabelled(y, classes, go_on)
        X, y = self._check_rows(X, y, weight, reset=not go_on)
        labels, n_classes = self._numbered(y, classes, go_on), len(self.classes_)
        if not go_on:
            check_classes(self.classes_, labels, weight, type(self).__name__)
        labels = labels if weight is None else labels[weight > 0]
        rows = self._learnable(FirstRows(X, positive(weight), labels))
        rows, go_on = self._settled(rows, go_on, is_stream)
        X, weight, labels, _ = rows
        if self.class_weight is not None:
            factors = class_factors(self.class_weight, self.classes_, labels, weight)
            weight = factors[labels] * (1 if weight is None else weight)
        Z = with_labels(self._encoding.encode(X), labels, n_classes)
        label_layer = Categorical.zeros(n_classes, Z.dtype)
        layer = Columns([self._encoding.layer(Z.dtype), label_layer])
        return TrainingRows(Z, weight, layer, {}, go_on, is_stream, labels)

    def class_energy(self, X: TableLike, y=None, *, groups=None) -> np.ndarray:
        """Return the free energy of each row with a label.

        A low energy means that the row and the label go together.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
            Labels for each row. None returns the energies of all classes.
        groups : array-like of shape (n_samples,), default=None
            As for :meth:`fit`. The energies of the rows of a group add up to that of
            the chain.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            Free energies in nats: the hidden units are summed out.
        """
        if self._has_structure(groups):
            return self._structured_energy(X, y, groups)
        Z = self._encoded(X)
        energy = self._class_energy(Z)
        if self._is_joint:
            energy = energy + self._encoding.log_volume(Z)[:, None]
        if y is None:
            return energy
        numbers = label_numbers(self.classes_, y, len(energy))
        return energy[np.arange(len(energy)), numbers]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # What is missing comes from the density, which is learned only then.
        tags.input_tags.allow_nan = self._share != 0
        tags.classifier_tags.multi_label = self._takes_label_sets
        return tags
