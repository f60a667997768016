"""Accuracy of EnergyClassifier on text, beside logistic regression and naive Bayes.

    SKEBM_DATA=... python asv_bench/compare/text.py

20 Newsgroups has 1,000 words and its official parts by date. The sentences of
rt_polarity have 4,604 words, and each of ten given folds is the test part once. A grid
search with three folds of the training part chooses the parameters of each model, and
the transform of the counts. `EnergyClassifier` begins at naive Bayes, or at 0, and gets
fewer transforms than its peers. Rows stay sparse. Seconds are those of one fit with the
chosen parameters.
"""

import argparse
import time
from collections import Counter

import numpy as np
from _base import folder
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.naive_bayes import ComplementNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Binarizer

from skebm import EnergyClassifier
from skebm.energies import ClassLinear

_TRANSFORMS = {
    "counts": "passthrough",
    "0/1": Binarizer(),
    "tf-idf": TfidfTransformer(),
    "log tf-idf": TfidfTransformer(sublinear_tf=True),
    "0/1 tf-idf": make_pipeline(Binarizer(), TfidfTransformer()),
}


# -- data ------------------------------------------------------------------------------


def read(data, prefix=""):
    """Return the CSR matrix of a file."""
    arrays = (data[prefix + name] for name in ("data", "indices", "indptr"))
    values, *places = arrays
    shape = data[prefix + "shape"]
    return csr_matrix((values.astype(np.float32), *places), shape=shape)


def newsgroups():
    """Yield the official training and test parts."""
    with np.load(folder() / "text" / "newsgroups_w1000.npz") as data:
        train, test = read(data, "train_"), read(data, "test_")
        yield (train, data["y_train"]), (test, data["y_test"])


def sentences():
    """Yield the training and test parts of ten folds."""
    with np.load(folder() / "text" / "rt_polarity.npz") as data:
        X, y, fold = read(data), data["y"], data["fold"]
    for k in range(10):
        yield (X[fold != k], y[fold != k]), (X[fold == k], y[fold == k])


SETS = {"newsgroups": newsgroups, "rt_polarity": sentences}


# -- models ----------------------------------------------------------------------------


def models(seed):
    """Return the models by name, with their grids."""
    ebm = EnergyClassifier(
        visible="unscaled",
        n_iter=20,
        batch_size=300,
        learning_rate=0.03,
        n_jobs=1,
        random_state=seed,
    )
    energies = [ClassLinear(), *(ClassLinear(b, a) for b in (1, 2) for a in (0.1, 1))]
    penalties = [3e-5, 1e-4, 3e-4, 1e-3]
    few = ("log tf-idf", "0/1 tf-idf")
    return {
        "LogisticRegression": (
            LogisticRegression(max_iter=1000),
            {"C": [0.1, 0.3, 1, 3, 10]},
            _TRANSFORMS,
        ),
        "ComplementNB": (
            ComplementNB(),
            {"alpha": [0.03, 0.1, 0.3, 1, 3], "norm": [False, True]},
            _TRANSFORMS,
        ),
        "EnergyClassifier": (ebm, {"energy": energies, "l2": penalties}, few),
    }


def search(model, grid, transforms, train, n_jobs):
    """Return the best pipeline, fitted to the training part, and its parameters."""
    pipeline = Pipeline([("words", "passthrough"), ("model", model)])
    grid = {f"model__{name}": values for name, values in grid.items()}
    grid["words"] = [_TRANSFORMS[name] for name in transforms]
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    found = GridSearchCV(pipeline, grid, cv=folds, n_jobs=n_jobs, refit=False)
    best = found.fit(*train).best_params_
    start = time.perf_counter()
    fitted = pipeline.set_params(**best).fit(*train)
    seconds = time.perf_counter() - start
    names = {id(value): name for name, value in _TRANSFORMS.items()}
    words = names.get(id(best.pop("words")))
    described = [words, *(f"{k.removeprefix('model__')}={v}" for k, v in best.items())]
    return fitted, ", ".join(map(str, described)), seconds


def main():
    """Print a line for each model on each set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--models", nargs="+", default=list(models(0)))
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    print("| set | model | accuracy | each fold | s | most often chosen |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in args.sets:
        parts = list(SETS[name]())[: args.folds]
        for title in args.models:
            scores, times, choices = [], [], Counter()
            for train, test in parts:
                fitted, chosen, s = search(*models(args.seed)[title], train, args.jobs)
                scores.append(fitted.score(*test))
                times.append(s)
                choices[chosen] += 1
            (often, count), each = (
                choices.most_common(1)[0],
                " ".join(f"{score:.4f}" for score in scores),
            )
            print(
                f"| {name} | {title} | {np.mean(scores):.4f} | {each} | "
                f"{np.mean(times):.2f} | {often} ({count} of {len(scores)}) |",
                flush=True,
            )


if __name__ == "__main__":
    main()
