"""Fits that are killed at random moments and go on, and what checkpoints cost.

    python asv_bench/compare/checkpoints.py [--short] [--moments 30] [--only NAME]
    SKEBM_DATA=... python asv_bench/compare/checkpoints.py --cost [--rounds 3]

For each estimator that trains, and for 1 and 2 threads, a process fits with checkpoints
every 20 milliseconds and gets SIGKILL at a random moment of the fit. Every second
resumed fit is killed once more. The script prints how many files open, and how many
resumed fits have the parameters, the averages and the history of the undisturbed fit in
every bit.

`--cost` fits MNIST 784-500 with and without checkpoints every 10 seconds, in turn. It
prints the seconds of the fits, and the seconds within them that went into checkpoints.
"""

import argparse
import os
import pickle
import random
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from skebm import (
    DocumentDensity,
    EBMAnomalyDetector,
    EnergyClassifier,
    EnergyDenoiser,
    EnergyDensity,
    EnergyImputer,
    RBMDensity,
)
from skebm.callbacks import Checkpoint, Keeper, resume
from skebm.energies import ClassMLP
from skebm.energies.images import RidgeRecipe
from skebm.objectives import PCD
from skebm.persistence import trusted_types
from skebm.utils._record import Record, load

_rng = np.random.default_rng(0)
BITS = (_rng.random((2003, 67)) < 0.3).astype(np.float32)
REALS = _rng.normal(size=(1009, 3)) @ _rng.normal(size=(3, 3))
HOLES = np.where(_rng.random(REALS.shape) < 0.2, np.nan, REALS)
LABELS = np.arange(len(BITS)) % 3
SOME = np.where(np.arange(len(BITS)) % 4, -1, LABELS)
WORDS = _rng.poisson(1.0, (503, 29)) + np.eye(29, dtype=int)[0]
IMAGES = np.clip(_rng.normal(0, 0.1, (60, 24, 24)).cumsum(axis=2) + 0.5, 0, 1)
FRAME = pd.DataFrame({"real": HOLES[:, 0], "text": _rng.choice(["x", "y"], 1009)})

# An estimator and the arguments of its fit, of about half a second.
CASES = {
    "RBMDensity": (RBMDensity(61, n_iter=40), [BITS]),
    "RBMDensity, long epochs": (RBMDensity(61, n_iter=2, batch_size=5), [BITS]),
    "RBMDensity, size by rows": (RBMDensity("auto", n_iter=4), [BITS]),
    "RBMDensity, trajectory": (
        RBMDensity(31, n_iter=6, objective=PCD(sampler="trajectory")),
        [BITS],
    ),
    "RBMDensity, held out": (RBMDensity(61, n_iter=30, early_stopping=True), [BITS]),
    "EnergyDensity": (EnergyDensity(n_iter=25), [REALS]),
    "EnergyDensity, chains": (
        EnergyDensity(n_iter=8, objective="pcd", kernel="mala"),
        [REALS],
    ),
    "EnergyClassifier": (EnergyClassifier(31, n_iter=150), [BITS, LABELS]),
    "EnergyClassifier, few labels": (EnergyClassifier(31, n_iter=4), [BITS, SOME]),
    "EnergyClassifier, perceptron": (
        EnergyClassifier(energy=ClassMLP(31), n_iter=150),
        [BITS, LABELS],
    ),
    "EnergyImputer": (EnergyImputer(n_components=7, n_iter=5), [FRAME]),
    "EBMAnomalyDetector": (EBMAnomalyDetector("rbm", n_iter=10), [REALS]),
    "EnergyDenoiser": (
        EnergyDenoiser(RidgeRecipe(8, 3), patch_size=12, n_iter=3, batch_size=8),
        [IMAGES],
    ),
    "DocumentDensity": (DocumentDensity(7, n_iter=5), [WORDS]),
}


def bits(model):
    """Return all numbers of a fit that should not depend on an interruption."""
    model = getattr(model, "density_", model)
    training = model._training
    history = {k: v for k, v in model.history_.items() if k != "seconds"}
    arrays = *training.energy.params.values(), *training.best.params.values()
    return history, [(a.dtype.str, a.shape, a.tobytes()) for a in arrays]


