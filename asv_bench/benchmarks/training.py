"""The first fit of a process, and updates a second of all registered parts."""

import tempfile
import time

from skebm.layers import LAYERS
from skebm.objectives import OBJECTIVES
from skebm.optimizers import OPTIMIZERS, SCHEDULES
from skebm.training import Plan, Training, train
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random

from .common import SHAPES, make_data, make_rbm, run_fresh

_FIRST_FIT = """
import time
from sklearn.datasets import load_digits
from skebm import RBMDensity
X = (load_digits().data > 7).astype("float32")
start = time.perf_counter()
RBMDensity(n_components=64, n_iter=1, random_state=0).fit(X)
print(time.perf_counter() - start)
"""
_BATCH = 100


class FirstFit:
    """One epoch on scikit-learn's digits, in a fresh process."""

    timeout = 300

    def track_cold(self):
        """Time the fit with an empty compiler cache."""
        with tempfile.TemporaryDirectory() as folder:
            return float(run_fresh(_FIRST_FIT, NUMBA_CACHE_DIR=folder))

    track_cold.unit = "s"

    def track_warm(self):
        """Time the fit with a compiler cache that another process has filled."""
        with tempfile.TemporaryDirectory() as folder:
            run_fresh(_FIRST_FIT, NUMBA_CACHE_DIR=folder)
            return float(run_fresh(_FIRST_FIT, NUMBA_CACHE_DIR=folder))

    track_warm.unit = "s"


class Updates:
    """Updates a second with batches of 100 rows and 100 chains, in float32."""

    params = (list(LAYERS), list(OBJECTIVES), list(OPTIMIZERS), list(SHAPES))
    param_names = ("visible", "objective", "optimizer", "shape")
    n_updates = 20

    def setup(self, visible, objective, optimizer, shape):
        """Build the model, and run one epoch to compile."""
        self.X = make_data(visible, _BATCH * self.n_updates, shape[0])
        energy = make_rbm(visible, shape, self.X)
        needs = getattr(OBJECTIVES[objective], "requires", ())
        if not all(hasattr(energy, capability) for capability in needs):
            raise NotImplementedError  # asv's way to skip
        plan = Plan(
            objective=OBJECTIVES[objective](),
            optimizer=OPTIMIZERS[optimizer](),
            schedule=SCHEDULES["linear"],
            learning_rate=1e-3,
            n_iter=1,
            batch_size=_BATCH,
        )
        self.plan = plan
        with use_threads():
            self.training = Training.start(energy, plan, Random(1))
            self._epoch()

    def _epoch(self):
        train(self.training, self.X, None, self.plan, lambda training, rate: None)

    def track_updates(self, visible, objective, optimizer, shape):
        """Return the updates a second of the fastest of three epochs."""
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            with use_threads():
                self._epoch()
            best = min(best, time.perf_counter() - start)
        return self.n_updates / best

    track_updates.unit = "updates/s"
