"""Density estimation and features."""

import numpy as np
from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import check_array

from skebm.energies import RBM, RBMRecipe, Summary
from skebm.estimators._conditional import has_holes
from skebm.estimators._density import TableDensity
from skebm.estimators._plan import make_plan
from skebm.estimators._table_estimator import TableEstimator
from skebm.inference import at_chain_marginals, draw_holes
from skebm.layers import HIDDEN, LAYERS
from skebm.samplers import Gibbs
from skebm.tables import Encoding, Table
from skebm.training import Training
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random
from skebm.utils._validation import lookup


class RBMDensity(ClassNamePrefixFeaturesOutMixin, TransformerMixin, TableDensity):
    """Density of rows by a restricted Boltzmann machine.

    Learns the distribution of the rows of ``X`` by persistent contrastive divergence
    with the centered gradient [1]_, [2]_. Scores are normalised log-densities, drawn
    rows come from the same distribution, and the hidden units are features for a
    Pipeline. Parameters and attributes that
    :class:`sklearn.neural_network.BernoulliRBM` has keep their meaning.

    Parameters
    ----------
    n_components : int, default=100
        Number of hidden units.
    visible : {"auto", "bernoulli", "spin", "gaussian", "categorical", "count", \
"yeo_johnson", "zero_inflated"}, list or dict, default="auto"
        Units of the columns: one name for all, a list of one for each, a dict from
        column names or positions to them, or a list of ``(name, units, columns)`` as
        in :class:`sklearn.compose.ColumnTransformer`. Columns that are not mentioned
        are ``"auto"``, which the first ``fit`` or ``partial_fit`` settles. All columns
        of an array, or of a data frame of numbers without column names, are Bernoulli
        if all values lie in [0, 1], else Gaussian. A column of another frame, or of an
        array of objects with a dict or list here, is

        - Bernoulli if it is boolean or has two numbers, of which the larger one is 1;
        - categorical if it holds text, or is a pandas Categorical;
        - count if it has 3 to 20 different whole numbers from 0 to 20: up to twice the
          largest, so that a larger one has a probability, too;
        - zero-inflated if at least half of its numbers are 0 and there are more than 20
          others: 0 with some probability, else Gaussian after a logarithm (if all are
          positive) or a Yeo-Johnson transform;
        - Gaussian after a Yeo-Johnson transform if that raises its normal
          log-likelihood by more than 0.05 nats a row;
        - Gaussian if it has other numbers.

        Named units reject what is not in their domain: Bernoulli units take 0 and 1,
        and values between as probabilities, and two values that are no numbers.
        Real columns are standardised inside.
    hidden : {"bernoulli", "spin", "gaussian", "relu"}, default="bernoulli"
        Hidden units. Gaussian ones have variance 1; rectified ones ("relu") are such
        Gaussian ones cut off at 0.
    objective : {"pcd", "cd", "pseudo_likelihood", "ratio_matching", "mpf"} or \
objective, default="pcd"
        Estimate of the gradient; see :mod:`skebm.objectives`. The last three need no
        chains, and columns of 0 and 1, or of -1 and +1, throughout.
    optimizer : {"auto", "sgd", "adam"} or optimizer, default="auto"
        See :mod:`skebm.optimizers`. ``"auto"`` is ``"sgd"`` where the gradient is
        sampled, and ``"adam"`` where it is exact.
    learning_rate : float or "auto", default="auto"
        Size of the first steps. ``"auto"`` is 0.003 for Adam, 0.01 with the objectives
        that need no chains, and 0.01 with Gaussian or rectified hidden units. For
        binary units it is 0.4 for up to 32 hidden units and falls to 0.1 at 128; with
        other columns it is 0.1, though no more than one over the variance of a count
        or 2.5 over the largest eigenvalue of the correlations of real columns, and 0.05
        for categories alone. Spins have 0.1, and 0.05 beside real columns.
    schedule : {"linear", "constant"}, default="linear"
        ``"linear"``: constant for half of the epochs, then falling to 0.
    batch_size : int or "auto", default="auto"
        Largest minibatch. ``"auto"``: all rows up to 256, else 100.
    n_iter : int or "auto", default="auto"
        Epochs. ``"auto"``: at least 10, and at least four updates a row, though no
        more than 8000 for that and no less than 1500.
    max_time : float, default=None
        Seconds after which training ends, also inside an epoch. The schedule follows
        the clock where that is ahead of the epochs; such fits depend on the machine's
        speed, so they are not reproducible to the bit.
    average : float in [0, 1), default=0.999
        Decay of the average of the parameters over updates, which is what the fitted
        model uses; 0 for the last parameters.
    l1 : float, default=0.0
        Penalty on the weights, a row: factor of ``sum |w|``.
    l2 : float or "auto", default="auto"
        Factor of ``sum w**2 / 2``, a row. ``"auto"`` is 4 over the number of rows, at
        most 0.001 times that of columns, and 0 for more than 10,000 rows and for
        ``partial_fit``: a normal prior keeps few rows from being learned by heart.
    l1b : float, default=0.0
        Penalty of the square of each hidden unit's ``sum |w|``, in the scale of ``l2``:
        every unit keeps few weights, and none is switched off; see
        :class:`skebm.penalties.Penalties`.
    sparsity_target : float in (0, 1), default=0.1
        Share of rows for which a hidden unit should be on, if ``sparsity_cost`` is set.
    sparsity_cost : float, default=0.0
        Strength of the pull of the units' mean activity towards that target. Hidden
        units must have two values.
    partition : {"auto", "exact", "ais", "trajectory"} or method, default="auto"
        How ``log_partition_`` is computed; see :mod:`skebm.partition`. ``"auto"`` is
        exact if one finite side has at most 20 units or all units are Gaussian; else
        what ``objective=PCD(sampler="trajectory")`` has measured, if that is sharp.
    resample_inputs : bool, default=False
        Whether values strictly between 0 and 1 are drawn as 0 or 1 anew at each visit.
    handle_unknown : {"error", "missing"}, default="error"
        What to do with a category, a third value of a column that had two, or a count,
        that ``fit`` did not know: raise an error or take it for a missing value.
    early_stopping : bool, default=False
        Whether to hold out rows and stop when their pseudo-likelihood stops improving.
    validation_fraction : float, default=0.1
        Share of rows held out.
    n_iter_no_change : int, default=5
        Looks at the held-out rows without improvement before stopping.
    tol : float, default=1e-4
        What counts as improvement, in nats a row.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the last fit's parameters.
    n_jobs : int, default=None
        Threads. None: all cores, or what ``joblib.parallel_config`` says. The fitted
        parameters are the same for any number.
    random_state : int, RandomState or None, default=None
    verbose : int, default=0

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_units)
        Weights, between units in their own scale: for a Gaussian column a unit is one
        standard deviation of the column. A column is one unit, save that a categorical
        one has a unit for each category and a zero-inflated one has two: whether it is
        not 0, and the number.
    intercept_visible_ : ndarray of shape (n_units,)
    unit_names_ : ndarray of str of shape (n_units,)
        Such as ``"age"`` and ``"job=clerk"``; in the order of the columns.
    intercept_hidden_ : ndarray of shape (n_components,)
    log_partition_ : LogPartition
        ``value``, ``lower``, ``upper``, ``stderr``, ``ess`` and ``method`` of log Z in
        nats, computed at first use.
    chains_rhat_, chains_ess_ : float
        Whether the training's persistent chains mix: rank-normalised split R-hat (1 is
        best) and effective sample size (see :mod:`skebm.metrics`) of the worst of some
        quantities, over 110 further updates' worth of draws from the fitted model.
        Measured at first use; absent for objectives without persistent chains. Values
        above 1.01 are common and do no harm by themselves, since chains need to keep
        up with learning only; ``fit`` warns where chains never leave their modes.
    history_ : dict of str to list
        A row an epoch, NaN where nothing was measured: pseudo-likelihood and
        reconstruction error on a fixed subsample, learning rate, seconds; with
        ``early_stopping`` also the held-out score and the free-energy gap. With
        ``PCD(sampler="trajectory")`` also the log-likelihood, in the units of ``X``,
        and the standard error of its log Z: NaN and infinite until its chains have
        mixed.
        ``pandas.DataFrame(history_)`` makes a table.
    n_iter_ : int
        Epochs run.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)

    Notes
    -----
    A sample weight of 2 is the row twice: exactly where one batch holds all rows, which
    is the default up to 256 rows, and in expectation with minibatches.

    After a fit on a data frame, ``sample``, ``gibbs`` and ``reconstruct`` return frames
    with its dtypes and categories. Numbers are rounded where the dtype has whole
    numbers only, also if the column is Gaussian inside. Densities are in the units of
    ``X``, that of a zero-inflated column with respect to length and one point at 0.
    Transformed columns are drawn at most ten times as far out as the numbers seen.

    References
    ----------
    .. [1] T. Tieleman. "Training restricted Boltzmann machines using approximations to
       the likelihood gradient". ICML 2008.
    .. [2] J. Melchior, A. Fischer, L. Wiskott. "How to center deep Boltzmann machines".
       JMLR 17 (2016).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skebm import RBMDensity
    >>> X = (load_digits().data > 7).astype(float)
    >>> rbm = RBMDensity(n_components=16, n_iter=5, random_state=0).fit(X)
    >>> rbm.score_samples(X).shape
    (1797,)

    A table with columns of several kinds:

    >>> import pandas as pd
    >>> table = pd.DataFrame(
    ...     {
    ...         "age": [31.5, 24.0, 58.5, 46.0, 37.5],
    ...         "job": ["clerk", "nurse", "clerk", "nurse", "cook"],
    ...         "children": [0, 1, 4, 2, 1],
    ...     }
    ... )
    >>> rbm = RBMDensity(n_components=2, n_iter=5, random_state=0).fit(table)
    >>> rbm.unit_names_.tolist()
    ['age', 'job=clerk', 'job=cook', 'job=nurse', 'children']
    >>> bool((rbm.sample(3).dtypes == table.dtypes).all())
    True
    """

    _parameter_constraints = TableEstimator._parameter_constraints

    def _recipe(self):
        return RBMRecipe(self.n_components, self.hidden)

    def energy(self, X):
        """Return the free energy of each row, as :meth:`energy_samples` does."""
        return self.energy_samples(X)

    # -- features and draws ----------------------------------------------------------

    def transform(self, X):
        """Return the expectation of the hidden units given each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
        """
        Z = self._encoded(X)
        if has_holes(Z):
            return self._expected(Z)[0]
        return self._map_rows(self._energy.hidden_mean, Z)

    def reconstruct(self, X):
        """Return the rows sent to the hidden means and back.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray or DataFrame of shape (n_samples, n_features)
        """
        Z = self._encoded(X)
        if has_holes(Z):
            rows = self._expected(Z)[1]
        else:
            rows = self._map_rows(self._energy.reconstruct, Z)
        return self._as_input(rows, X)

    def gibbs(self, X, n_steps=1, *, random_state=None):
        """Return the rows after Gibbs sweeps that start at them.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        n_steps : int, default=1
        random_state : int, RandomState or None, default=None

        Returns
        -------
        ndarray or DataFrame of shape (n_samples, n_features)
        """
        Z = self._encoded(X)
        random = Random.from_state(random_state)
        with use_threads(self.n_jobs):
            if has_holes(Z):
                Z = draw_holes(self._energy, Z, np.isnan(Z), 1, random.fold(0))[:, 0]
            sampler = Gibbs(n_steps)
            chains = sampler.init(self._energy, Z, random)
            chains = sampler.step(self._energy, chains, random)
            rows = self._energy.configurations(chains)
        return self._as_input(rows, X)

    # -- parameters from elsewhere ---------------------------------------------------

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
        intercept_visible : array-like of shape (n_features,)
        intercept_hidden : array-like of shape (n_components,)
        variance_visible : array-like of shape (n_features,), default=None
            Variance given the hidden units, of Gaussian visible units; None is 1.
        visible, hidden : str
            Units; for Gaussian visible ones ``components @ x`` acts on ``x`` itself
            and ``intercept_visible`` is the mean over the variance.
        **params
            Other parameters of the estimator.

        Returns
        -------
        RBMDensity

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
        dtype, (n_components, n_features) = components.dtype, components.shape
        given = {"bias": (intercept_visible, n_features, "intercept_visible")}
        layer_class = lookup(visible, LAYERS, "visible")
        if hasattr(layer_class, "precision"):
            variance = (
                np.ones(n_features) if variance_visible is None else variance_visible
            )
            log_precision = -np.log(np.asarray(variance, dtype=np.float64))
            given["log_precision"] = log_precision, n_features, "variance_visible"
        layer = layer_class(
            **{name: _vector(*value, dtype) for name, value in given.items()}
        )
        bias = _vector(intercept_hidden, n_components, "intercept_hidden", dtype)
        hidden_layer = lookup(hidden, HIDDEN, "hidden")(bias)
        self = cls(n_components, visible=visible, hidden=hidden, **params)
        self.n_features_in_ = n_features
        self._table = Table.of_kind(visible, n_features)
        self._encoding = Encoding.identity(visible, n_features)
        random = Random.from_state(self.random_state)
        energy = RBM(layer, hidden_layer, np.ascontiguousarray(components.T))
        if not energy.is_proper:
            raise ValueError(
                "The partition function of these parameters may be infinite: with "
                f"hidden={hidden!r}, the largest singular value of components * "
                "sqrt(variance_visible) must be below 1. Use smaller components."
            )
        with use_threads(self.n_jobs):
            energy = at_chain_marginals(energy, random.fold(0))
            self._summary = Summary(1, None, None, dtype)
            plan = make_plan(self, energy, layer, 1, n_iter=1)
            self._training = Training.start(energy, plan, random.fold(1))
        for name, value in self._fitted_attributes(self._training).items():
            setattr(self, name, value)
        self.history_ = {}
        return self


def _vector(values, length, name, dtype):
    values = np.array(values, dtype=dtype)
    if values.shape != (length,) or not np.isfinite(values).all():
        raise ValueError(
            f"{name} must hold {length} finite numbers to go with components; its "
            f"shape is {values.shape}."
        )
    return values
