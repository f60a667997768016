"""Accuracy and log-loss of hybrid classifiers by the weight of the joint likelihood.

    SKEBM_DATA=... python asv_bench/compare/hybrid_weights.py --seeds 5

Each seed is a split of a set into three stratified parts, of which one is held out.
Weight 0 is the discriminative classifier. All other parameters have their defaults.
`--inner` splits the training part in the same way, and never sees the test part.
"""

import argparse
import json
import time
import warnings

import numpy as np
import pandas as pd
from classifiers import load, take
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split

from skebm import EnergyClassifier

_SETS = ["digits", "breast cancer", "wine", "Ionosphere", "cardio", "landsat"]


def parts(X, y, seed, inner):
    """Return training and test rows."""
    options = {"test_size": 1 / 3, "random_state": seed}
    train, test = train_test_split(np.arange(len(y)), stratify=y, **options)
    if inner:
        train, test = train_test_split(train, stratify=y[train], **options)
    return train, test


def score(name, weight, seed, inner, options):
    """Return the figures of one fit."""
    X, y = load(name)
    train, test = parts(X, y, seed, inner)
    model = EnergyClassifier(
        generative_weight=weight, random_state=seed, n_jobs=1, **options
    )
    start = time.perf_counter()
    with warnings.catch_warnings(action="ignore"):
        model.fit(take(X, train), y[train])
    seconds = time.perf_counter() - start
    proba = model.predict_proba(take(X, test))
    return {
        "set": name,
        "weight": weight,
        "seed": seed,
        "accuracy": accuracy_score(y[test], model.classes_[proba.argmax(axis=1)]),
        "log_loss": log_loss(y[test], proba, labels=model.classes_),
        "seconds": seconds,
    }


def main():
    """Print the mean and the spread over the seeds for each set and weight."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=_SETS)
    parser.add_argument("--weights", nargs="+", type=float, default=[0, 0.01, 0.05])
    parser.add_argument("--options", type=json.loads, default={})
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--inner", action="store_true")
    args = parser.parse_args()
    lines = []
    for name in args.sets:
        for seed in range(args.seeds):
            for weight in args.weights:
                lines.append(score(name, weight, seed, args.inner, args.options))
                print(json.dumps(lines[-1]), flush=True)
    table = pd.DataFrame(lines)
    for figure in ("accuracy", "log_loss", "seconds"):
        groups = table.groupby(["set", "weight"], sort=False)[figure]
        wide = pd.concat([groups.mean(), groups.std()], axis=1, keys=["mean", "std"])
        print(f"\n{figure}\n{wide.unstack().round(4).to_string()}")


if __name__ == "__main__":
    main()
