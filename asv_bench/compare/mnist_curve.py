"""Test log-likelihood of a 784-500 RBM on MNIST against seconds of training.

    SKEBM_DATA=... python asv_bench/compare/mnist_curve.py --out curve [--validate]

Protocol A: the grey values of the training images are probabilities, from which each
visit draws a binary image anew. The test set is one Bernoulli sample of the test
images. All models use PCD-1, batches of 100 rows, 100 chains, and float32. BernoulliRBM
and rbms have a constant learning rate, since they offer no other. Their training pauses
for a checkpoint at times that double. The schedule of skebm ends with the time budget,
so each budget of skebm is a separate fit. The time of the peers is the time of their
updates. The time of skebm is the time of the whole `fit`, which also checks the rows
and monitors the model. Compilation is not included. The same code scores the parameters
of all models: `RBMDensity` with the bracket of AIS.

`--validate` chooses the learning rates: it trains on 50,000 images and scores the other
10,000. The chosen rates are stored in `--out`, and the run without `--validate` uses
them. Each step leaves files in `--out`, and a step with a file is not run again.
`--steps train` needs the environment of the peers; `--steps evaluate plot` does not.
"""

import argparse
import itertools
import json
import time
import warnings
from pathlib import Path

import numpy as np
from _base import PEERS, Floor, load_mnist
from joblib import cpu_count

from skebm import RBMDensity
from skebm.objectives import PCD
from skebm.partition import AIS

_SHAPE, _BATCH = (784, 500), 100
_COLORS = {"skebm": "C0", "rbms": "C1", "bernoulli_rbm": "C2"}


def load(validate):
    """Return grey training images, and one sample of the images to score."""
    train, test = load_mnist()
    if validate:
        train, test = train[:50_000], train[50_000:]
    draws = np.random.default_rng(0)
    return train, (draws.random(test.shape) < test).astype(np.float32)


# -- train -----------------------------------------------------------------------------


def checkpoints(seconds):
    """Return eight times that double up to the budget, in seconds."""
    return seconds / 2.0 ** np.arange(7, -1, -1)


def train_peer(name, seconds, rate, train, arguments):
    """Return times, rows seen and parameters of a peer at its checkpoints."""

    def start():
        make, n_threads = PEERS[name], arguments.peer_threads
        return make(train, _SHAPE[1], _BATCH, rate, n_threads, arguments.seed)

    peer = start()
    with peer.threads():
        for _ in range(30):  # what it compiles is not timed
            peer.update(peer.draw(_BATCH))
        peer, spent, n_rows, states = start(), 0.0, 0, []
        for goal in checkpoints(seconds):
            begin = time.perf_counter() - spent
            while (spent := time.perf_counter() - begin) < goal:
                peer.update(peer.draw(_BATCH))
                n_rows += _BATCH
            states.append((spent, n_rows, *peer.parameters()))
    return states


def train_skebm(name, seconds, rate, train, arguments):
    """Return the time, the rows seen and the parameters of skebm at its budget."""
    options = {
        "learning_rate": rate,
        "batch_size": _BATCH,
        "objective": PCD(n_chains=_BATCH),
        "resample_inputs": True,
        "random_state": arguments.seed,
    }
    RBMDensity(_SHAPE[1], n_iter=1, **options).fit(train[: 3 * _BATCH])
    start = time.perf_counter()
    # There are more epochs than the time allows, so the schedule follows the clock.
    model = RBMDensity(_SHAPE[1], n_iter=100_000, max_time=seconds, **options)
    model.fit(train)
    spent = time.perf_counter() - start
    n_rows = model._training.average.count * _BATCH
    arrays = model.components_, model.intercept_visible_, model.intercept_hidden_
    return [(spent, n_rows, *arrays)]


