"""Exact test log-likelihood of a small RBM on thresholded MNIST (protocol C).

The RBM has 784 visible and 16 hidden units and is trained for 50 epochs with batches of
100. All other parameters have their defaults, and log Z is computed by enumeration. The
script also trains on inverted images, on which training without centering loses tens of
nats. SKEBM_DATA is the folder of the data sets.

    SKEBM_DATA=... python asv_bench/compare/mnist_784_16.py [--seeds 3]
"""

import argparse
import time

import numpy as np
from _base import load_thresholded

from skebm import RBMDensity
from skebm.objectives import PCD


def main():
    """Print a line for each fit, and the means over seeds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="number of steps of PCD")
    parser.add_argument("--params", default="", help="e.g. learning_rate=0.2")
    arguments = parser.parse_args()
    params = dict(pair.split("=") for pair in arguments.params.split(",") if pair)
    params = {k: float(v) if v[0].isdigit() else v for k, v in params.items()}
    if arguments.steps:
        params["objective"] = PCD(n_steps=arguments.steps)
    train, test = load_thresholded()
    for name, flip in (("images", False), ("inverted", True)):
        scores = []
        for seed in range(arguments.seeds):
            start = time.perf_counter()
            model = RBMDensity(
                16, n_iter=50, batch_size=100, random_state=seed, **params
            ).fit(1 - train if flip else train)
            seconds = time.perf_counter() - start
            scores.append(model.score(1 - test if flip else test))
            method = model.log_partition_.method
            print(
                f"{name:9s} seed {seed}: {scores[-1]:8.2f} nats ({method}), "
                f"fit {seconds:5.1f} s",
                flush=True,
            )
        print(f"{name:9s} mean {np.mean(scores):8.2f}, spread {np.ptp(scores):.2f}")


if __name__ == "__main__":
    main()
