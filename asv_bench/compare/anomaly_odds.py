"""Calibration of `EBMAnomalyDetector.anomaly_proba` on 22 tables of ADBench.

    SKEBM_DATA=... python asv_bench/compare/anomaly_odds.py [--seeds 2] [--rows 8000]

For each table the constants of the map from ranks to probabilities are fitted to the
other tables by logistic regression, in which each table weighs the same. The script
prints the log-loss, beside that of the mean share of anomalies of the other tables (and
of the share of the table where it is told), the tables where the map is better, the
calibration error, and what all tables together fit. Then the same for the constants of
the package, which were rounded from those, and for other maps of the scores. At the end
there is a table of reliability, and the precision of rows with a probability above 0.5.

`--protocol` says what is fitted and scored, `held-out`, half of the rows and the other
half, `all` rows, or `novelty`, half of the normal rows and all others, in which
anomalies weigh as much as in the whole table. `--forest` has the scores of
scikit-learn's isolation forest in the place of the experts.
"""

import argparse

import numpy as np
from anomalies import one_class, tables
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, logit
from sklearn.ensemble import IsolationForest

from skebm import EBMAnomalyDetector
from skebm.utils import _odds as package

_EDGES = np.array([0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0001])
# Features of a row besides its rank: the energy above the third quartile, in ranges
# between the quartiles, and the asinh of that.
MAPS = "rank", "energy", "asinh energy"


def halves(X, y, seed):
    """Return half of the rows to fit, and the other half with its labels."""
    order = np.random.default_rng(seed).permutation(len(X))
    fitted, scored = np.array_split(order, 2)
    return X[fitted], None, X[scored], y[scored]


PROTOCOLS = {
    "held-out": halves,
    "all": lambda X, y, seed: (X, None, X, y),
    "novelty": one_class,
}


def features(training, scores):
    """Return the features of scored rows, one for each of `MAPS`."""
    knots, log_odds, (spread, rise) = package.fit_odds(training, None)
    slope = rise / package.BEYOND
    beyond = np.log1p(np.maximum(knots[0] - scores, 0) / spread)
    ranks = np.interp(scores, knots, log_odds) - package.INTERCEPT + rise * beyond
    energy = (np.quantile(training, 0.25) - scores) / spread
    return dict(zip(MAPS, (ranks / slope, energy, np.arcsinh(energy)), strict=True))


def read(n_seeds, n_rows, protocol, forest):
    """Return for each table and seed features, labels, weights, share and detector."""
    found = []
    for _, X, y in tables(n_rows):
        novelty, share = protocol == "novelty", y.mean()
        for seed in range(n_seeds):
            fitted, _, scored, labels = PROTOCOLS[protocol](X, y, seed)
            density = IsolationForest(random_state=seed) if forest else "experts"
            facts = {"novelty": novelty, "random_state": seed}
            model = EBMAnomalyDetector(density, **facts).fit(fitted)
            training, scores = map(model.score_samples, (fitted, scored))
            weight = np.full(len(labels), 1 / len(labels))
            if novelty:
                weight = np.where(labels, share / labels.sum(), 0)
                weight += np.where(labels, 0, (1 - share) / (labels == 0).sum())
            told = package.fit_odds(training, None, share)
            given = package.fit_odds(training, None, "auto", novelty)
            maps = [package.probabilities(scores, odds) for odds in (given, told)]
            found.append((features(training, scores), labels, weight, maps))
    return found


def loss(log_odds, y, weight):
    """Return the log-loss in nats a row."""
    return weight @ (np.logaddexp(0, log_odds) - y * log_odds)


def fit(found, name):
    """Return the intercept and the slope of all rows of these tables."""
    x, y, w = (
        np.concatenate(parts)
        for parts in zip(*((f[name], y, w) for f, y, w, _ in found), strict=True)
    )

    def objective(b):
        log_odds = b[0] + b[1] * x
        residual = w * (expit(log_odds) - y)
        return loss(log_odds, y, w), np.array([residual.sum(), residual @ x])

    return minimize(objective, [-2.0, 0.5], jac=True).x


