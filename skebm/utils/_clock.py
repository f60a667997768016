"""How much of a training is done."""

import time

# Seconds of a call of a kernel that does several updates. Ctrl-C has to wait so long.
_CALL_SECONDS = 0.03


class Clock:
    """The progress of a training, by epochs and by seconds.

    Parameters
    ----------
    n_iter : int
        Number of epochs.
    max_time : float or None
        Number of seconds.

    Attributes
    ----------
    n_at_once : int
        Number of updates that the next call of a kernel does.
    """

    def __init__(self, n_iter, max_time):
        self.n_iter, self.max_time = n_iter, max_time
        self.started = time.perf_counter()
        self.n_at_once = 1

    def progress(self, n_epochs):
        """Return the share of epochs or of time, whichever is larger, at most 1."""
        return min(1.0, max(n_epochs / self.n_iter, self._share_of_time))

    def pace(self, n_updates, seconds):
        """Settle the number of updates of the next call by the seconds of the last."""
        limit = int(_CALL_SECONDS * n_updates / max(seconds, 1e-9))
        self.n_at_once = max(1, min(10 * self.n_at_once, limit))

    @property
    def is_over(self):
        """Whether the time is spent."""
        return self._share_of_time >= 1

    @property
    def _share_of_time(self):
        if self.max_time is None:
            return 0.0
        return (time.perf_counter() - self.started) / self.max_time
