"""Statistics of drawn and of real proteins of the WW domain, which has 31 sites.

    SKEBM_DATA=... python asv_bench/compare/protein.py [--seeds 3] [--distinct]

The script trains on 70 % of the rows. With `--distinct` it trains on 70 % of the
distinct sequences, so that no unseen row equals a training row. It compares the
frequencies of symbols at single sites, and the covariances of all pairs of symbols at
two sites, between drawn sequences and unseen sequences. It also compares the training
rows with the unseen rows, which gives the limit that sampling noise and the split set.
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
    in_train = (random.random(key.max() + 1) < 0.7)[key]
    frame = pd.DataFrame(
        {
            f"site{j}": pd.Categorical.from_codes(site, alphabet)
            for j, site in enumerate(codes.T)
        }
    )
    return frame[in_train], frame[~in_train]


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
    """Return the correlations of both statistics with the target statistics."""
    pairs = zip(statistics(frame), target, strict=True)
    return [float(np.corrcoef(actual, wanted)[0, 1]) for actual, wanted in pairs]


def main():
    """Fit and draw with each seed, and print a line of correlations for each."""
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
