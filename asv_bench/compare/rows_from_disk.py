"""Fits to rows on disk beside fits in memory: memory, speed and likelihood.

The table is thresholded MNIST, repeated with 2 % of the pixels flipped, as bytes. The
script writes it to a temporary folder, as a ``.npy`` file and as Parquet, and deletes
it afterwards. Every fit runs in a process of its own, of which the script prints the
peak of the resident memory.

    SKEBM_DATA=... python asv_bench/compare/rows_from_disk.py [--gigabytes 12]

``--part speed`` prints rows a second of one epoch, beside the same fit of a part in
memory. ``--part likelihood`` prints test nats after the same number of updates, for
rows in random order and sorted by digit, in memory and from disk.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _base import folder, load_thresholded

from skebm import RBMDensity

_FLIPPED, _CHUNK, _GROUP = 0.02, 20_000, 20_000
_MEMORY_ROWS = 150_000
_MEGABYTE = 1e6


def make_table(path, n_rows, is_sorted, seed=0):
    """Write noisy digits as a ``.npy`` file of bytes."""
    train, _ = load_thresholded()
    with np.load(folder() / "mnist.npz") as data:
        labels = data["y_train"]
    digits, random = train.astype(np.uint8), np.random.default_rng(seed)
    out = np.lib.format.open_memmap(path, "w+", np.uint8, (n_rows, digits.shape[1]))
    out.flush()
    del out  # the file is written, not the map: its pages would count as memory
    order = np.argsort(labels, kind="stable")
    with path.open("r+b") as file:
        file.seek(-n_rows * digits.shape[1], os.SEEK_END)
        for lo in range(0, n_rows, _CHUNK):
            m = min(_CHUNK, n_rows - lo)
            if is_sorted:  # all rows of a digit lie together
                chosen = order[(lo + np.arange(m)) * len(order) // n_rows]
            else:
                chosen = random.integers(0, len(digits), m)
            flips = random.random((m, digits.shape[1]), np.float32) < _FLIPPED
            file.write((digits[chosen] ^ flips).tobytes())


def make_parquet(source, path):
    """Write the rows of a ``.npy`` file as one Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = np.load(source, mmap_mode="r")
    names = [f"p{j}" for j in range(rows.shape[1])]
    schema = pa.schema([(name, pa.uint8()) for name in names])
    with pq.ParquetWriter(path, schema) as writer:
        for lo in range(0, len(rows), _GROUP):
            block = np.ascontiguousarray(rows[lo : lo + _GROUP].T)
            writer.write_table(pa.table(dict(zip(names, block, strict=True))))


def fit_once(arguments):
    """Fit in this process, and print figures as a line of JSON."""
    path, n_rows = Path(arguments.fit), arguments.rows
    params = {"n_iter": arguments.epochs, "random_state": arguments.seed}
    rbm = RBMDensity(500, batch_size=100, **params)
    # Compile and warm up.
    RBMDensity(500, batch_size=100, n_iter=1).fit(np.eye(784, dtype=np.float32))
    if path.suffix == ".parquet":
        X = path
    else:
        X = np.load(path, mmap_mode="r")
        if arguments.memory:
            X = np.array(X[:n_rows], dtype=np.float32)
    started = time.perf_counter()
    rbm.fit(X)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    n_seen = n_rows * rbm.n_iter_
    figures = {"seconds": seconds, "peak": peak, "rows": n_seen / seconds}
    figures["epoch_rows"] = n_seen / rbm.history_["seconds"][-1]
    if arguments.score:
        _, test = load_thresholded()
        flips = np.random.default_rng(1).random(test.shape) < _FLIPPED
        figures["nats"] = rbm.score(np.abs(test - flips).astype(np.float32))
        bracket = rbm.log_partition_
        figures["width"] = bracket.upper - bracket.lower
    print(json.dumps(figures))


def run(path, n_rows, *options):
    """Return the figures of a fit in a process of its own."""
    command = [sys.executable, __file__, "--fit", str(path), "--rows", str(n_rows)]
    out = subprocess.run([*command, *options], stdout=subprocess.PIPE, check=True)
    return json.loads(out.stdout.splitlines()[-1])


def compare_speed(place, n_rows, with_parquet):
    """Print rows a second and peaks of memory."""
    path = place / "digits.npy"
    make_table(path, n_rows, is_sorted=False)
    paths = {"memory": path, "memmap": path}
    if with_parquet:
        paths["parquet"] = place / "digits.parquet"
        make_parquet(path, paths["parquet"])
    print(f"{n_rows} rows, {n_rows * 784 / 1e9:.1f} GB", flush=True)
    for name, source in [*paths.items(), ("memory", path)]:
        in_memory = name == "memory"
        rows = min(n_rows, _MEMORY_ROWS) if in_memory else n_rows
        figures = run(source, rows, *(["--memory"] if in_memory else []))
        fit, epoch = figures["rows"], figures["epoch_rows"]
        print(
            f"{name:8s} {rows:9d} rows: {fit:7.0f} rows/s of fit, {epoch:7.0f} of "
            f"training, peak {figures['peak']:6.0f} MiB",
            flush=True,
        )


def compare_likelihood(place, n_rows, epochs, seeds, with_parquet):
    """Print test nats after the same number of updates."""
    for is_sorted in (False, True):
        path = place / "digits.npy"
        make_table(path, n_rows, is_sorted)
        ways = {"memory": (path, "--memory"), "memmap": (path,)}
        if with_parquet:
            make_parquet(path, place / "digits.parquet")
            ways["parquet"] = (place / "digits.parquet",)
        for name, (source, *options) in ways.items():
            nats = []
            for seed in range(seeds):
                options = [*options, "--score", f"--seed={seed}", f"--epochs={epochs}"]
                figures = run(source, n_rows, *options)
                nats.append(figures["nats"])
                print(name, "sorted" if is_sorted else "random", figures, flush=True)
            order = "sorted by digit" if is_sorted else "in random order"
            print(f"{name:8s} {order}: {np.mean(nats):8.2f} nats", flush=True)


def main():
    """Run the parts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gigabytes", type=float, default=12.0)
    parser.add_argument("--part", choices=["speed", "likelihood"], default="speed")
    parser.add_argument("--parquet", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--folder", help="where to write the table")
    parser.add_argument("--fit", help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--score", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fit:
        fit_once(arguments)
        return
    n_rows = int(arguments.gigabytes * 1e9) // 784
    place = Path(tempfile.mkdtemp(dir=arguments.folder))
    try:
        if arguments.part == "speed":
            compare_speed(place, n_rows, arguments.parquet)
        else:
            facts = arguments.epochs, arguments.seeds, arguments.parquet
            compare_likelihood(place, n_rows, *facts)
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
