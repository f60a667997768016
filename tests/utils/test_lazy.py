import pickle
import threading

import pytest

from skebm.utils._lazy import Lazy


class Counting(Lazy):
    """Counts what it computes and what it looks at."""

    def __init__(self, n_jobs=None):
        super().__init__(n_jobs)
        self.computed, self.looked_at = [], []

    def get(self, key):
        return self._once(key, lambda: self.computed.append(key) or 2 * key)

    def _after_first_use(self, result):
        self.looked_at.append(result)


def test_each_key_is_computed_once():
    lazy = Counting(n_jobs=1)
    threads = [threading.Thread(target=lazy.get, args=(7,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [lazy.get(key) for key in (7, 11, 7)] == [14, 22, 14]
    assert (lazy.computed, lazy.looked_at) == ([7, 11], [14, 22])


def test_an_error_is_not_kept():
    lazy, answers = Lazy(), [ZeroDivisionError]

    def compute():
        raise answers.pop()

    with pytest.raises(ZeroDivisionError):
        lazy._once("key", compute)
    assert lazy._once("key", lambda: 3) == 3


def test_pickles_keep_the_results():
    lazy = Counting()
    lazy.get(7)
    twin = pickle.loads(pickle.dumps(lazy))
    assert (twin.get(7), twin.get(11), twin.computed) == (14, 22, [7, 11])
    assert lazy.computed == [7]
