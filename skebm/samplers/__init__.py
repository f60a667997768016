"""How configurations are drawn: `init` starts chains, `step` moves them."""

from skebm.samplers.exact import Exact
from skebm.samplers.gibbs import Gibbs
from skebm.samplers.tempering import ParallelTempering, anneal

SAMPLERS = {"gibbs": Gibbs, "tempering": ParallelTempering, "exact": Exact}

__all__ = ["SAMPLERS", "Exact", "Gibbs", "ParallelTempering", "anneal"]
