"""How often the bracket of AIS holds the exact log Z, and how wide it is.

Two trained RBMs small enough to enumerate: 784-16 on thresholded MNIST and 500-20 on
the nips word set. AIS and its reverse are forced with partition="ais" and run with many
seeds. Needs the folder of data sets in SKEBM_DATA.

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
    """Print the share of brackets that hold and their widths, a line a model."""
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
