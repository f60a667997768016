"""Recover the parameters of a known energy by each objective, in standard errors.

    python asv_bench/compare/own_energy.py [n_seeds]

Prints the parameters of a double well, found from 10,000 rows, and their errors divided
by the standard errors of maximum likelihood, which nobody can beat.
"""

import sys
import time
import warnings

import numpy as np

from skebm import EnergyDensity
from skebm.energies import EnergyFunction
from skebm.objectives import PCD, DenoisingScoreMatching
from skebm.samplers import SAMPLERS

THETA, START, N_ROWS = np.array([0.7, 1.5, 0.2]), [1.0, 1.0, 0.0], 10_000
GRID = np.linspace(-6, 6, 100_001)


def well(x, theta):
    return theta[0] * (x[:, 0] ** 2 - theta[1]) ** 2 + theta[2] * x[:, 0]


def standard_errors(probability):
    """Return the errors of maximum likelihood: the inverse Fisher information."""
    a, b, _ = THETA
    slopes = [(GRID**2 - b) ** 2, -2 * a * (GRID**2 - b), GRID]
    information = np.cov(slopes, aweights=probability, ddof=0)
    return np.sqrt(np.diag(np.linalg.inv(information)) / N_ROWS)


def specs():
    """Return the objectives by name, with those samplers of slopes that exist."""
    found = {"nce": "nce", "score_matching": "score_matching"}
    found["denoising(0.03)"] = DenoisingScoreMatching(0.03)
    for kernel in ("mala", "hmc"):
        if kernel in SAMPLERS:
            found[f"pcd, {kernel}"] = PCD(sampler=kernel)
    return found


def main(n_seeds):
    probability = np.exp(-well(GRID[:, None], THETA))
    probability /= probability.sum()
    errors = standard_errors(probability)
    print(f"true {THETA}, standard errors {errors.round(4)}")
    for name, objective in specs().items():
        for seed in range(n_seeds):
            rng, start = np.random.default_rng(seed), time.perf_counter()
            X = rng.choice(GRID, N_ROWS, p=probability)[:, None]
            model = EnergyDensity(EnergyFunction(well, START), objective=objective)
            model.set_params(random_state=seed).fit(X)
            theta = model.energy_.params["theta"]
            off = (theta - THETA) / errors
            seconds = time.perf_counter() - start
            print(f"{name:16} {seed} {theta.round(4)} {off.round(2)} {seconds:.1f} s")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
