"""Held-out log-density of ten tables of real columns, beside mixtures of scikit-learn.

    SKEBM_DATA=... python asv_bench/compare/real_sets.py --out real.jsonl [--frames]

Each set is split by `KFold(5, shuffle=True, random_state=0)`, of which the first three
folds are used. Columns that are constant in the training rows are left out for all
models. The other columns are standardised by the training rows, and all figures are
nats a row in these units. The models are

- one normal distribution, with a ridge of 1e-6;
- the `GaussianMixture` with full covariances that has the best BIC among 1 to 12
  components;
- both after a `PowerTransformer`, with the Jacobian of the transform;
- `RBMDensity(32)`, and the same with `couplings="none"`.

`--frames` fits the last two models to data frames of the columns as they are. There,
columns with two values or with small whole numbers become Bernoulli or count columns,
whose log-probabilities are not densities, so such tables get no figures. The script
appends every finished model to `--out` as a line, and does not run models that have a
line.
"""

import argparse
import json
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from _base import folder
from scipy.stats import multivariate_normal
from sklearn import datasets
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import KFold
from sklearn.preprocessing import PowerTransformer
from threadpoolctl import threadpool_limits

from skebm import RBMDensity

_N_FOLDS = 3
_RIDGE = 1e-6

# -- data ------------------------------------------------------------------------------


def wine_quality(color):
    """Return a loader of the measurements of the wines of one color."""

    def load():
        with np.load(folder() / "tabular" / "wine_quality.npz") as data:
            return data[f"X_{color}"]

    return load


def adbench(name):
    """Return a loader of the normal rows of an anomaly table."""

    def load():
        with np.load(folder() / "adbench" / f"{name}.npz") as data:
            return data["X"][data["y"] == 0]

    return load


SETS = {
    "iris": lambda: datasets.load_iris().data,
    "wine": lambda: datasets.load_wine().data,
    "breast cancer": lambda: datasets.load_breast_cancer().data,
    "diabetes": lambda: datasets.load_diabetes().data,
    "red wine": wine_quality("red"),
    "white wine": wine_quality("white"),
    **{name: adbench(name) for name in ("cardio", "satellite", "Waveform", "letter")},
}


def folds(name):
    """Return training rows, test rows and the scales of the columns of each fold."""
    X = np.asarray(SETS[name](), dtype=np.float64)
    out = []
    for train, test in KFold(5, shuffle=True, random_state=0).split(X):
        varies = np.ptp(X[train], axis=0) > 0
        parts = X[train][:, varies], X[test][:, varies]
        out.append((*parts, parts[0].mean(axis=0), parts[0].std(axis=0)))
    return out[:_N_FOLDS]


# -- models ----------------------------------------------------------------------------


def normal(train, test, seed):
    """Return the log-densities of one normal distribution."""
    covariance = np.cov(train.T, bias=True) + _RIDGE * np.eye(train.shape[1])
    return multivariate_normal(train.mean(axis=0), covariance).logpdf(test), {}


def mixture(train, test, seed):
    """Return the log-densities of the mixture that has the best BIC."""
    # More threads are slower on these small matrices, up to a hundred times.
    with threadpool_limits(1, "blas"):
        models = [
            GaussianMixture(k, random_state=seed).fit(train) for k in range(1, 13)
        ]
    best = min(models, key=lambda model: model.bic(train))
    return best.score_samples(test), {"components": best.n_components}


def transformed(model):
    """Return a model of the rows after a Yeo-Johnson transform of each column."""

    def score(train, test, seed):
        power = PowerTransformer().fit(train)
        log_p, facts = model(power.transform(train), power.transform(test), seed)
        raw = PowerTransformer(standardize=False).fit_transform(train)
        slopes = (power.lambdas_ - 1) * np.sign(test) * np.log1p(np.abs(test))
        return log_p + (slopes - np.log(raw.std(axis=0))).sum(axis=1), facts

    return score


def skebm(**parameters):
    """Return an RBM with these parameters."""

    def score(train, test, seed):
        model = RBMDensity(32, random_state=seed, **parameters)
        start = time.perf_counter()
        model.fit(train)
        seconds = time.perf_counter() - start
        log_p, log_z = model.score_samples(test), model.log_partition_
        return log_p, {
            "seconds": seconds,
            "log_z_seconds": time.perf_counter() - start - seconds,
            "bracket": log_z.upper - log_z.lower,
            "components": n_components(model._energy.visible),
            "kinds": Counter(model._table.kinds),
        }

    return score