def train_all(jobs, arguments):
    """Train the models that have no file yet."""
    train, _ = load(arguments.validate)
    floor = Floor(_SHAPE, _BATCH, _BATCH)
    for job in jobs:
        path = path_of(job, "npz", arguments)
        if path.exists():
            continue
        before = floor.gflops()
        run = train_skebm if job[0] == "skebm" else train_peer
        states = run(*job, train, arguments)
        keys = "seconds", "n_rows", "components", "visible", "hidden"
        arrays = map(np.array, zip(*states, strict=True))
        rates = np.array([before, floor.gflops()])
        np.savez(path, gflops=rates, **dict(zip(keys, arrays, strict=True)))
        spent, n_rows = states[-1][:2]
        print(
            f"{path.stem}: {spent:.1f} s, {n_rows / spent:,.0f} rows/s; products alone "
            f"{rates[0]:.0f} GFLOP/s before, {rates[1]:.0f} after, which is "
            f"{rates.mean() * 1e9 / floor.flops * _BATCH:,.0f} rows/s",
            flush=True,
        )


# -- evaluate --------------------------------------------------------------------------


def path_of(job, ending, arguments):
    """Return the file of a run, a tuple of model, seconds and rate."""
    name, seconds, rate = job
    part = "valid" if arguments.validate else "test"
    text = f"{part}-{name}-{seconds:g}s-rate{rate:g}-seed{arguments.seed}.{ending}"
    return arguments.out / text


def evaluate(parameters, rows, arguments):
    """Return the mean log-likelihood of the rows and its bracket."""
    start = time.perf_counter()
    model = RBMDensity.from_parameters(
        *parameters,
        partition=AIS(max_temperatures=arguments.max_temperatures),
        random_state=0,
    )
    with warnings.catch_warnings(action="ignore"):  # the bracket is printed
        mean, log_z = model.score(rows), model.log_partition_
    return {
        "nats": mean,
        "lower": mean + log_z.value - log_z.upper,
        "upper": mean + log_z.value - log_z.lower,
        "log_z_seconds": time.perf_counter() - start,
    }


def evaluate_all(jobs, arguments):
    """Score the checkpoints that have no score yet, and append the scores to a file."""
    _, rows = load(arguments.validate)
    for job in jobs:
        path = path_of(job, "npz", arguments)
        if not path.exists():
            continue
        with np.load(path) as data:
            state = dict(data)
        known = {entry["checkpoint"] for entry in scores(job, arguments)}
        last = len(state["seconds"]) - 1
        for c in [last] if arguments.validate else range(last + 1):
            if c in known:
                continue
            arrays = [state[key][c] for key in ("components", "visible", "hidden")]
            entry = {
                "checkpoint": c,
                "seconds": float(state["seconds"][c]),
                "rows": int(state["n_rows"][c]),
                "gflops": state["gflops"].round(1).tolist(),
                **evaluate(arrays, rows, arguments),
            }
            with path_of(job, "jsonl", arguments).open("a") as file:
                file.write(json.dumps(entry) + "\n")
            print(f"{path.stem}: {json.dumps(entry)}", flush=True)


def scores(job, arguments):
    """Return the known scores of a run in the order of time."""
    path = path_of(job, "jsonl", arguments)
    lines = path.read_text().splitlines() if path.exists() else []
    return sorted(map(json.loads, lines), key=lambda entry: entry["seconds"])


# -- tables and figure -----------------------------------------------------------------


def report(jobs, arguments):
    """Print the table of all scores, and draw the figure."""
    titles = "model", "rate", "seconds", "test nats", "bracket", "rows/s", "products"
    print("| " + " | ".join(titles) + " |\n|" + " --- |" * len(titles))
    curves = {}
    for job in jobs:
        name, _, rate = job
        for entry in scores(job, arguments):
            curves.setdefault(name, []).append(entry)
            print(
                f"| {name} | {rate:g} | {entry['seconds']:.1f} | {entry['nats']:.2f} | "
                f"[{entry['lower']:.2f}, {entry['upper']:.2f}] | "
                f"{entry['rows'] / entry['seconds']:,.0f} | "
                f"{' to '.join(f'{g:.0f}' for g in entry['gflops'])} GFLOP/s |"
            )
    plot(curves, arguments)


