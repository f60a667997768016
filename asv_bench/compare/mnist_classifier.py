"""Test error and calibration on MNIST and on adult census, with the defaults.

    SKEBM_DATA=... python asv_bench/compare/mnist_classifier.py

MNIST is the usual task: 50,000 grey images to train on, 10,000 to tune on, 10,000 to
test on, and 500 hidden units. The census has 32,561 rows to train on, of which a
quarter is there to tune on, and 16,281 to test on. `MLPClassifier` has as many hidden
units, and runs epochs for as many seconds of the processor as our slowest model, with
one thread of BLAS: threads that wait would use up its time. Its columns of the census
are standardised, and categories one-hot codes. The calibration error is the mean
distance of probability and accuracy over 15 bins of equal width.

`--models hybrid` is the joint likelihood beside the likelihood of the labels, with more
hidden units, rows that are drawn anew at each visit, and the rates below, which were
chosen by the rows to tune on. It is for MNIST, and is not among the defaults.

`--part valid` scores the rows to tune on, which is how defaults are chosen, and
`--part both` scores both parts by one fit. The test part is scored with models that
train on the training part alone.
"""

import argparse
import json
import time
import warnings

import numpy as np
import pandas as pd
from _base import folder, load_census
from classifiers import standardised
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from skebm import EnergyClassifier
from skebm.energies import ClassMLP

_N_BINS = 15
PARTS = "valid", "test"


def mnist():
    """Return rows and labels of the training, tuning and test parts."""
    with np.load(folder() / "mnist.npz") as data:
        X, y = data["X_train"].astype(np.float32) / 255, data["y_train"]
        test = data["X_test"].astype(np.float32) / 255, data["y_test"]
    return (X[:50_000], y[:50_000]), (X[50_000:], y[50_000:]), test


def census():
    """Return frames and labels of the training, tuning and test parts."""
    X, X_test = load_census(keeps_unknown=True)
    with np.load(folder() / "tabular" / "adult_census.npz") as data:
        y, y_test = (data[f"y_{part}"].astype(int) for part in ("train", "test"))
    order = np.random.default_rng(0).permutation(len(y))
    kept, held_out = order[len(y) // 4 :], order[: len(y) // 4]
    return (X.iloc[kept], y[kept]), (X.iloc[held_out], y[held_out]), (X_test, y_test)


# The hybrid of MNIST: 1500 units and the parameters that are not the defaults.
HYBRID = {
    "n_components": 1500,
    "generative_weight": 0.003,
    "objective": "cd",
    "resample_inputs": True,
    "learning_rate": 0.003,
    "l2": 6e-6,
    "n_iter": 30,
}
# Hidden units beside the parts.
SETS = {"mnist": (mnist, 500), "census": (census, 100)}


def calibration_error(proba, labels):
    """Return the expected calibration error of the most probable labels."""
    confidence, is_right = proba.max(axis=1), proba.argmax(axis=1) == labels
    bins = np.minimum((confidence * _N_BINS).astype(int), _N_BINS - 1)
    gaps = np.bincount(bins, weights=is_right - confidence, minlength=_N_BINS)
    return np.abs(gaps).sum() / len(labels)


def figures(model, X, y):
    """Return the figures of a fitted model on rows."""
    proba, labels = model.predict_proba(X), np.searchsorted(model.classes_, y)
    return {
        "error %": 100 * np.mean(proba.argmax(axis=1) != labels),
        "log_loss": log_loss(y, proba, labels=model.classes_),
        "calibration %": 100 * calibration_error(proba, labels),
    }


def timed(function):
    """Return the result, and the seconds of the wall clock and of the processor."""
    started, used = time.perf_counter(), time.process_time()
    result = function()
    return result, time.perf_counter() - started, time.process_time() - used


def peer(X, y, n_hidden, seconds, seed):
    """Return a perceptron of scikit-learn after this time."""
    model = standardised(MLPClassifier((n_hidden,), random_state=seed))(X)
    if not hasattr(X, "iloc"):
        model.steps[0] = ("as they are", "passthrough")  # grey values in [0, 1]
    scaling, (_, network) = model[:-1], model.steps[-1]
    Z, started = scaling.fit_transform(X), time.process_time()
    with threadpool_limits(1, user_api="blas"):
        network.partial_fit(Z, y, classes=np.unique(y))
        while time.process_time() - started < seconds:
            network.partial_fit(Z, y)
    return model


def main():
    """Print a line for each model and seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--part", choices=[*PARTS, "both"], default="test")
    parser.add_argument("--models", nargs="+", default=["rbm", "mlp", "peer"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--rows", type=int, help="training rows; None takes all")
    parser.add_argument("--options", type=json.loads, default={})
    args, lines = parser.parse_args(), []
    for name in args.sets:
        make, n_hidden = SETS[name]
        (X, y), valid, test = make()
        X, y = X[: args.rows], y[: args.rows]
        scored = {"valid": valid, "test": test}
        if args.part != "both":
            scored = {args.part: scored[args.part]}
        for seed in args.seeds:
            options = {"random_state": seed, **args.options}
            models = {
                "rbm": EnergyClassifier(n_hidden, **options),
                "mlp": EnergyClassifier(energy=ClassMLP(n_hidden), **options),
                "hybrid": EnergyClassifier(**HYBRID | options),
            }
            longest = 0.0
            for title in args.models:
                with warnings.catch_warnings(action="ignore"):
                    if title == "peer":
                        task = lambda t=longest: peer(X, y, n_hidden, t, seed)  # noqa: B023, E731
                    else:
                        task = lambda m=models[title]: m.fit(X, y)  # noqa: B023, E731
                    model, wall, used = timed(task)
                longest = max(longest, used)
                facts = {"set": name, "model": title, "seed": seed}
                for part, rows in scored.items():
                    line = {**facts, "part": part, **figures(model, *rows)}
                    lines.append(line | {"wall": wall, "cpu": used})
                    print(json.dumps(lines[-1]), flush=True)
    print(pd.DataFrame(lines).round(4).to_string(index=False))


if __name__ == "__main__":
    main()
