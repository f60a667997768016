"""Inference with a fitted energy: draws, holes, observed cells, conditionals."""

from skebm.inference.completion import Completion, FreshCompletion, completed
from skebm.inference.conditionals import HOLE_STEPS, conditional_bounds, conditionals
from skebm.inference.draws import at_chain_marginals, draw, draw_documents, draw_parts
from skebm.inference.holes import complete_holes, draw_holes
from skebm.inference.intervals import interval
from skebm.inference.observed import observed_energy
from skebm.inference.posterior import posterior
from skebm.inference.repair import repaired, typical_values

__all__ = [
    "HOLE_STEPS",
    "Completion",
    "FreshCompletion",
    "at_chain_marginals",
    "complete_holes",
    "completed",
    "conditional_bounds",
    "conditionals",
    "draw",
    "draw_documents",
    "draw_holes",
    "draw_parts",
    "interval",
    "observed_energy",
    "posterior",
    "repaired",
    "typical_values",
]
