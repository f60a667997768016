"""Anomalies in the tables of ADBench, for `EBMAnomalyDetector().fit(X)` by default.

    SKEBM_DATA=... python asv_bench/compare/anomalies.py [--seeds 3] [--rows 20000]

The 22 tables of `adbench/` are fitted without any choice for a single set. Larger
tables lose rows at random. The table has the AUROC and the average precision of each
set, the means, the sets that are above the first model with the p-value of
Wilcoxon's test, and the seconds to fit and score. `_detectors.py` has the peers, and
those of PyOD take part where it is installed.

`--protocol` says what is fitted and scored:

- `transductive` (default): all rows, without their labels;
- `one-class`: half of the normal rows are fitted, and all other rows are scored;
- `labelled`: a random half of the rows is fitted, in which one in a hundred anomalies
  and at least one has its label, and the other half is scored;
- `contaminated`: normal rows with 0, 5, 10 and 20 % of anomalies among them are fitted,
  and the other rows are scored. Half of the anomalies are kept for the scores, and as
  many rows are fitted as the rest is enough for, the same number for all shares.

With `--experts` it prints what each expert, and each soft maximum of several, reaches
instead. Leave-one-set-out chooses the experts for a set by the mean of both figures on
the others.
"""

import argparse
import itertools
import time

import numpy as np
from _base import folder
from _detectors import DETERMINISTIC, LEARN_LABELS, MODELS
from scipy.special import logsumexp
from scipy.stats import wilcoxon
from sklearn.metrics import average_precision_score, roc_auc_score

from skebm import EBMAnomalyDetector

ALL = MODELS | LEARN_LABELS
# Share of the anomalies that have a label.
_LABELLED = 0.01
_SHARES = 0.0, 0.05, 0.1, 0.2
# Tables with fewer rows to fit are left out of the contaminated protocol.
_LEAST_ROWS = 50


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


def transductive(X, y, seed):
    """Return rows to fit, labels for fit, rows to score and labels of these."""
    return X, None, X, y


