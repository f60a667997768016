"""Sizes that "auto" chooses, beside a grid of sizes: held-out scores and seconds.

    SKEBM_DATA=... python asv_bench/compare/capacity.py [--folds 2] \
[--only tilt rbm classifier] [--sets "red wine" diabetes] [--tune]

- `tilt`: `EnergyDensity` with `MLP(size)`, whose reference is the default, on four sets
  whose columns are standardised by the training rows;
- `normal`: the same with one normal distribution as the reference;
- `rbm`: `RBMDensity(size)` on two binary sets and two real sets;
- `classifier`: `EnergyClassifier(size)` on three sets, with the mean log-probability of
  the label and the accuracy.

Each set is split by `KFold(10, shuffle=True, random_state=0)`, of which the first folds
are used. `--tune` scores on a tenth of the training rows of a fold in place of its test
rows. The script prints a line for each set: the mean score of each size, the size and
score of "auto", how far it ends below the best size, the standard error of this
difference over the test rows of all folds, and the seconds of "auto" as a share of the
seconds of the grid. Scores are in nats a row. All fits run on one thread.
"""

import argparse
import time
import warnings

import numpy as np
from _base import load_binary
from real_sets import SETS
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import KFold, train_test_split
from sklearn.preprocessing import StandardScaler

from skebm import EnergyClassifier, EnergyDensity, RBMDensity
from skebm.energies import MLP

REAL = ("diabetes", "breast cancer", "red wine", "white wine")
_LAYERS = ((8,), (16,), (32,), (64,), (64, 64), (128, 128))
_UNITS = (4, 8, 16, 32, 64, 128)


def _binary(name):
    train, valid, test = load_binary(name)
    return np.concatenate([train, valid, test])


def _real(name):
    return lambda: (SETS[name](), None)


# For each task: a model of a size, the sizes, and loaders of X and y by name.
TASKS = {
    "tilt": (
        lambda size: EnergyDensity(MLP(size), random_state=0),
        _LAYERS,
        {name: _real(name) for name in REAL},
    ),
    "normal": (
        lambda size: EnergyDensity(
            MLP(size), reference=GaussianMixture(1), random_state=0
        ),
        _LAYERS,
        {name: _real(name) for name in REAL},
    ),
    "rbm": (
        lambda size: RBMDensity(size, random_state=0),
        _UNITS,
        {
            "digits": lambda: ((load_digits().data > 7).astype(float), None),
            "nltcs": lambda: (_binary("nltcs"), None),
            "diabetes": _real("diabetes"),
            "breast cancer": _real("breast cancer"),
        },
    ),
    "classifier": (
        lambda size: EnergyClassifier(size, random_state=0),
        _UNITS,
        {
            "digits": lambda: load_digits(return_X_y=True),
            "breast cancer": lambda: load_breast_cancer(return_X_y=True),
            "wine": lambda: load_wine(return_X_y=True),
        },
    ),
}


def parts(X, y, n_folds, tune):
    """Yield training rows, scored rows and their labels, standardised if real."""
    is_binary = np.isin(X, (0, 1)).all()
    for train, test in list(KFold(10, shuffle=True, random_state=0).split(X))[:n_folds]:
        if tune:
            train, test = train_test_split(train, test_size=0.1, random_state=0)
        rows, held_out = X[train], X[test]
        if not is_binary:
            scaler = StandardScaler().fit(rows)
            rows, held_out = scaler.transform(rows), scaler.transform(held_out)
        labels = (None, None) if y is None else (y[train], y[test])
        yield rows, held_out, *labels


def scores(model, X, y):
    """Return the score of each row, and whether it is right, of a classifier."""
    if y is None:
        return model.score_samples(X), None
    column = np.searchsorted(model.classes_, y)
    return model.predict_log_proba(X)[np.arange(len(y)), column], model.predict(X) == y


def run(task, name, n_folds, tune):
    """Print the line of a set."""
    make, sizes, loaders = TASKS[task]
    X, y = loaders[name]()
    values, right, seconds, chosen = {}, {}, {}, []
    for rows, held_out, labels, true in parts(X, y, n_folds, tune):
        for size in (*sizes, "auto"):
            start = time.perf_counter()
            model = make(size).set_params(n_jobs=1).fit(rows, labels)
            seconds[size] = seconds.get(size, 0) + time.perf_counter() - start
            found, is_right = scores(model, held_out, true)
            values.setdefault(size, []).append(found)
            right.setdefault(size, []).append(is_right)
        path = model.capacity_path_
        chosen.append(str(path["size"][path["chosen"]].iloc[0]))
    values = {size: np.concatenate(v) for size, v in values.items()}
    best = max(sizes, key=lambda size: values[size].mean())
    below = values[best] - values["auto"]
    error = below.std() / np.sqrt(len(below))
    share = seconds["auto"] / sum(seconds[size] for size in sizes)
    grid = ", ".join(f"{s}: {values[s].mean():.3f}" for s in sizes)
    line = f"{task}, {name}: {grid}; auto [{' '.join(chosen)}]"
    line += f": {values['auto'].mean():.3f}, {below.mean():.3f} ({error:.3f}) below"
    line += f" {best}, {seconds['auto']:.0f} s, {share:.2f} of the grid"
    if y is not None:
        shares = {s: np.concatenate(v).mean() for s, v in right.items()}
        most = max(shares[size] for size in sizes)
        line += f"; right: {most:.3f}, auto {shares['auto']:.3f}"
    print(line, flush=True)


def main():
    """Print a line for each task and set."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folds", type=int, default=2)
    parser.add_argument("--only", nargs="*", choices=TASKS, default=list(TASKS))
    parser.add_argument("--sets", nargs="*")
    parser.add_argument("--tune", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for task in arguments.only:
        for name in TASKS[task][2]:
            if not arguments.sets or name in arguments.sets:
                run(task, name, arguments.folds, arguments.tune)


if __name__ == "__main__":
    main()