def same(a, b):
    """Tell whether two results of `bits` are the same; NaN is the same as NaN."""
    return a[1] == b[1] and pickle.dumps(a[0]) == pickle.dumps(b[0])


def child(work, out=None):
    """Run work in a process of its own, and return its number."""
    number = os.fork()
    if number:
        return number
    try:
        result = work()
        if out is not None:
            Path(out).write_bytes(pickle.dumps(result))
        os._exit(0)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)


def killed(work, moment):
    """Run work in a process that is killed after some seconds."""
    number = child(work)
    time.sleep(moment)
    os.kill(number, signal.SIGKILL)
    os.waitpid(number, 0)


def run(name, n_jobs, n_moments, dice):
    """Kill fits of one estimator, and print a line."""
    model, arguments = CASES[name]
    model.set_params(n_jobs=n_jobs, random_state=0)
    folder = Path(tempfile.mkdtemp())
    path, out = folder / "run.skebm", folder / "bits"

    def fit():
        return model.set_callbacks(Checkpoint(path, every=0.02)).fit(*arguments)

    expected = bits(model.set_callbacks().fit(*arguments))
    begun = time.perf_counter()
    fit()
    seconds = time.perf_counter() - begun
    counts = dict.fromkeys(("none yet", "open", "in progress", "same"), 0)
    while counts["open"] < n_moments and counts["none yet"] < 5 * n_moments:
        k = counts["open"]
        path.unlink(missing_ok=True)
        killed(fit, dice.random() * seconds)
        if not path.exists():
            counts["none yet"] += 1
            continue
        counts["open"] += bool(Record.read(os.fspath(path)).trainings)
        if k % 2:
            killed(lambda: resume(path).fit(*arguments), dice.random() * seconds)
        last = Record.read(os.fspath(path)).trainings[-1]
        counts["in progress"] += not load(last, path, trusted_types())["is_over"]
        os.waitpid(child(lambda: bits(resume(path).fit(*arguments)), out), 0)
        counts["same"] += same(pickle.loads(out.read_bytes()), expected)
        out.unlink()
    numbers = "".join(f"{number:12}" for number in counts.values())
    print(f"{name:30} {n_jobs:7} {seconds:8.2f} {numbers}", flush=True)
    return counts["same"] == n_moments


def cost(n_rounds, every, epochs):
    """Print the seconds of fits of MNIST 784-500 with and without checkpoints."""
    from _base import load_thresholded

    X, spent = load_thresholded()[0], []
    keep = Keeper.keep

    def timed(self, state):
        begun = time.perf_counter(), time.process_time()
        keep(self, state)
        ends = time.perf_counter(), time.process_time()
        spent.append(np.subtract(ends, begun))

    Keeper.keep = timed
    path = os.path.join(tempfile.mkdtemp(), "run.skebm")
    RBMDensity(500, n_iter=1, random_state=0).fit(X)
    columns = "without s", "with s", "files", "in them s", "wall %", "CPU %"
    print("round", *(f"{column:>12}" for column in columns))
    for k in range(n_rounds):
        times = []
        for callbacks in [], [Checkpoint(path, every=every)]:
            spent.clear()
            model = RBMDensity(500, n_iter=epochs, random_state=0)
            begun = time.perf_counter(), time.process_time()
            model.set_callbacks(*callbacks).fit(X)
            ends = time.perf_counter(), time.process_time()
            times.append(np.subtract(ends, begun))
        within = np.sum(spent, axis=0)
        shares = 100 * within / times[1]
        facts = times[0][0], times[1][0], len(spent), within[0], *shares
        print(f"{k:5}", *(f"{fact:12.2f}" for fact in facts), flush=True)


def main():
    """Print a line for each estimator and number of threads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--moments", type=int, default=30)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--every", type=float, default=10.0)
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.cost:
        cost(options.rounds, options.every, options.epochs)
        return True
    n_moments, dice = (
        3 if options.short else options.moments,
        random.Random(options.seed),
    )
    columns = "none yet", "open", "in progress", "same"
    print(f"{'estimator':30} threads  seconds ", *(f"{c:>11}" for c in columns))
    names = options.only or CASES
    return all([run(name, n, n_moments, dice) for name in names for n in (1, 2)])


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