def one_class(X, y, seed):
    """Return the same, with half of the normal rows to fit."""
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(y == 0))
    fitted = normal[: len(normal) // 2]
    return X[fitted], None, np.delete(X, fitted, axis=0), np.delete(y, fitted)


def labelled(X, y, seed):
    """Return the same, with half of all rows to fit, and some labels."""
    random = np.random.default_rng(seed)
    classes = [random.permutation(np.flatnonzero(y == k)) for k in (0, 1)]
    fitted = np.concatenate([rows[: (len(rows) + 1) // 2] for rows in classes])
    odd = classes[1][: (len(classes[1]) + 1) // 2]
    known = odd[: max(1, round(_LABELLED * len(odd)))]
    rest = np.setdiff1d(np.arange(len(y)), fitted)
    return X[fitted], -np.isin(fitted, known).astype(int), X[rest], y[rest]


PROTOCOLS = {
    "transductive": transductive,
    "one-class": one_class,
    "labelled": labelled,
}


def compare(names, n_seeds, n_rows, protocol):
    """Print the table of models."""
    results, seconds = [], np.zeros(len(names))
    for name, X, y in tables(n_rows):
        row = np.zeros((len(names), n_seeds, 2))
        for (m, model), seed in itertools.product(enumerate(names), range(n_seeds)):
            if seed and protocol is transductive and model in DETERMINISTIC:
                row[m, seed] = row[m, 0]
                continue
            fitted, known, scored, labels = protocol(X, y, seed)
            start = time.perf_counter()
            fit = ALL[model](seed).fit(fitted, known)
            score = fit.score_samples(scored)
            seconds[m] += time.perf_counter() - start
            row[m, seed] = figures(labels, score)
        results.append(row)
        cells = [f"{a:.3f} / {p:.3f}" for a, p in row.mean(axis=1)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    results = np.array(results)
    for m, model in enumerate(names):
        fits = 1 if protocol is transductive and model in DETERMINISTIC else n_seeds
        print_means(model, results[:, m], results[:, 0], seconds[m] / fits)


def print_means(model, results, forest, seconds):
    """Print means, spreads over seeds, and a test against the first model."""
    means = results.mean(axis=1)
    gain = means - forest.mean(axis=1)
    p = [wilcoxon(g).pvalue if g.any() else 1.0 for g in gain.T]
    spread = results.mean(axis=0).std(axis=0)
    auroc, precision = means.mean(axis=0)
    wins = (gain > 0).sum(axis=0)
    print(
        f"| {model} | {auroc:.4f} ({spread[0]:.4f}) | {precision:.4f} "
        f"({spread[1]:.4f}) | {wins[0]}, {wins[1]} | {p[0]:.3f}, {p[1]:.3f} | "
        f"{seconds:.1f} |"
    )


def contaminated(X, y, seed):
    """Yield rows to fit with each share of anomalies, rows to score, and labels."""
    random = np.random.default_rng(seed)
    normal, odd = (random.permutation(np.flatnonzero(y == k)) for k in (0, 1))
    n_fitted = min(len(normal) // 2, int(len(odd) // 2 / max(_SHARES)))
    n_planted = round(n_fitted * max(_SHARES))
    scored = np.concatenate([normal[n_fitted:], odd[n_planted:]])
    for share in _SHARES:
        n_odd = round(share * n_fitted)
        fitted = np.concatenate([normal[: n_fitted - n_odd], odd[:n_odd]])
        yield X[fitted], X[scored], y[scored]


def compare_contaminated(names, n_seeds, n_rows):
    """Print the figures of each model with each share of anomalies."""
    results = []
    for name, X, y in tables(n_rows):
        parts = [list(contaminated(X, y, seed)) for seed in range(n_seeds)]
        if len(parts[0][0][0]) < _LEAST_ROWS:
            continue
        row = [
            [[figures(labels, ALL[m](seed).fit(A).score_samples(B))
              for A, B, labels in part] for seed, part in enumerate(parts)]
            for m in names
        ]  # fmt: skip
        results.append(np.mean(row, axis=1))
        cells = [" ".join(f"{a:.3f}" for a, _ in shares) for shares in results[-1]]
        print(f"| {name} | {len(parts[0][0][0])} | {' | '.join(cells)} |", flush=True)
    for model, means in zip(names, np.mean(results, axis=0), strict=True):
        cells = [f"{a:.4f} / {p:.4f}" for a, p in means]
        falls = [f"{means[0, 0] - a:.4f}" for a, _ in means[1:]]
        print(f"| {model} | {' | '.join(cells)} | {', '.join(falls)} |")


def compare_experts(n_seeds, n_rows, protocol):
    """Print what each set of experts reaches, and the choice by leave-one-set-out."""
    names = ["tails", "ellipse", "8 neighbours", "16 neighbours"]
    sets = [kept for k in range(1, 5) for kept in itertools.combinations(range(4), k)]
    results = []
    for _, X, y in tables(n_rows):
        parts = []
        for seed in range(n_seeds):
            fitted, _, scored, labels = protocol(X, y, seed)
            density = EBMAnomalyDetector(random_state=seed).fit(fitted).density_
            energies = density.expert_energies(scored)
            parts.append(
                [figures(labels, -logsumexp(energies[:, k], axis=1)) for k in sets]
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
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=ALL)
    protocols = [*PROTOCOLS, "contaminated"]
    parser.add_argument("--protocol", choices=protocols, default="transductive")
    parser.add_argument("--experts", action="store_true")
    options = parser.parse_args()
    size = options.seeds, options.rows
    if options.experts:
        compare_experts(*size, PROTOCOLS[options.protocol])
    elif options.protocol == "contaminated":
        compare_contaminated(options.models, *size)
    else:
        compare(options.models, *size, PROTOCOLS[options.protocol])
