"""The only place that starts threads.

There is one level of parallelism. Within :func:`use_threads`, BLAS runs on one thread
and :func:`map_blocks` spreads blocks of rows over a crew; a block goes through all of
its work without a barrier. Blocks depend on the number of rows and on the model's size,
never on the number of threads, so neither do the results.
"""

import itertools
import os
import time
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from threading import Lock, Thread

import numpy as np
from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from numba import config

from skebm.utils._blas import BlasLimit
from skebm.utils._compiler import compiler_lock as _compiler
from skebm.utils._compiler import delay, release_compiler
from skebm.utils._phases import board, watch
from skebm.utils._sklearn import available_threads
from skebm.utils._tasks import is_task_of_dask

# Matrix products of fewer rows than this waste half their time on packing the weights
# (784 x 500, one core: 48 GFLOP/s with 25 rows, 81 with 50); more only cost balance.
BLOCK_ROWS = 64
# Multiply-adds between two touches of the interpreter below which threads wait for its
# lock, and for waking up (40 us), longer than they save.
SERIAL_WORK = 8_000_000
# Numbers, and rows, that one thread changes at a time if no number depends on another:
# some 50 us of work, beside a few for the call.
_BLOCK_NUMBERS, _FEWEST_ROWS = 65_536, 256

# Looks at a number before a thread gives up and sleeps: some two milliseconds. The
# interpreter's lock is free meanwhile, so without the compiler there are none.
_SPINS = 0 if config.DISABLE_JIT else 2_000_000

# A thread that gets less than this share of its core has neighbours, and so have the
# threads that it waits for.
_CROWDED = 0.8
# Then one thread does all phases, for this number of calls.
_CALLS_ALONE = 10
# A call of fewer seconds tells nothing.
_NOTICEABLE = 0.005

_NOTHING = iter(())

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
    return map_parts(function, blocks_of(n_rows, work_per_row, size))


def start_blocks(function, n_rows, work_per_row, size=BLOCK_ROWS):
    """Begin what :func:`map_blocks` does; ``result()`` of the answer ends it.

    Other threads begin at once; they leave it for a job that starts later and take it
    up again after that, and this thread joins in at ``result()``.
    """
    return _Job(function, blocks_of(n_rows, work_per_row, size)).share()


def map_parts(function, parts):
    """Return ``[function(part) for part in parts]``, on several threads."""
    return _Job(function, parts).result()


def blocks_of(n_rows, work_per_row, size=BLOCK_ROWS):
    """Return :func:`blocks`, or all rows as one where they are little work."""
    small = n_rows <= size or n_rows * work_per_row < SERIAL_WORK
    return [slice(0, n_rows)] if small else blocks(n_rows, size)


