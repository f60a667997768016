"""A density of rows that any energy defines."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skebm.energies import ENERGIES, Custom, Recipe, beside
from skebm.estimators._base import store
from skebm.estimators._conditional import has_holes
from skebm.estimators._density import TableDensity
from skebm.monitoring import FEWEST_ROWS
from skebm.objectives import OBJECTIVES
from skebm.partition import AIS, Auto
from skebm.samplers import named_kernel
from skebm.tables import straight_if_as_good
from skebm.utils._sklearn import HasMethods, StrOptions
from skebm.utils._types import Automatic, Seed, Spec, TableLike
from skebm.utils._validation import is_auto, lookup, resolve


def _has_slope(density):
    """Return whether the energy has a slope, as far as that is known before a fit."""
    if hasattr(density, "_energy") and not hasattr(density._energy, "grad_x"):
        raise AttributeError(
            "grad_energy needs an energy of real columns with grad_x, and a reference "
            "that has it, too, as reference='auto' does."
        )
    return True


class EnergyDensity(TableDensity):
    """Density of the rows of a table that any energy defines.

    The energy defines the model, and everything else works as in :class:`RBMDensity`.
    The columns of a frame may be of any kind. Scores are normalised log-densities, and
    drawn rows come from the same distribution.

    By default perceptrons tilt a reference, which is a stack of mixtures and kernels
    for real columns: ``p(x)`` is proportional to ``reference(x) exp(-E(x))``. They
    learn to tell the rows from draws of the reference, without chains [1]_. Rows that
    are held out choose the strength of the tilt, so the model is about as good as its
    reference, or better.

    Parameters
    ----------
    energy : {"mlp", "rbm", "pairwise", ...} or recipe, default="mlp"
        The recipe of the energy. It is a name of :data:`skebm.energies.ENERGIES`, or an
        object with ``build(layer, summary, random)``, which returns an energy; see
        :class:`skebm.energies.Recipe`. Recipes add up: ``MLP() + 0.5 * Quadratic()``.
        An object with ``energy(x)``, ``grad(x, weight)`` and ``params`` is an energy of
        your own, in the units of ``X``; see :class:`skebm.energies.Custom`. The size of
        ``MLP(hidden_layer_sizes="auto")`` and ``RBMRecipe(n_components="auto")`` grows
        while held-out rows gain.
    reference : {"auto", "mixture"}, density or None, default="auto"
        The density that the energy tilts. A density of scikit-learn, with ``fit``,
        ``score_samples`` and ``sample``, is cloned and fitted to the standardised rows,
        which must hold real numbers. ``"auto"`` is ``"mixture"`` for an energy that
        needs a reference, such as ``"mlp"``, and none for others: a mixture of normal
        distributions of the real columns beside a tree of the others. If all columns
        are real and there are no holes, ``"auto"`` is a stack of mixtures of several
        sizes (and of kernels, for up to three columns), whose weights come from
        held-out rows; see
        :class:`skebm.energies.Stack`. None lets the energy stand alone.
    kernel : str or sampler, default="auto"
        A sampler with ``move``, or a name of :data:`skebm.samplers.SAMPLERS`. It moves
        chains when rows are drawn, when holes are filled, when log Z is estimated, and
        in an objective with chains. ``"auto"`` proposes rows of the reference if there
        is one (``"independence"``), and is ``"gibbs"`` else.
    visible : str, list or dict, default="auto"
        Kinds of the columns; see :class:`RBMDensity`.
    objective : str or objective, default="auto"
        Estimate of the gradient, a name of :data:`skebm.objectives.OBJECTIVES`. If it
        is a name, its chains are moved by ``kernel``. ``"auto"`` is ``"nce"`` with a
        reference, and ``"pcd"`` else.
    l2 : float or "auto", default="auto"
        Penalty on the weights of the energy; see :class:`RBMDensity`. ``"auto"`` is 0
        for an energy without weights, and for a tilt.
    partition : {"auto", "exact", "ais", "trajectory"} or method, default="auto"
        Method that computes ``log_partition_``; see :mod:`skebm.partition`.
    early_stopping : bool or "auto", default="auto"
        Whether to hold out rows, and to stop when their score stops improving. With a
        tilt these rows also choose its strength, so ``"auto"`` is then True. It is
        False for other energies, and for fewer than 20 rows, of which a tilt learns
        nothing.
    optimizer, learning_rate, schedule, batch_size, n_iter, max_time, average, l1, \
