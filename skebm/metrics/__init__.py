"""Scorers, diagnostics of chains, and measures of images and of recommendations."""

from skebm.metrics.chains import (
    energy_gap,
    ess,
    pseudo_likelihood_scorer,
    rhat,
)
from skebm.metrics.images import psnr, share_right
from skebm.metrics.ranking import (
    coverage,
    expected_calibration_error,
    gini,
    ndcg_at_k,
    recall_at_k,
)

__all__ = [
    "coverage",
    "energy_gap",
    "ess",
    "expected_calibration_error",
    "gini",
    "ndcg_at_k",
    "pseudo_likelihood_scorer",
    "psnr",
    "recall_at_k",
    "rhat",
    "share_right",
]
