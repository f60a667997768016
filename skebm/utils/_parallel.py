"""The only place that starts threads, and the only one that limits those of BLAS.

There is one level of parallelism. Within :func:`use_threads`, BLAS runs on one thread
and :func:`map_blocks` spreads blocks of rows over a pool; a block goes through all of
its work without a barrier. Blocks depend on the number of rows and on the model's size,
never on the number of threads, so neither do the results.
"""

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock

from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from threadpoolctl import ThreadpoolController

from skebm.utils._sklearn import available_threads

# Matrix products of fewer rows than this waste half their time on packing the weights
# (784 x 500, one core: 48 GFLOP/s with 25 rows, 81 with 50); more only cost balance.
BLOCK_ROWS = 64
# Multiply-adds between two touches of the interpreter below which threads wait for its
# lock, and for waking up (40 us), longer than they save.
_SERIAL_WORK = 8_000_000

_n_threads = ContextVar("n_threads", default=1)


def blocks(n_rows, size=BLOCK_ROWS):
    """Return slices of equal length (to within one) that cover ``range(n_rows)``."""
    n_blocks = max(1, -(-n_rows // size))
    edges = [n_rows * b // n_blocks for b in range(n_blocks + 1)]
    return [slice(lo, hi) for lo, hi in itertools.pairwise(edges)]


def map_blocks(function, n_rows, work_per_row, size=BLOCK_ROWS):
    """Return ``[function(block) for block in blocks(n_rows)]``, on several threads.

    ``work_per_row``, in multiply-adds a step, tells whether that is worth while: where
    it is not, all rows are one block.
    """
    if n_rows <= size or n_rows * work_per_row < _SERIAL_WORK:
        return [function(slice(0, n_rows))]
    parts = blocks(n_rows, size)
    n_threads = min(_n_threads.get(), len(parts))
    if n_threads == 1:
        return [function(part) for part in parts]
    results = [None] * len(parts)
    queue = iter(range(len(parts)))  # `next` is atomic

    def drain():
        for b in queue:
            results[b] = function(parts[b])

    helpers = [_pool().submit(drain) for _ in range(n_threads - 1)]
    try:
        drain()
    finally:
        # A helper that never started has nothing to do: no fit waits for another's.
        started = [helper for helper in helpers if not helper.cancel()]
        errors = [error for helper in started if (error := helper.exception())]
    if errors:
        raise errors[0]
    return results


def resolve_n_jobs(n_jobs):
    """Return the number of threads that ``n_jobs`` asks for, clamped to the machine.

    ``None`` means all cores, or what ``joblib.parallel_config`` says; inside a worker
    of joblib it means the cores that this worker is entitled to.
    """
    available = available_threads()
    if n_jobs is not None:
        # joblib answers 1 inside its own threads: cores are shared there already.
        return max(1, min(effective_n_jobs(n_jobs), available))
    backend, configured = get_active_backend()
    if getattr(backend, "nesting_level", 0):
        return 1
    configured = effective_n_jobs(configured) if configured not in (None, 1) else 0
    return min(configured or available, available)


@contextmanager
def use_threads(n_jobs=None):
    """Give the block its threads and hold BLAS at one, for all concurrent holders."""
    token = _n_threads.set(resolve_n_jobs(n_jobs))
    _blas.hold()
    try:
        yield
    finally:
        _blas.release()
        _n_threads.reset(token)


class _BlasLimit:
    """A limit that is process-wide, hence counted: the last holder lifts it."""

    def __init__(self):
        self.lock = Lock()
        self.holders = 0
        self.controller = None
        self.limit = None

    def hold(self):
        with self.lock:
            if self.holders == 0:
                if self.controller is None:
                    self.controller = ThreadpoolController().select(user_api="blas")
                self._disown()
                self.limit = self.controller.limit(limits=1)
            self.holders += 1

    def release(self):
        with self.lock:
            self.holders -= 1
            if self.holders == 0:
                self._restore()

    def _restore(self):
        # threadpoolctl >= 3.7 lets only the thread that set a limit change it, and
        # does nothing, in silence, for any other: the last holder may be another one.
        self._disown()
        self.limit.restore_original_limits()
        self._disown()
        self.limit = None

    def _disown(self):
        for library in self.controller.lib_controllers:
            if hasattr(library, "clear_controlling_thread"):
                library.clear_controlling_thread(force=True)

    def after_fork(self):
        # The child has none of the parent's threads, so none of its holders either
        # (a fork from inside a fit keeps the limit: its own holder never releases).
        self.lock = Lock()
        if self.holders:
            self._restore()
        self.holders = 0


_blas = _BlasLimit()
_executor = None
_executor_lock = Lock()


def _pool():
    global _executor
    with _executor_lock:
        if _executor is None:
            _executor = ThreadPoolExecutor(
                max(1, available_threads() - 1), thread_name_prefix="skebm"
            )
        return _executor


def _after_fork():
    global _executor, _executor_lock
    _executor, _executor_lock = None, Lock()
    _blas.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
