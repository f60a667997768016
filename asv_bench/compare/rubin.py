"""Coverage of Rubin's intervals from multiple imputations by `EnergyImputer`.

    python asv_bench/compare/rubin.py [--runs 200] [--rows 60 200] [--shares 0.3 0.65] \
[--imputations 20] [--ways one bootstrap] [--iterations 100]

A run draws rows of two columns, `y = x + noise`, and removes a share of the cells of
`y` at random. The imputer fills in draws, `--imputations` times. The mean of `y` and
the slope of the regression of `y` on `x` are estimated from each imputed table. Rubin's
rules combine them into 95 % intervals: the variance is the mean variance within the
tables plus (1 + 1 / m) times the variance between them, with the degrees of freedom of
Barnard and Rubin (1999). The script prints the share of runs whose interval holds the
right value, 0 and 1.

The ways differ in what an imputation knows. `one` draws all imputations from one fit,
as if its parameters were known. `bootstrap` fits anew for each imputation, with the
weights of a bootstrap of the rows, so that the parameters vary as well.
"""

import argparse
import time
import warnings

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import t

from skebm import EnergyImputer, RBMDensity


def draw_rows(n_rows, share, random):
    """Return rows with a share of the cells of the second column missing."""
    x = random.normal(size=n_rows)
    y = x + random.normal(size=n_rows)
    y[random.permutation(n_rows)[: round(share * n_rows)]] = np.nan
    return np.column_stack([x, y])


def estimates(rows):
    """Return mean of y and slope of y on x, and their variances."""
    x, y = rows.T
    n_rows, away = len(x), x - x.mean()
    slope = away @ y / (away @ away)
    error = y - y.mean() - slope * away
    variance = error @ error / (n_rows - 2) / (away @ away)
    return np.array([y.mean(), slope]), np.array([y.var(ddof=1) / n_rows, variance])


def rubin(values, variances, n_rows):
    """Return centers and half widths of 95 % intervals by Rubin's rules."""
    m = len(values)
    within, between = np.mean(variances, axis=0), np.var(values, axis=0, ddof=1)
    total = within + (1 + 1 / m) * between
    share = (1 + 1 / m) * between / total
    of_rows = n_rows - np.array([1, 2])
    observed = (of_rows + 1) / (of_rows + 3) * of_rows * (1 - share)
    freedom = 1 / (share**2 / (m - 1) + 1 / observed)
    return np.mean(values, axis=0), t.ppf(0.975, freedom) * np.sqrt(total)


def run(seed, n_rows, share, n_imputations, way, n_iter):
    """Return whether the intervals of a run hold the right values."""
    random = np.random.default_rng(seed)
    pierced = draw_rows(n_rows, share, random)
    density = RBMDensity(8, n_iter=n_iter, n_jobs=1, random_state=seed)
    results, fitted = [], None
    with warnings.catch_warnings(action="ignore"):
        for k in range(n_imputations):
            if fitted is None or way == "bootstrap":
                weight = None
                if way == "bootstrap":
                    weight = random.multinomial(n_rows, np.full(n_rows, 1 / n_rows))
                fitted = EnergyImputer(density, sample_posterior=True)
                fitted.fit(pierced, sample_weight=weight)
            fitted.set_params(random_state=k)
            results.append(estimates(fitted.transform(pierced)))
    center, width = rubin(*map(np.array, zip(*results, strict=True)), n_rows)
    return np.abs(center - [0, 1]) <= width, width


def main():
    """Print the coverage for all numbers of rows, shares and ways."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--rows", nargs="+", type=int, default=[60, 200])
    parser.add_argument("--shares", nargs="+", type=float, default=[0.3, 0.65])
    parser.add_argument("--imputations", type=int, default=20)
    parser.add_argument("--ways", nargs="+", default=["one", "bootstrap"])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=None)
    arguments = parser.parse_args()
    n_iter = arguments.iterations or "auto"
    for way in arguments.ways:
        for n_rows in arguments.rows:
            for share in arguments.shares:
                start = time.perf_counter()
                task = n_rows, share, arguments.imputations, way, n_iter
                runs = (delayed(run)(seed, *task) for seed in range(arguments.runs))
                results = Parallel(arguments.jobs)(runs)
                inside, width = map(np.array, zip(*results, strict=True))
                shares = ", ".join(
                    f"{name} {part:.3f} (half width {wide:.3f})"
                    for name, part, wide in zip(
                        ("mean", "slope"), inside.mean(0), width.mean(0), strict=True
                    )
                )
                seconds = time.perf_counter() - start
                print(
                    f"{way}, {n_rows} rows, {share:.0%} missing, "
                    f"{arguments.runs} runs: {shares}; {seconds:.0f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