def told(x, y, weight, slope):
    """Return log-odds whose mean probability is the share of anomalies."""
    return slope * x + package._intercept(slope * x, weight, weight @ y)


def fit_told(found, name):
    """Return the slope if the share of anomalies of each table is known."""

    def objective(slope):
        parts = (f[:3] for f in found)
        return sum(loss(told(x[name], y, w, slope), y, w) for x, y, w in parts)

    return minimize_scalar(objective, bounds=(0.1, 2), options={"xatol": 0.01}).x


def reliability(results):
    """Print the table of reliability, and return the calibration error."""
    p, y, w = (np.concatenate(parts) for parts in zip(*results, strict=True))
    w = w / w.sum()
    place, error = np.searchsorted(_EDGES, p, side="right") - 1, 0.0
    for k in np.unique(place):
        here = place == k
        mean, seen = (np.average(v[here], weights=w[here]) for v in (p, y))
        error += w[here].sum() * abs(mean - seen)
        bounds = f"{_EDGES[k]:.2f} to {min(_EDGES[k + 1], 1):.2f}"
        print(f"| {bounds} | {w[here].sum():.3f} | {mean:.3f} | {seen:.3f} |")
    high = p > 0.5
    if high.any():
        mean, seen = (np.average(v[high], weights=w[high]) for v in (p, y))
        print(f"| above 0.50 | {w[high].sum():.3f} | {mean:.3f} | {seen:.3f} |")
    print(f"calibration error {error:.3f}")


def describe(label, losses, base, n_seeds, coefficients=()):
    """Print the means of log-losses, and the tables where they are below the base."""
    mean, base = (np.reshape(v, (-1, n_seeds)).mean(axis=1) for v in (losses, base))
    fitted = ", ".join(f"{b:.2f}" for b in coefficients)
    better = f"{(mean < base).sum()} of {len(mean)}"
    print(f"| {label} | {mean.mean():.4f} | {base.mean():.4f} | {better} | {fitted} |")


def main(options):
    """Print all tables."""
    found = read(options.seeds, options.rows, options.protocol, options.forest)
    n_seeds = options.seeds
    shares = np.array([w @ y for _, y, w, _ in found])
    groups = np.arange(len(found)) // n_seeds
    others = [[f for f, g in zip(found, groups, strict=True) if g != k] for k in groups]
    base = []
    for (_, y, w, _), k in zip(found, groups, strict=True):
        base.append(loss(np.full(len(y), logit(shares[groups != k].mean())), y, w))
    left_out = {}
    for name in MAPS:
        # Seeds of a table have the same others.
        fits = [fit(others[k * n_seeds], name) for k in range(groups[-1] + 1)]
        left_out[name] = [
            (fits[k][0] + fits[k][1] * x[name], y, w)
            for (x, y, w, _), k in zip(found, groups, strict=True)
        ]
        losses = [loss(*part) for part in left_out[name]]
        describe(name, losses, base, n_seeds, fit(found, name))
    given = [(logit(maps[0]), y, w) for _, y, w, maps in found]
    describe("package", [loss(*part) for part in given], base, n_seeds)
    if options.protocol != "novelty":
        known = [loss(np.full(len(y), logit(w @ y)), y, w) for _, y, w, _ in found]
        slopes = [fit_told(others[k * n_seeds], "rank") for k in range(groups[-1] + 1)]
        losses = [
            loss(told(x["rank"], y, w, slopes[k]), y, w)
            for (x, y, w, _), k in zip(found, groups, strict=True)
        ]
        slope = fit_told(found, "rank")
        describe("rank, share told", losses, known, n_seeds, [slope])
        losses = [loss(logit(maps[1]), y, w) for _, y, w, maps in found]
        describe("package, share told", losses, known, n_seeds)
    print("leave one table out:")
    reliability([(expit(z), y, w) for z, y, w in left_out["rank"]])
    if options.protocol != "novelty":
        print("package, share told:")
        reliability([(maps[1], y, w) for _, y, w, maps in found])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rows", type=int, default=8000)
    parser.add_argument("--protocol", choices=PROTOCOLS, default="held-out")
    parser.add_argument("--forest", action="store_true")
    main(parser.parse_args())
