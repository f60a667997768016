"""The record that every method returns."""

from typing import NamedTuple

from skebm.utils._stored import public


@public("skebm.partition")
class Estimate(NamedTuple):
    """An estimate of log Z, in nats.

    Attributes
    ----------
    value : float
    lower, upper : float
        Bracket of ``value``. Both ends equal ``value`` if the method is exact.
    stderr : float
        Standard error of ``value``.
    ess : float
        Effective sample size of the forward importance weights. It is infinite if the
        method is exact.
    method : str
        Name of the method.
    """

    value: float
    lower: float
    upper: float
    stderr: float
    ess: float
    method: str
