"""What a fitted energy says of rows: draws, holes, observed parts, conditionals."""

from skebm.inference.completion import Completion
from skebm.inference.draws import at_own_marginals, draw
from skebm.inference.holes import complete_holes, draw_holes, posterior
from skebm.inference.observed import hidden_log_weights, observed_energy

__all__ = [
    "Completion",
    "at_own_marginals",
    "complete_holes",
    "draw",
    "draw_holes",
    "hidden_log_weights",
    "observed_energy",
    "posterior",
]
