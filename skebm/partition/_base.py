"""What every method returns."""

from typing import NamedTuple


class Estimate(NamedTuple):
    """An estimate of log Z, in nats.

    Attributes
    ----------
    value : float
    lower, upper : float
        A bracket: equal to ``value`` where the method is exact.
    stderr : float
        Standard error of ``value``.
    ess : float
        Effective sample size of the forward importance weights; infinite if exact.
    method : str
    """

    value: float
    lower: float
    upper: float
    stderr: float
    ess: float
    method: str
