"""Held-out log-densities of hybrids, beside their references and other densities.

    SKEBM_DATA=... python asv_bench/compare/hybrids.py [--folds 10] \
[--only "red wine" diabetes] [--models mixture hybrid energy]

The sets are red and white wine, diabetes and breast cancer, whose columns are
standardised by the training rows. All parameters are chosen on the training rows.

- `mixture`: `GaussianMixture` with the best BIC over 1 to 20 components and all types
  of covariance;
- `kernel`: `KernelDensity` with the best bandwidth by 5-fold cross-validation;
- `rbm`: `RBMDensity(32)`;
- `hybrid`: `EnergyDensity` that tilts the mixture above;
- `energy`: `EnergyDensity` with its defaults, and `stack`, which is its reference.

The script prints the mean over folds and its standard error, in nats a row, and the
seconds of a fit. For hybrids it also prints the mean and the smallest gain over the
reference.
"""

import argparse
import time
import warnings

import numpy as np
from real_sets import SETS
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from skebm import EnergyDensity, RBMDensity

NAMES = ("red wine", "white wine", "diabetes", "breast cancer")
_SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 20)
_TYPES = ("full", "tied", "diag", "spherical")


def mixture(X):
    """Return the mixture with the best BIC."""
    fits = [
        GaussianMixture(k, covariance_type=kind, reg_covar=1e-4, random_state=0).fit(X)
        for k in _SIZES
        for kind in _TYPES
    ]
    return min(fits, key=lambda fit: fit.bic(X))


def kernel(X):
    """Return the kernel density with the best bandwidth."""
    grid = {"bandwidth": np.geomspace(0.05, 1.5, 12)}
    return GridSearchCV(KernelDensity(), grid, cv=5).fit(X).best_estimator_


def hybrid(X):
    """Return the hybrid that tilts the mixture with the best BIC."""
    best = mixture(X)
    reference = GaussianMixture(**best.get_params())
    return EnergyDensity(reference=reference, random_state=0).fit(X)


MODELS = {
    "mixture": mixture,
    "kernel": kernel,
    "rbm": lambda X: RBMDensity(32, random_state=0).fit(X),
    "hybrid": hybrid,
    "energy": lambda X: EnergyDensity(random_state=0).fit(X),
}


def reference_score(model, X):
    """Return the mean log-density of the reference of a hybrid."""
    Z, start = model._encoded(X), model.energy_.reference
    volume = model._encoding.log_volume(Z)
    return float((-start.energy(Z) - start.log_partition - volume).mean())


def main():
    """Print a line for each set and model."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--only", nargs="*", choices=NAMES, default=NAMES)
    parser.add_argument("--models", nargs="*", choices=MODELS, default=list(MODELS))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in arguments.only:
        X = SETS[name]()
        split = KFold(arguments.folds, shuffle=True, random_state=0).split(X)
        scores, gains, seconds = {}, {}, {}
        for train, test in split:
            scaler = StandardScaler().fit(X[train])
            rows, held_out = scaler.transform(X[train]), scaler.transform(X[test])
            for what in arguments.models:
                start = time.perf_counter()
                model = MODELS[what](rows)
                seconds.setdefault(what, []).append(time.perf_counter() - start)
                score = model.score_samples(held_out).mean()
                scores.setdefault(what, []).append(score)
                if what in ("hybrid", "energy"):
                    below = reference_score(model, held_out)
                    gains.setdefault(what, []).append(score - below)
                if what == "energy":
                    scores.setdefault("stack", []).append(below)
        for what, values in scores.items():
            error = np.std(values, ddof=1) / np.sqrt(len(values))
            line = f"{name}, {what}: {np.mean(values):.3f} ({error:.3f})"
            if what in gains:
                mean, least = np.mean(gains[what]), np.min(gains[what])
                line += f", gain {mean:.3f}, smallest {least:.3f}"
            if what in seconds:
                line += f", {np.median(seconds[what]):.1f} s"
            print(line, flush=True)


if __name__ == "__main__":
    main()
