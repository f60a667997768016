"""A hundred fits of RBMDensity with its defaults: 20 data sets with 5 seeds each.

    SKEBM_DATA=... python asv_bench/compare/default_fits.py --out fits.jsonl

The script asks whether a user who sets no parameter gets a model that beats independent
columns without warnings, on many kinds of table. Each fit takes at most 2000 rows and
scores at most 1000 other rows. Columns are not scaled, and columns that are constant in
the training rows are left out. The seed chooses the rows and is the seed of the fit.
The model of independent columns is fitted to the same rows. It has smoothed frequencies
for binary columns and normal densities for real columns. The script appends every fit
to `--out` as a line and does not run fits that have a line. At the end it prints a
table with the worst seed of each data set.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from _base import folder

from skebm import RBMDensity
from skebm.partition import AIS, Auto

_N_TRAIN, _N_TEST = 2000, 1000
# log Z only has to be accurate enough to tell a gain from a loss.
_ROUGH = Auto(ais=AIS(tolerance=0.2, max_temperatures=4000))


# -- data ------------------------------------------------------------------------------


def array(path, name):
    """Return one array of a file."""
    with np.load(folder() / path) as data:
        return data[name]


def adult_census():
    """Return the numeric columns of adult census."""
    names = "age", "fnlwgt", "education_num", "capital_gain", "capital_loss"
    names = *names, "hours_per_week"
    file = "tabular/adult_census.npz"
    return np.stack([array(file, f"{name}_train") for name in names], axis=1)


def patches(size=8, n_patches=4000):
    """Return small squares of photographs, grey values from 0 to 255."""
    images = array("images/bsd_train.npz", "images")
    rng = np.random.default_rng(0)
    last = images.shape[1] - size
    corners = zip(
        rng.integers(0, len(images), n_patches),
        *rng.integers(0, last, (2, n_patches)),
        strict=True,
    )
    return np.stack([images[n, i : i + size, j : j + size] for n, i, j in corners])


def returns(width=10):
    """Return windows of daily log returns."""
    change = np.diff(np.log(array("series/sp500_daily.npz", "close")))
    return np.lib.stride_tricks.sliding_window_view(change, width)


def binary(name):
    """Return a loader of a binary set."""
    return lambda: array(f"binary/{name}.npz", "X_train")


def adbench(name):
    """Return a loader of an anomaly table, without its labels."""
    return lambda: array(f"adbench/{name}.npz", "X")


SETS = {
    **{
        name: binary(name)
        for name in ("nltcs", "plants", "dna", "mushrooms", "bbc", "nips", "adult")
    },
    "newsgroups": lambda: array("text/newsgroups_w100.npz", "X"),
    "mnist": lambda: array("mnist.npz", "X_train") > 127,
    "ocr_words": lambda: array("ocr_words.npz", "X"),
    **{
        name: adbench(name)
        for name in ("cardio", "SpamBase", "Waveform", "shuttle", "satellite")
    },
    "spoken_digits": lambda: array("spoken_digits.npz", "frames"),
    "wine_quality": lambda: array("tabular/wine_quality.npz", "X_white"),
    "adult_census": adult_census,
    "patches": patches,
    "sp500": returns,
}


def split(name, seed):
    """Return training and held-out rows; binary rows are float32."""
    X = SETS[name]()
    X = X.reshape(len(X), -1)
    rows = np.random.default_rng(seed).permutation(len(X))
    n_train = min(_N_TRAIN, 2 * len(X) // 3)
    train, test = X[rows[:n_train]], X[rows[n_train : n_train + _N_TEST]]
    varies = np.ptp(train.astype(np.float64), axis=0) > 0
    dtype = np.float32 if is_binary(X) else np.float64
    return train[:, varies].astype(dtype), test[:, varies].astype(dtype)


def is_binary(X):
    """Tell whether all values are 0 or 1."""
    return bool(((X == 0) | (X == 1)).all())


# -- a fit -----------------------------------------------------------------------------


def independent(train, rows):
    """Return the mean log-likelihood of independent columns fitted to ``train``."""
    if is_binary(train):
        p = (train.sum(axis=0, dtype=np.float64) + 0.5) / (len(train) + 1)
        return float((rows @ np.log(p) + (1 - rows) @ np.log1p(-p)).mean())
    mean, variance = train.mean(axis=0), train.var(axis=0)
    terms = (rows - mean) ** 2 / variance + np.log(2 * np.pi * variance)
    return float(-terms.sum(axis=1).mean() / 2)


def fit(name, seed):
    """Return the figures of one fit."""
    train, test = split(name, seed)
    model = RBMDensity(random_state=seed, partition=_ROUGH)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.perf_counter()
        model.fit(train)
        seconds = time.perf_counter() - start
    with warnings.catch_warnings(action="ignore"):  # the bracket is in the table
        start = time.perf_counter()
        log_z = model.log_partition_
        width = log_z.upper - log_z.lower
        scores = {"train": model.score(train), "test": model.score(test)}
    return {
        "shape": train.shape,
        "seconds": seconds,
        "epochs": model.n_iter_,
        "rollbacks": model._training.n_rollbacks,
        "diverged": model._training.diverged,
        "warnings": [str(warning.message) for warning in caught],
        "finite": bool(np.isfinite(model.score_samples(test)).all()),
        **scores,
        "train_gain": scores["train"] - independent(train, train),
        "test_gain": scores["test"] - independent(train, test),
        "bracket": width,
        "method": log_z.method,
        "log_z_seconds": time.perf_counter() - start,
    }


# -- the run ---------------------------------------------------------------------------


def table(rows):
    """Print the worst seed of each data set, and how many fits are good."""
    titles = ["set", "rows", "columns", "fits", "held-out gain", "training gain"]
    titles += ["widest bracket", "diverged", "went back", "warned", "slowest (s)"]
    print("\n| " + " | ".join(titles) + " |\n|" + " --- |" * len(titles))
    for name in SETS:
        fits = [row for row in rows if row["set"] == name]
        if not fits:
            continue
        cells = [
            name,
            fits[0]["shape"][0],
            fits[0]["shape"][1],
            len(fits),
            f"{min(row['test_gain'] for row in fits):.2f}",
            f"{min(row['train_gain'] for row in fits):.2f}",
            f"{max(row['bracket'] for row in fits):.2f}",
            sum(row["diverged"] or not row["finite"] for row in fits),
            sum(row["rollbacks"] > 0 for row in fits),
            sum(bool(row["warnings"]) for row in fits),
            f"{max(row['seconds'] for row in fits):.1f}",
        ]
        print("| " + " | ".join(map(str, cells)) + " |")
    good = sum(row["test_gain"] > 0 and not row["warnings"] for row in rows)
    print(f"\n{good} of {len(rows)} fits beat independent columns and did not warn.")
    for text in sorted({text for row in rows for text in row["warnings"]}):
        print(f"- {text}")


def main():
    """Run the fits that have no line yet, and print the table of all fits."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True, help="file of JSON lines")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    text = arguments.out.read_text() if arguments.out.exists() else ""
    rows = [json.loads(line) for line in text.splitlines()]
    done = {(row["set"], row["seed"]) for row in rows}
    for seed in range(arguments.seeds):
        for name in arguments.sets:
            if (name, seed) in done:
                continue
            row = {"set": name, "seed": seed, **fit(name, seed)}
            rows.append(row)
            with arguments.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(
                f"{name} {seed}: gain {row['test_gain']:.2f} ± {row['bracket'] / 2:.2f}"
                f" nats, {row['seconds']:.1f} s, {len(row['warnings'])} warnings",
                flush=True,
            )
    table(rows)


if __name__ == "__main__":
    main()
