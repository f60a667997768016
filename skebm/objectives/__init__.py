"""How the gradient of the parameters is estimated from a minibatch."""

from skebm.objectives.contrastive import CD, PCD

OBJECTIVES = {"cd": CD, "pcd": PCD}

__all__ = ["CD", "OBJECTIVES", "PCD"]
