"""Data sets, the floor of the matrix products, and single updates of the peers.

All scripts of this folder use this module. It imports a peer only where the peer is
used, so scripts that compare with scikit-learn alone run in the environment of skebm.
"""

import os
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from joblib import cpu_count
from sklearn.neural_network import BernoulliRBM
from threadpoolctl import threadpool_limits


def folder():
    """Return the folder of the data sets."""
    if "SKEBM_DATA" not in os.environ:
        raise SystemExit("Set SKEBM_DATA to the folder with the data sets.")
    return Path(os.environ["SKEBM_DATA"])


def peak_memory():
    """Return the peak of the resident memory of this process, in MiB.

    On Linux ``ru_maxrss`` begins with the peak of the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def load_mnist():
    """Return grey training and test images in [0, 1], float32."""
    with np.load(folder() / "mnist.npz") as data:
        return tuple(data[k].astype(np.float32) / 255 for k in ("X_train", "X_test"))


def load_thresholded():
    """Return training and test images of 0 and 1, float32."""
    return tuple((images > 0.5).astype(np.float32) for images in load_mnist())


def load_binary(name):
    """Return training, validation and test rows of 0 and 1, float32."""
    with np.load(folder() / "binary" / f"{name}.npz") as data:
        return tuple(
            data[f"X_{part}"].astype(np.float32) for part in ("train", "valid", "test")
        )


def load_census(keeps_unknown=False):
    """Return training and test frames of adult census, without labels.

    The level "?" is a missing cell, or a level of its own with ``keeps_unknown``.
    """
    import pandas as pd

    frames = []
    with np.load(folder() / "tabular" / "adult_census.npz") as data:
        for part in ("train", "test"):
            columns = {}
            for name in data["columns"]:
                values = data[f"{name}_{part}"]
                if f"{name}_levels" in data:
                    levels = list(data[f"{name}_levels"])
                    values = pd.Categorical.from_codes(values, levels)
                    if "?" in levels and not keeps_unknown:
                        values = values.remove_categories("?")
                columns[str(name)] = values
            frames.append(pd.DataFrame(columns))
    return frames


def load_wine(color="white"):
    """Return a data frame of the measurements and the grades of wines."""
    import pandas as pd

    with np.load(folder() / "tabular" / "wine_quality.npz") as data:
        frame = pd.DataFrame(data[f"X_{color}"], columns=map(str, data["columns"]))
        return frame.assign(quality=data[f"quality_{color}"].astype(int))


# -- the floor -------------------------------------------------------------------------


def products(shape, n_rows, n_chains, dtype):
    """Return a function that does only the matrix products of one PCD-1 update."""
    n_visible, n_hidden = shape
    rng = np.random.default_rng(0)
    weights = rng.random(shape).astype(dtype)
    both = rng.random((n_rows + n_chains, n_visible)).astype(dtype)
    hidden = rng.random((n_rows + n_chains, n_hidden)).astype(dtype)
    # A good implementation gets the gradients of both phases from one product.
    out = np.empty_like(both), np.empty_like(hidden), np.empty_like(weights)

    def update():
        np.matmul(both[:n_rows], weights, out=out[1][:n_rows])
        np.matmul(hidden[n_rows:], weights.T, out=out[0][n_rows:])
        np.matmul(both[n_rows:], weights, out=out[1][n_rows:])
        np.matmul(both.T, hidden, out=out[2])

    return update


def flops(shape, n_rows, n_chains):
    """Return the floating-point operations of `products`."""
    return 2 * shape[0] * shape[1] * (2 * n_rows + 3 * n_chains)


class Floor:
    """The matrix products of many updates, which set a floor for the time of training.

    Each core does whole updates with BLAS on one thread, so no product is split and no
    core waits for another.

    Parameters
    ----------
    shape : tuple of int
        Numbers of visible and hidden units.
    n_rows, n_chains : int
        Numbers of rows and chains in one update.
    dtype : dtype
    """

    def __init__(self, shape, n_rows, n_chains, dtype=np.float32):
        self.n_cores = cpu_count()
        self.flops = flops(shape, n_rows, n_chains)
        make = (products(shape, n_rows, n_chains, dtype) for _ in range(self.n_cores))
        self.updates = list(make)

    def run(self, n_updates):
        """Do this many updates, divided among the cores."""
        share = -(-n_updates // self.n_cores)

        def work(update):
            for _ in range(share):
                update()

        with threadpool_limits(1, "blas"), ThreadPoolExecutor(self.n_cores) as pool:
            list(pool.map(work, self.updates))

    def gflops(self, n_updates=200):
        """Return the present rate of the products, in GFLOP/s."""
        self.run(n_updates // 10)
        start = time.perf_counter()
        self.run(n_updates)
        return 1e-9 * self.flops * n_updates / (time.perf_counter() - start)


# -- the peers -------------------------------------------------------------------------


class SklearnRBM:
    """Single updates of `BernoulliRBM`, which has one chain for each row of a batch.

    Parameters
    ----------
    train : ndarray of shape (n, n_features)
        Training rows. Their dtype is the dtype of the training.
    n_components : int
    n_chains : int
        Number of chains, and of rows in a batch.
    rate : float
        Learning rate.
    n_threads : int
        Number of threads of BLAS.
    seed : int
    """

    def __init__(self, train, n_components, n_chains, rate, n_threads, seed=0):
        self.train, self.n_threads = train, n_threads
        self.draws = np.random.default_rng(seed)
        self.model = BernoulliRBM(
            n_components, learning_rate=rate, batch_size=n_chains, random_state=seed
        )

    @contextmanager
    def threads(self):
        """Set the number of threads inside the block."""
        with threadpool_limits(self.n_threads, "blas"):
            yield

    def draw(self, n_rows):
        """Return a batch in which grey values are drawn as 0 or 1."""
        rows = self.train[self.draws.integers(0, len(self.train), n_rows)]
        drawn = self.draws.random(rows.shape, dtype=np.float32) < rows
        return drawn.astype(self.train.dtype)

    def update(self, rows):
        """Take one step."""
        self.model.partial_fit(rows)

    def parameters(self):
        """Return copies of the components and of the visible and hidden intercepts."""
        model = self.model
        arrays = model.components_, model.intercept_visible_, model.intercept_hidden_
        return [np.array(a, dtype=self.train.dtype) for a in arrays]


class Rbms:
    """Single updates of `rbms.training.pcd.train`, without progress bar and files.

    The data set of `rbms` draws a permutation of all rows for each batch. This class
    draws the rows of a batch directly. The parameters have the meaning that they have
    in :class:`SklearnRBM`; ``n_threads`` is the number of threads of torch.
    """

    def __init__(self, train, n_components, n_chains, rate, n_threads, seed=0):
        import torch
        from rbms.bernoulli_bernoulli.classes import BBRBM
        from rbms.sampler import PCD

        torch.manual_seed(seed)
        self.torch, self.n_threads = torch, n_threads
        self.train = torch.from_numpy(train)
        self.model = BBRBM.init_parameters(
            n_components, SimpleNamespace(data=self.train), "cpu", self.train.dtype
        )
        chains = self.model.init_chains(n_chains)
        self.sampler = PCD(params=self.model, chains=chains, num_steps=1)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=rate, maximize=True
        )

    @contextmanager
    def threads(self):
        """Set the number of threads inside the block."""
        before = self.torch.get_num_threads()
        self.torch.set_num_threads(self.n_threads)
        try:
            yield
        finally:
            self.torch.set_num_threads(before)

    def draw(self, n_rows):
        """Return a batch in which grey values are drawn as 0 or 1."""
        return self.torch.bernoulli(
            self.train[self.torch.randint(len(self.train), (n_rows,))]
        )

    def update(self, rows):
        """Take one step along the centered gradient."""
        data = self.model.init_chains(num_samples=len(rows), start_v=rows)
        chains = self.sampler.get_conf_grad(batch=rows)
        self.model.compute_gradient(data=data, chains=chains, centered=True)
        self.optimizer.step()

    def parameters(self):
        """Return copies of the components and of the visible and hidden intercepts."""
        model = self.model
        arrays = model.weight_matrix.T, model.vbias, model.hbias
        return [a.contiguous().numpy().copy() for a in arrays]


PEERS = {"bernoulli_rbm": SklearnRBM, "rbms": Rbms}
