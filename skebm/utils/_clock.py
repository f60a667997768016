"""How much of a training is done."""

import time


class Clock:
    """The progress of a training, by epochs and by seconds.

    Parameters
    ----------
    n_iter : int
        Number of epochs.
    max_time : float or None
        Number of seconds.
    """

    def __init__(self, n_iter, max_time):
        self.n_iter, self.max_time = n_iter, max_time
        self.started = time.perf_counter()

    def progress(self, n_epochs):
        """Return the share of epochs or of time, whichever is larger, at most 1."""
        return min(1.0, max(n_epochs / self.n_iter, self._share_of_time))

    @property
    def is_over(self):
        """Whether the time is spent."""
        return self._share_of_time >= 1

    @property
    def _share_of_time(self):
        if self.max_time is None:
            return 0.0
        return (time.perf_counter() - self.started) / self.max_time
