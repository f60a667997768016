"""The sessions of the user guide, with what they print."""

import doctest
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from tests.models import heavy

GUIDE = Path(__file__).parents[1] / "doc" / "user_guide.rst"
NUMBER = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")
# A line of a picture of a drawn row. Which pixels are on differs between processors.
PICTURE = re.compile(r"^[-#]{8}$", flags=re.M)


class Checker(doctest.OutputChecker):
    """Compares text, and numbers as closely as training does on any processor."""

    def check_output(self, want, got, optionflags):
        if super().check_output(want, got, optionflags):
            return True
        want, got = (PICTURE.sub("picture", text) for text in (want, got))
        want = want.replace("...", "")
        texts = [NUMBER.sub("0", text).split() for text in (want, got)]
        if texts[0] != texts[1]:
            return False
        pairs = (np.array(NUMBER.findall(text), dtype=float) for text in (want, got))
        return np.allclose(*pairs, rtol=0.1, atol=0.1)


# The first section loads the data. These need nothing from the sections beside them, so
# that another process can run them.
FIRST = "Which estimator?"
APART = {
    "Any energy",
    "Define your own energy",
    "Classes",
    "Losses and energies of a classifier",
    "Several labels a row",
    "Sequences of labels",
    "Anomalies",
    "Anomalies in time",
    "Documents",
}


def sections():
    """Return the sections of the guide by title."""
    text = GUIDE.read_text()
    starts = list(re.finditer(r"^([^\n]+)\n([-=~])\2{3,}$", text, flags=re.M))
    ends = [match.start() for match in starts[1:]] + [len(text)]
    pairs = zip(starts, ends, strict=True)
    return {match[1]: text[match.start() : end] for match, end in pairs}


def test_the_sections_that_run_apart_are_there():
    assert {FIRST, *APART} <= set(sections())


@heavy
@pytest.mark.parametrize("apart", [False, True])
def test_sessions(apart):
    parts = sections()
    first = parts.pop(FIRST)
    text = "".join(part for name, part in parts.items() if (name in APART) == apart)
    test = doctest.DocTestParser().get_doctest(
        first + text, {}, GUIDE.name, str(GUIDE), 0
    )
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    runner = doctest.DocTestRunner(Checker(), optionflags=flags)
    with warnings.catch_warnings(action="ignore"):
        runner.run(test)
    results = runner.summarize(verbose=False)
    assert results.attempted > 50
    assert results.failed == 0


def test_the_page_on_large_data():
    page = GUIDE.with_name("large_data.rst")
    test = doctest.DocTestParser().get_doctest(page.read_text(), {}, "", "", 0)
    runner = doctest.DocTestRunner(Checker())
    with warnings.catch_warnings(action="ignore"):
        runner.run(test)
    results = runner.summarize(verbose=False)
    assert results.attempted > 10
    assert results.failed == 0


def test_the_checker_can_fail():
    check = Checker().check_output
    assert check("-18.9...\n", "-18.87\n", doctest.ELLIPSIS)
    assert check("a -18.9\n", "a -18.2\n", 0)
    assert check("--##--##\n", "-#-##--#\n", 0)
    assert not check("--##--##\n", "-#-##--#\n" * 2, 0)
    assert not check("a -18.9\n", "a -12.0\n", 0)
    assert not check("a -18.9\n", "b -18.9\n", 0)
    assert not check("(3, 4)\n", "(3, 4, 5)\n", 0)
