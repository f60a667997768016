"""Inference with a fitted energy: draws, holes, observed cells, conditionals."""

from skebm.inference.completion import Completion, completed
from skebm.inference.conditionals import HOLE_STEPS, conditionals
from skebm.inference.draws import at_chain_marginals, draw, draw_documents
from skebm.inference.holes import complete_holes, draw_holes, posterior
from skebm.inference.observed import observed_energy

__all__ = [
    "HOLE_STEPS",
    "Completion",
    "at_chain_marginals",
    "complete_holes",
    "completed",
    "conditionals",
    "draw",
    "draw_documents",
    "draw_holes",
    "observed_energy",
    "posterior",
]
