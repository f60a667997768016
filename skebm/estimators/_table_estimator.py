"""The base of estimators that train an energy on the rows of a table."""

from numbers import Integral

from skebm.energies import Summary
from skebm.estimators._base import EnergyEstimator, fit_hooks, store
from skebm.estimators._rows import TableMixin
from skebm.tables import labelled, rows_on_disk
from skebm.utils._sklearn import Interval, StrOptions
from skebm.utils._tags import mark_tables
from skebm.utils._types import Automatic, Seed, Spec


class TableEstimator(TableMixin, EnergyEstimator):
    """Base of estimators that train an energy on the rows of a table.

    The columns may hold numbers, categories, counts and holes.
    """

    _parameter_constraints: dict = {
        **EnergyEstimator._parameter_constraints,
        "n_components": [
            StrOptions({"auto"}),
            *EnergyEstimator._parameter_constraints["n_components"],
        ],
        "visible": [str, dict, "array-like"],
        "hidden": [str],
        "couplings": [StrOptions({"auto", "none", "tree", "full"})],
        "n_clusters": [
            StrOptions({"auto"}),
            Interval(Integral, 1, 10**7, closed="both"),
        ],
        "resample_inputs": ["boolean"],
        "handle_unknown": [StrOptions({"error", "missing"})],
    }

    def __init__(
        self,
        n_components: int | Automatic = 100,
        *,
        visible: Spec = "auto",
        hidden: str = "bernoulli",
        couplings: str = "auto",
        n_clusters: int | Automatic = "auto",
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

    @property
    def _unit_order(self):
        return self._encoding.order

    def _training_rows(self, X, y, sample_weight, go_on, is_stream, **options):
        """Return the rows of a fit, of which a sample is in memory if they are many."""
        hooks = fit_hooks(X, y, sample_weight)
        self._label_column = y if isinstance(y, str) else None
        X, y, source = labelled(X, y)
        facts = y, sample_weight, go_on, is_stream
        if source is None:
            rows = self._rows_in_memory(X, *facts, **options)
        else:
            rows = rows_on_disk(self, source, *facts, **options)
        return rows._replace(hooks=hooks)

    def _labels_on_disk(self, y, source, weight, go_on):
        """Return the labels of rows on disk, which a density does not have."""

    def _summarised(self, rows):
        """Return the facts about the rows of a first fit that the recipe may use."""
        objective = self._objective()
        is_estimate = not hasattr(objective, "adam_rate")
        summary = Summary.of(
            rows.units,
            rows.weight,
            count_variance=self._encoding.variance_of_counts,
            joint_count_variance=self._encoding.joint_variance_of_counts,
            spread=self._encoding.spread,
            is_sampled=getattr(objective, "is_sampled", is_estimate),
        )
        n_rows = rows.n_rows if rows.mass is None else rows.mass
        return summary._replace(n_rows=n_rows)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        mark_tables(tags)
        return tags
