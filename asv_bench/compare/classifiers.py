"""Log-loss of classifiers with their defaults, beside the classifiers of scikit-learn.

    SKEBM_DATA=... python asv_bench/compare/classifiers.py

Each set has at most 2000 rows, and three stratified folds. `EnergyClassifier` takes the
columns as they are, and so does histogram boosting. The other peers take standardised
columns, and one-hot codes of categories. The last row is the mean rank of each model.

`--priors 0 0.3 1 3` replaces the peers by `EnergyClassifier` with `l2=prior / rows`,
and `--inner` scores three folds of the training part of each fold, and never its test
part. So defaults are chosen by these two options. `--energies` chooses energies, and
`--options` are further parameters as JSON.
"""

import argparse
import json
import time
import warnings

import numpy as np
import pandas as pd
from _base import folder, load_wine
from joblib import Parallel, delayed
from sklearn import datasets
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skebm import EnergyClassifier

_MAX_ROWS, _N_FOLDS = 2000, 3


# -- data ------------------------------------------------------------------------------


def bundled(name):
    """Return a loader of a set of scikit-learn."""
    return lambda: getattr(datasets, f"load_{name}")(return_X_y=True)


def digits():
    """Return images with grey values in [0, 1], and their digits."""
    X, y = datasets.load_digits(return_X_y=True)
    return X / 16, y


def adbench(name):
    """Return a loader of an anomaly table, as a task with two classes."""

    def load():
        with np.load(folder() / "adbench" / f"{name}.npz") as data:
            return data["X"], data["y"].astype(int)

    return load


def census():
    """Return the columns of adult census as a frame, and who earns much."""
    with np.load(folder() / "tabular" / "adult_census.npz") as data:
        columns = {}
        for name in data["columns"]:
            values = data[f"{name}_train"]
            if f"{name}_levels" in data:
                values = pd.Categorical.from_codes(values, list(data[f"{name}_levels"]))
            columns[str(name)] = values
        return pd.DataFrame(columns), data["y_train"].astype(int)


def grades():
    """Return measurements of white wines, and their grades without the rare ones."""
    frame = load_wine()
    frame = frame[frame["quality"].between(4, 8)]
    return frame.drop(columns="quality").to_numpy(), frame["quality"].to_numpy()


SETS = {
    "iris": bundled("iris"),
    "wine": bundled("wine"),
    "breast cancer": bundled("breast_cancer"),
    "digits": digits,
    "glass": adbench("glass"),
    "Ionosphere": adbench("Ionosphere"),
    "cardio": adbench("cardio"),
    "Cardiotocography": adbench("Cardiotocography"),
    "annthyroid": adbench("annthyroid"),
    "SpamBase": adbench("SpamBase"),
    "Waveform": adbench("Waveform"),
    "landsat": adbench("landsat"),
    "mammography": adbench("mammography"),
    "wine grades": grades,
    "census": census,
}


def load(name):
    """Return at most 2000 rows of a set, and their labels."""
    X, y = SETS[name]()
    chosen = np.random.default_rng(0).permutation(len(y))[:_MAX_ROWS]
    return (X.iloc[chosen] if hasattr(X, "iloc") else X[chosen]), y[chosen]


# -- models ----------------------------------------------------------------------------


def standardised(model):
    """Return a pipeline that scales numbers and codes categories."""
    numbers = make_column_selector(dtype_include="number")
    return lambda X: make_pipeline(
        make_column_transformer(
            (StandardScaler(), numbers),
            remainder=OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        )
        if hasattr(X, "iloc")
        else StandardScaler(),
        model,
    )


def peers(options):
    """Return the models by name, each a function of the training rows."""
    models = {
        "LR": standardised(LogisticRegression(max_iter=1000)),
        "MLP": standardised(MLPClassifier(random_state=0)),
        "NB": standardised(GaussianNB()),
        "forest": standardised(RandomForestClassifier(random_state=0)),
        "HGB": lambda X: HistGradientBoostingClassifier(random_state=0),
    }
    return {**models, **{f"EBM {e}": ours(e, options) for e in options.pop("energies")}}


def ours(energy, options, prior=None):
    """Return a function that makes our classifier for the training rows."""

    def make(X):
        penalty = {} if prior is None else {"l2": prior / len(X)}
        return EnergyClassifier(energy=energy, random_state=0, **penalty, **options)

    return make


# -- scores ----------------------------------------------------------------------------


def take(X, rows):
    """Return rows of an array or a frame."""
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def splits(X, y, inner):
    """Yield training and test rows of each fold."""
    folds = StratifiedKFold(_N_FOLDS, shuffle=True, random_state=0)
    for train, test in folds.split(np.zeros(len(y)), y):
        if not inner:
            yield train, test
            continue
        for a, b in folds.split(np.zeros(len(train)), y[train]):
            yield train[a], train[b]


def score(name, title, make, inner):
    """Return a line with the mean log-loss of a model on a set."""
    X, y = load(name)
    losses, accuracies, started = [], [], time.perf_counter()
    for train, test in splits(X, y, inner):
        with warnings.catch_warnings(action="ignore"):
            model = make(take(X, train)).fit(take(X, train), y[train])
            proba = model.predict_proba(take(X, test))
        losses.append(log_loss(y[test], proba, labels=model.classes_))
        accuracies.append(accuracy_score(y[test], model.classes_[proba.argmax(axis=1)]))
    seconds = (time.perf_counter() - started) / len(losses)
    return {
        "set": name,
        "model": title,
        "log_loss": float(np.mean(losses)),
        "spread": float(np.std(losses)),
        "accuracy": float(np.mean(accuracies)),
        "seconds": seconds,
    }


def main():
    """Score the models, and print a table of log-losses and one of seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--models", nargs="+")
    parser.add_argument("--energies", nargs="+", default=["rbm", "mlp"])
    parser.add_argument("--priors", nargs="+", type=float)
    parser.add_argument("--options", type=json.loads, default={})
    parser.add_argument("--inner", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    options = {"n_jobs": 1, **args.options}
    if args.priors:
        models = {
            f"{e} {p:g}": ours(e, options, p)
            for e in args.energies
            for p in args.priors
        }
    else:
        models = peers({**options, "energies": args.energies})
    models = {k: m for k, m in models.items() if not args.models or k in args.models}
    lines = []
    for line in Parallel(args.jobs, return_as="generator_unordered")(
        delayed(score)(name, title, make, args.inner)
        for name in args.sets
        for title, make in models.items()
    ):
        lines.append(line)
        print(json.dumps(line), flush=True)
    table = pd.DataFrame(lines)
    for figure in ("log_loss", "spread", "accuracy", "seconds"):
        wide = table.pivot(index="set", columns="model", values=figure)
        wide = wide.loc[args.sets, list(models)]
        print(f"\n{figure}\n{wide.round(3).to_string()}")
        if figure == "log_loss":
            print("mean rank", wide.rank(axis=1).mean().round(2).to_dict())
            gain = np.log(wide).sub(np.log(wide).min(axis=1), axis=0)
            print("mean log ratio to the best", gain.mean().round(3).to_dict())


if __name__ == "__main__":
    main()
