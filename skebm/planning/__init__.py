"""What "auto" stands for: the plan of a training, and the size of a model."""

from skebm.planning.growth import Grown, grow
from skebm.planning.plan import make_plan

__all__ = ["Grown", "grow", "make_plan"]
