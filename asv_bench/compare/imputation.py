"""Imputation by `EnergyImputer`, `IterativeImputer` and `KNNImputer`.

    SKEBM_DATA=... python asv_bench/compare/imputation.py [--sets census wine] \
[--shares 0.1 0.3 0.5] [--seeds 1] [--rows 10000] [--distinct] \
[--models EnergyImputer BayesianRidge KNNImputer ExtraTrees]

The script removes cells of the training rows and of the test rows at random. It fits
the imputers to the training rows, applies them to the test rows, and scores them at the
removed cells of the test rows. There are half as many test rows as training rows. All
imputers have their defaults. `BayesianRidge` and `ExtraTrees` are the estimators of
`IterativeImputer`. The first is its default, and the second has `--trees` trees. The
imputers of scikit-learn get standardised numbers and one-hot categories. A missing
category is missing in its whole block, and the largest value of the imputed block is
the guess. `EnergyImputer` gets the data frame. The error of numbers is the root mean
squared error of standardised numbers, over all columns together. The script also prints
the mean of the errors of the columns, on which the long tails of two columns have less
influence. Every fifth wine is in the data more than once. `--distinct` keeps each wine
once.

For `EnergyImputer` the script prints how many of the removed numbers lie in their 90 %
intervals: over all columns, by kind of column, and by column. It also prints the
expected calibration error of the most probable categories, in 15 bins of their
probability, over all columns of categories together.
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
from _base import load_census, load_wine
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer

from skebm import EnergyImputer

MODELS = ["EnergyImputer", "BayesianRidge", "KNNImputer", "ExtraTrees"]


def split(name, seed, n_rows, distinct=False):
    """Return training and test rows, of which no two are equal if ``distinct``."""
    if name == "census":
        parts = [part.sample(frac=1, random_state=seed) for part in load_census()]
    else:
        frame = load_wine().drop_duplicates() if distinct else load_wine()
        frame = frame.sample(frac=1, random_state=seed)
        cut = 2 * len(frame) // 3
        parts = [frame[:cut], frame[cut:]]
    parts = parts[0][:n_rows], parts[1][: n_rows // 2]
    return [part.reset_index(drop=True) for part in parts]


def numbers_of(frame):
    """Return the names of the columns of numbers."""
    return frame.select_dtypes("number").columns


def pierce(frame, share, random):
    """Return the frame without a share of its cells, and where cells were removed."""
    holes = pd.DataFrame(
        (random.random(frame.shape) < share) & frame.notna(), columns=frame.columns
    )
    pierced = frame.astype(dict.fromkeys(numbers_of(frame), float)).mask(holes)
    return pierced, holes


class OneHot:
    """An imputer of data frames that wraps an imputer of numeric arrays."""

    def __init__(self, imputer, train):
        self.imputer, self.numbers = imputer, numbers_of(train)
        self.location = train[self.numbers].mean()
        self.scale = train[self.numbers].std(ddof=0)
        self.levels = {
            name: column.cat.categories
            for name, column in train.items()
            if name not in set(self.numbers)
        }

    def encode(self, frame):
        """Return an array of standardised numbers and one-hot categories."""
        parts = [((frame[self.numbers] - self.location) / self.scale).to_numpy()]
        for name, levels in self.levels.items():
            codes = frame[name].cat.codes.to_numpy()
            block = np.eye(len(levels))[codes]
            block[codes < 0] = np.nan
            parts.append(block)
        return np.concatenate(parts, axis=1)

    def fit(self, frame):
        """Fit on the encoded frame."""
        self.imputer.fit(self.encode(frame))
        return self

    def transform(self, frame):
        """Return the frame with its missing cells filled in."""
        rows, out = self.imputer.transform(self.encode(frame)), {}
        start = len(self.numbers)
        for j, name in enumerate(self.numbers):
            out[name] = rows[:, j] * self.scale[name] + self.location[name]
        for name, levels in self.levels.items():
            block = rows[:, start : start + len(levels)]
            out[name] = pd.Categorical.from_codes(block.argmax(axis=1), levels)
            start += len(levels)
        return pd.DataFrame(out)[frame.columns]


def score(imputed, test, holes, scale):
    """Return the errors of numbers and the accuracy of categories.

    The errors are the error over all numbers and the mean of the errors by column.
    """
    errors, hits = [], []
    for name in test:
        removed = holes[name].to_numpy()
        truth = test[name][removed]
        guess = imputed[name].set_axis(test.index)[removed]
        if name in scale:
            errors.append((guess.astype(float) - truth) / scale[name])
        else:
            hits.append(guess.astype(object) == truth.astype(object))
    squares = [np.square(error) for error in errors]
    over_all = np.sqrt(np.concatenate(squares).mean())
    by_column = np.mean([np.sqrt(square.mean()) for square in squares])
    return over_all, by_column, np.concatenate(hits).mean() if hits else np.nan


def coverage(imputer, pierced, test, holes):
    """Return the share of removed numbers that lie in their 90 % intervals.

    The result has the share over all numbers, and the shares by kind and by column.
    """
    lower, upper = imputer.posterior_interval(pierced)
    inside = {
        name: ((lower[name] <= test[name]) & (test[name] <= upper[name]))[holes[name]]
        for name in numbers_of(test)
    }
    encoding, by_kind = imputer.density_._encoding, {}
    for kind, columns in zip(encoding.kinds, encoding.columns, strict=True):
        names = [name for name in test.columns[columns] if name in inside]
        if names:
            cells = np.concatenate([inside[name] for name in names])
            by_kind[kind.name] = float(cells.mean().round(3))
    by_column = [float(part.mean().round(2)) for part in inside.values()]
    return np.concatenate(list(inside.values())).mean(), by_kind, by_column


def calibration_error(imputer, pierced, test, holes, n_bins=15):
    """Return the expected calibration error of the most probable categories."""
    density = imputer.density_
    rows = density._read(pierced)
    units, _ = density._posterior(rows, np.mean)
    incomplete = np.isnan(density._encoded(rows)).any(axis=1)
    units = units[:, density._encoding.order]
    sure, hits = [], []
    for name in test.columns.difference(numbers_of(test)):
        starts = [unit.startswith(f"{name}=") for unit in density.unit_names_]
        levels = [u.split("=", 1)[1] for u in density.unit_names_[starts]]
        removed = holes[name].to_numpy()
        p = units[removed[incomplete]][:, starts]
        truth = test[name][removed].astype(str).to_numpy()
        sure.append(p.max(axis=1))
        hits.append(np.array(levels)[p.argmax(axis=1)] == truth)
    if not sure:
        return np.nan
    sure, hits = np.concatenate(sure), np.concatenate(hits)
    numbers = np.minimum((sure * n_bins).astype(int), n_bins - 1)
    parts = [numbers == k for k in np.unique(numbers)]
    return sum(abs(sure[k].mean() - hits[k].mean()) * k.mean() for k in parts)


def main():
    """Compare the imputers on all data sets, shares of missing cells and seeds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sets", nargs="+", default=["census", "wine"])
    parser.add_argument("--shares", nargs="+", type=float, default=[0.1, 0.3, 0.5])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--distinct", action="store_true")
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    parser.add_argument("--trees", type=int, default=30)
    parser.add_argument("--max-iter", type=int, default=10)
    arguments = parser.parse_args()
    for name in arguments.sets:
        for share in arguments.shares:
            for seed in range(arguments.seeds):
                compare(name, share, seed, arguments)


