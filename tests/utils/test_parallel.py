import itertools
import multiprocessing
import threading
import time

import numpy as np
import pytest
import scipy.linalg  # noqa: F401
from joblib import Parallel, delayed, parallel_config
from numba import config, njit
from threadpoolctl import threadpool_info

import skebm.utils._parallel
from skebm.utils._parallel import (
    blocks,
    map_blocks,
    resolve_n_jobs,
    run_phases,
    use_threads,
)
from skebm.utils._phases import meet, take, take_next
from skebm.utils._random import Random
from skebm.utils._sklearn import available_threads
from tests.models import random_rbm

BUSY = 10**9
two_cores = pytest.mark.skipif(available_threads() < 2, reason="needs two cores")


def draw(n_jobs=None, seed=3, n_rows=257):
    """Return rows that were drawn in blocks by an RBM, on ``n_jobs`` threads."""
    energy = random_rbm(("bernoulli", "spin"), 11, 7)
    random = Random(seed)

    def block(part):
        own = random.rows(part.start)
        n = part.stop - part.start
        chains = energy.chains(energy.reference.sample(n, own.fold(0)))
        return energy.gibbs_sweep(chains, own.fold(1)).visible

    with use_threads(n_jobs):
        return np.concatenate(map_blocks(block, n_rows, BUSY))


@njit(nogil=True)
def relay(crew, out):
    """Fill each line from the one before: wrong if a phase begins too early."""
    for phase in range(len(out) - 1):
        k = take(crew, phase)
        while k < out.shape[1]:
            out[phase + 1, k] = (3 * out[phase].sum() + k) % 1009
            k = take_next(crew, phase)
        meet(crew, phase, out.shape[1])


def relay_in_turn(n_phases, n_parts):
    out = np.zeros((n_phases + 1, n_parts), dtype=np.int64)
    for line, following in itertools.pairwise(out):
        following[:] = (3 * line.sum() + np.arange(n_parts)) % 1009
    return out


def blas_threads():
    return {
        pool["filepath"]: pool["num_threads"]
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    }


@pytest.mark.parametrize("n_rows", [0, 1, 63, 64, 65, 100, 1009])
def test_blocks_cover_the_rows_evenly(n_rows):
    parts = blocks(n_rows)
    rows = np.concatenate([np.arange(n_rows)[part] for part in parts])
    np.testing.assert_array_equal(rows, np.arange(n_rows))
    lengths = [part.stop - part.start for part in parts]
    assert max(lengths) <= 64
    assert max(lengths) - min(lengths) <= 1


def test_results_do_not_depend_on_threads():
    np.testing.assert_array_equal(draw(1), draw(2))
    np.testing.assert_array_equal(draw(1), draw(None))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_phases_wait_for_each_other(n_jobs):
    n_phases = 101 if config.DISABLE_JIT else 100_003
    out = np.zeros((n_phases + 1, 5), dtype=np.int64)
    with use_threads(n_jobs):
        run_phases(relay, n_phases, 2, out)
    np.testing.assert_array_equal(out, relay_in_turn(n_phases, 5))


compiled = pytest.mark.skipif(
    config.DISABLE_JIT, reason="then there is one thread only"
)


@two_cores
@compiled
def test_phases_are_done_alone_where_cores_are_taken(monkeypatch):
    crew = skebm.utils._parallel._Crew()
    monkeypatch.setattr("skebm.utils._parallel._crew", crew)
    crew.calls_alone, alone = 3, []
    # However busy this machine is.
    monkeypatch.setattr("skebm.utils._parallel._NOTICEABLE", np.inf)
    with use_threads(2):
        for _ in range(4):
            run_phases(lambda crew: alone.append(crew[1]), 1, 2)
        assert alone[:2] == [True, True]
        assert set(alone[2:]) == {False}
        monkeypatch.setattr("skebm.utils._parallel._NOTICEABLE", 0.0)
        # A thread that sleeps has nothing of its core.
        run_phases(lambda crew: time.sleep(0.01), 1, 2)
    assert crew.calls_alone == 10


