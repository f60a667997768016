"""Optimizers, schedules of the learning rate, and averages of the parameters."""

from skebm.optimizers.adam import Adam
from skebm.optimizers.averaging import Average
from skebm.optimizers.schedules import SCHEDULES
from skebm.optimizers.sgd import SGD

OPTIMIZERS = {"sgd": SGD, "adam": Adam}

__all__ = ["OPTIMIZERS", "SCHEDULES", "SGD", "Adam", "Average"]
