"""Ctrl-C and forks at any moment."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from numba.core.compiler_lock import global_compiler_lock

from skebm.utils._blas import BlasLimit
from skebm.utils._compiler import release_compiler
from skebm.utils._lazy import Lazy
from skebm.utils._parallel import map_parts, use_threads
from skebm.utils._sklearn import available_threads
from tests.models import heavy

ROOT = Path(__file__).parents[2]

needs_fork = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="needs fork"
)
has_timer = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="needs a timer that interrupts"
)


@heavy
@has_timer
def test_interrupted_calls_return():
    """The script ends its process when a call does not return."""
    owner = "RBMDensity, threads"
    names = [f"{owner}.{name}" for name in ("transform", "gibbs", "reconstruct")]
    names += [
        "RBMDensity.partial_fit",
        "EnergyClassifier.fit",
        "DocumentDensity.score_samples",
    ]
    command = [sys.executable, "-m", "tests.interrupts", "--seconds", "6", "--only"]
    run = subprocess.run(
        [*command, *names], capture_output=True, text=True, timeout=300, cwd=ROOT
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert int(re.search(r"'interrupted': (\d+)", run.stdout)[1]) > 50


@pytest.mark.skipif(available_threads() < 2, reason="needs two cores")
def test_helpers_are_waited_for_when_the_owner_is_interrupted():
    """They may write where the owner goes on."""
    started, finished = threading.Barrier(2, timeout=30), []

    def part(k):
        is_owner = threading.current_thread() is threading.main_thread()
        started.wait()
        if is_owner:
            raise KeyboardInterrupt
        finished.append(threading.Event().wait(0.05))

    with use_threads(2), pytest.raises(KeyboardInterrupt):
        map_parts(part, range(2))
    assert len(finished) == 1
    with use_threads(2):
        assert map_parts(abs, range(-3, 3)) == [3, 2, 1, 0, 1, 2]


def test_a_limit_may_be_lifted_twice():
    limit, first, second = BlasLimit(), object(), object()
    limit.hold(first)
    before, limit.numbers = limit.numbers, [1] * len(limit.numbers)
    limit.hold(second)
    limit.release(first)
    limit.release(first)
    assert limit.holders == {second}
    limit.numbers = before
    limit.release(second)
    assert limit.numbers is None


def test_the_lock_of_the_compiler_is_given_back():
    for _ in range(3):
        global_compiler_lock.acquire()
    release_compiler()
    taken = []

    def take():
        taken.append(global_compiler_lock._lock.acquire(timeout=10))
        global_compiler_lock._lock.release()

    thread = threading.Thread(target=take)
    thread.start()
    thread.join(20)
    assert taken == [True]


@heavy
@has_timer
@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="main thread only"
)
def test_an_interrupt_waits_for_the_compiler():
    old, steps = signal.signal(signal.SIGALRM, signal.default_int_handler), []

    def work():
        with global_compiler_lock:
            with global_compiler_lock:
                signal.raise_signal(signal.SIGALRM)
                steps.append("inner")
            steps.append("outer")

    try:
        with pytest.raises(KeyboardInterrupt):
            work()
        assert signal.getsignal(signal.SIGALRM) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGALRM, old)
    assert steps == ["inner", "outer"]


def exit_code_of_child(work):
    """Return the exit code of a forked process: -9 if it has to be killed."""
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(20)
    child.kill()
    child.join(20)
    return child.exitcode


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_does_not_wait_for_what_a_thread_of_its_parent_computes():
    lazy, begun, end = Lazy(), threading.Event(), threading.Event()

    def compute():
        begun.set()
        end.wait(60)
        return os.getpid()

    thread = threading.Thread(target=lazy._once, args=("key", compute))
    thread.start()
    begun.wait(60)
    try:
        assert exit_code_of_child(lambda: lazy._once("key", os.getpid)) == 0
    finally:
        end.set()
        thread.join(60)
    assert lazy._once("key", None) == os.getpid()


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_waits_for_the_compiler():
    """Else the child would wait for a thread that it does not have."""
    held = threading.Event()

    def compile():
        with global_compiler_lock:
            held.set()
            threading.Event().wait(0.2)

    def work():
        with global_compiler_lock:
            pass
        with use_threads(2):
            pass

    thread = threading.Thread(target=compile)
    thread.start()
    held.wait(60)
    assert exit_code_of_child(work) == 0
    thread.join(60)
