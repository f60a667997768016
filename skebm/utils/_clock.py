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
        share_of_time = 0.0
        if self.max_time is not None:
            share_of_time = (time.perf_counter() - self.started) / self.max_time
        return min(1.0, max(n_epochs / self.n_iter, share_of_time))

    @property
    def is_over(self):
        """Whether the time is spent."""
        return self.progress(0) >= 1
