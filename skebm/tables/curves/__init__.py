"""Monotone transforms of numbers."""

from skebm.tables.curves._logarithm import Logarithm
from skebm.tables.curves._yeo_johnson import YeoJohnson
from skebm.tables.curves.curve import Curve, Line, observed, standards

__all__ = ["Curve", "Line", "Logarithm", "YeoJohnson", "observed", "standards"]
