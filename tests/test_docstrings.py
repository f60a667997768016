"""The examples in the docstrings of public classes."""

import doctest
import importlib
import warnings

import pytest

import skebm
from tests.models import heavy

MODULES = [getattr(skebm, name).__module__ for name in skebm.__all__]


@heavy
@pytest.mark.parametrize("name", [*MODULES, "skebm.callbacks", "skebm.persistence"])
def test_examples(name):
    module = importlib.import_module(name)
    with warnings.catch_warnings(action="ignore"):
        result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
