"""Samplers, which draw configurations: `init` starts chains, and `step` moves them."""

from skebm.samplers._base import (
    SAMPLERS,
    Sampler,
    anneal,
    anneal_along,
    can_move,
    named_kernel,
    resolve_kernel,
    sweep,
)
from skebm.samplers._bridges import Bridges as Bridges
from skebm.samplers._tuning import GradientChains as GradientChains
from skebm.samplers.exact import Exact
from skebm.samplers.gibbs import Gibbs
from skebm.samplers.growth import change_lengths, draw_grown, rungs_to
from skebm.samplers.hmc import HMC
from skebm.samplers.independence import Independence
from skebm.samplers.langevin import MALA, Langevin
from skebm.samplers.lengths import LengthTempering, draw_hidden
from skebm.samplers.metropolis import Metropolis
from skebm.samplers.population import heated, population, refined_ladder
from skebm.samplers.replay import Replay
from skebm.samplers.tempering import ParallelTempering
from skebm.samplers.trajectory import TrajectoryTempering

SAMPLERS |= {
    "gibbs": Gibbs,
    "tempering": ParallelTempering,
    "trajectory": TrajectoryTempering,
    "exact": Exact,
    "metropolis": Metropolis,
    "independence": Independence,
    "langevin": Langevin,
    "mala": MALA,
    "hmc": HMC,
    "replay": Replay,
}

__all__ = [
    "HMC",
    "MALA",
    "SAMPLERS",
    "Exact",
    "Gibbs",
    "Independence",
    "Langevin",
    "LengthTempering",
    "Metropolis",
    "ParallelTempering",
    "Replay",
    "Sampler",
    "TrajectoryTempering",
    "anneal",
    "anneal_along",
    "can_move",
    "change_lengths",
    "draw_grown",
    "draw_hidden",
    "heated",
    "named_kernel",
    "population",
    "refined_ladder",
    "resolve_kernel",
    "rungs_to",
    "sweep",
]
