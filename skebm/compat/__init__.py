"""Adapters for other packages, each of which is needed only by its own module."""