def n_components(layer):
    """Return the number of components of real units, 0 if they are independent.

    The wide component that takes outliers counts.
    """
    parts = [layer, *getattr(layer, "layers", []), getattr(layer, "real", None)]
    return max(len(getattr(part, "log_weight", [])) for part in parts)


MODELS = {
    "normal": normal,
    "mixture": mixture,
    "transform, normal": transformed(normal),
    "transform, mixture": transformed(mixture),
    "skebm": skebm(),
    'skebm, "none"': skebm(couplings="none"),
}


def fit(name, fold, model, seed, frames):
    """Return the figures of one model and fold."""
    train, test, mean, scale = folds(name)[fold]
    if frames:
        names = [f"x{j}" for j in range(train.shape[1])]
        train, test = (pd.DataFrame(part, columns=names) for part in (train, test))
    else:
        train, test = ((part - mean) / scale for part in (train, test))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        log_p, facts = MODELS[model](train, test, seed)
    if frames:
        log_p = log_p + np.log(scale).sum()
    texts = sorted({str(warning.message) for warning in caught})
    return {"shape": train.shape, "nats": log_p.mean(), "warnings": texts, **facts}


# -- the run ---------------------------------------------------------------------------


def table(rows, models):
    """Print the means over the folds, the single folds, and the facts of skebm."""
    titles = ["set", "rows x columns", *models, "skebm less the best other: folds"]
    print("\n| " + " | ".join(titles) + " |\n|" + " --- |" * len(titles))
    for name, runs in by_set(rows):
        first = runs["skebm"][0]
        cells = [name, " x ".join(map(str, first["shape"]))]
        if set(first["kinds"]) - {"gaussian", "real", "yeo_johnson"}:
            kinds = ", ".join(f"{n} {kind}" for kind, n in first["kinds"].items())
            print("| " + " | ".join([*cells, kinds]) + " |")
            continue
        nats = {m: np.array([row["nats"] for row in runs[m]]) for m in models}
        cells += [f"{x.mean():.2f} ({np.median(x):.2f})" for x in nats.values()]
        others = [m for m in models if m != "skebm"]
        best = max(others, key=lambda m: nats[m].mean())
        gains = ", ".join(f"{x:+.2f}" for x in nats["skebm"] - nats[best])
        print("| " + " | ".join([*cells, f"{gains} ({best})"]) + " |")
    ours = [m for m in models if m.startswith("skebm")]
    titles = ["set", *(f"{m}: components, bracket, s" for m in ours), "warnings"]
    print("\n| " + " | ".join(titles) + " |\n|" + " --- |" * len(titles))
    for name, runs in by_set(rows):
        cells = [name]
        for m in ours:
            counts = " ".join(str(row["components"]) for row in runs[m])
            widest = max(row["bracket"] for row in runs[m])
            seconds = np.mean([row["seconds"] for row in runs[m]])
            cells.append(f"{counts}, {widest:.2f}, {seconds:.1f}")
        cells.append(str(sum(bool(row["warnings"]) for m in ours for row in runs[m])))
        print("| " + " | ".join(cells) + " |")


def by_set(rows):
    """Yield the name of each set that has results, and the folds of each model."""
    for name in SETS:
        runs = {}
        for row in sorted(rows, key=lambda row: row["fold"]):
            if row["set"] == name:
                runs.setdefault(row["model"], []).append(row)
        if runs:
            yield name, runs


def main():
    """Run the models that have no line yet, and print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True, help="file of JSON lines")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--frames", action="store_true")
    arguments = parser.parse_args()
    text = arguments.out.read_text() if arguments.out.exists() else ""
    rows = [json.loads(line) for line in text.splitlines()]
    done = {(row["set"], row["fold"], row["model"]) for row in rows}
    models = [m for m in MODELS if m.startswith("skebm") or not arguments.frames]
    tasks = [
        (name, fold, model)
        for fold in range(_N_FOLDS)
        for name in arguments.sets
        for model in models
    ]
    for task in tasks:
        if task in done:
            continue
        row = dict(zip(("set", "fold", "model"), task, strict=True))
        row |= fit(*task, arguments.seed, arguments.frames)
        rows.append(row)
        with arguments.out.open("a") as file:
            file.write(json.dumps(row) + "\n")
        facts = {k: v for k, v in row.items() if k not in ("set", "fold", "model")}
        print(*task, facts, flush=True)
    table(rows, models)


if __name__ == "__main__":
    main()
