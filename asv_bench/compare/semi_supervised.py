"""Accuracy on MNIST with few labels: rows without a label beside labelled rows alone.

    SKEBM_DATA=... python asv_bench/compare/semi_supervised.py --labels 100 --seeds 3

The first 50,000 training rows are divided by 255. Some of them have a label, as many of
each digit, drawn anew for each seed; the others have the label -1. The score is the
accuracy on the 10,000 test rows. `--inner` scores the last 10,000 training rows in
place of the test rows; by them defaults are chosen. Label spreading gets at most
`--spread-rows` rows, since its kernel grows with their square, and self-training
`--self-rows`.
"""

import argparse
import json
import time
import warnings

import numpy as np
import pandas as pd
from _base import folder
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

from skebm import EnergyClassifier

_N_TRAIN, _N_CLASSES = 50_000, 10


def load(inner):
    """Return training rows, their labels, scored rows and their labels."""
    with np.load(folder() / "mnist.npz") as data:
        X, y = data["X_train"], data["y_train"].astype(int)
        T, t = (X, y) if inner else (data["X_test"], data["y_test"].astype(int))
    T, t = (T[_N_TRAIN:], t[_N_TRAIN:]) if inner else (T, t)
    X, y, scale = X[:_N_TRAIN], y[:_N_TRAIN], np.float32(255)
    return X / scale, y, T / scale, t


def hidden(y, n_labels, seed, n_rows):
    """Return the numbers of rows with a label first, and labels with -1."""
    order = np.random.default_rng(seed).permutation(len(y))
    each = [order[y[order] == k][: n_labels // _N_CLASSES] for k in range(_N_CLASSES)]
    known = np.concatenate(each)
    rest = order[~np.isin(order, known)]
    rows = np.concatenate([known, rest])[: max(n_rows, len(known))]
    return rows, np.where(np.arange(len(rows)) < len(known), y[rows], -1)


def models(args, seed):
    """Return each model with the number of rows that it may take."""
    options = {"random_state": seed, "n_jobs": 1}
    regression = LogisticRegression(max_iter=200)
    return {
        "supervised": (EnergyClassifier(generative_weight=0, **options), args.rows),
        "semi": (EnergyClassifier(n_iter=args.n_iter or "auto", **options), args.rows),
        "regression": (regression, args.rows),
        "self-training": (SelfTrainingClassifier(regression), args.self_rows),
        "spreading": (
            LabelSpreading(kernel="knn", n_neighbors=7, max_iter=100),
            args.spread_rows,
        ),
    }


def main():
    """Print the accuracy of each model, number of labels and seed, and their means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", nargs="+", type=int, default=[100, 1000, 10_000])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=_N_TRAIN)
    parser.add_argument("--self-rows", type=int, default=_N_TRAIN)
    parser.add_argument("--spread-rows", type=int, default=10_000)
    parser.add_argument("--n-iter", type=int)
    parser.add_argument("--models", nargs="+")
    parser.add_argument("--inner", action="store_true")
    args = parser.parse_args()
    (X, y, T, t), lines = load(args.inner), []
    for n_labels in args.labels:
        for seed in range(args.seeds):
            for name, (model, n_rows) in models(args, seed).items():
                if args.models and name not in args.models:
                    continue
                rows, labels = hidden(y, n_labels, seed, n_rows)
                if name == "regression":
                    rows, labels = rows[labels >= 0], labels[labels >= 0]
                start = time.perf_counter()
                with warnings.catch_warnings(action="ignore"):
                    model.fit(X[rows], labels)
                seconds, accuracy = time.perf_counter() - start, model.score(T, t)
                facts = n_labels, seed, name, len(rows), accuracy, seconds
                names = "labels", "seed", "model", "rows", "accuracy", "seconds"
                lines.append(dict(zip(names, facts, strict=True)))
                print(json.dumps(lines[-1]), flush=True)
    groups = pd.DataFrame(lines).groupby(["labels", "model", "rows"], sort=False)
    print(groups[["accuracy", "seconds"]].agg(["mean", "std", "count"]).round(4))


if __name__ == "__main__":
    main()