def plot(curves, arguments):
    """Draw a curve for each model."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, curve in curves.items():
        draw(axes, name, curve)
    axes.set(
        xscale="log",
        xlabel=f"seconds of training ({cpu_count()} cores)",
        ylabel="test log-likelihood (nats)",
        title="RBM 784-500, MNIST resampled from grey values",
    )
    low = min(entry["nats"] for curve in curves.values() for entry in curve)
    axes.set_ylim(bottom=max(low - 5, arguments.bottom))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(arguments.figure, dpi=100)


def draw(axes, name, curve):
    """Draw the scores of a model with their brackets."""
    seconds, nats, lower, upper = np.array(
        [[entry[k] for k in ("seconds", "nats", "lower", "upper")] for entry in curve]
    ).T
    axes.errorbar(
        seconds,
        nats,
        yerr=[nats - lower, upper - nats],
        marker="o",
        markersize=4,
        color=_COLORS[name],
        label={"bernoulli_rbm": "BernoulliRBM"}.get(name, name),
    )


def choose(jobs, arguments):
    """Print the validation scores, and store the best rate of each model and budget."""
    best = {}
    for name, seconds, rate in jobs:
        for entry in scores((name, seconds, rate), arguments)[-1:]:
            print(f"{name}, {seconds:g} s, rate {rate:g}: {entry['nats']:.2f} nats")
            key = f"{name} {seconds:g}"
            best[key] = max(best.get(key, (-np.inf, 0)), (entry["nats"], rate))
    path = arguments.out / "rates.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    known |= {key: rate for key, (_, rate) in best.items()}
    path.write_text(json.dumps(known, indent=1))
    print(f"best rates: {known}")


def plan(arguments):
    """Return the runs as tuples of model, seconds and rate."""
    path = arguments.out / "rates.json"
    chosen = json.loads(path.read_text()) if path.exists() else {}
    jobs = []
    for name in arguments.models:
        budgets = arguments.budgets if name == "skebm" else [arguments.seconds]
        for seconds in budgets:
            rates = arguments.rates or [chosen.get(f"{name} {seconds:g}", 0.05)]
            jobs += itertools.product([name], [seconds], rates)
    return jobs


def main():
    """Run the chosen steps."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True, help="folder of all results")
    models = ["skebm", *PEERS]
    parser.add_argument("--models", nargs="+", choices=models, default=models)
    parser.add_argument("--seconds", type=float, default=120, help="for the peers")
    parser.add_argument("--budgets", nargs="+", type=float, help="for skebm")
    parser.add_argument("--rates", nargs="+", type=float)
    parser.add_argument("--validate", action="store_true")
    steps = ["train", "evaluate", "plot"]
    parser.add_argument("--steps", nargs="+", choices=steps, default=steps)
    parser.add_argument(
        "--peer-threads",
        type=int,
        default=cpu_count(),
        help="the faster number, according to speed.py --only a",
    )
    parser.add_argument("--max-temperatures", type=int, default=16_000)
    parser.add_argument("--seed", type=int, default=0)
    figure = Path(__file__).with_name("mnist_curve.svg")
    parser.add_argument("--figure", type=Path, default=figure)
    parser.add_argument("--bottom", type=float, default=-160, help="lower y limit")
    arguments = parser.parse_args()
    if arguments.budgets is None:
        arguments.budgets = list(checkpoints(arguments.seconds)[-4:])
    arguments.out.mkdir(parents=True, exist_ok=True)
    jobs = plan(arguments)
    if "train" in arguments.steps:
        train_all(jobs, arguments)
    if "evaluate" in arguments.steps:
        evaluate_all(jobs, arguments)
    if "plot" in arguments.steps:
        (choose if arguments.validate else report)(jobs, arguments)


if __name__ == "__main__":
    main()
