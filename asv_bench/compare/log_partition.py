"""Brackets of log Z by annealed importance sampling, for models whose log Z is known.

    python asv_bench/compare/log_partition.py [--seeds 6] [--only gaussian hopfield]

Each family has models of 15 to 20 units a side, for which enumeration gives the truth.
`RBMDensity.from_parameters` makes the first four families:

- one mode: small weights and large biases;
- weights: weights of standard deviation 1, 2 or 3, and biases that balance them;
- hopfield: each hidden unit prefers a pattern or its opposite;
- gaussian: Gaussian visible units with modes 3 to 10 standard deviations apart.

The others are trained on 1,000 rows of two clusters, whose shares are 50/50, 85/15 and
97/3, of bits and of numbers, with and without couplings of the visible units.

The script prints a line for each model. The last lines count, for each family, the
brackets that hold the truth, those that do not and give no warning, and those of at
most 1 nat.
"""

import argparse
import itertools
import time
import warnings

import numpy as np

from skebm import RBMDensity
from skebm.partition import AIS, ExactPartition


def from_parameters(weights, visible_bias, hidden_bias, visible="bernoulli"):
    """Return the model with these parameters."""
    return RBMDensity.from_parameters(
        weights.T, visible_bias, hidden_bias, visible=visible, random_state=0
    )


def one_mode(random, variant):
    """Return a model with one mode."""
    n_visible, n_hidden = random.integers(15, 21, 2)
    weights = 0.3 * random.normal(size=(n_visible, n_hidden))
    biases = random.normal(size=n_visible), random.normal(size=n_hidden)
    return from_parameters(weights, *biases)


def balanced(weights, visible="bernoulli"):
    """Return the model in which a row and its opposite are equally probable."""
    biases = -weights.sum(axis=1) / 2, -weights.sum(axis=0) / 2
    return from_parameters(weights, *biases, visible)


def random_weights(random, variant):
    """Return a model with weights of standard deviation 1, 2 or 3."""
    n_visible, n_hidden = random.integers(15, 21, 2)
    return balanced((1 + variant % 3) * random.normal(size=(n_visible, n_hidden)))


def hopfield(random, variant):
    """Return a model whose hidden units prefer patterns."""
    n_visible, n_hidden = random.integers(15, 21, 2)
    patterns = random.choice([-1.0, 1.0], (n_visible, n_hidden))
    if variant % 2:
        # Few patterns, each of several hidden units.
        patterns = patterns[:, np.arange(n_hidden) % 3]
    return balanced(random.uniform(0.5, 2) * patterns)


def gaussian(random, variant):
    """Return a model of Gaussian units with modes far apart."""
    n_visible, n_hidden = random.integers(4, 13), random.integers(15, 19)
    n_active = int(random.integers(2, 9))
    weights = random.normal(size=(n_visible, n_active))
    weights *= random.uniform(3, 10) / np.linalg.norm(weights, axis=0)
    weights = np.hstack([weights, np.zeros((n_visible, n_hidden - n_active))])
    center = random.normal(size=n_visible) - weights.sum(axis=1) / 2
    if variant % 2:
        # All hidden units off or all on have about the same probability.
        hidden_bias = -np.square(weights).sum(axis=0) / 4
    else:
        hidden_bias = -weights.T @ center - np.square(weights).sum(axis=0) / 2
        hidden_bias += random.normal(size=n_hidden)
    return from_parameters(weights, center, hidden_bias, "gaussian")


def trained(share):
    """Return a maker of models that are trained on two clusters."""

    def make(random, variant):
        n_visible = int(random.integers(15, 21))
        which = random.random(1000) < share
        if variant % 2:
            centers = random.choice([-1, 1], (2, n_visible)) * random.uniform(1, 5)
            X = np.where(which[:, None], *centers) + random.normal(size=(1000, 1))
            X = X + 0.5 * random.normal(size=X.shape)
            visible = "gaussian"
        else:
            centers = random.random((2, n_visible)) < 0.5
            noise = random.random((1000, n_visible)) < random.uniform(0.01, 0.1)
            X = (np.where(which[:, None], *centers) ^ noise).astype(float)
            visible = "bernoulli"
        couplings = ("auto", "none")[variant // 2 % 2]
        model = RBMDensity(
            16, visible=visible, couplings=couplings, n_iter=60, random_state=0
        )
        return model.fit(X)

    return make


FAMILIES = {
    "one mode": one_mode,
    "weights": random_weights,
    "hopfield": hopfield,
    "gaussian": gaussian,
    "50/50": trained(0.5),
    "85/15": trained(0.85),
    "97/3": trained(0.97),
}


def run(family, seed):
    """Return the figures of one model."""
    random = np.random.default_rng([list(FAMILIES).index(family), seed])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = FAMILIES[family](random, seed)
    truth = ExactPartition(max_units=20).estimate(model._energy).value
    log_z = model.log_partition_
    log_z._method = AIS()
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        lower, upper = log_z.lower, log_z.upper
    return {
        "seconds": time.perf_counter() - start,
        "width": upper - lower,
        "miss": max(lower - truth, truth - upper, 0.0),
        "holds": lower <= truth <= upper,
        "warns": bool(caught),
    }


def main():
    """Print a line for each model, and the counts of the families."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--only", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    arguments = parser.parse_args()
    found = {name: [] for name in arguments.only}
    for family, seed in itertools.product(arguments.only, range(arguments.seeds)):
        row = run(family, seed)
        found[family].append(row)
        width, miss = row["width"], row["miss"]
        warns = "warns, " if row["warns"] else ""
        print(
            f"{family:10} {seed:3}: width {width:6.2f}, miss {miss:6.2f}, {warns}"
            f"{row['seconds']:.1f} s",
            flush=True,
        )
    titles = "family", "models", "hold", "miss and silent", "at most 1 nat", "warn", "s"
    print("\n| " + " | ".join(titles) + " |\n|" + " --- |" * len(titles))
    every = [row for rows in found.values() for row in rows]
    for name, rows in {**found, "all": every}.items():
        silent = sum(not row["holds"] and not row["warns"] for row in rows)
        cells = (
            len(rows),
            sum(row["holds"] for row in rows),
            silent,
            sum(row["width"] <= 1 for row in rows),
            sum(row["warns"] for row in rows),
            f"{np.median([row['seconds'] for row in rows]):.1f}",
        )
        print(f"| {name} | " + " | ".join(map(str, cells)) + " |")


if __name__ == "__main__":
    main()
