"""The lock of numba, for which all threads wait that compile or load a kernel.

Ctrl-C in the midst of that would leave numba with half of what it needs, for good. So
it is put off until numba is done.
"""

import signal
from contextlib import suppress
from threading import current_thread, main_thread

from numba.core import event
from numba.core.compiler_lock import global_compiler_lock as compiler_lock

# Far more holds than the compiler nests.
_MAX_HOLDS = 1000


def release_compiler():
    """Give the lock back, if this thread holds it and is not compiling.

    Ctrl-C between the steps in which numba takes its lock leaves it taken for ever, and
    other threads wait in vain.
    """
    with suppress(RuntimeError):  # it is not held, or no longer
        for _ in range(_MAX_HOLDS):
            compiler_lock.release()


class _Delay(event.Listener):
    """Puts signals off from when the main thread wants the lock until it has left it.

    Python runs the handlers of signals in the main thread alone.
    """

    def __init__(self):
        self.depth, self.handlers, self.came = 0, {}, []

    def on_start(self, event):
        """Replace all handlers, at the first of nested holds."""
        if current_thread() is not main_thread():
            return
        if self.depth == 0:
            try:
                for number in signal.valid_signals():
                    handler = signal.getsignal(number)
                    if callable(handler) and handler != self._note:
                        self.handlers[number] = handler
                        signal.signal(number, self._note)
            except BaseException:
                self._restore()
                raise
        self.depth += 1

    def on_end(self, event):
        """Put the handlers back, and call those that were asked for."""
        if current_thread() is not main_thread() or self.depth == 0:
            return
        self.depth -= 1
        if self.depth == 0:
            self._restore()

    def reset(self):
        """Put the handlers back in a forked child, where nobody compiles."""
        self.depth, self.came = 0, []
        self._restore()

    def _note(self, number, frame):
        if self.depth == 0:  # a handler that was put back first has ended _restore
            return self.handlers[number](number, frame)
        self.came.append((self.handlers[number], number, frame))

    def _restore(self):
        for number in list(self.handlers):
            signal.signal(number, self.handlers[number])
            del self.handlers[number]
        came, self.came = self.came, []
        for handler, *arguments in came:
            handler(*arguments)


delay = _Delay()
event.register("numba:compiler_lock", delay)
