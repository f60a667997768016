"""The sessions of the user guide, with what they print."""

import doctest
import re
import warnings
from pathlib import Path

import numpy as np

from tests.models import heavy

GUIDE = Path(__file__).parents[1] / "doc" / "user_guide.rst"
NUMBER = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")


class Checker(doctest.OutputChecker):
    """Compares text, and numbers as closely as training does on any processor."""

    def check_output(self, want, got, optionflags):
        if super().check_output(want, got, optionflags):
            return True
        want = want.replace("...", "")
        texts = [NUMBER.sub("0", text).split() for text in (want, got)]
        if texts[0] != texts[1]:
            return False
        pairs = (np.array(NUMBER.findall(text), dtype=float) for text in (want, got))
        return np.allclose(*pairs, rtol=0.1, atol=0.1)


@heavy
def test_sessions():
    test = doctest.DocTestParser().get_doctest(
        GUIDE.read_text(), {}, GUIDE.name, str(GUIDE), 0
    )
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    runner = doctest.DocTestRunner(Checker(), optionflags=flags)
    with warnings.catch_warnings(action="ignore"):
        runner.run(test)
    results = runner.summarize(verbose=False)
    assert results.attempted > 100
    assert results.failed == 0


def test_the_checker_can_fail():
    check = Checker().check_output
    assert check("-18.9...\n", "-18.87\n", doctest.ELLIPSIS)
    assert check("a -18.9\n", "a -18.2\n", 0)
    assert not check("a -18.9\n", "a -12.0\n", 0)
    assert not check("a -18.9\n", "b -18.9\n", 0)
    assert not check("(3, 4)\n", "(3, 4, 5)\n", 0)
