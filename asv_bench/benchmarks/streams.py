"""Detectors of anomalies that learn from streams."""

from copy import deepcopy

import numpy as np

from skebm import EBMAnomalyDetector

_PIECE = 1000


class Streams:
    """One more piece of 1000 rows, after a number of rows before."""

    params = ([1_000, 20_000], [10, 100], [None, 5_000])
    param_names = ("rows before", "columns", "half_life")
    # A piece changes the detector, so each measurement is of a new copy.
    number, warmup_time = 1, 0

    def setup(self, n_rows, n_features, half_life):
        """Learn the rows before, and one piece to compile."""
        rng = np.random.default_rng(0)
        self.X = rng.standard_t(5, size=(n_rows + 2 * _PIECE, n_features))
        detector = EBMAnomalyDetector(half_life=half_life, random_state=0)
        detector.partial_fit(self.X[:n_rows])
        deepcopy(detector).partial_fit(self.X[n_rows : n_rows + _PIECE])
        self.detector = detector

    def time_partial_fit(self, n_rows, n_features, half_life):
        """Learn one piece."""
        self.detector.partial_fit(self.X[-_PIECE:])

    def time_score_samples(self, n_rows, n_features, half_life):
        """Score one piece, as a stream does before it learns it."""
        self.detector.score_samples(self.X[-_PIECE:])

    def peakmem_partial_fit(self, n_rows, n_features, half_life):
        """Learn one piece, with the rows that are kept."""
        self.detector.partial_fit(self.X[-_PIECE:])
