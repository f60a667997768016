"""Anomalies in the series of the Numenta Anomaly Benchmark, beside isolation forest.

    SKEBM_DATA=... python asv_bench/compare/nab.py [--widths 10 30 100] [--seeds 3]

Each of the 19 series is a pipeline of `WindowTransformer(width)` and the detector with
its defaults. As in the benchmark, the first 15 % of a series are for training, without
labels, and the others are scored. A point is positive inside the benchmark's windows.
Nothing is adjusted: a point that is flagged counts alone, also if its window has others
(Kim et al., "Towards a rigorous evaluation of time-series anomaly detection", AAAI
2022). The table has means over series of

- AUROC and average precision of points;
- the share of positive points among the 1 % of highest energy;
- precision, recall and F1 of points at the threshold that flags 1 % of the training
  windows, and the share of the benchmark's windows with at least one flagged point.

With `--per-series` it prints the AUROC of each series, too. Nothing was chosen on the
labels: the features are the default, and all widths that were tried are printed.
"""

import argparse
import time

import numpy as np
from _base import folder
from scipy.stats import wilcoxon
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.pipeline import make_pipeline

from skebm import EBMAnomalyDetector
from skebm.preprocessing import WindowTransformer

TRAINING_SHARE, CONTAMINATION = 0.15, 0.01
DETECTORS = {"experts": EBMAnomalyDetector, "isolation forest": IsolationForest}
FIGURES = ["AUROC", "AP", "top 1 %", "precision", "recall", "F1", "windows hit"]


def series():
    """Yield name, values of shape (n, 1) and labels of each series."""
    with np.load(folder() / "series" / "nab.npz") as data:
        names = sorted(key.removesuffix("__value") for key in data if "__value" in key)
        for name in names:
            yield name, data[f"{name}__value"][:, None], data[f"{name}__label"] > 0


def figures(X, y, model):
    """Return the figures of a pipeline on one series."""
    n_train = int(TRAINING_SHARE * len(X))
    model.fit(X[:n_train])
    # Scores of the whole series, so that the first windows that count are whole.
    scores = model.decision_function(X)[n_train:]
    y = y[n_train:]
    flagged = scores < 0
    top = np.argsort(scores, kind="stable")[: max(1, len(scores) // 100)]
    hit = (flagged & y).sum()
    precision = hit / max(flagged.sum(), 1)
    recall = hit / y.sum()
    edges = np.flatnonzero(np.diff(np.r_[0, y, 0]))
    windows = [flagged[a:b].any() for a, b in edges.reshape(-1, 2)]
    return [
        roc_auc_score(y, -scores),
        average_precision_score(y, -scores),
        y[top].mean(),
        precision,
        recall,
        2 * precision * recall / max(precision + recall, 1e-12),
        np.mean(windows),
    ]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--widths", type=int, nargs="+", default=[10, 30, 100])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--per-series", action="store_true")
    options = parser.parse_args()
    print(
        f"| width | model | {' | '.join(FIGURES)} | series above the experts | p | s |"
    )
    print("| --- " * (len(FIGURES) + 5) + "|")
    for width in options.widths:
        table = {}
        for label, detector in DETECTORS.items():
            start = time.perf_counter()
            table[label] = [
                [
                    figures(
                        X,
                        y,
                        make_pipeline(
                            WindowTransformer(width),
                            detector(contamination=CONTAMINATION, random_state=seed),
                        ),
                    )
                    for seed in range(options.seeds)
                ]
                for _, X, y in series()
            ]
            seconds = time.perf_counter() - start
            means = np.mean(table[label], axis=(0, 1))
            spread = np.mean(table[label], axis=0).std(axis=0)
            cells = [f"{m:.3f} ({s:.3f})" for m, s in zip(means, spread, strict=True)]
            aurocs = {k: np.mean(v, axis=1)[:, 0] for k, v in table.items()}
            gain = aurocs["experts"] - aurocs[label]
            rest = " | | "
            if gain.any():
                p = wilcoxon(gain).pvalue
                rest = f" | {(gain < 0).sum()} of {len(gain)} | {p:.3f} "
            print(
                f"| {width} | {label} | {' | '.join(cells)}{rest}| "
                f"{seconds / options.seeds:.0f} |",
                flush=True,
            )
        if options.per_series:
            for k, (name, _, _) in enumerate(series()):
                values = [f"{aurocs[label][k]:.3f}" for label in DETECTORS]
                print(f"| {width} | {name} | {' | '.join(values)} |")


if __name__ == "__main__":
    main()