@compiled
def test_phases_do_not_wait_for_a_thread_that_never_comes():
    out = np.zeros((102, 5), dtype=np.int64)
    relay((np.zeros(101 * 32, dtype=np.int64), False), out)
    np.testing.assert_array_equal(out, relay_in_turn(101, 5))


@two_cores
def test_blocks_run_at_the_same_time():
    barrier = threading.Barrier(2, timeout=30)
    with use_threads(2):
        map_blocks(lambda part: barrier.wait(), 2, BUSY, size=1)


def test_order_is_that_of_the_blocks():
    def block(part):
        time.sleep(0.01 * (part.start == 0))
        return part.start

    with use_threads(2):
        assert map_blocks(block, 7, BUSY, size=1) == list(range(7))


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("bad", [0, 6])
def test_exceptions_propagate(n_jobs, bad):
    def block(part):
        time.sleep(0.01)
        if part.start == bad:
            raise ZeroDivisionError("on purpose")

    with use_threads(n_jobs), pytest.raises(ZeroDivisionError, match="on purpose"):
        map_blocks(block, 7, BUSY, size=1)
    np.testing.assert_array_equal(draw(n_jobs), draw(1))  # the pool still works


@two_cores
def test_exceptions_propagate_from_helpers():
    started = threading.Barrier(2, timeout=30)

    def block(part):
        started.wait()
        if threading.current_thread() is not threading.main_thread():
            raise ZeroDivisionError("on purpose")

    with use_threads(2), pytest.raises(ZeroDivisionError, match="on purpose"):
        map_blocks(block, 2, BUSY, size=1)


def test_blas_threads_come_back_after_concurrent_use():
    before = blas_threads()
    with use_threads(1):  # threadpoolctl may remember which thread was the first
        pass
    barrier = threading.Barrier(3, timeout=30)
    release = threading.Event()
    within = []

    def work(k):
        barrier.wait()
        with use_threads(1 + k % 2):
            within.append(blas_threads())
            barrier.wait()  # all hold the limit at once
            time.sleep(0.01 * k)
            within.append(blas_threads())
        done.wait()  # stay alive: the last holder is not the first
        release.wait(30)

    done = threading.Barrier(4, timeout=30)
    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    done.wait()
    after = blas_threads()
    release.set()
    for thread in threads:
        thread.join(30)
    assert len(within) == 6
    assert {n for info in within for n in info.values()} == {1}, within
    assert after == before


def test_blas_threads_come_back_after_an_exception():
    before = blas_threads()
    with pytest.raises(ZeroDivisionError), use_threads(2):
        raise ZeroDivisionError
    assert blas_threads() == before


def test_concurrent_callers_get_their_own_results():
    results = {}

    def work(k):
        results[k] = draw(2, seed=k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for k in range(5):
        np.testing.assert_array_equal(results[k], draw(1, seed=k))


def _child(queue):
    queue.put(draw(2))


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="needs fork"
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("inside", [False, True])
def test_forked_child_works_after_use_in_the_parent(inside):
    expected = draw(2)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_child, args=(queue,))
    if inside:
        with use_threads(2):
            child.start()
    else:
        child.start()
    try:
        np.testing.assert_array_equal(queue.get(timeout=60), expected)
    finally:
        child.join(10)
        child.kill()


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_joblib_workers_draw_the_same(backend):
    drawn = Parallel(n_jobs=2, backend=backend)(delayed(draw)(seed=k) for k in range(3))
    for k in range(3):
        np.testing.assert_array_equal(drawn[k], draw(1, seed=k))


def test_n_jobs():
    available = available_threads()
    assert resolve_n_jobs(1) == 1
    assert resolve_n_jobs(-1) == resolve_n_jobs(None) == available
    assert resolve_n_jobs(10**4) == available
    with parallel_config(n_jobs=2):
        assert resolve_n_jobs(None) == min(2, available)
    nested = Parallel(n_jobs=2, backend="threading")(
        delayed(resolve_n_jobs)(None) for _ in range(2)
    )
    assert nested == [1, 1]
