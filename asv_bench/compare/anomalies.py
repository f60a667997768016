"""Anomalies in the tables of ADBench, for `EBMAnomalyDetector().fit(X)` by default.

    SKEBM_DATA=... python asv_bench/compare/anomalies.py [--seeds 3] [--rows 20000]

The 22 tables of `adbench/` are fitted and scored without their labels (transductive),
and without any choice for a single set. Larger tables lose rows at random. The table
has the AUROC and the average precision of each set, the means, the sets that are above
the isolation forest with the p-value of Wilcoxon's test, and the seconds to fit. The
peers have their defaults, on standardised columns where they need them. "ECOD-like" is
the sum of minus the logs of the larger of the two empirical tails of each column.

With `--experts` it prints what each expert, and each soft maximum of several, reaches
instead. Leave-one-set-out chooses the experts for a set by the mean of both figures on
the others.
"""

import argparse
import itertools
import time

import numpy as np
from _base import folder
from scipy.special import logsumexp
from scipy.stats import rankdata, wilcoxon
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skebm import EBMAnomalyDetector


class EmpiricalTails:
    """ECOD without its choice of a tail by the skewness."""

    def fit(self, X):
        """Do nothing: the scores are those of the training rows."""
        return self

    def score_samples(self, X):
        """Return the sum of the logs of the smaller tail of each column."""
        ranks = [np.minimum(rankdata(c, "max"), rankdata(-c, "max")) for c in X.T]
        return np.log(np.array(ranks) / len(X)).sum(axis=0)


class Factor(LocalOutlierFactor):
    """Local outlier factor of the training rows."""

    def score_samples(self, X):
        """Return the scores of the training rows."""
        return self.negative_outlier_factor_


MODELS = {
    "isolation forest": lambda seed: IsolationForest(random_state=seed),
    "experts": lambda seed: EBMAnomalyDetector(random_state=seed),
    "RBM": lambda seed: EBMAnomalyDetector("rbm", random_state=seed),
    "LOF": lambda seed: Factor(),
    "LOF, standardised": lambda seed: make_pipeline(StandardScaler(), Factor()),
    "ECOD-like": lambda seed: EmpiricalTails(),
}


def tables(n_rows):
    """Yield the name, the rows and the labels of each set."""
    for path in sorted((folder() / "adbench").glob("*.npz")):
        data = np.load(path)
        X, y = np.ascontiguousarray(data["X"]), data["y"]
        if len(X) > n_rows:
            rows = np.random.default_rng(0).permutation(len(X))[:n_rows]
            X, y = X[rows], y[rows]
        yield path.stem, X, y


def figures(y, score):
    """Return AUROC and average precision of scores that are low for anomalies."""
    return roc_auc_score(y, -score), average_precision_score(y, -score)


def compare(names, n_seeds, n_rows):
    """Print the table of models."""
    results, seconds = [], np.zeros(len(names))
    for name, X, y in tables(n_rows):
        row = np.zeros((len(names), n_seeds, 2))
        for (m, model), seed in itertools.product(enumerate(names), range(n_seeds)):
            start = time.perf_counter()
            fitted = MODELS[model](seed).fit(X)
            seconds[m] += time.perf_counter() - start
            row[m, seed] = figures(y, fitted.score_samples(X))
        results.append(row)
        cells = [f"{a:.3f} / {p:.3f}" for a, p in row.mean(axis=1)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    results = np.array(results)
    means = results.mean(axis=2)
    for m, model in enumerate(names):
        gain = means[:, m] - means[:, 0]
        p = [wilcoxon(g).pvalue if g.any() else 1.0 for g in gain.T]
        spread = results[:, m].mean(axis=0).std(axis=0)
        auroc, precision = means[:, m].mean(axis=0)
        wins = (gain > 0).sum(axis=0)
        print(
            f"| {model} | {auroc:.4f} ({spread[0]:.4f}) | {precision:.4f} "
            f"({spread[1]:.4f}) | {wins[0]}, {wins[1]} | {p[0]:.3f}, {p[1]:.3f} | "
            f"{seconds[m] / n_seeds:.1f} |"
        )


def compare_experts(n_seeds, n_rows):
    """Print what each set of experts reaches, and the choice by leave-one-set-out."""
    names = ["tails", "ellipse", "8 neighbours", "16 neighbours"]
    sets = [kept for k in range(1, 5) for kept in itertools.combinations(range(4), k)]
    results = []
    for _, X, y in tables(n_rows):
        parts = []
        for seed in range(n_seeds):
            density = EBMAnomalyDetector(random_state=seed).fit(X).density_
            energies = density.expert_energies(X)
            parts.append(
                [figures(y, -logsumexp(energies[:, kept], axis=1)) for kept in sets]
            )
        results.append(np.mean(parts, axis=0))
    results = np.array(results)
    for kept, (auroc, precision) in zip(sets, results.mean(axis=0), strict=True):
        label = " + ".join(names[k] for k in kept)
        print(f"| {label} | {auroc:.4f} | {precision:.4f} |")
    chosen = []
    for k in range(len(results)):
        others = np.delete(results, k, axis=0).mean(axis=(0, 2))
        chosen.append(results[k, others.argmax()])
    print("| leave one set out | {:.4f} | {:.4f} |".format(*np.mean(chosen, axis=0)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--models", nargs="*", default=list(MODELS))
    parser.add_argument("--experts", action="store_true")
    options = parser.parse_args()
    if options.experts:
        compare_experts(options.seeds, options.rows)
    else:
        compare(options.models, options.seeds, options.rows)
