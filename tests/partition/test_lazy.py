import pickle
import threading

import pytest
from sklearn.exceptions import ConvergenceWarning

from skebm.partition import AIS, Estimate, ExactPartition, LogPartition
from skebm.utils._random import Random
from tests.models import heavy, random_rbm


class Counting:
    """A method that counts its calls."""

    def __init__(self, width=0.0):
        self.width = width
        self.n_calls = 0

    def estimate(self, energy, random, draws):
        self.n_calls += 1
        half = self.width / 2
        return Estimate(3.0, 3.0 - half, 3.0 + half, 0.1, 7.0, "counting")


def test_computed_once_at_first_use():
    method = Counting()
    lazy = LogPartition(None, method, None)
    assert "not computed" in repr(lazy)
    assert method.n_calls == 0
    threads = [threading.Thread(target=lambda: lazy.value) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (lazy.value, lazy.lower, lazy.upper) == (3, 3, 3)
    assert (lazy.stderr, lazy.ess, lazy.method) == (0.1, 7, "counting")
    assert method.n_calls == 1
    assert "3.000" in repr(lazy)


def test_a_wide_bracket_warns():
    with pytest.warns(ConvergenceWarning, match=r"within 5\.0 nats"):
        _ = LogPartition(None, Counting(5.0), None).value


@heavy
def test_copies_compute_the_same_value():
    energy = random_rbm(("spin", "bernoulli"), 11, 7)
    method = AIS(n_chains=11, tolerance=0.5)
    lazy = LogPartition(energy, method, Random(3), n_jobs=1)
    twin = pickle.loads(pickle.dumps(lazy))
    assert twin.value == lazy.value
    assert pickle.loads(pickle.dumps(lazy)).value == lazy.value


def test_exact_value():
    energy = random_rbm(("spin", "bernoulli"), 11, 7)
    lazy = LogPartition(energy, ExactPartition(), Random(3))
    assert lazy.value == ExactPartition().estimate(energy).value
