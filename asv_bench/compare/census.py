"""Held-out log-density of adult census for `RBMDensity().fit(X)` with its defaults.

    SKEBM_DATA=... python asv_bench/compare/census.py [--seeds 3]

The split is the official one: 32,561 training rows and 16,281 test rows. The value "?"
is missing. All figures are nats a row in the original units, of the observed values of
a row. The script compares with two models of independent columns. The first model has
Gaussians and smoothed frequencies. The second model has the marginals of the units that
the RBM has, which include counts and columns that are mostly zero. The gain over the
second model therefore comes from interactions alone.

The script also compares drawn rows with real rows. It measures the association of every
pair of columns by Cramer's V, the correlation ratio, or Pearson's correlation of ranks.
It compares the associations in drawn rows, and in one half of the test rows, with the
associations in the other half.

With `--categorical` it fits the nine columns of categories, counting the years of
education, and the label. There "?" is a value of its own, so no cell is missing.
"""

import argparse
import itertools
import time

import numpy as np
import pandas as pd
from _base import folder, load_census

from skebm import RBMDensity

_N_DRAWS = 8140


def independent(train, test):
    """Return the mean log-density of Gaussians and of smoothed frequencies."""
    total = np.zeros(len(test))
    for name, column in train.items():
        values = test[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            counts = column.value_counts()  # of all levels
            log_p = np.log((counts + 1) / (counts.sum() + len(counts)))
            total += values.map(log_p).astype(float).fillna(0.0).to_numpy()
        else:
            spread = column.std(ddof=0)
            z = (values - column.mean()) / spread
            total += (-(z**2) / 2 - np.log(spread * np.sqrt(2 * np.pi))).to_numpy()
    return total.mean()


def association(frame):
    """Return the strength of association of each pair of columns, in [0, 1]."""
    out = []
    for a, b in itertools.combinations(frame.columns, 2):
        pair = frame[[a, b]].dropna()
        numeric = [c for c in (a, b) if pd.api.types.is_numeric_dtype(pair[c])]
        if len(numeric) == 2:
            out.append(abs(pair.rank().corr().iloc[0, 1]))
        elif numeric:
            (number,) = numeric
            group = pair.groupby(b if number == a else a, observed=True)[number]
            ranks = pair[number].rank()
            means = ranks.groupby(pair[b if number == a else a], observed=True).mean()
            between = (group.size() * (means - ranks.mean()) ** 2).sum()
            out.append(np.sqrt(between / ((ranks - ranks.mean()) ** 2).sum()))
        else:
            table = pd.crosstab(pair[a], pair[b]).to_numpy()
            expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
            chi2 = ((table - expected) ** 2 / expected).sum()
            out.append(np.sqrt(chi2 / table.sum() / (min(table.shape) - 1)))
    return np.nan_to_num(np.array(out))


def categorical():
    """Return training and test frames of ten columns of text, one of them the label.

    "?" is a value of its own, and years of education are a category.
    """
    frames = []
    with np.load(folder() / "tabular" / "adult_census.npz") as data:
        names = [name for name in data["columns"] if f"{name}_levels" in data]
        for part in ("train", "test"):
            columns = {
                str(name): np.array(data[f"{name}_levels"])[data[f"{name}_{part}"]]
                for name in names
            }
            columns["education_num"] = data[f"education_num_{part}"].astype(str)
            columns["label"] = data[f"y_{part}"].astype(str)
            frames.append(pd.DataFrame(columns))
    return frames


def compare_categorical(seeds):
    """Print the log-probabilities of ten categorical columns."""
    train, test = categorical()
    for name, params in {
        "independent": {"couplings": "none", "n_iter": 0},
        "Chow-Liu tree": {"n_components": 1, "n_iter": 0},
        "no couplings": {"couplings": "none"},
        "defaults": {},
        "ten times the epochs": {"n_iter": 250},
    }.items():
        for seed in seeds if "n_iter" not in params else seeds[:1]:
            start = time.perf_counter()
            model = RBMDensity(**{"random_state": seed, **params}).fit(train)
            seconds = time.perf_counter() - start
            score, log_z = model.score(test), model.log_partition_
            width = log_z.upper - log_z.lower
            print(
                f"{name}, seed {seed}: {score:.3f}, log Z {width:.2f} wide; "
                f"{model.n_iter_} epochs, fit {seconds:.0f} s",
                flush=True,
            )


def main():
    """Fit, score and draw with each seed, and print a line for each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--categorical", action="store_true")
    options = parser.parse_args()
    seeds = range(options.seeds)
    if options.categorical:
        compare_categorical(seeds)
        return
    train, test = load_census()
    halves = test.sample(frac=1, random_state=0)
    halves = halves[:_N_DRAWS], halves[_N_DRAWS : 2 * _N_DRAWS]
    target = association(halves[0])
    print(f"independent Gaussians and frequencies: {independent(train, test):.2f}")
    marginal = RBMDensity(1, couplings="none", n_iter=0, random_state=0).fit(train)
    print(f"marginals of the same units: {marginal.score(test):.2f}")
    for seed in seeds:
        start = time.perf_counter()
        model = RBMDensity(random_state=seed).fit(train)
        fitted = time.perf_counter()
        score, log_z = model.score(test), model.log_partition_
        scored = time.perf_counter()
        drawn = model.sample(_N_DRAWS, random_state=seed)
        bracket = score + log_z.value - np.array([log_z.upper, log_z.lower])
        error = np.abs(association(drawn) - target)
        noise = np.abs(association(halves[1]) - target)
        print(
            f"seed {seed}: {score:.2f} [{bracket[0]:.2f}, {bracket[1]:.2f}]; fit "
            f"{fitted - start:.0f} s, log Z and scores {scored - fitted:.0f} s, draws "
            f"{time.perf_counter() - scored:.0f} s; association error mean "
            f"{error.mean():.3f}, largest {error.max():.3f} (the other half: "
            f"{noise.mean():.3f}, {noise.max():.3f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
