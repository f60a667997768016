"""The only place that limits the threads of BLAS."""

from threading import Lock

from scipy.linalg import cython_blas  # noqa: F401  numba's np.dot; limited below
from threadpoolctl import ThreadpoolController


class BlasLimit:
    """A limit that is process-wide: the last of the holders lifts it.

    Each step may be interrupted, and be done again.
    """

    def __init__(self):
        self.lock = Lock()
        self.holders = set()
        self.libraries = None
        self.numbers = None

    def hold(self, holder):
        """Set the limit, unless another holder has."""
        with self.lock:
            if self.libraries is None:
                controller = ThreadpoolController().select(user_api="blas")
                self.libraries = controller.lib_controllers
            self.holders.add(holder)
            if self.numbers is None:
                self.numbers = [library.num_threads for library in self.libraries]
                self._set([1] * len(self.numbers))

    def release(self, holder):
        """Lift the limit if this is the last holder; twice is as good as once."""
        with self.lock:
            self.holders.discard(holder)
            if not self.holders:
                self._restore()

    def _restore(self):
        if self.numbers is not None:
            self._set(self.numbers)
            self.numbers = None

    def _set(self, numbers):
        # threadpoolctl >= 3.7 lets only the thread that set a limit change it, and
        # does nothing, in silence, for any other: the last holder may be another one.
        self._disown()
        for library, number in zip(self.libraries, numbers, strict=True):
            library.set_num_threads(number)
        self._disown()

    def _disown(self):
        for library in self.libraries:
            if hasattr(library, "clear_controlling_thread"):
                library.clear_controlling_thread(force=True)

    def drop_holders(self):
        """Lift the limit in a forked child, which has none of the holders' threads.

        A holder that forks keeps no limit there: it never releases it.
        """
        self.holders = set()
        self._restore()
