"""Schedules: factors of the learning rate as training goes on.

A schedule is a function of the progress, which is 0 at the start of the training and 1
at its end.
"""


def constant(progress):
    """Return 1 throughout."""
    return 1.0


def linear(progress):
    """Return 1 during the first half, then fall linearly to 0 at the end.

    The constant half moves the parameters to the neighbourhood of an optimum. The
    falling half averages out the noise of the sampled gradient.
    """
    return min(1.0, 2.0 * (1.0 - progress))


SCHEDULES = {"linear": linear, "constant": constant}
