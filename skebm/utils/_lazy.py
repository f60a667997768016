"""Results that are computed once, at first use, and kept."""

import os
from threading import Lock

from skebm.utils._parallel import use_threads


class Lazy:
    """Base of objects whose results are computed at first use and kept.

    A lock makes threads that ask at the same time wait for one computation. Pickles and
    copies leave the lock out and get a new one. So does a forked process: there nobody
    would give back a lock that another thread had taken.

    Parameters
    ----------
    n_jobs : int, default=None
        Number of threads of a computation.
    """

    def __init__(self, n_jobs=None):
        self._n_jobs = n_jobs
        self._results = {}
        self._locks = {}

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name != "_locks"}

    def __setstate__(self, state):
        vars(self).update(state)
        self._locks = {}

    def _once(self, key, compute):
        """Return the result kept under ``key``; compute and keep it if there is none.

        Parameters
        ----------
        key : hashable
        compute : callable
            Takes no arguments and returns the result.
        """
        with self._locks.setdefault(os.getpid(), Lock()):
            if key not in self._results:
                with use_threads(self._n_jobs):
                    result = compute()
                self._results[key] = result
                self._after_first_use(result)
        return self._results[key]

    def _after_first_use(self, result):
        """Look at a result that has just been computed, for instance to warn."""
