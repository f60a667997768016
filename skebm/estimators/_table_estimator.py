"""The base of estimators that train an energy on the rows of a table."""

from numbers import Integral

from skebm.energies import Summary
from skebm.estimators._base import EnergyEstimator, store
from skebm.estimators._rows import TableMixin
from skebm.utils._sklearn import Interval, StrOptions


class TableEstimator(TableMixin, EnergyEstimator):
    """Base of estimators that train an energy on the rows of a table.

    The columns may hold numbers, categories, counts and holes.
    """

    _parameter_constraints: dict = {
        **EnergyEstimator._parameter_constraints,
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
        n_components=100,
        *,
        visible="auto",
        hidden="bernoulli",
        couplings="auto",
        n_clusters="auto",
        objective="pcd",
        optimizer="auto",
        learning_rate="auto",
        schedule="linear",
        batch_size="auto",
        n_iter="auto",
        max_time=None,
        average=0.999,
        l1=0.0,
        l2="auto",
        l1b=0.0,
        sparsity_target=0.1,
        sparsity_cost=0.0,
        partition="auto",
        resample_inputs=False,
        handle_unknown="error",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        tol=1e-4,
        warm_start=False,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        store(self, locals())

    @property
    def _unit_order(self):
        return self._encoding.order

    def _summarised(self, rows):
        """Return the facts about the rows of a first fit that the recipe may use."""
        return Summary.of(
            rows.units,
            rows.weight,
            count_variance=self._encoding.variance_of_counts,
            joint_count_variance=self._encoding.joint_variance_of_counts,
            spread=self._encoding.spread,
            is_sampled=not hasattr(self._objective(), "adam_rate"),
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        return tags
