"""Do scores of a classifier of digits tell other pictures from digits?

    SKEBM_DATA=... python asv_bench/compare/out_of_distribution.py

Classifiers learn MNIST digits, and score test digits, thresholded OCR letters that are
resized to 28x28, the same letters at 20x10 in an empty frame, and uniform noise. The
table has the area under the ROC curve by which a score tells each of the others from
digits. A score is the log-density that
`score_samples` returns, the largest class probability, or the negative free energy
`log sum_y exp(-E(x, y))` of Liu et al. (NeurIPS 2020). Digits are thresholded at 1/2
with `--binary`, so that their grey values do not give them away.
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
from _base import folder
from sklearn.metrics import roc_auc_score

from skebm import EnergyClassifier

_SIDE = 28


def letters(n, random, height, width):
    """Return OCR letters of 16x8 bits, resized, in the middle of 28x28 pixels."""
    with np.load(folder() / "ocr_words.npz") as data:
        X = data["X"][random.permutation(len(data["X"]))[:n]]
    rows, columns = np.arange(height) * 16 // height, np.arange(width) * 8 // width
    out = np.zeros((len(X), _SIDE, _SIDE), np.float32)
    top, left = (_SIDE - height) // 2, (_SIDE - width) // 2
    resized = X.reshape(-1, 16, 8)[:, rows][:, :, columns]
    out[:, top : top + height, left : left + width] = resized
    return out.reshape(len(X), -1)


def digits(is_binary):
    """Return training rows, their labels, test rows and their labels."""
    with np.load(folder() / "mnist.npz") as data:
        parts = [data[f"X_{part}"] / np.float32(255) for part in ("train", "test")]
        labels = [data[f"y_{part}"].astype(int) for part in ("train", "test")]
    if is_binary:
        parts = [(part > 0.5).astype(np.float32) for part in parts]
    return parts[0], labels[0], parts[1], labels[1]


def scores(model, X):
    """Return each score of the rows by name."""
    found = {
        "probability": model.predict_proba(X).max(axis=1),
        "free energy": np.logaddexp.reduce(-model.class_energy(X), axis=1),
    }
    if hasattr(model, "score_samples"):
        found["density"] = model.score_samples(X)
    return found


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--n-iter", type=int)
    parser.add_argument("--models", nargs="+")
    parser.add_argument("--binary", action="store_true")
    args = parser.parse_args()
    X, y, T, t = digits(args.binary)
    options = {"n_jobs": 1, "n_iter": args.n_iter or "auto"}
    kinds = {
        "rbm 0.05": {"generative_weight": 0.05},
        "rbm 0": {"generative_weight": 0},
        "mlp": {"energy": "mlp"},
        "linear": {"energy": "linear"},
    }
    lines = []
    for seed in range(args.seeds):
        random = np.random.default_rng(seed)
        rows, n = random.permutation(len(X))[: args.rows], 2000
        tested = random.permutation(len(T))[:n]
        others = {
            "letters": letters(n, random, _SIDE, _SIDE),
            "small letters": letters(n, random, 20, 10),
            "noise": random.random((n, _SIDE**2), dtype=np.float32),
        }
        if args.binary:
            others["noise"] = (others["noise"] < 0.5).astype(np.float32)
        for name, kind in kinds.items():
            if args.models and name not in args.models:
                continue
            model = EnergyClassifier(random_state=seed, **options, **kind)
            start = time.perf_counter()
            with warnings.catch_warnings(action="ignore"):
                model.fit(X[rows], y[rows])
            seconds, own = time.perf_counter() - start, scores(model, T[tested])
            for other, pictures in others.items():
                for score, values in scores(model, pictures).items():
                    labels = np.repeat([1, 0], n)
                    auc = roc_auc_score(labels, np.concatenate([own[score], values]))
                    accuracy = model.score(T[tested], t[tested])
                    line = seed, name, score, other, auc, accuracy, seconds
                    lines.append(line)
                    print(line, flush=True)
    columns = ["seed", "model", "score", "other", "AUC", "accuracy", "seconds"]
    table = pd.DataFrame(lines, columns=columns)
    groups = table.groupby(["model", "score", "other"], sort=False)["AUC"]
    print(groups.agg(["mean", "std"]).unstack().round(4).to_string())


if __name__ == "__main__":
    main()
