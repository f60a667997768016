"""Exact test log-likelihood of a small RBM on thresholded MNIST (protocol C).

784 visible and 16 hidden units, 50 epochs, batches of 100, otherwise the defaults;
log Z by enumeration. Also on inverted images, where training without centering loses
tens of nats. Needs the folder of data sets in SKEBM_DATA.

    SKEBM_DATA=... python asv_bench/compare/mnist_784_16.py [--seeds 3]
"""

import argparse
import time

import numpy as np
from _base import load_thresholded

from skebm import RBMDensity
from skebm.objectives import PCD


def main():
    """Print a row a fit, and the mean of each protocol."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="of PCD, in place of its default")
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
