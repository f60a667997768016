"""New random cases at each run: a right result, or a sentence that says why not."""

import os
import re
import time

import numpy as np
import pytest

from skebm import RBMDensity
from tests.fuzz.calls import Call
from tests.fuzz.cases import draw
from tests.fuzz.judge import judged, run
from tests.models import heavy

# Cases of each part, and the seconds of CPU after which no further case begins.
N_CASES, SECONDS = 100, 5
# Set it to the seed of a failure to repeat that case.
SEED = "SKEBM_FUZZ_SEED"
# The first seed. CI makes it from the commit, so that a run can be repeated.
FIRST = "SKEBM_FUZZ_FIRST"
# Counts that are so large that documents are refused, unless another dtype cuts them
# off: scores take as long as documents are.
LARGE = {"many", "huge", "enormous"}


def seeds(part):
    """Return seeds that no run had before, unless the environment sets them."""
    if SEED in os.environ:
        return [int(os.environ[SEED])]
    first = int.from_bytes(os.urandom(4), "little")
    if FIRST in os.environ:
        first = int(os.environ[FIRST]) + part * N_CASES
    return range(first, first + N_CASES)


def failure(seed):
    """Return what is wrong with the case of a seed, or None."""
    case = draw(seed)
    if LARGE & set(case.words) and "float64" not in case.words:
        return None
    last = run(case)[-1]
    words = f"{last.words} [{last.place}]"
    if last.right:
        return None
    return f"{case}\n{last.verdict}: {words}"


@heavy
@pytest.mark.parametrize("part", range(3))
def test_new_cases_end_in_results_or_sentences(part):
    start, failures = time.process_time(), []
    for seed in seeds(part):
        failures.append(failure(seed))
        if time.process_time() - start > SECONDS:
            break
    failures = [words for words in failures if words]
    repeat = "python -m tests.fuzz --show --seed SEED"
    assert not failures, "\n\n".join([*failures, f"Repeat one by {repeat}"])


def test_seeds_fix_cases():
    for seed in range(20):
        assert _without_addresses(draw(seed)) == _without_addresses(draw(seed))


def _without_addresses(case):
    return re.sub("0x[0-9a-fA-F]+", "", str(case))


def _ending(result=None, error=None):
    """Return the ending of a call of an object whose method does this."""

    class Fake:
        def energy_samples(self, X):
            if error is not None:
                raise error
            return result

    call = Call("energy_samples", {"X": np.zeros((3, 2))})
    return judged(Fake(), call)[0]


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (np.zeros(3), "result"),
        (np.zeros(2), "wrong result"),
        (np.zeros((3, 1)), "wrong result"),
        (np.array([0, np.nan, 0]), "wrong result"),
        (np.array([0, 0, -np.inf]), "wrong result"),
    ],
)
def test_results_are_judged(result, verdict):
    assert _ending(result).verdict == verdict


def test_errors_are_judged():
    assert _ending(error=IndexError("index 3 is out of bounds")).verdict == "raw error"
    call = Call("energy_samples", {"X": np.zeros((3, 2))})
    assert judged(RBMDensity(), call)[0].verdict == "sentence"


def test_slow_calls_are_stopped():
    class Slow:
        def energy_samples(self, X):
            while True:
                pass

    call = Call("energy_samples", {"X": np.zeros((3, 2))})
    assert judged(Slow(), call, limit=0.05)[0].verdict == "slow"
