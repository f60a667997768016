"""Test log-likelihood on binary density benchmarks, with one configuration for all.

    SKEBM_DATA=... python asv_bench/compare/binary_sets.py --out sets.jsonl [--sets dna]

`RBMDensity` begins with its defaults. The script then tries other values of one
parameter after the other, in the order of `SEARCH`, and keeps what is best on the
validation rows. It fits the chosen model once for each seed and scores it on the test
rows. With `--defaults` there is no search, and `RBMDensity()` is scored on the test
rows. log Z is exact if one side has at most 20 units; else AIS and its reverse bracket
it. The script also scores a mixture of Bernoullis, whose size is chosen on the same
validation rows and which is fitted by EM, and a Chow-Liu tree. It appends every
finished step to `--out` as a line and does not run steps that have a line. At the end
it prints the table.
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
from sklearn.base import clone

from skebm import RBMDensity
from skebm.objectives import PCD
from skebm.partition import AIS, Auto
from skebm.planning import make_plan

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
BASELINES = "mixture", "tree"
MIXTURES = (20, 100, 300)
# Steps of the chains at each update, sizes, and factors of the l2, the learning rate
# and the number of epochs of the defaults.
SEARCH = {
    "n_steps": (10,),
    "n_components": (200,),
    "l2": (0.25, 4),
    "learning_rate": (2,),
    "n_iter": (2,),
}
START = {
    "n_steps": "auto",
    "n_components": 100,
    "l2": 1,
    "learning_rate": 1,
    "n_iter": 1,
}
# The default l2 is 0 for more rows than this, so factors of it do nothing.
_NO_L2 = 10_000
# Validation only ranks models, so its log Z may be known to half a nat.
_ROUGH = Auto(ais=AIS(tolerance=0.2, max_temperatures=4000))


# -- the model -------------------------------------------------------------------------


def fit(rows, factors, seed, max_time, partition):
    """Return a fitted model and the seconds that it took."""
    model = RBMDensity(
        factors["n_components"],
        objective=PCD(n_steps=factors["n_steps"]),
        max_time=max_time,
        partition=partition,
        random_state=seed,
    )
    changes = {
        name: factor
        for name, factor in factors.items()
        if name in ("l2", "learning_rate", "n_iter") and factor != 1
    }
    with warnings.catch_warnings(action="ignore"):  # brackets are in the table
        if changes:
            defaults = planned(model, rows)
            for name, factor in changes.items():
                value = factor * defaults[name]
                model.set_params(**{name: round(value) if name == "n_iter" else value})
        start = time.perf_counter()
        model.fit(rows)
        seconds = time.perf_counter() - start
        model.log_partition_.value  # noqa: B018 computed at first use
    return model, seconds


def planned(model, rows):
    """Return the values that the defaults stand for."""
    started = clone(model).set_params(n_iter=0).fit(rows)
    energy = started._energy
    started.set_params(n_iter="auto")
    plan = make_plan(started, energy, energy.visible, len(rows))
    return {
        "learning_rate": plan.learning_rate,
        "n_iter": plan.n_iter,
        "l2": plan.penalties.l2,
    }


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
    """Score one choice on the validation rows."""
    train, valid, _ = parts
    model, seconds = fit(train, factors_of(key), key["seed"], max_time, _ROUGH)
    run = {"seconds": seconds, "n_epochs": model.n_iter_, "train": model.score(train)}
    return score(model, valid) | run


def test(parts, key, max_time):
    """Score the choice on the test rows."""
    train, _, rows = parts
    model, seconds = fit(train, factors_of(key), key["seed"], max_time, "auto")
    return score(model, rows) | {"seconds": seconds, "n_epochs": model.n_iter_}


def defaults(parts, key, max_time):
    """Score a model with nothing but defaults on the test rows."""
    return test(parts, START | key, None)


def factors_of(key):
    """Return the entries of a key that are parameters."""
    return {name: key[name] for name in START}


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
    seeds = range(1, arguments.seeds + 1)
    if arguments.defaults:
        for seed in seeds:
            lines.do(defaults, parts, limit, set=name, seed=seed)
        return
    best = dict(START)
    for parameter, values in SEARCH.items():
        if parameter == "l2" and len(parts[0]) > _NO_L2:
            continue
        tried = [
            lines.do(validate, parts, limit, set=name, seed=0, **choice)
            for choice in [best, *({**best, parameter: value} for value in values)]
        ]
        best = factors_of(max(tried, key=lambda row: row["nats"]))
    for seed in seeds if not arguments.validate else ():
        lines.do(test, parts, limit, set=name, **best, seed=seed)


def table(lines):
    """Print a row for each data set."""
    titles = ["set", *START, "test nats", "log Z", "fit (s)"]
    titles += ["defaults", "log Z", "fit (s)", *BASELINES, "earlier mixture"]
    print("\n| " + " | ".join(titles) + " |\n|" + " --- |" * len(titles))
    for name, earlier in SETS.items():
        chosen = lines.find(set=name, step="test")
        alone = lines.find(set=name, step="defaults")
        if not chosen and not alone:
            continue
        choice = [chosen[-1][key] if chosen else "" for key in START]
        baselines = [lines.find(set=name, step=step)[0] for step in BASELINES]
        cells = [
            name,
            *choice,
            *cells_of(chosen),
            *cells_of(alone),
            *(f"{row['nats']:.2f}" for row in baselines),
            f"{earlier:.2f}",
        ]
        print("| " + " | ".join(map(str, cells)) + " |")


def cells_of(rows):
    """Return the mean log-likelihood of fits, its bracket and the seconds of a fit."""
    if not rows:
        return ["", "", ""]
    nats, lower, upper, seconds = (
        np.mean([row[key] for row in rows])
        for key in ("nats", "lower", "upper", "seconds")
    )
    is_exact = rows[0]["method"] == "enumeration"
    bracket = "exact" if is_exact else f"[{lower:.2f}, {upper:.2f}]"
    return [f"{nats:.2f}", bracket, f"{seconds:.0f}"]


def main():
    """Run the chosen data sets, and print the table of all finished steps."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True, help="file of JSON lines")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--max-time", type=float, default=120, help="seconds of a fit")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--defaults", action="store_true", help="only the defaults")
    parser.add_argument("--validate", action="store_true", help="skip the test rows")
    arguments = parser.parse_args()
    lines = Lines(arguments.out)
    for name in arguments.sets:
        run(name, lines, arguments)
    table(lines)


if __name__ == "__main__":
    main()
