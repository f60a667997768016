"""The learning rate as a function of progress."""


def constant(progress):
    """Return 1 throughout."""
    return 1.0


def linear(progress):
    """Return 1 for the first half, then fall in a line to 0 at the end.

    The flat half finds the region, the decay averages the noise of sampling out.
    """
    return min(1.0, 2.0 * (1.0 - progress))


SCHEDULES = {"linear": linear, "constant": constant}
