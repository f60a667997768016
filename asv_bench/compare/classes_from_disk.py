"""Classifiers of rows on disk beside the same fits in memory: error, speed and memory.

The table is that of ``rows_from_disk.py``: thresholded MNIST, repeated with 2 % of the
pixels flipped, as bytes. Labels are in memory. Every fit runs in a process of its own.

    SKEBM_DATA=... python asv_bench/compare/classes_from_disk.py [--gigabytes 0.3]

It prints the test error, the log-loss, rows a second of a core (with all threads), and
the peak of the resident memory. On a busy machine, rows a second of a core say more
than rows a second.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _base import folder, load_thresholded, peak_memory
from rows_from_disk import make_table
from sklearn.metrics import log_loss

from skebm import EnergyClassifier

_FLIPPED = 0.02
MODELS = {
    "rbm": {},
    "hybrid": {"generative_weight": 0.01},
    "mlp": {"energy": "mlp"},
    "linear": {"energy": "linear"},
}


def make_parquet(source, labels, path):
    """Write the rows of a ``.npy`` file and their labels as one Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = np.load(source, mmap_mode="r")
    with pq.ParquetWriter(path, _table(pa, rows[:1], labels[:1]).schema) as writer:
        for lo in range(0, len(rows), 20_000):
            block = slice(lo, lo + 20_000)
            writer.write_table(_table(pa, rows[block], labels[block]))


def _table(pa, rows, labels):
    columns = {f"p{j}": np.ascontiguousarray(x) for j, x in enumerate(rows.T)}
    return pa.table({**columns, "label": labels})


def fit_once(arguments):
    """Fit in this process, and print figures as a line of JSON."""
    path = Path(arguments.fit)
    options = {"n_iter": 1, "batch_size": 100, "random_state": arguments.seed}
    model = EnergyClassifier(**options, **MODELS[arguments.model])
    compiled = np.eye(784, dtype=np.float32)
    EnergyClassifier(**options, **MODELS[arguments.model]).fit(compiled, compiled[0])
    if path.suffix == ".parquet":
        X, y = path, "label"
    else:
        X = np.load(path, mmap_mode="r")
        y = np.load(path.with_suffix(".labels.npy"))
        if arguments.memory:
            X = np.array(X, dtype=np.float32)
    used = time.process_time()
    model.fit(X, y)
    used = time.process_time() - used
    peak = peak_memory()
    _, test = load_thresholded()
    flips = np.random.default_rng(1).random(test.shape) < _FLIPPED
    probability = model.predict_proba(np.abs(test - flips).astype(np.float32))
    with np.load(folder() / "mnist.npz") as data:
        labels = data["y_test"]
    error = 1 - (model.classes_[probability.argmax(axis=1)] == labels).mean()
    figures = {"error": error, "loss": log_loss(labels, probability)}
    figures |= {"rows": arguments.rows / used, "peak": peak}
    print(json.dumps(figures))


def run(path, *options):
    """Return the figures of a fit in a process of its own."""
    command = [sys.executable, __file__, "--fit", str(path), *options]
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(out.stdout.splitlines()[-1])


def compare(place, n_rows, models, seed):
    """Print the figures of the fits in memory and from disk."""
    path, ways = place / "digits.npy", {}
    for name, is_sorted in (("random", False), ("sorted", True)):
        ways[name] = place / f"{name}.npy"
        labels = make_table(ways[name], n_rows, is_sorted)
        np.save(ways[name].with_suffix(".labels.npy"), labels)
        if not is_sorted:
            path = place / "digits.parquet"
            make_parquet(ways[name], labels, path)
    ways = {"memory": ways["random"], **ways, "parquet": path}
    for model in models:
        for name, source in ways.items():
            options = ["--memory"] if name == "memory" else []
            options += [f"--model={model}", f"--rows={n_rows}", f"--seed={seed}"]
            figures = run(source, *options)
            print(
                f"{model:7s} {name:8s} error {100 * figures['error']:5.2f} %, log-loss "
                f"{figures['loss']:.4f}, {figures['rows']:6.0f} rows a second of a "
                f"core, peak {figures['peak']:5.0f} MiB",
                flush=True,
            )


def main():
    """Run the fits."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gigabytes", type=float, default=0.3)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", help="where to write the table")
    parser.add_argument("--fit", help=argparse.SUPPRESS)
    parser.add_argument("--model", help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fit:
        fit_once(arguments)
        return
    n_rows = int(arguments.gigabytes * 1e9) // 784
    place = Path(tempfile.mkdtemp(dir=arguments.folder))
    try:
        compare(place, n_rows, arguments.models, arguments.seed)
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
