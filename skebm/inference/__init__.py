"""Inference with a fitted energy: draws, holes, observed cells, conditionals."""

from skebm.inference._forward import Forward, forward_of
from skebm.inference.completion import Completion, FreshCompletion, completed
from skebm.inference.conditionals import HOLE_STEPS, conditional_bounds, conditionals
from skebm.inference.draws import at_chain_marginals, draw, draw_documents, draw_parts
from skebm.inference.holes import complete_holes, draw_holes
from skebm.inference.intervals import interval
from skebm.inference.noise import estimate_noise, noise_of
from skebm.inference.observed import observed_energy
from skebm.inference.posterior import posterior
from skebm.inference.repair import repaired, typical_values
from skebm.inference.restoration import (
    Restored,
    denoise_planes,
    minimise,
    restore_plane,
)

__all__ = [
    "HOLE_STEPS",
    "Completion",
    "Forward",
    "FreshCompletion",
    "Restored",
    "at_chain_marginals",
    "complete_holes",
    "completed",
    "conditional_bounds",
    "conditionals",
    "denoise_planes",
    "draw",
    "draw_documents",
    "draw_holes",
    "draw_parts",
    "estimate_noise",
    "forward_of",
    "interval",
    "minimise",
    "noise_of",
    "observed_energy",
    "posterior",
    "repaired",
    "restore_plane",
    "typical_values",
]
