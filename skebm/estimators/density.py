"""Density estimation with a restricted Boltzmann machine."""

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from skebm.energies import RBMRecipe
from skebm.estimators._conditional import has_holes
from skebm.estimators._density import TableDensity
from skebm.estimators._from_parameters import FromParametersMixin
from skebm.estimators._hidden_units import HiddenUnitsMixin
from skebm.estimators._table_estimator import TableEstimator
from skebm.tables import by_blocks


class RBMDensity(
    FromParametersMixin,
    HiddenUnitsMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    TableDensity,
):
    """Density estimation with a restricted Boltzmann machine.

    The estimator learns the distribution of the rows of ``X`` by persistent contrastive
    divergence [1]_ with the centered gradient [2]_. ``score_samples`` returns
    normalised log-densities, ``sample`` draws rows from the model, and ``transform``
    returns the expectations of the hidden units, which can be features in a Pipeline.
    Parameters and attributes of :class:`sklearn.neural_network.BernoulliRBM` keep their
    meaning.

    Parameters
    ----------
    n_components : int or "auto", default=100
        Number of hidden units. ``"auto"`` begins with 4, and doubles their number while
        held-out rows gain more than one standard error [4]_; see ``capacity_path_``.
        The model of the chosen size is then trained from the start, on all rows unless
        ``early_stopping`` holds some out. ``partial_fit`` takes 100, and a fit that
        goes on keeps the size.
    visible : {"auto", "bernoulli", "spin", "gaussian", "categorical", "count", \
"real", "yeo_johnson", "zero_inflated"}, list or dict, default="auto"
        Units of the columns. A name stands for all columns. A list has a name for each
        column, or triples ``(name, units, columns)`` as in
        :class:`sklearn.compose.ColumnTransformer`. A dict maps names or positions of
        columns to units. Columns that are not mentioned are ``"auto"``. The first
        ``fit`` or ``partial_fit`` settles the units of ``"auto"`` columns.

        In an array, and in a data frame of numbers without column names, all columns
        are Bernoulli if all values lie in [0, 1] and a third of them or more are 0 or
        1, as in pictures. Else columns of 0 and 1 are Bernoulli, and others are real. A
        column of another data frame, or of an array of objects if ``visible`` is a dict
        or list, is

        - Bernoulli if it is boolean, or has two different numbers, the larger of which
          counts as 1;
        - categorical if it holds text, or is a pandas Categorical;
        - count if it has 3 to 20 different whole numbers from 0 to 20. The largest
          possible count is twice the largest count in ``fit``, so that larger counts
          have a probability, too;
        - zero-inflated if at least half of its numbers are 0 and more than 20 numbers
          are not. The column is 0 with some probability, and else Gaussian after a
          logarithm (if no number is negative) or a Yeo-Johnson transform;
        - real if it has other numbers: Gaussian after the transform with the largest
          normal likelihood. It is a straight line, unless a Yeo-Johnson transform about
          the median or a logarithm of the distances from the ends gains 0.05 nats a
          row, or the numbers come close to a 0 that they cannot pass.

        Draws of real columns stay within their support: at or above 0 if no number is
        negative, in [0, 1] if all numbers are, and behind a sharp edge, such as a
        smallest age of 17. Later numbers outside are very improbable, but possible.

        If units are named, values outside their domain raise an error. Bernoulli units
        take 0 and 1, and values between 0 and 1 as probabilities. They also take
        columns with two values that are not numbers. Real columns are standardised
        inside.
    hidden : {"bernoulli", "spin", "gaussian", "relu"}, default="bernoulli"
        Hidden units. Gaussian hidden units have variance 1. Rectified hidden units
        ("relu") are Gaussian hidden units that are cut off at 0.
    couplings : {"auto", "none", "tree", "full"}, default="auto"
        Visible units that are coupled directly, beside the hidden units.

        - ``"none"``: none of them, as in a plain restricted Boltzmann machine.
        - ``"tree"``: columns of finitely many values, along a Chow-Liu forest [3]_.
        - ``"full"``: also real columns, which are a mixture of normal distributions.
          The component of the mixture is one more variable of the forest.
        - ``"auto"``: ``"full"``, but a forest only up to 2,000,000 cells and for whole
          numbers, and a mixture only up to 128 real columns. Images therefore keep
          independent units and their fast training. It is ``"none"`` for objectives
          that need no chains, and for real columns with hidden units that are not
          bounded.

        Training starts at the likelihood of the forest and of the mixture, so hidden
        units learn what these leave. If the mixture has several components, it leaves
        the hidden units little. Use ``"none"`` to learn features of real columns.
    n_clusters : int or "auto", default="auto"
        Number of components of the mixture of real columns, besides a wide one that
        takes outliers. ``"auto"`` chooses 1 to 16 by the density of held-out rows, and
        averages the mixtures of three starts. The precision of one component is learned
        on together with the hidden units; several components stay as they begin.
    objective : {"pcd", "cd", "pseudo_likelihood", "ratio_matching", "mpf"} or \
objective, default="pcd"
        Objective that estimates the gradient; see :mod:`skebm.objectives`. The last
        three objectives need no chains. They require that all columns have the values 0
        and 1, or that all columns have the values -1 and +1.
    optimizer : {"auto", "sgd", "adam"} or optimizer, default="auto"
        Optimizer; see :mod:`skebm.optimizers`. ``"auto"`` is ``"sgd"`` for objectives
        that sample the gradient, and ``"adam"`` for objectives whose gradient is exact.
    learning_rate : float or "auto", default="auto"
        Learning rate of the first updates. With Adam, ``"auto"`` is 0.01 for the
        objectives that need no chains and 0.003 for the others. With SGD it depends on
        the kinds of units, their number and the spread of the columns. It is between
        0.01 and 0.4.
    schedule : {"linear", "constant"}, default="linear"
        Schedule of the learning rate. ``"linear"`` keeps it constant for the first half
        of the epochs and then lowers it linearly to 0.
    batch_size : int or "auto", default="auto"
        Largest number of rows in a minibatch. ``"auto"`` takes all rows if there are at
        most 256, else 100.
    n_iter : int or "auto", default="auto"
        Number of epochs. ``"auto"`` makes at most four updates for each row, from 1500
        to 8000, and fewer for wide rows. Training ends sooner if half of the epochs
        gain less than 0.1 nats a watched row, and 200 nats over all rows.
    max_time : float, default=None
        Time in seconds after which training ends, also inside an epoch. If time runs
        out sooner than the epochs do, the schedule follows the clock. Such a fit
        depends on the speed of the machine and is not reproducible to the bit.
    average : float in [0, 1), default=0.999
        Decay of the exponential moving average of the parameters over updates. The
        fitted model has the averaged parameters. 0 takes the last parameters instead.
    l1 : float, default=0.0
        Factor of ``sum |w|``, a penalty on the weights that is added to the negative
        log-likelihood of a row.
    l2 : float or "auto", default="auto"
        Factor of ``sum w**2 / 2``, a penalty on the weights that is added to the
        negative log-likelihood of a row. ``"auto"`` is 4 over the number of rows, but
        at most 0.001 times the number of columns. It is 0 for more than 10,000 rows and
        for ``partial_fit``. The penalty is a normal prior on the weights, which keeps
        small data sets from being overfitted.
    l1b : float, default=0.0
        Penalty on the square of the ``sum |w|`` of each hidden unit, in the scale of
        ``l2``. It tends to leave every hidden unit a few weights, whereas ``l1`` tends
        to switch whole units off; see :class:`skebm.penalties.Penalties`.
    sparsity_target : float in (0, 1), default=0.1
        Share of rows for which a hidden unit should be on. It has no effect if
        ``sparsity_cost`` is 0.
    sparsity_cost : float, default=0.0
        Strength of the penalty that pulls the mean activity of each hidden unit towards
        ``sparsity_target``. The hidden units must have two values.
    partition : {"auto", "exact", "ais", "trajectory"} or method, default="auto"
        Method that computes ``log_partition_``; see :mod:`skebm.partition`. ``"auto"``
        is exact if one side is finite and has at most 20 two-valued units, or if all
        units are Gaussian. Else it takes the estimate of
        ``objective=PCD(sampler="trajectory")`` if there is one and it is sharp enough,
        and annealed importance sampling otherwise.
    resample_inputs : bool, default=False
        Whether values strictly between 0 and 1 are probabilities, from which each visit
        of a row draws 0 or 1 anew.
    handle_unknown : {"error", "missing"}, default="error"
        What to do with a category or a count that ``fit`` did not know, or with a third
        value of a column that had two: raise an error, or treat it as missing.
    early_stopping : bool, default=False
        Whether to hold out rows, and to stop when the pseudo-likelihood of these rows
        stops improving. ``partial_fit`` holds out no rows.
    validation_fraction : float, default=0.1
        Share of rows that are held out if ``early_stopping`` is true, and while
        ``"auto"`` chooses a size.
    n_iter_no_change : int, default=5
        Number of evaluations on the held-out rows without improvement after which
        training stops.
    tol : float, default=1e-4
        Smallest increase that counts as an improvement, in nats a row.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the parameters and the seed of the last ``fit``.
    n_jobs : int, default=None
        Number of threads. None takes the number that ``joblib.parallel_config`` sets,
        and all cores if it sets none. The fitted parameters do not depend on it.
    random_state : int, RandomState or None, default=None
        Seed of the random numbers. An int gives the same fit at each call.
    verbose : int, default=0
        Verbosity. 0 prints nothing, 1 prints a line for every tenth epoch, and 2 a line
        for every epoch.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_units)
        Weights between hidden and visible units. A column of ``X`` has one visible
        unit, except that a categorical column has one unit for each category and a
        zero-inflated column has two units: whether the value is not 0, and the value.
        The scale of a Gaussian column's unit is the standard deviation of the column.
    intercept_visible_ : ndarray of shape (n_units,)
        Biases of the visible units.
    unit_names_ : ndarray of str of shape (n_units,)
        Names of the visible units, such as ``"age"`` and ``"job=clerk"``, in the order
        of the columns of ``X``.
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.
    couplings_ : {"none", "tree", "full"}
        The couplings of the visible units that ``fit`` has chosen.
    graph_ : list of tuple
        Edges of the forest, the strongest first: the positions of two columns, and
        their mutual information in nats. The position -1 is the component of the
        mixture. The list is empty if there is no forest.
    precision_ : ndarray of shape (n_real, n_real)
        Inverse of the covariance of the coupled real columns in the visible layer, in
        the order of the columns, which are standardised after their transforms.
    capacity_path_ : DataFrame
        The sizes that ``n_components="auto"`` has tried, one a row: ``size``,
        ``n_parameters``, the mean scores ``train_score`` and ``validation_score`` of
        training and held-out rows, the ``gain`` of the held-out rows over the best
        smaller size and its standard error ``gain_error``, ``seconds``, and whether the
        size was ``chosen``. The score is the pseudo-log-likelihood, in nats a row and
        in the units of the layer. A gap between both scores that widens is overfitting.
    log_partition_ : LogPartition
        Log partition function in nats: ``value``, ``lower``, ``upper``, ``stderr``,
        ``ess`` and ``method``. They are computed at first use.
    chains_rhat_, chains_ess_ : float
        Rank-normalised split R-hat (1 is best) and effective sample size of the
        persistent chains of the training; see :mod:`skebm.metrics`. The chains run on
        for as long as 110 updates under the fitted model. Of several quantities, the
        one that mixes worst counts. The values are computed at first use, and absent if
        the objective has no persistent chains. Values of R-hat above 1.01 are common
        and harmless, since chains only need to keep up with the learning. ``fit`` warns
        if chains never leave their modes.
    misfit_ : DataFrame of shape (n_features, n_features)
        The largest difference between draws and training rows of a correlation of the
        units of two columns; on the diagonal of a mean, in standard deviations.
    history_ : dict of str to list
        Measurements with one entry for each epoch, NaN where nothing was measured, in
        the units of ``X``: the pseudo-likelihood and the squared reconstruction error
        of some rows (1 for a wrong category), the learning rate, and the seconds since
        the start. With ``early_stopping`` there are also the score of the held-out rows
        and the gap of free energies. With ``PCD(sampler="trajectory")`` there are also
        the log-likelihood and the standard error of its log Z, which are NaN and
        infinite until the chains have mixed.
        ``pandas.DataFrame(history_)`` makes a table of them.
    n_iter_ : int
        Number of epochs run.
    n_features_in_ : int
        Number of columns of ``X`` in ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns of ``X`` in ``fit``, if it had names.

    Notes
    -----
    A sample weight of 2 has the effect of the same row twice: exactly for
    ``objective="pcd"`` without holes if one minibatch holds all rows, which is the
    default up to 256 rows, and in expectation otherwise.

    After a fit on a data frame, ``sample``, ``gibbs`` and ``reconstruct`` return data
    frames with its dtypes and categories. Columns with an integer dtype are rounded to
    whole numbers, also if their units are Gaussian. Densities are in the units of
    ``X``. The density of a zero-inflated column is taken with respect to length plus a
    point mass at 0. Real columns are drawn at most ten times as far out as the numbers
    in ``fit``.

    References
    ----------
    .. [1] T. Tieleman. "Training restricted Boltzmann machines using approximations to
       the likelihood gradient". ICML 2008.
    .. [2] J. Melchior, A. Fischer, L. Wiskott. "How to center deep Boltzmann machines".
       JMLR 17 (2016).
    .. [3] C. Chow, C. Liu. "Approximating discrete probability distributions with
       dependence trees". IEEE Transactions on Information Theory 14 (1968).
    .. [4] L. Breiman, J. Friedman, R. Olshen, C. Stone. "Classification and regression
       trees". Wadsworth, 1984.

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
        couplings = self.couplings, self.n_clusters
        recipe = RBMRecipe(self.n_components, self.hidden, *couplings)
        return self._at_size(recipe)

    @by_blocks
    def transform(self, X, out=None):
        """Return the expectations of the hidden units given each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Also a large memory-mapped array, or the path of Parquet files.
        out : ndarray of shape (n_samples, n_components), default=None
            Where to write the expectations, such as a ``numpy.memmap``. None makes a
            new array.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Expectations. For Bernoulli hidden units they are the probabilities of 1.
        """
        Z = self._encoded(X)
        if has_holes(Z):
            return self._expected(Z, 0, self._energy.hidden_mean)
        return self._map_rows(self._energy.hidden_mean, Z)
