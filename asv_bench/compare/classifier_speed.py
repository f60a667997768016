"""Seconds of fit and predict, beside the perceptron of scikit-learn.

    SKEBM_DATA=... python asv_bench/compare/classifier_speed.py

`EnergyClassifier` (`"mlp"` and `"rbm"`) and `MLPClassifier` train on the same rows with
as many hidden units, epochs and rows in a minibatch, by Adam. They take turns, and the
table has the medians over the rounds and their ratios: above 1, ours is faster. Other
work on the machine disturbs the wall clock more than the seconds of the processor, so
both are printed. `MLPClassifier` works in the dtype of the rows, and so do we.

`products` is the floor of a prediction: the two matrix products with the rows alone,
in the dtype of the rows. What a model takes beside them is the check of the rows, its
activations, and the choice of a label.

The peer may use all threads of BLAS (`--threads all`), or one (`--threads 1`). On a
busy machine one is faster by far. We get as many with `n_jobs`.
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
from _base import folder
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from skebm import EnergyClassifier
from skebm.energies import ClassMLP

# Predictions of one row in a round.
_N_SINGLE = 100


def digits():
    """Return 1797 images of 64 grey values, and their digits."""
    X, y = load_digits(return_X_y=True)
    return X / 16, y


def mnist():
    """Return 20,000 images of 784 grey values, and their digits."""
    with np.load(folder() / "mnist.npz") as data:
        return data["X_train"][:20_000] / 255, data["y_train"][:20_000]


def table():
    """Return 10,000 rows of 20 real columns, and two classes."""
    X = np.random.default_rng(0).normal(size=(10_000, 20))
    return X, (X[:, :3].sum(axis=1) + X[:, 3] * X[:, 4] > 0).astype(int)


# Rows, hidden units and epochs.
SHAPES = {
    "digits 1797x64": (digits, 100, 20),
    "table 10000x20": (table, 100, 20),
    "MNIST 20000x784": (mnist, 500, 2),
}


def models(n_hidden, n_iter, n_jobs):
    """Return the models by name."""
    ours = {"batch_size": 100, "n_iter": n_iter, "random_state": 0, "n_jobs": n_jobs}
    peer = MLPClassifier(
        (n_hidden,),
        batch_size=100,
        max_iter=n_iter,
        n_iter_no_change=n_iter + 1,
        random_state=0,
    )
    return {
        "MLPClassifier": peer,
        "mlp": EnergyClassifier(energy=ClassMLP(n_hidden), **ours),
        "rbm": EnergyClassifier(n_hidden, **ours),
    }


class Products:
    """The matrix products of a prediction, and nothing else."""

    def __init__(self, X, y, n_hidden):
        rng = np.random.default_rng(0)
        shapes = (X.shape[1], n_hidden), (n_hidden, len(np.unique(y)))
        self.first, self.second = (rng.normal(size=s).astype(X.dtype) for s in shapes)

    def predict(self, X):
        """Return the products."""
        return X @ self.first @ self.second


def seconds(function):
    """Return the seconds of a call: of the wall clock, and of the processor."""
    started, used = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - started, time.process_time() - used


def predict_singly(model, X):
    """Predict some rows one by one."""
    for _ in range(_N_SINGLE):
        model.predict(X[:1])


def compare(name, dtype, rounds, n_jobs):
    """Return lines with the seconds of each model and task."""
    make, n_hidden, n_iter = SHAPES[name]
    X, y = make()
    X = X.astype(dtype)
    found, ours = {}, models(n_hidden, n_iter, n_jobs)
    floor = Products(X, y, n_hidden)
    for model in ours.values():
        model.fit(X[:300], y[:300])  # compiles what is not compiled yet
    for _ in range(rounds):
        for title, model in ours.items():
            tasks = {
                "fit": lambda m=model: m.fit(X, y),
                "predict": lambda m=model: m.predict(X),
                f"{_N_SINGLE} rows": lambda m=model: predict_singly(m, X),
            }
            for task, function in tasks.items():
                found.setdefault((task, title), []).append(seconds(function))
        function = lambda: floor.predict(X)  # noqa: E731
        found.setdefault(("predict", "products"), []).append(seconds(function))
    lines = []
    for (task, title), times in found.items():
        wall, used = np.median(times, axis=0)
        low, high = np.percentile(np.array(times)[:, 1], [25, 75])
        peer = np.median(found[task, "MLPClassifier"], axis=0)
        lines.append(
            {
                "set": name,
                "dtype": dtype,
                "task": task,
                "model": title,
                "wall": wall,
                "cpu": used,
                "cpu quartiles": f"{low:.4f}-{high:.4f}",
                "wall ratio": peer[0] / wall,
                "cpu ratio": peer[1] / used,
            }
        )
    return lines


def main():
    """Print a table of seconds and of ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=list(SHAPES))
    parser.add_argument("--dtypes", nargs="+", default=["float32", "float64"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", choices=["1", "all"], default="1")
    args = parser.parse_args()
    is_one = args.threads == "1"
    lines = []
    with (
        threadpool_limits(1 if is_one else None, user_api="blas"),
        warnings.catch_warnings(action="ignore"),
    ):
        for name in args.sets:
            for dtype in args.dtypes:
                lines += compare(name, dtype, args.rounds, 1 if is_one else None)
    print(pd.DataFrame(lines).round(4).to_string(index=False))


if __name__ == "__main__":
    main()
