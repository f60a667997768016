"""Accuracy of EnergyClassifier on spoken digits, beside MLPClassifier and an SVC.

    SKEBM_DATA=... python asv_bench/compare/speech.py

2,000 recordings of ten digits by four speakers. "seen" is the official test part, whose
speakers are in the training part, and the name of a speaker means that this speaker is
the test part and the others are the training part. A transformer summarises the frames
of a recording: the mean and the standard deviation of cepstral coefficients in some
parts of equal length, and the log of the length. A grid search with three folds of the
training part (by speaker, if the speaker is to be new) chooses the parameters of each
model with the first seed. `EnergyClassifier` takes the summaries, or their principal
components under an RBF kernel.
"""

import argparse
import time
import warnings
from itertools import pairwise

import numpy as np
from _base import folder
from scipy.fft import dct
from sklearn.decomposition import KernelPCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from skebm import EnergyClassifier

# A frame is silence if its mean log energy is so much below that of the loudest frame.
_SILENCE = 5.0
# Chosen with an SVC, on folds of the official training part.
_N_PARTS, _N_COEFS = 5, 13


# -- data ------------------------------------------------------------------------------


def recordings():
    """Return a list of the frames of recordings, and arrays of facts about them."""
    with np.load(folder() / "spoken_digits.npz") as data:
        frames = np.split(data["frames"].astype(np.float32), data["start"][1:-1])
        names = data["speaker_name"]
        return frames, data["digit"], names[data["speaker"]], data["index"]


def summary(frames):
    """Return the summary of one recording, a vector."""
    loud = np.flatnonzero(frames.mean(axis=1) > frames.mean(axis=1).max() - _SILENCE)
    frames = frames[loud[0] : loud[-1] + 1]
    coefs = dct(frames, norm="ortho", axis=1)[:, :_N_COEFS]
    edges = np.linspace(0, len(coefs), _N_PARTS + 1)
    parts = [
        coefs[int(a) : max(int(a) + 1, int(np.ceil(b)))] for a, b in pairwise(edges)
    ]
    figures = [f(part, axis=0) for part in parts for f in (np.mean, np.std)]
    return np.concatenate([*figures, [np.log(len(frames))]]).astype(np.float32)


def summarise(recordings):
    """Return a row for each recording, a list of frames."""
    return np.array([summary(frames) for frames in recordings])


def tasks():
    """Yield names, training and test rows with labels, and folds of the training part.

    The transformer has no state, so it summarises all recordings at once.
    """
    frames, digit, speaker, index = recordings()
    X = FunctionTransformer(summarise).fit_transform(frames)

    def parts(test):
        return (X[~test], digit[~test]), (X[test], digit[test])

    train, test = parts(index < 5)
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    yield "seen", train, test, list(folds.split(*train))
    for name in np.unique(speaker):
        train, test = parts(speaker == name)
        folds = GroupKFold(3).split(*train, speaker[speaker != name])
        yield name, train, test, list(folds)


# -- models ----------------------------------------------------------------------------


def models(seed):
    """Return the steps of models by name, with their grids."""
    ebm = {"random_state": seed, "n_jobs": 1}
    kernel = {"visible": "unscaled", "batch_size": 200, "n_iter": 40, **ebm}
    components = KernelPCA(
        700, kernel="rbf", eigen_solver="randomized", random_state=seed
    )
    gammas = [0.002, 0.005, 0.01]
    return {
        "MLPClassifier": (
            {"model": MLPClassifier((300,), max_iter=300, random_state=seed)},
            {"model__alpha": [1e-2, 1.0]},
        ),
        "SVC": ({"model": SVC()}, {"model__C": [3, 10, 30], "model__gamma": gammas}),
        "EnergyClassifier mlp": (
            {"model": EnergyClassifier(energy="mlp", n_iter=60, **ebm)},
            {"model__l2": [1e-3, 1e-2]},
        ),
        "EnergyClassifier kernel": (
            {
                "components": components,
                "model": EnergyClassifier(energy="linear", learning_rate=0.1, **kernel),
            },
            {
                "components__gamma": gammas,
                "model__l2": [1e-6, 1e-5],
                "model__loss": ["nll", "hinge"],
            },
        ),
    }


def pipeline(steps):
    """Return the model of standardised summaries."""
    return Pipeline([("scale", StandardScaler()), *steps.items()])


def search(title, task, n_jobs):
    """Return the best parameters on folds of the training part."""
    (steps, grid), (_, train, _, folds) = models(0)[title], task
    found = GridSearchCV(pipeline(steps), grid, cv=folds, n_jobs=n_jobs, refit=False)
    return found.fit(*train).best_params_


def score(title, task, best, seed):
    """Return the accuracy on the test part, and the seconds of the fit."""
    _, train, test, _ = task
    model, start = pipeline(models(seed)[title][0]), time.perf_counter()
    model.set_params(**best).fit(*train)
    seconds = time.perf_counter() - start
    return model.score(*test), seconds


def main():
    """Print a line for each task and model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+")
    parser.add_argument("--models", nargs="+", default=list(models(0)))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    # Long fits of the peer end at `max_iter`.
    warnings.simplefilter("ignore", ConvergenceWarning)
    print("| test part | model | accuracy ± spread over seeds | s | chosen |")
    print("| --- | --- | --- | --- | --- |")
    for task in tasks():
        if args.tasks and task[0] not in args.tasks:
            continue
        for title in args.models:
            # No random number has a part in the training of an SVC.
            n_seeds = 1 if title == "SVC" else args.seeds
            best = search(title, task, args.jobs)
            figures = [score(title, task, best, seed) for seed in range(n_seeds)]
            (mean, seconds), (spread, _) = np.mean(figures, 0), np.std(figures, 0)
            chosen = ", ".join(f"{k.split('__')[1]}={v}" for k, v in best.items())
            print(
                f"| {task[0]} | {title} | {mean:.4f} ± {spread:.4f} | {seconds:.1f} | "
                f"{chosen} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
