"""A parallel region by skebm's crew of threads, and by numba's `prange`.

    python asv_bench/compare/threads.py [--turns 5]

The script times one step of 100 chains of a 784-500 RBM in float32. One thread, the
crew, and `prange` under OpenMP take turns, with the same blocks and the same kernel.
They run on an idle machine and beside two processes that keep both cores busy. The
script needs no data.
"""

import argparse
import os
import subprocess
import sys
import time

os.environ.setdefault("NUMBA_THREADING_LAYER", "omp")

import numpy as np
from numba import njit, prange
from threadpoolctl import threadpool_limits

from skebm.energies import RBM
from skebm.energies.rbm import _binary
from skebm.layers import Bernoulli
from skebm.samplers import Gibbs
from skebm.utils._parallel import blocks, use_threads
from skebm.utils._random import Random

_SPIN = "import numpy as np\nx = np.ones((300, 300))\nwhile True: x @ x"
_KERNEL = _binary._sweeps


@njit(parallel=True, nogil=True, error_model="numpy")
def _region(edges, inputs, weights, biases, low, high, keys, streams, visible, out):
    for b in prange(len(edges) - 1):
        units, one = (low, high), np.float32(1)
        model = weights, one, biases[0], units, biases[1], units
        lo, hi = edges[b], edges[b + 1]
        _KERNEL(inputs, *model, keys, streams, 0, lo, hi, visible, out)


def prange_step(energy, chains, random):
    """Return what `Gibbs().step` returns, computed in a parallel region of numba."""
    parts = blocks(len(chains.inputs))
    edges = np.array([part.start for part in parts] + [parts[-1].stop])
    visible, out = np.empty_like(chains.visible), np.empty_like(chains.inputs)
    words = _binary.words_of([random.fold(0)])
    biases = energy.hidden.bias, energy.visible.bias
    low, high = np.float32(energy.hidden.values)
    _region(
        edges, chains.inputs, energy.weights, biases, low, high, *words, visible, out
    )
    return type(chains)(visible, out)


def median(function, n=100):
    """Return the median and the ninth decile of the time of a call, in milliseconds."""
    spent = []
    for _ in range(n):
        start = time.perf_counter()
        function()
        spent.append(1e3 * (time.perf_counter() - start))
    return np.quantile(spent, [0.5, 0.9])


def main():
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=5)
    n_turns = parser.parse_args().turns
    rng = np.random.default_rng(0)
    weights = 0.01 * rng.standard_normal((784, 500), dtype=np.float32)
    # 13 % of the units are on, as in thresholded MNIST digits.
    visible = Bernoulli(np.full(784, -1.9, dtype=np.float32))
    energy = RBM(visible, Bernoulli.zeros(500, np.float32), weights)
    chains = energy.chains(energy.reference.sample(100, Random(1)))
    random = Random(2)
    sampler = Gibbs()

    def crew(n_threads):
        with use_threads(n_threads):
            return median(lambda: sampler.step(energy, chains, random))

    def region():
        with threadpool_limits(1, user_api="blas"):
            return median(lambda: prange_step(energy, chains, random))

    one, other = (
        sampler.step(energy, chains, random),
        prange_step(energy, chains, random),
    )
    np.testing.assert_array_equal(one.visible, other.visible)
    lines = {"one thread": lambda: crew(1), "crew": lambda: crew(2), "prange": region}
    print("| | median ms | ninth decile |\n| --- | --- | --- |")
    for mode in ("idle", "busy"):
        neighbours = [
            subprocess.Popen(
                [sys.executable, "-c", _SPIN],
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            )
            for _ in range(2 * (mode == "busy"))
        ]
        try:
            time.sleep(2 * len(neighbours))
            turns = [[run() for run in lines.values()] for _ in range(n_turns)]
        finally:
            for neighbour in neighbours:
                neighbour.kill()
        for name, spent in zip(lines, np.median(turns, axis=0), strict=True):
            print(f"| {name}, {mode} | {spent[0]:.2f} | {spent[1]:.2f} |")


if __name__ == "__main__":
    main()