def rows_of_numbers(width):
    """Return ``size`` of blocks of work on single numbers, ``width`` of them a row."""
    return max(_FEWEST_ROWS, _BLOCK_NUMBERS // max(width, 1))


class _Job:
    """Calls of a function that any thread may take.

    Ctrl-C may strike its owner between any two steps. So whatever another thread waits
    for is counted by the helpers, which Ctrl-C never strikes.
    """

    def __init__(self, function, parts):
        self.function, self.parts = function, parts
        self.is_shared, self.errors = False, []
        self.results = [None] * len(parts)
        self.queue = iter(range(len(parts)))  # `next` is atomic
        self.busy = np.zeros(1, dtype=np.int64)

    def share(self):
        """Let other threads begin, unless they have or nobody helps."""
        n_helpers = min(_n_threads.get(), len(self.parts)) - 1
        if n_helpers > 0 and not self.is_shared:
            self.is_shared = True
            _crew.jobs[id(self)] = self
            _crew.call(n_helpers)
        return self

    def result(self):
        """Do what nobody has begun, wait for the rest, return the list of results."""
        try:
            self.share()
            while (b := next(self.queue, None)) is not None:
                self.results[b] = self.function(self.parts[b])
            self._wait()
        except BaseException:
            self.queue = _NOTHING  # after Ctrl-C nothing new begins
            release_compiler()
            self._wait()
            raise
        finally:
            _crew.jobs.pop(id(self), None)
        if self.errors:
            raise self.errors[0]
        return self.results

    def _wait(self):
        """Wait for parts that others have begun; only then raise a KeyboardInterrupt.

        They write where the owner would go on writing.
        """
        interrupt = None
        while self.busy[0]:
            try:
                if not watch(self.busy, 0, True, _SPINS):
                    time.sleep(1e-4)
            except KeyboardInterrupt as error:
                interrupt = error
        if interrupt is not None:
            raise interrupt

    def help_once(self):
        """Do one call in a thread of the crew; say whether there was one left."""
        # Whoever finds the queue empty afterwards sees that this thread may be busy.
        self._count(1)
        try:
            b = next(self.queue, None)
            if b is None:
                _crew.jobs.pop(id(self), None)
                return False
            self.results[b] = self.function(self.parts[b])
        except BaseException as error:
            self.errors.append(error)
            self.queue = _NOTHING
        finally:
            self._count(-1)
        return True

    def _count(self, change):
        with _crew.lock:
            self.busy[0] += change


class _Crew:
    """Threads that help with jobs, for as long as the process lives.

    A thread that goes to sleep between two jobs may need a millisecond to come back,
    since its core does: on a virtual machine, two threads were no faster than one.
    So it first watches for a while, without the interpreter's lock.
    """

    def __init__(self):
        self.jobs = {}
        self.calls = np.zeros(1, dtype=np.int64)
        self.members = 0
        self.lock = Lock()  # of the helpers alone
        self.sleepers = []
        self.calls_alone = 0

    def call(self, n_helpers):
        """Wake the crew, and let it grow to this many threads.

        Without a lock, which Ctrl-C could leave locked for ever; at worst a thread too
        many is started.
        """
        self.calls[0] += 1
        for bell in list(self.sleepers):
            if bell.locked():
                with suppress(RuntimeError):  # another caller was faster
                    bell.release()
        for _ in range(n_helpers - self.members):
            Thread(target=self.serve, name="skebm", daemon=True).start()
            self.members += 1

    def has_room(self):
        """Whether threads that wait for each other get cores at the same time."""
        self.calls_alone = max(0, self.calls_alone - 1)
        return self.calls_alone == 0

    def serve(self):
        """Take calls of the newest job that has any, for ever."""
        while True:
            seen = int(self.calls[0])
            while any(job.help_once() for job in list(self.jobs.values())[::-1]):
                pass
            if watch(self.calls, seen, False, _SPINS):
                continue
            bell = Lock()
            bell.acquire()
            self.sleepers.append(bell)
            if self.calls[0] == seen:  # else it was called before it had a bell
                bell.acquire()
            self.sleepers.remove(bell)


def ahead(function, items):
    """Yield ``function(item)`` for each item, while a thread computes the next one."""
    coming = None
    for item in items:
        done = coming and coming.result()
        coming = _Job(function, [item])
        Thread(target=coming.help_once, name="skebm", daemon=True).start()
        if done:
            yield done[0]
    if coming:
        yield coming.result()[0]


def run_phases(kernel, n_phases, n_threads, *args):
    """Call ``kernel(crew, *args)`` on several threads, which share its parts.

    The kernel consists of phases, one after the other; each has a number of parts that
    any thread may do, and none begins before all parts of the one before are done::

        k = take(crew, phase)
        while k < n_parts:
            ...
            k = take_next(crew, phase)
        phase = meet(crew, phase, n_parts)

    A barrier costs a microsecond here, where the end of a job and the start of the next
    one cost a hundred, and all of them need the interpreter's lock. A thread that comes
    late, or never, is not waited for.
    """
    n_threads = min(_n_threads.get(), n_threads)
    if config.DISABLE_JIT or not _crew.has_room():
        n_threads = 1
    crew = board(n_phases), n_threads == 1
    if n_threads == 1:
        kernel(crew, *args)
        return
    started, used = time.perf_counter(), time.thread_time()
    map_parts(lambda _: kernel(crew, *args), range(n_threads))
    passed, used = time.perf_counter() - started, time.thread_time() - used
    if passed > _NOTICEABLE and used < _CROWDED * passed:
        _crew.calls_alone = _CALLS_ALONE


def resolve_n_jobs(n_jobs):
    """Return the number of threads that ``n_jobs`` asks for, clamped to the machine.

    ``None`` means all cores, or what ``joblib.parallel_config`` says; inside a worker
    of joblib it means the cores that this worker is entitled to. A task of Dask is
    entitled to one: a worker does as many tasks at a time as it has threads.
    """
    if n_jobs is None and is_task_of_dask():
        return 1
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
def use_threads(n_jobs=None, granted=None):
    """Give the block its threads and hold BLAS at one, for all concurrent holders.

    ``granted`` is a number of threads that is known, and not to be clamped.
    """
    n_threads, before, holder = granted, _n_threads.get(), object()
    if granted is None:
        n_threads = resolve_n_jobs(n_jobs)
    try:
        _n_threads.set(n_threads)
        _blas.hold(holder)
        yield
    finally:
        # Ctrl-C may strike here too: then all of it is done again.
        try:
            release_compiler()
            _n_threads.set(before)
            _blas.release(holder)
        except KeyboardInterrupt:
            _n_threads.set(before)
            _blas.release(holder)
            raise


_blas = BlasLimit()
_crew = _Crew()


def _before_fork():
    # The child gets all locks as they are. What another thread holds, it never gives
    # back there.
    _compiler.acquire()
    _blas.lock.acquire()


def _after_fork():
    _blas.lock.release()
    _compiler.release()


def _after_fork_in_child():
    global _crew
    _after_fork()
    delay.reset()
    _crew = _Crew()
    _blas.drop_holders()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork,
        after_in_child=_after_fork_in_child,
    )
