"""Annotations of the public interface: what arguments may be, what estimators hold."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from typing import Self as Self  # for the estimators, from one place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike
    from scipy.sparse import sparray, spmatrix

# Rows of a table: arrays, sparse matrices, frames, or lists of lists.
TableLike: TypeAlias = "ArrayLike | spmatrix | sparray | Sequence[Sequence[object]]"
Weights: TypeAlias = "ArrayLike | None"
Seed: TypeAlias = "int | np.random.RandomState | None"
# A name, or an object with the methods of the part that it names.
Spec: TypeAlias = Any
# What "auto" may stand for.
Automatic: TypeAlias = Literal["auto"]


class Declared:
    """The parameters and the fitted attributes of all estimators.

    Estimators set them by name, which type checkers do not follow. Parameters can be
    set after the estimator is made, so they have no type here.
    """

    if TYPE_CHECKING:
        average: Any
        batch_size: Any
        gradient_tol: Any
        max_iter: Any
        max_patches: Any
        patch_size: Any
        sigma: Any
        class_weight: Any
        contamination: Any
        couplings: Any
        density: Any
        early_stopping: Any
        feedback: Any
        add_indicator: Any
        generative_weight: Any
        half_life: Any
        novelty: bool
        use_labels: bool
        handle_unknown: Any
        hidden: Any
        keep_empty_features: Any
        kernel: Any
        l1: Any
        l1b: Any
        l2: Any
        learning_rate: Any
        loss: Any
        max_time: Any
        n_clusters: Any
        n_components: Any
        n_iter: Any
        n_iter_no_change: Any
        n_jobs: Any
        objective: Any
        optimizer: Any
        partition: Any
        random_state: Any
        reference: Any
        reject_below: Any
        resample_inputs: Any
        sample_posterior: Any
        schedule: Any
        sparsity_cost: Any
        sparsity_target: Any
        tol: Any
        validation_fraction: Any
        verbose: Any
        visible: Any
        warm_start: Any
        words: Any

        capacity_path_: Any
        class_components_: np.ndarray
        classes_: np.ndarray
        chains_ess_: float
        chains_rhat_: float
        components_: np.ndarray
        concentration_: np.ndarray
        couplings_: str
        density_: Any
        energy: Any
        filters_: Any
        energy_: Any
        item_counts_: np.ndarray
        item_ids_: np.ndarray
        levels_: np.ndarray | None
        user_ids_: np.ndarray
        feature_names_in_: np.ndarray
        gain_: tuple[float, float]
        graph_: Any
        history_: dict[str, list]
        indicator_: Any
        intercept_class_: np.ndarray
        intercept_hidden_: np.ndarray
        intercept_visible_: np.ndarray
        kernel_: Any
        log_partition_: Any
        misfit_: Any
        n_features_in_: int
        n_iter_: int
        offset_: float
        precision_: np.ndarray
        unit_names_: np.ndarray