l1b, sparsity_target, sparsity_cost, resample_inputs, handle_unknown, \
validation_fraction, n_iter_no_change, tol, warm_start, n_jobs, random_state, verbose
        As for :class:`RBMDensity`.

    Attributes
    ----------
    energy_ : Energy
        The fitted energy. Its methods take rows in the units of the layer.
    kernel_ : str or sampler
        The sampler that moves chains.
    gain_ : tuple of float
        Mean log-likelihood of the held-out rows over the log-likelihood of the
        reference alone, in nats a row, and its standard error. The same rows have
        chosen the strength of the tilt.
    capacity_path_ : DataFrame
        The sizes that ``"auto"`` has tried; see :class:`RBMDensity`. With a reference
        the score is the log-likelihood, by importance sampling.
    log_partition_ : LogPartition
        ``value``, ``lower``, ``upper``, ``stderr``, ``ess`` and ``method`` of log Z, in
        nats, computed at first use.
    chains_rhat_, chains_ess_ : float
        Diagnostics of the chains of the training, if it had chains; see
        :class:`RBMDensity`.
    unit_names_ : ndarray of str of shape (n_units,)
        Names of the visible units.
    history_ : dict of str to list
        One row for each epoch; see :class:`RBMDensity`. With a reference there are the
        log-likelihoods of training and held-out rows, by importance sampling, and the
        strength of the tilt.
    n_iter_ : int
        Number of epochs that were run.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)

    See Also
    --------
    RBMDensity : The same with a restricted Boltzmann machine, whose hidden units are
        features.

    References
    ----------
    .. [1] M. Gutmann, A. Hyvarinen. "Noise-contrastive estimation of unnormalized
       statistical models, with applications to natural image statistics". JMLR 13
       (2012).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skebm import EnergyDensity
    >>> X = load_iris().data
    >>> density = EnergyDensity(n_iter=5, random_state=0).fit(X)
    >>> density.sample(3, random_state=0).shape
    (3, 4)
    """

    _parameter_constraints = {
        **{
            name: constraint
            for name, constraint in TableDensity._parameter_constraints.items()
            if name not in ("n_components", "hidden")
        },
        "energy": [str, HasMethods(["build"]), HasMethods(["energy", "grad"])],
        "reference": [None, StrOptions({"auto", "mixture"}), HasMethods(["fit"])],
        "kernel": [str, HasMethods(["move"])],
        "early_stopping": [StrOptions({"auto"}), "boolean"],
    }

    def __init__(
        self,
        energy: Spec = "mlp",
        *,
        reference: Spec = "auto",
        kernel: Spec = "auto",
        visible: Spec = "auto",
        objective: Spec = "auto",
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
        early_stopping: bool | Automatic = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        tol: float = 1e-4,
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: Seed = None,
        verbose: int = 0,
    ):
        store(self, locals())

    @property
    def gain_(self):
        """The gain over the reference on held-out rows, and its standard error."""
        check_is_fitted(self)
        figures = [self.history_.get(name, ()) for name in ("gain", "gain_error")]
        known = [pair for pair in zip(*figures, strict=True) if np.isfinite(pair).all()]
        if not known:
            raise AttributeError(
                "There is no gain_ without a reference and held-out rows. Fit with "
                "energy='mlp', or with a reference, and early_stopping=True."
            )
        return known[-1]

    @available_if(_has_slope)
    def grad_energy(self, X: TableLike) -> np.ndarray:
        """Return the slope of :meth:`energy_samples` by the columns.

        Parameters
        ----------
        X : {array-like, DataFrame} of shape (n_samples, n_features)
            Rows of real numbers without missing values.

        Returns
        -------
        ndarray of shape (n_samples, n_features), float64
            In nats, divided by the unit of the column.

        Raises
        ------
        ValueError
            If a value is missing.
        """
        Z = self._encoded(X)
        if has_holes(Z):
            raise ValueError(
                "grad_energy takes rows without missing values. Fill them in first, "
                "for example with complete(X)."
            )
        return self._encoding.slopes(self._map_rows(self._energy.grad_x, Z), Z)

    @property
    def _kernel(self):
        return self._recipe().kernel if self.kernel == "auto" else self.kernel

    @property
    def _stops_early(self):
        if self.early_stopping == "auto":
            return self._recipe().holds_out
        return self.early_stopping

    def _split(self, rows, random):
        if self.early_stopping == "auto" and rows.units.shape[0] < FEWEST_ROWS:
            return rows
        return super()._split(rows, random)

    @property
    def _kinds(self):
        if not is_auto(self.visible):
            return self.visible
        if self._term().is_unscaled:
            return "unscaled"
        has_density = not isinstance(self.reference, str | None)
        return "gaussian" if has_density else "auto"

    def _settled(self, rows, go_on, is_stream):
        rows, go_on = super()._settled(rows, go_on, is_stream)
        if not (go_on or is_stream) and self._is_stacked:
            self._encoding = straight_if_as_good(self._encoding, rows.X, rows.weight)
        return rows, go_on

    @property
    def _is_stacked(self):
        """Whether the reference of real columns is flexible, so that curves may go."""
        is_open = is_auto(self.visible) and is_auto(self.reference)
        return is_open and self._term().is_tilt and set(self._table.kinds) == {"real"}

    def _train(self, training, rows, plan):
        super()._train(training, rows, plan)
        if sentence := self._recipe().doubt(self._energy, rows.units):
            warnings.warn(sentence, ConvergenceWarning, stacklevel=5)
        return self

    def _term(self):
        # Others need a label, or are of documents.
        densities = {k: v for k, v in ENERGIES.items() if v.monitor == "density"}
        own = not isinstance(self.energy, str) and not hasattr(self.energy, "build")
        recipe = Custom(self.energy) if own else self.energy
        if getattr(recipe, "monitor", "density") != "density":
            raise TypeError(
                f"energy={recipe!r} is no density of rows. EnergyDensity takes: "
                f"{', '.join(kind.__name__ for kind in densities.values())}, or an "
                "energy of your own."
            )
        return Recipe.of(resolve(recipe, densities, "energy"))

    def _recipe(self):
        return self._at_size(beside(self._term(), self.reference))

    def _objective(self):
        kernel, objective = named_kernel(self._kernel), self.objective
        if not isinstance(objective, str):
            return super()._objective()
        name = self._recipe().objective if objective == "auto" else objective
        objective = lookup(name, OBJECTIVES, "objective")()
        if hasattr(objective, "sampler"):
            objective.set_params(sampler=kernel)
        return objective

    def _partition(self):
        if self.partition == "auto":
            return Auto(ais=AIS(kernel=self._kernel))
        return super()._partition()

    def _fitted_attributes(self, training):
        attributes = super()._fitted_attributes(training)
        energy, kernel = attributes["_energy"], self._kernel
        return {**attributes, "energy_": energy, "kernel_": kernel}
