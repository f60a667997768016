"""Validation likelihoods at several learning rates, on which ``"auto"`` is based.

The script fits small models with exact log Z. All parameters except the learning rate
and the momentum have their defaults. The data are the data sets of scikit-learn, of
which a third is held out, and the training and validation parts of the binary sets. The
test parts are not used. The script prints the mean validation nats over seeds, and what
each rate loses against the best rate of its row.

    SKEBM_DATA=... python asv_bench/compare/learning_rate.py [--momentum 0.9]
"""

import argparse
import time
import warnings

import numpy as np
from _base import load_binary, load_thresholded
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skebm import RBMDensity
from skebm.optimizers import SGD

RATES = [0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8]
BUNDLED = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
}
BINARY = "nltcs", "mushrooms", "plants", "dna"


def load(name):
    """Return training and validation rows; real columns are standardised."""
    if name in BUNDLED:
        X = BUNDLED[name]().data
        if name == "digits":
            X = (X > 7).astype(float)
        train, valid = train_test_split(X, test_size=1 / 3, random_state=0)
        if name != "digits":
            scaler = StandardScaler().fit(train)
            train, valid = scaler.transform(train), scaler.transform(valid)
        return train.astype(np.float32), valid.astype(np.float32)
    if name == "mnist":
        X = load_thresholded()[0]
        return X[:-10000], X[-10000:]
    return load_binary(name)[:2]


def main():
    """Print a line of nats and a line of losses for each data set and model size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--momentum", type=float, default=0.0)
    parser.add_argument("--sets", default=",".join([*BUNDLED, *BINARY]))
    parser.add_argument("--units", default="16")
    parser.add_argument("--batch-size", default="auto")
    parser.add_argument("--n-iter", default="auto")
    parser.add_argument("--rates", default=",".join(map(str, [*RATES, "auto"])))
    arguments = parser.parse_args()
    rates = [r if r == "auto" else float(r) for r in arguments.rates.split(",")]
    numbers = {
        name: value if value == "auto" else int(value)
        for name, value in vars(arguments).items()
        if name in ("batch_size", "n_iter")
    }
    warnings.simplefilter("ignore")  # divergence shows in the figures
    print("| set, units |", " | ".join(map(str, rates)), "| s a fit |")
    print("|", " | ".join(["---"] * (len(rates) + 2)), "|")
    for name in arguments.sets.split(","):
        train, valid = load(name)
        for n_units in map(int, arguments.units.split(",")):
            start = time.perf_counter()
            nats = np.array(
                [
                    [
                        RBMDensity(
                            n_units,
                            learning_rate=rate,
                            optimizer=SGD(arguments.momentum),
                            random_state=seed,
                            **numbers,
                        )
                        .fit(train)
                        .score(valid)
                        for seed in range(arguments.seeds)
                    ]
                    for rate in rates
                ]
            ).mean(axis=1)
            seconds = time.perf_counter() - start
            row = [f"**{n:.2f}**" if n == nats.max() else f"{n:.2f}" for n in nats]
            pace = seconds / len(rates) / arguments.seeds
            print(f"| {name}, {n_units} |", " | ".join(row), f"| {pace:.1f} |")
            lost = " | ".join(f"{nats.max() - n:.2f}" for n in nats)
            print("| lost |", lost, "| |", flush=True)


if __name__ == "__main__":
    main()