def imputer_of(title, seed, train, arguments):
    """Return a new imputer."""
    if title == "EnergyImputer":
        return EnergyImputer(random_state=seed).set_output(transform="pandas")
    if title == "KNNImputer":
        return OneHot(KNNImputer(), train)
    trees = ExtraTreesRegressor(arguments.trees, n_jobs=2, random_state=seed)
    imputer = IterativeImputer(
        trees if title == "ExtraTrees" else None,
        max_iter=arguments.max_iter,
        random_state=seed,
    )
    return OneHot(imputer, train)


def compare(name, share, seed, arguments):
    """Print a line for each imputer."""
    random = np.random.default_rng(seed)
    train, test = split(name, seed, arguments.rows, arguments.distinct)
    (pierced, _), (question, holes) = (pierce(f, share, random) for f in (train, test))
    scale = train[numbers_of(train)].std(ddof=0)
    for title in arguments.models:
        imputer = imputer_of(title, seed, pierced, arguments)
        with warnings.catch_warnings(action="ignore"):
            start = time.perf_counter()
            imputer.fit(pierced)
            fitted = time.perf_counter()
            imputed = imputer.transform(question)
            seconds = fitted - start, time.perf_counter() - fitted
        error, by_column, accuracy = score(imputed, test, holes, scale)
        line = (
            f"{name} ({len(train)} rows), {share:.0%}, seed {seed}, {title}: error "
            f"{error:.3f} (by column {by_column:.3f}), accuracy {accuracy:.3f}; fit "
            f"{seconds[0]:.0f} s, transform {seconds[1]:.0f} s"
        )
        if title == "EnergyImputer":
            inside, kinds, columns = coverage(imputer, question, test, holes)
            line += f"; inside 90 % intervals {inside:.3f} {kinds} {columns}"
            gap = calibration_error(imputer, question, test, holes)
            line += f"; calibration error {gap:.3f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
