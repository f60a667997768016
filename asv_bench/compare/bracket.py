"""How often the bracket of AIS contains the exact log Z, and how wide it is.

The script trains two RBMs that are small enough for enumeration: a 784-16 RBM on
thresholded MNIST and a 500-20 RBM on the nips word set. It computes log Z of both by
enumeration, and by AIS and its reverse with many seeds. SKEBM_DATA is the folder of the
data sets.

    SKEBM_DATA=... python asv_bench/compare/bracket.py [--seeds 100] [--model 784-16]
"""

import argparse
import time

import numpy as np
from _base import load_binary, load_thresholded

from skebm import RBMDensity
from skebm.partition import AIS, ExactPartition
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random


def load(name):
    """Return the training rows of a model, float32."""
    return load_thresholded()[0] if name == "784-16" else load_binary("nips")[0]


def main():
    """Print how many brackets contain log Z and how wide they are, for each model."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--model", choices=["784-16", "500-20"], action="append")
    arguments = parser.parse_args()
    for name in arguments.model or ["784-16", "500-20"]:
        n_components = int(name.split("-")[1])
        model = RBMDensity(n_components, random_state=0).fit(load(name))
        energy, draws = model._energy, model._training.objective_state
        with use_threads():
            exact = ExactPartition().estimate(energy).value
            start = time.perf_counter()
            estimates = [
                AIS().estimate(energy, Random.from_state(seed), draws)
                for seed in range(arguments.seeds)
            ]
        seconds = (time.perf_counter() - start) / arguments.seeds
        value, lower, upper = np.array([estimate[:3] for estimate in estimates]).T
        holds = (lower <= exact) & (exact <= upper)
        width = upper - lower
        print(
            f"{name}: exact log Z {exact:.3f}; bracket holds for {holds.sum()} of "
            f"{len(holds)} seeds; width mean {width.mean():.2f}, largest "
            f"{width.max():.2f} nats; error of the value {np.std(value - exact):.3f} "
            f"(mean {np.mean(value - exact):+.3f}); {seconds:.1f} s an estimate",
            flush=True,
        )


if __name__ == "__main__":
    main()
