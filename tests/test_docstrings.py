"""The examples in the docstrings of public classes."""

import doctest
import importlib
import warnings

import pytest

import skebm
from tests.models import heavy


@heavy
@pytest.mark.parametrize("name", skebm.__all__)
def test_examples(name):
    module = importlib.import_module(getattr(skebm, name).__module__)
    with warnings.catch_warnings(action="ignore"):
        result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
