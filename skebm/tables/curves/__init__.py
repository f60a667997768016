"""Monotone transforms of numbers."""

from skebm.tables.curves.curve import Curve, observed, standards

__all__ = ["Curve", "observed", "standards"]
