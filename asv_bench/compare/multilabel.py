"""Several labels a row: EnergyClassifier beside independent labels and a chain of them.

    SKEBM_DATA=... python asv_bench/compare/multilabel.py

Subset accuracy (all labels of a row right), and the log-loss of label sets,
`-log p(y | x)` in nats a row. Independent labels are `MultiOutputClassifier` of
logistic regressions, and the chain is `ClassifierChain` of them, in the order of the
columns, whose log-loss is that of the product of its conditionals. Each seed draws a
training and a test part. All models take the same standardised columns, with their
defaults. With more than twelve labels, training maximises the pseudo-likelihood, and
the log-loss is computed by a sum over all label sets of the fitted model.
"""

import argparse
import time

import numpy as np
from _base import folder, load_binary
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.preprocessing import StandardScaler

from skebm import EnergyClassifier

_ENERGIES = ("linear", "quadratic", "mlp", "rbm")


# -- data ------------------------------------------------------------------------------


def made(n_labels, seed):
    """Return rows of counts whose labels share a budget and so exclude others."""
    return make_multilabel_classification(
        n_samples=2000, n_features=20, n_classes=n_labels, n_labels=3, random_state=seed
    )


def coupled(n_labels, seed):
    """Return rows whose labels are an Ising model given a few linear scores."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(2000, 10))
    scores = X @ rng.normal(size=(10, n_labels)) / 3
    J = np.triu(rng.normal(size=(n_labels, n_labels)), 1)
    J += J.T
    Y = (rng.random(scores.shape) < 0.5).astype(int)
    for _ in range(100):
        for k in range(n_labels):
            odds = scores[:, k] + Y @ J[k] - J[k].sum() / 2
            Y[:, k] = rng.random(len(Y)) < 1 / (1 + np.exp(-odds))
    return X, Y


def plants(seed, n_labels=12):
    """Return in which of the other states plants grow, and in which of twelve."""
    rows = np.vstack(load_binary("plants")[:2])
    rng = np.random.default_rng(seed)
    rows = rows[rng.permutation(len(rows))[:4000]]
    labels = np.arange(rows.shape[1])[::5][:n_labels]
    return np.delete(rows, labels, axis=1), rows[:, labels].astype(int)


def films(seed):
    """Return who has seen a film, as thirty components, and its genres."""
    with np.load(folder() / "movielens_100k.npz") as data:
        seen = np.zeros((1682, 943))
        seen[data["item"], data["user"]] = 1
        genres = data["item_genre"].astype(int)
    there = (seen.sum(axis=1) >= 10) & (genres[:, 0] == 0)  # the first is "unknown"
    X = TruncatedSVD(30, random_state=0).fit_transform(seen[there])
    return X, genres[there, 1:]


SETS = {
    "made, 6 labels": lambda seed: made(6, seed),
    "made, 12 labels": lambda seed: made(12, seed),
    "coupled, 6 labels": lambda seed: coupled(6, seed),
    "coupled, 16 labels": lambda seed: coupled(16, seed),
    "plants, 12 states": plants,
    "films, 18 genres": films,
}


# -- models ----------------------------------------------------------------------------


def independent_loss(model, X, Y):
    """Return the mean of -log p(labels | row) of independent labels."""
    total = 0.0
    for k, one in enumerate(model.estimators_):
        total += one.predict_log_proba(X)[np.arange(len(X)), Y[:, k]]
    return -total.mean()


def chain_loss(model, X, Y):
    """Return the mean of -log p(labels | row), the product of the conditionals."""
    total = 0.0
    for k, one in enumerate(model.estimators_):
        with_others = np.hstack([X, Y[:, :k]])
        total += one.predict_log_proba(with_others)[np.arange(len(X)), Y[:, k]]
    return -total.mean()


def energy_loss(model, X, Y):
    """Return the mean of -log p(labels | row), by a sum over all label sets."""
    energy = model.energy_.replace(model.energy_.params)
    energy.n_exact, energy.most_learned = 20, 20
    return energy.nll(np.hstack([X, Y]).astype(energy.dtype)).mean()


def models(seed):
    """Return the models by name, each with the function of its log-loss."""
    logistic = LogisticRegression(max_iter=2000)
    peers = {
        "independent": (MultiOutputClassifier(logistic), independent_loss),
        "chain": (ClassifierChain(logistic), chain_loss),
    }
    own = {
        name: (
            EnergyClassifier(energy=name, visible="unscaled", random_state=seed),
            energy_loss,
        )
        for name in _ENERGIES
    }
    return peers | own


def main():
    """Print a table of the means over seeds, with their standard deviations."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--models", nargs="+", default=list(models(0)))
    parser.add_argument("--n-train", type=int, default=1000)
    args = parser.parse_args()
    print("| set | model | subset accuracy | log-loss of sets | s a fit |")
    print("| --- | --- | --- | --- | --- |")
    for name in args.sets:
        results = {}
        for seed in range(args.seeds):
            X, Y = SETS[name](seed)
            order = np.random.default_rng(seed).permutation(len(X))
            n = min(args.n_train, 2 * len(X) // 3)
            train, test = order[:n], order[n : n + 1000]
            # A label that all training rows have, or none, has no logistic regression.
            varies = Y[train].min(axis=0) < Y[train].max(axis=0)
            X = StandardScaler().fit(X[train]).transform(X)
            Y = Y[:, varies]
            for model, (estimator, loss) in models(seed).items():
                if model not in args.models:
                    continue
                start = time.perf_counter()
                fitted = clone(estimator).fit(X[train], Y[train])
                seconds = time.perf_counter() - start
                accuracy = fitted.score(X[test], Y[test])
                figures = accuracy, loss(fitted, X[test], Y[test]), seconds
                results.setdefault(model, []).append(figures)
        for model, figures in results.items():
            (accuracy, loss, seconds), spread = np.mean(figures, 0), np.std(figures, 0)
            print(
                f"| {name} | {model} | {accuracy:.3f} ± {spread[0]:.3f} | {loss:.3f} ± "
                f"{spread[1]:.3f} | {seconds:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
