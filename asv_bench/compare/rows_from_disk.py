"""Fits to rows on disk beside fits in memory: memory, speed and likelihood.

The table is thresholded MNIST, repeated with 2 % of the pixels flipped, as bytes. The
script writes it to a temporary folder, as a ``.npy`` file and as Parquet, and deletes
it afterwards. Every fit runs in a process of its own, of which the script prints the
peak of the resident memory.

    SKEBM_DATA=... python asv_bench/compare/rows_from_disk.py [--gigabytes 12]

``--part speed`` prints rows a second of one epoch, beside the same fit of a part in
memory. ``--part likelihood`` prints test nats after the same number of updates, for
rows in random order and sorted by digit, in memory and from disk.
``--part gradient`` prints the variance of the gradients of buffers. On a busy machine,
rows a second of a core (with all threads) say more than rows a second.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _base import folder, load_thresholded, peak_memory

from skebm import RBMDensity
from skebm.tables import as_floats
from skebm.tables.disk import RowsOnDisk
from skebm.tables.disk._mapped import MappedRows
from skebm.utils._random import Random

_FLIPPED, _CHUNK, _GROUP = 0.02, 20_000, 20_000
_MEMORY_ROWS = 150_000
PARTS = "speed", "likelihood", "gradient"


def make_table(path, n_rows, is_sorted, seed=0):
    """Write noisy digits as a ``.npy`` file of bytes, and return their labels."""
    train, _ = load_thresholded()
    with np.load(folder() / "mnist.npz") as data:
        labels = data["y_train"]
    digits, random = train.astype(np.uint8), np.random.default_rng(seed)
    out = np.lib.format.open_memmap(path, "w+", np.uint8, (n_rows, digits.shape[1]))
    out.flush()
    del out  # the file is written, not the map: its pages would count as memory
    order, written = np.argsort(labels, kind="stable"), []
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
            written.append(labels[chosen])
    return np.concatenate(written)


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
    started, used = time.perf_counter(), time.process_time()
    rbm.fit(X)
    seconds, used = time.perf_counter() - started, time.process_time() - used
    peak = peak_memory()
    n_seen = n_rows * rbm.n_iter_
    figures = {"seconds": seconds, "peak": peak, "rows": n_seen / seconds}
    figures["cpu_rows"] = n_seen / used
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


def compare_speed(place, n_rows, with_parquet, rounds):
    """Print rows a second and peaks of memory."""
    path = place / "digits.npy"
    make_table(path, n_rows, is_sorted=False)
    paths = {"memory": path, "memmap": path}
    if with_parquet:
        paths["parquet"] = place / "digits.parquet"
        make_parquet(path, paths["parquet"])
    print(f"{n_rows} rows, {n_rows * 784 / 1e9:.1f} GB", flush=True)
    for name, source in rounds * list(paths.items()):
        in_memory = name == "memory"
        rows = min(n_rows, _MEMORY_ROWS) if in_memory else n_rows
        figures = run(source, rows, *(["--memory"] if in_memory else []))
        fit, epoch = figures["rows"], figures["epoch_rows"]
        print(
            f"{name:8s} {rows:9d} rows: {fit:7.0f} rows/s of fit, {epoch:7.0f} of "
            f"training, {figures['cpu_rows']:6.0f} a second of a core, peak "
            f"{figures['peak']:5.0f} MiB",
            flush=True,
        )


def compare_likelihood(place, n_rows, epochs, seeds, with_parquet):
    """Print test nats after the same number of updates."""
    for is_sorted in (False, True):
        path = place / "digits.npy"
        make_table(path, n_rows, is_sorted)
        # Training in memory shuffles all rows, so the order of the file is nothing.
        ways = {} if is_sorted else {"memory": (path, "--memory")}
        ways["memmap"] = (path,)
        if with_parquet:
            make_parquet(path, place / "digits.parquet")
            ways["parquet"] = (place / "digits.parquet",)
        for name, (source, *options) in ways.items():
            nats = []
            for seed in range(seeds):
                numbers = f"--seed={seed}", f"--epochs={epochs}"
                figures = run(source, n_rows, *options, "--score", *numbers)
                nats.append(figures["nats"])
                print(name, "sorted" if is_sorted else "random", figures, flush=True)
            order = "sorted by digit" if is_sorted else "in random order"
            print(f"{name:8s} {order}: {np.mean(nats):8.2f} nats", flush=True)


def compare_gradients(place, n_rows):
    """Print how far the gradient of a buffer is from the gradient of all rows.

    It is the gradient of the data, of the weights of a small RBM.
    """
    train, _ = load_thresholded()
    rbm = RBMDensity(32, n_iter=2, random_state=0).fit(train[:20_000])
    path = place / "digits.npy"
    for is_sorted in (False, True):
        make_table(path, n_rows, is_sorted)
        source = MappedRows(np.load(path, mmap_mode="r"))
        rows = RowsOnDisk(source, as_floats, np.arange(0), n_rows)
        buffers, noise = [], []
        for buffer in rows.buffers(Random(0), 100):
            order = np.random.default_rng(0).permutation(buffer.shape[0])
            batches = [
                buffer[order[lo : lo + 100]]
                for lo in range(0, len(order) // 100 * 100, 100)
            ]
            slopes = [x.T @ rbm.transform(x) / len(x) for x in batches]
            buffers.append(np.mean(slopes, axis=0))
            noise.append(np.var(slopes, axis=0).sum())
        away = np.square(np.array(buffers) - np.mean(buffers, axis=0)).sum((1, 2))
        n_buffers = len(buffers)
        away = away.sum() / (n_buffers - 1)
        order = "sorted by digit" if is_sorted else "in random order"
        print(
            f"{order}: {n_buffers} buffers, variance of their gradients "
            f"{away / np.mean(noise):.4f} of the variance of minibatches",
            flush=True,
        )


def main():
    """Run the parts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gigabytes", type=float, default=12.0)
    parser.add_argument("--part", choices=PARTS, default="speed")
    parser.add_argument("--parquet", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=2)
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
            compare_speed(place, n_rows, arguments.parquet, arguments.rounds)
        elif arguments.part == "gradient":
            compare_gradients(place, n_rows)
        else:
            facts = arguments.epochs, arguments.seeds, arguments.parquet
            compare_likelihood(place, n_rows, *facts)
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
