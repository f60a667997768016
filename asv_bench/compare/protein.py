"""Do drawn proteins have the statistics of real ones? The WW domain, 31 sites.

    SKEBM_DATA=... python asv_bench/compare/protein.py [--seeds 3] [--distinct]

70 % of the rows to train on, the others unseen; or, with `--distinct`, 70 % of the
distinct sequences, so that no unseen row is equal to one that was seen. Frequencies of
single sites, and covariances of all pairs of symbols at two sites, of drawn sequences
against those of the unseen ones; beside them what the training rows themselves reach,
which is the limit that sampling noise and the split set.
"""

import argparse
import time

import numpy as np
import pandas as pd
from _base import folder

from skebm import RBMDensity

_N_DRAWS = 10_000


def load(seed, is_distinct):
    """Return frames of training and unseen sequences."""
    with np.load(folder() / "protein_ww.npz") as data:
        codes, alphabet = data["X"], list(data["alphabet"])
    random, key = np.random.default_rng(seed), np.arange(len(codes))
    if is_distinct:
        key = np.unique(codes, axis=0, return_inverse=True)[1].ravel()
    own = (random.random(key.max() + 1) < 0.7)[key]
    frame = pd.DataFrame(
        {
            f"site{j}": pd.Categorical.from_codes(site, alphabet)
            for j, site in enumerate(codes.T)
        }
    )
    return frame[own], frame[~own]


def statistics(frame):
    """Return frequencies of single sites, and covariances of pairs of sites."""
    codes = np.stack([column.cat.codes for _, column in frame.items()], axis=1)
    n_symbols = len(frame.iloc[:, 0].cat.categories)
    one_hot = np.eye(n_symbols, dtype=np.float32)[codes].reshape(len(codes), -1)
    mean = one_hot.mean(axis=0)
    covariance = one_hot.T @ one_hot / len(one_hot) - np.outer(mean, mean)
    site = np.repeat(np.arange(codes.shape[1]), n_symbols)
    return mean, covariance[site[:, None] < site]


def correlations(frame, target):
    """Return how well both agree with the target's."""
    pairs = zip(statistics(frame), target, strict=True)
    return [float(np.corrcoef(own, its)[0, 1]) for own, its in pairs]


def main():
    """Fit, draw, compare; print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-components", type=int, default=100)
    parser.add_argument("--distinct", action="store_true")
    arguments = parser.parse_args()
    for seed in range(arguments.seeds):
        train, unseen = load(seed, arguments.distinct)
        target = statistics(unseen)
        start = time.perf_counter()
        model = RBMDensity(arguments.n_components, random_state=seed).fit(train)
        fitted = time.perf_counter()
        drawn = model.sample(_N_DRAWS, random_state=seed)
        spent = time.perf_counter() - fitted
        single, pairs = correlations(drawn, target)
        limits = correlations(train, target)
        print(
            f"seed {seed}: single sites {single:.4f}, pairs {pairs:.3f} (training rows "
            f"themselves {limits[0]:.4f}, {limits[1]:.3f}); {len(train)} rows, fit "
            f"{fitted - start:.0f} s, {_N_DRAWS} draws {spent:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
