"""Test log-likelihood on binary density benchmarks, with one configuration for all.

    SKEBM_DATA=... python asv_bench/compare/binary_sets.py --out sets.jsonl [--sets dna]

`RBMDensity` runs with its defaults, except for the number of hidden units and of
updates. The script chooses them from the grid below on the validation rows. It then
fits the chosen model once for each seed and scores it on the test rows. log Z is exact
if one side has at most 20 units; else AIS and its reverse bracket it. The script also
scores a mixture of Bernoullis, whose size is chosen on the same validation rows and
which is fitted by EM, and a Chow-Liu tree. It appends every finished step to `--out` as
a line and does not run steps that have a line. At the end it prints the table.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from _base import load_binary
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.special import logsumexp

from skebm import RBMDensity
from skebm.partition import AIS, Auto

# Test nats of mixtures of Bernoullis from an earlier script; they set the bar.
SETS = {
    "nltcs": -6.00,
    "plants": -13.10,
    "baudio": -39.87,
    "bnetflix": -56.59,
    "accidents": -35.45,
    "dna": -97.95,
    "bbc": -252.64,
    "mushrooms": -14.22,
    "nips": -284.28,
}
HIDDEN, UPDATES = (20, 100, 200), (1500, 8000, 24000)
BASELINES = "mixture", "tree"
MIXTURES = (20, 100, 300)
# Other parameters of the estimator. None are needed: they have become the defaults.
CONFIG: dict = {}
_BATCH = 100
# Validation only ranks models, so its log Z may be known to half a nat.
_ROUGH = Auto(ais=AIS(tolerance=0.2, max_temperatures=4000))


# -- the model -------------------------------------------------------------------------


def fit(rows, n_components, n_updates, seed, max_time, partition):
    """Return a fitted model and the seconds that it took."""
    n_batches = 1 if len(rows) <= 256 else -(-len(rows) // _BATCH)
    model = RBMDensity(
        n_components,
        n_iter=max(1, round(n_updates / n_batches)),
        max_time=max_time,
        partition=partition,
        random_state=seed,
        **CONFIG,
    )
    start = time.perf_counter()
    with warnings.catch_warnings(action="ignore"):  # brackets are in the table
        model.fit(rows)
        seconds = time.perf_counter() - start
        model.log_partition_.value  # noqa: B018 computed at first use
    return model, seconds


def score(model, rows):
    """Return the mean log-likelihood with its bracket, and the method of log Z."""
    log_z, mean = model.log_partition_, model.score(rows)
    return {
        "nats": mean,
        "lower": mean + log_z.value - log_z.upper,
        "upper": mean + log_z.value - log_z.lower,
        "method": log_z.method,
    }


def validate(parts, key, max_time):
    """Score one point of the grid on the validation rows."""
    train, valid, _ = parts
    sizes = key["n_components"], key["n_updates"]
    model, seconds = fit(train, *sizes, key["seed"], max_time, _ROUGH)
    run = {"seconds": seconds, "n_iter": model.n_iter_, "train": model.score(train)}
    return score(model, valid) | run


def test(parts, key, max_time):
    """Score the choice on the test rows."""
    train, _, rows = parts
    sizes = key["n_components"], key["n_updates"]
    model, seconds = fit(train, *sizes, key["seed"], max_time, "auto")
    return score(model, rows) | {"seconds": seconds, "n_iter": model.n_iter_}


# -- the baselines ---------------------------------------------------------------------


def bernoulli_mixture(X, n_components, seed=0, n_iter=60, prior=0.1):
    """Return log weights and logits of a mixture of Bernoullis, fitted by EM."""
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.full(n_components, 0.1), len(X)).astype(X.dtype)
    for _ in range(n_iter):
        mass = share.sum(axis=0) + 2 * prior
        mean = (share.T @ X + prior) / mass[:, None]
        log_weight = np.log(mass / mass.sum())
        logit = np.log(mean / (1 - mean))
        share = mixture_terms(X, log_weight, logit)
        share = np.exp(share - share.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
    return log_weight, logit


def mixture_terms(X, log_weight, logit):
    """Return the log of what each component adds to the probability of each row."""
    return X @ logit.T - np.logaddexp(0, logit).sum(axis=1) + log_weight


def mixture(parts, key, max_time):
    """Choose the size of a mixture on validation rows; score it on the test rows."""
    train, valid, rows = parts
    start, fitted = time.perf_counter(), []
    for n_components in MIXTURES:
        model = bernoulli_mixture(train, n_components)
        nats = logsumexp(mixture_terms(valid, *model), axis=1).mean()
        fitted.append((nats, n_components, model))
    _, n_components, model = max(fitted, key=lambda entry: entry[0])
    nats = float(logsumexp(mixture_terms(rows, *model), axis=1).mean())
    seconds = time.perf_counter() - start
    return {"nats": nats, "n_components": n_components, "seconds": seconds}


def tree(parts, key, max_time, prior=0.1):
    """Score the Chow-Liu tree: the spanning tree of the largest mutual information."""
    X, _, rows = (part.astype(np.float64) for part in parts)
    n = len(X) + 4 * prior
    both = X.T @ X + prior
    # A column cannot be on and off at once, so the prior must not count such cases.
    np.fill_diagonal(both, X.sum(axis=0) + 2 * prior)
    one = both.diagonal() / n
    joint = {(1, 1): both / n}
    joint[1, 0] = one[:, None] - joint[1, 1]
    joint[0, 1] = joint[1, 0].T
    joint[0, 0] = 1 - one[:, None] - joint[0, 1]
    state = {1: one, 0: 1 - one}
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = {
            (a, b): np.log(p / np.outer(state[a], state[b]))
            for (a, b), p in joint.items()
        }
        information = sum(joint[ab] * ratio[ab] for ab in joint)
    np.fill_diagonal(information, 0)
    i, j = minimum_spanning_tree(-information).nonzero()
    nats = (rows @ np.log(one) + (1 - rows) @ np.log(1 - one)).mean()
    for (a, b), value in ratio.items():
        nats += ((rows[:, i] == a) & (rows[:, j] == b)).mean(axis=0) @ value[i, j]
    return {"nats": nats}


# -- the run ---------------------------------------------------------------------------


class Lines:
    """A file of finished steps, with a line of JSON for each step."""

    def __init__(self, path):
        self.path = Path(path)
        text = self.path.read_text() if self.path.exists() else ""
        self.rows = [json.loads(line) for line in text.splitlines()]

    def find(self, **key):
        """Return the lines with these entries."""
        return [row for row in self.rows if key.items() <= row.items()]

    def do(self, step, parts, max_time, **key):
        """Return the line of a step; run the step first if it has no line."""
        key = {"step": step.__name__, **key}
        if not self.find(**key):
            row = key | step(parts, key, max_time)
            self.rows.append(row)
            with self.path.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)
        return self.find(**key)[0]


def run(name, lines, arguments):
    """Do all steps of a data set."""
    parts, limit = load_binary(name), arguments.max_time
    lines.do(tree, parts, limit, set=name)
    lines.do(mixture, parts, limit, set=name)
    grid = [
        lines.do(
            validate,
            parts,
            limit,
            set=name,
            n_components=n_components,
            n_updates=n_updates,
            seed=0,
        )
        for n_components in arguments.hidden
        for n_updates in arguments.updates
    ]
    if arguments.validate:
        return
    best = max(grid, key=lambda row: row["nats"])
    chosen = {name: best[name] for name in ("n_components", "n_updates")}
    for seed in range(1, arguments.seeds + 1):
        lines.do(test, parts, limit, set=name, **chosen, seed=seed)


def table(lines):
    """Print a row for each data set."""
    titles = ["set", "hidden", "updates", "RBMDensity", "range", "bracket", "log Z"]
    titles += ["fit (s)", *BASELINES, "earlier mixture"]
    print("\n| " + " | ".join(titles) + " |\n|" + " --- |" * len(titles))
    for name, earlier in SETS.items():
        rows = lines.find(set=name, step="test")
        if not rows:
            continue
        nats = [row["nats"] for row in rows]
        half = max(row["upper"] - row["lower"] for row in rows) / 2
        baselines = [lines.find(set=name, step=step)[0] for step in BASELINES]
        cells = [
            name,
            rows[-1]["n_components"],
            rows[-1]["n_updates"],
            f"{np.mean(nats):.2f}",
            f"{min(nats):.2f} to {max(nats):.2f}",
            f"± {half:.2f}",
            rows[-1]["method"],
            f"{np.mean([row['seconds'] for row in rows]):.0f}",
            *(f"{row['nats']:.2f}" for row in baselines),
            f"{earlier:.2f}",
        ]
        print("| " + " | ".join(map(str, cells)) + " |")


def main():
    """Run the chosen data sets, and print the table of all finished steps."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True, help="file of JSON lines")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--hidden", nargs="+", type=int, default=HIDDEN)
    parser.add_argument("--updates", nargs="+", type=int, default=UPDATES)
    parser.add_argument("--max-time", type=float, default=60, help="seconds of a fit")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--validate", action="store_true", help="skip the test rows")
    arguments = parser.parse_args()
    lines = Lines(arguments.out)
    for name in arguments.sets:
        run(name, lines, arguments)
    table(lines)


if __name__ == "__main__":
    main()
