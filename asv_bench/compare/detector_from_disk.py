"""What a sample of the rows does to the threshold of the detector of anomalies.

From disk the detector is fitted to a uniform sample of the rows: 100,000 of up to 167
columns, and at least 1,000. The script fits it to samples of several sizes of the
286,048 rows of ``cover``, which is in another random order for each seed, and prints
the share of all rows that are flagged, by the contamination that was asked for, beside
the standard deviation that a binomial sample of so many rows has.

    SKEBM_DATA=... python asv_bench/compare/detector_from_disk.py [--seeds 10]
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from _base import folder
from sklearn.metrics import roc_auc_score

from skebm import EBMAnomalyDetector
from skebm.tables import disk

_SHARES = 0.001, 0.01, 0.1, "auto"


def compare(X, y, sizes, seeds):
    """Print the share of flagged rows by the size of the sample."""
    for size in sizes:
        disk.sample_size = lambda n_features, size=size: size
        flagged = {share: [] for share in _SHARES}
        areas = []
        for seed in range(seeds):
            order = np.random.default_rng(seed).permutation(len(X))
            with tempfile.TemporaryDirectory() as place:
                np.save(path := Path(place) / "rows.npy", X[order])
                rows = np.load(path, mmap_mode="r")
                for share in _SHARES:
                    model = EBMAnomalyDetector(contamination=share, random_state=seed)
                    scores = model.fit(rows).decision_function(rows)
                    flagged[share].append((scores < 0).mean())
            areas.append(roc_auc_score(y[order] == 0, scores))
        for share, found in flagged.items():
            noise = ""
            if share != "auto":
                noise = f" (binomial {np.sqrt(share * (1 - share) / size):.6f})"
            print(
                f"{size:7d} rows, contamination {share}: {np.mean(found):.6f} +- "
                f"{np.std(found, ddof=1):.6f}{noise}",
                flush=True,
            )
        area = f"{np.mean(areas):.4f} +- {np.std(areas, ddof=1):.4f}"
        print(f"{size:7d} rows, AUROC {area}", flush=True)


def main():
    """Run the comparison."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    arguments = parser.parse_args()
    with np.load(folder() / "adbench" / "cover.npz") as data:
        X, y = np.ascontiguousarray(data["X"]), data["y"]
    disk.LARGEST_LOADED = 0
    # All rows, as in memory, come last.
    compare(X, y, [*arguments.sizes, len(X)], arguments.seeds)


if __name__ == "__main__":
    main()
