"""How configurations are drawn: `init` starts chains, `step` moves them."""

from skebm.samplers.gibbs import Gibbs

SAMPLERS = {"gibbs": Gibbs}

__all__ = ["SAMPLERS", "Gibbs"]
