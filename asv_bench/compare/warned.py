"""Fits that are wrong although their training rows look well described: who is told?

    python asv_bench/compare/warned.py

Each kind of case is fitted with 20 seeds. A fit is wrong if its exact score is more
than a nat below the score of independent columns or of the truth, or if its draws give
a cluster a share that is wrong by more than 0.1. The table tells how many fits are
wrong, how many of those warn, and how many of the others do. `default_fits.py` counts
warnings of fits that are right.
"""

import argparse
import warnings

import numpy as np

from skebm import RBMDensity

_N_ROWS, _N_TEST = 1000, 4000
_FLIP = 0.01


def copies(seed):
    """Return ten noisy copies of one bit, and the share of rows near all ones."""
    rng = np.random.default_rng(seed)
    bit = rng.random((_N_ROWS + _N_TEST, 1)) < 0.5
    rows = (bit ^ (rng.random((len(bit), 10)) < _FLIP)).astype(float)
    return rows[:_N_ROWS], rows[_N_ROWS:], lambda draws: (draws.mean(1) > 0.5).mean()


def small_cluster(seed):
    """Return two clusters, one of 15 % of the rows, and the share of the small one."""
    rng = np.random.default_rng(seed)
    small = rng.random(_N_ROWS + _N_TEST) < 0.15
    centers = rng.random((2, 16)) < 0.5
    centers[0, :8], centers[1, :8] = 0, 1
    noise = rng.random((len(small), 16)) < 0.03
    rows = (np.where(small[:, None], centers[1], centers[0]) ^ noise).astype(float)
    return rows[:_N_ROWS], rows[_N_ROWS:], lambda d: (d[:, :8].mean(1) > 0.5).mean()


def stopped(seed):
    """Return real columns for a fit that diverges until the time is over."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(_N_ROWS + _N_TEST, 30)) @ rng.normal(size=(30, 30))
    return rows[:_N_ROWS], rows[_N_ROWS:], lambda draws: (draws[:, 0] > 0).mean()


_PLAIN = {"couplings": "none", "l2": 0.0}
CASES = {
    "copies, cd": (copies, _PLAIN | {"objective": "cd"}),
    "copies, cd, l2 auto": (copies, {"couplings": "none", "objective": "cd"}),
    "copies, mpf": (copies, {"objective": "mpf"}),
    "copies, pseudo-likelihood": (copies, {"objective": "pseudo_likelihood"}),
    "copies, pcd": (copies, {"couplings": "none"}),
    "copies, defaults": (copies, {}),
    "small cluster, short": (small_cluster, {"couplings": "none", "n_iter": 40}),
    "small cluster, shorter": (small_cluster, {"couplings": "none", "n_iter": 10}),
    "small cluster, defaults": (small_cluster, {}),
    "max_time": (
        stopped,
        {
            "visible": "gaussian",
            "learning_rate": 5.0,
            "max_time": 0.3,
            "n_iter": 10**6,
        },
    ),
}


def case(make, params, seed):
    """Fit one case; return whether it is wrong, and its warnings."""
    train, test, share = make(seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = RBMDensity(8, random_state=seed, **params).fit(train)
    with warnings.catch_warnings(action="ignore"):
        draws = model.sample(1000, random_state=0)
        gap = RBMDensity(8, random_state=seed).fit(train).score(test)
        gap -= model.score(test)
    is_wrong = gap > 1 or abs(share(draws) - share(test)) > 0.1
    return bool(is_wrong), caught


def main():
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    arguments = parser.parse_args()
    print("| case | wrong | of these warn | right | of these warn |")
    print("| --- | --- | --- | --- | --- |")
    texts = set()
    for name in arguments.only:
        results = [case(*CASES[name], seed) for seed in range(arguments.seeds)]
        counts = [
            [bool(caught) for wrong, caught in results if wrong is wanted]
            for wanted in (True, False)
        ]
        cells = [f"{len(c)} | {sum(c)}" for c in counts]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
        texts |= {str(w.message)[:60] for _, caught in results for w in caught}
    print("\n" + "\n".join(f"- {text}" for text in sorted(texts)))


if __name__ == "__main__":
    main()
