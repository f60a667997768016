"""Times of the same work in skebm, scikit-learn and rbms, in turn in one process.

    SKEBM_DATA=... python asv_bench/compare/speed.py [--only a,d] [--busy]

(a) updates of a 784-500 RBM on thresholded MNIST: PCD-1, batches of 100 rows, 100
    chains, float32. For skebm also updates with grey values drawn anew at each visit.
(b) as (a), with batches of 10 rows and 10 chains.
(c) as (a), in float64.
(d) a whole fit of a 64-100 RBM to scikit-learn's digits: batches of 10 rows, 10 chains,
    20 epochs.
(e) scores of 10,000 rows, features of 10,000 rows, 10 Gibbs sweeps of 1000 chains, and
    for skebm 1000 independent draws.
(f) a whole fit on 20,000 digits of MNIST: 784-500, batches and chains of 100, 8 epochs.

Each line of the table is a package with a number of threads, and the better line of a
package counts. All lines run once in each turn. The first turn, which compiles, is not
timed. A ratio is the median over turns of the time of a line divided by the time of
skebm's first line in the same turn. The floor is the time of the matrix products alone,
on all cores at once. `--busy` adds a second time for each line, in which another
process keeps all cores busy.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager, nullcontext
from functools import partial

import numpy as np
from _base import PEERS, Floor, SklearnRBM, load_mnist, load_thresholded
from joblib import cpu_count
from sklearn.datasets import load_digits
from sklearn.neural_network import BernoulliRBM
from threadpoolctl import threadpool_limits

from skebm import RBMDensity
from skebm.objectives import PCD
from skebm.partition import AIS
from skebm.planning import make_plan
from skebm.training import train
from skebm.utils._parallel import use_threads

_BUSY = "import numpy as np\nx = np.ones((700, 700))\nwhile True: x @ x"
_SHAPE = 784, 500
N_THREADS = {cpu_count(), 1}


# -- the race --------------------------------------------------------------------------


def race(title, lines, floor, n_turns, neighbour, unit="ms", scale=1e3):
    """Run all lines in turn, and print a table.

    Parameters
    ----------
    title : str
    lines : dict of str to callable
        Functions to time. Ratios refer to the first line whose name starts with
        "skebm".
    floor : str or None
        Name of a second line to which ratios refer.
    n_turns : int
    neighbour : Neighbour or None
    unit : str
    scale : float
        Factor from seconds to ``unit``.
    """
    modes = {"idle": nullcontext} | ({"busy": neighbour.at_work} if neighbour else {})
    for run in lines.values():
        run()
    seconds = {mode: {name: [] for name in lines} for mode in modes}
    for _ in range(n_turns):
        for name, run in lines.items():
            for mode, context in modes.items():
                with context():
                    start = time.perf_counter()
                    run()
                    seconds[mode][name].append(time.perf_counter() - start)
    for mode, times in seconds.items():
        print(f"\n{title}, cores otherwise {mode} ({n_turns} turns)")
        table({name: scale * np.array(t) for name, t in times.items()}, floor, unit)


def table(times, floor, unit):
    """Print medians, ranges and ratios of the lines, and the best of each package."""
    ours = times[next(name for name in times if name.startswith("skebm"))]
    heading = f"{unit:34s}{'median':>10}{'range':>26}{'/ skebm':>9}"
    print(heading + (f"{'/ floor':>9}" if floor else ""))
    best = {}
    for name, line in times.items():
        median = np.median(line)
        package = name.split(",")[0]
        best[package] = min(best.get(package, np.inf), median)
        text = f"{name:34s}{median:10.3f}{f'{line.min():.3f} - {line.max():.3f}':>26}"
        text += f"{np.median(line / ours):9.2f}"
        print(text + (f"{np.median(line / times[floor]):9.2f}" if floor else ""))
    ratios = (f"{name} {value / best['skebm']:.2f}" for name, value in best.items())
    print(f"best of each beside skebm's: {', '.join(ratios)}", flush=True)


class Neighbour:
    """Another process that multiplies matrices on all cores, or sleeps."""

    def __init__(self):
        environment = os.environ | {"OPENBLAS_NUM_THREADS": str(cpu_count())}
        self.process = subprocess.Popen([sys.executable, "-c", _BUSY], env=environment)
        time.sleep(1)
        self.process.send_signal(signal.SIGSTOP)

    @contextmanager
    def at_work(self):
        """Keep the cores busy inside the block."""
        self.process.send_signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGSTOP)

    def end(self):
        """End the process."""
        self.process.kill()
        self.process.wait()


def threads():
    """Return the numbers of threads to try; the number of cores comes first."""
    return sorted(N_THREADS, reverse=True)


# -- (a) to (c): updates ---------------------------------------------------------------


def peer_updates(peer, X, n_components, n_rows, n_updates, n_threads):
    """Return a function that does many updates of a peer on successive batches."""
    one = peer(X, n_components, n_rows, 0.05, n_threads)
    starts = np.arange(n_updates) * n_rows % (len(X) - n_rows + 1)

    def run():
        with one.threads():
            for start in starts:
                one.update(one.train[start : start + n_rows])

    return run


def sklearn_updates(X, n_components, n_rows, n_updates, n_threads):
    """Return a function that does many updates in one `fit` of `BernoulliRBM`."""
    one = SklearnRBM(X, n_components, n_rows, 0.05, n_threads)
    one.model.set_params(n_iter=1)
    rows = np.resize(X, (n_updates * n_rows, X.shape[1]))

    def run():
        with one.threads():
            one.model.fit(rows)

    return run


def skebm_updates(X, n_components, n_rows, n_updates, n_jobs, resample=False):
    """Return a function that does many updates of skebm without monitoring."""
    model = RBMDensity(
        n_components,
        couplings="none",  # the model of the peers
        objective=PCD(n_steps=1, n_chains=n_rows),
        learning_rate=0.05,
        batch_size=n_rows,
        n_iter=0,
        resample_inputs=resample,
        random_state=0,
    )
    rows = np.resize(X, (n_updates * n_rows, X.shape[1]))
    model.fit(rows[: 2 * n_rows])
    energy = model._energy
    plan = make_plan(model, energy, energy.visible, len(rows), 1)

    def run():
        with use_threads(n_jobs):
            train(model._training, rows, None, plan, lambda training, rate: None)

    return run


def updates(title, X, n_rows, n_updates, options, grey=None):
    """Race the updates of a 784-500 RBM."""
    n_hidden, lines = _SHAPE[1], {}
    floor = Floor(_SHAPE, n_rows, n_rows, X.dtype)
    for n in threads():
        work = n_hidden, n_rows, n_updates, n
        lines[f"skebm, {n} threads"] = skebm_updates(X, *work)
        lines[f"BernoulliRBM, {n} threads"] = sklearn_updates(X, *work)
        if "rbms" in PEERS:
            lines[f"rbms, {n} threads"] = peer_updates(PEERS["rbms"], X, *work)
    if grey is not None:
        work = n_hidden, n_rows, n_updates, None, True
        lines["skebm grey, resampled"] = skebm_updates(grey, *work)
    lines["floor"] = lambda: floor.run(n_updates)
    race(title, lines, "floor", scale=1e3 / n_updates, unit="ms an update", **options)


def part_a(arguments, options):
    """Race updates with batches of 100."""
    grey = load_mnist()[0][:30_000]
    X = (grey > 0.5).astype(np.float32)
    title = "(a) 784-500, PCD-1, batches of 100, float32"
    updates(title, X, 100, arguments.updates, options, grey)


def part_b(arguments, options):
    """Race updates with batches of 10."""
    X = load_thresholded()[0][:30_000]
    title = "(b) 784-500, PCD-1, batches of 10, float32"
    updates(title, X, 10, 3 * arguments.updates, options)


def part_c(arguments, options):
    """Race updates in float64."""
    X = load_thresholded()[0][:30_000].astype(np.float64)
    title = "(c) 784-500, PCD-1, batches of 100, float64"
    updates(title, X, 100, arguments.updates, options)


# -- (d) and (f): whole fits -----------------------------------------------------------


def fits(X, n_hidden, n_rows, n_epochs):
    """Return whole fits of skebm and of `BernoulliRBM`, by name."""

    def skebm_fit(n_jobs):
        RBMDensity(
            n_hidden,
            couplings="none",
            objective=PCD(n_steps=1, n_chains=n_rows),
            learning_rate=0.05,
            batch_size=n_rows,
            n_iter=n_epochs,
            n_jobs=n_jobs,
            random_state=0,
        ).fit(X)

    def sklearn_fit(n_threads):
        one = SklearnRBM(X, n_hidden, n_rows, 0.05, n_threads)
        with one.threads():
            one.model.set_params(n_iter=n_epochs).fit(X)

    lines = {}
    for n in threads():
        lines[f"skebm, {n} threads"] = lambda n=n: skebm_fit(n)
        lines[f"BernoulliRBM, {n} threads"] = lambda n=n: sklearn_fit(n)
    return lines


def part_d(arguments, options):
    """Race a whole fit on the digits."""
    X = (load_digits().data > 7).astype(np.float32)
    n_epochs, n_rows, n_hidden = 20, 10, 100
    n_updates = n_epochs * -(-len(X) // n_rows)
    floor = Floor((64, n_hidden), n_rows, n_rows)
    lines = fits(X, n_hidden, n_rows, n_epochs)
    for n in threads():
        if "rbms" in PEERS:
            lines[f"rbms, {n} threads"] = lambda n=n: peer_updates(
                PEERS["rbms"], X, n_hidden, n_rows, n_updates, n
            )()
    lines["floor"] = lambda: floor.run(n_updates)
    title = f"(d) digits, 64-100, {n_epochs} epochs of {n_updates // n_epochs} updates"
    race(title, lines, "floor", unit="s a fit", scale=1, **options)


def part_f(arguments, options):
    """Race a whole fit on thresholded MNIST, with all that is done beside updates."""
    X, n_epochs, n_rows = load_thresholded()[0][:20_000], 8, 100
    lines = fits(X, _SHAPE[1], n_rows, n_epochs)
    title = f"(f) MNIST, 784-500, {n_epochs} epochs of {len(X) // n_rows} updates"
    race(title, lines, None, unit="s a fit", scale=1, **options)


# -- (e): scores, features, draws ------------------------------------------------------


def fitted(X, n_threads):
    """Return models of the three packages with the same parameters."""
    rng = np.random.default_rng(0)
    components = 0.05 * rng.standard_normal(_SHAPE[::-1], dtype=np.float32)
    visible = np.log((X.mean(axis=0) + 0.01) / (1.01 - X.mean(axis=0)))
    hidden = np.zeros(_SHAPE[1], dtype=np.float32)
    rough = AIS(n_chains=10, max_temperatures=200)
    with warnings.catch_warnings(action="ignore"):  # log Z is rough, and only timed
        ours = RBMDensity.from_parameters(
            components, visible, hidden, partition=rough, n_jobs=n_threads
        )
        ours.score(X[:10])
    theirs = BernoulliRBM(_SHAPE[1], random_state=0)
    theirs.partial_fit(X[:10])  # returns None
    theirs.components_ = np.asfortranarray(components)
    theirs.intercept_visible_, theirs.intercept_hidden_ = visible, hidden
    if "rbms" not in PEERS:
        return ours, theirs, None
    third = PEERS["rbms"](X, _SHAPE[1], 10, 0.05, n_threads)
    new = np.ascontiguousarray(components.T), visible, hidden
    for parameter, array in zip(third.model.parameters(), new, strict=True):
        parameter.copy_(third.torch.from_numpy(array))
    return ours, theirs, third


def part_e(arguments, options):
    """Race the scores, features and sweeps of fitted models."""
    X = load_thresholded()[1]
    start, n_steps = X[:1000], 10
    races = {
        "score_samples, 10,000 rows (BernoulliRBM: its own)": {},
        "transform, 10,000 rows": {},
        f"gibbs, 1000 chains, {n_steps} sweeps": {},
    }
    for n in threads():
        ours, theirs, third = fitted(X, n)
        runs = {"skebm": (nullcontext, skebm_uses(ours, X, start, n_steps))}
        limit = partial(threadpool_limits, n, user_api="blas")
        runs["BernoulliRBM"] = limit, sklearn_uses(theirs, X, start, n_steps)
        if third is not None:
            runs["rbms"] = third.threads, rbms_uses(third, start, n_steps)
        for name, (context, uses) in runs.items():
            for lines, run in zip(races.values(), uses, strict=True):
                lines[f"{name}, {n} threads"] = within(context, run)
    for title, lines in races.items():
        race(f"(e) 784-500, {title}", lines, None, **options)
    draws = {"skebm, 1 threads": lambda: ours.sample(1000, random_state=0)}
    title = "(e) 784-500, sample, 1000 draws by annealing, which no peer does"
    race(title, draws, None, n_turns=1, neighbour=None)


def skebm_uses(model, X, start, n_steps):
    """Return functions that score, transform and sweep."""
    return (
        lambda: model.score_samples(X),
        lambda: model.transform(X),
        lambda: model.gibbs(start, n_steps, random_state=0),
    )


def sklearn_uses(model, X, start, n_steps):
    """Return functions that score, transform and sweep by `BernoulliRBM`."""

    def sweeps():
        rows = start
        for _ in range(n_steps):
            rows = model.gibbs(rows)

    return lambda: model.score_samples(X), lambda: model.transform(X), sweeps


def rbms_uses(one, start, n_steps):
    """Return functions that score (by free energies), transform and sweep by rbms."""
    model, rows = one.model, one.train
    chains = model.init_chains(len(start), start_v=one.torch.from_numpy(start))
    return (
        lambda: model.compute_energy_visibles(rows),
        lambda: model.sample_hiddens({"visible": rows})["hidden_mag"],
        lambda: model.sample_state(chains=chains, n_steps=n_steps),
    )


def within(context, run):
    """Return ``run`` inside a context."""

    def inside():
        with context():
            return run()

    return inside


PARTS = dict(a=part_a, b=part_b, c=part_c, d=part_d, e=part_e, f=part_f)


def main():
    """Run the chosen parts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="a,b,c,d,e,f")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--updates", type=int, default=300, help="number in a turn")
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--one", action="store_true", help="use one thread only")
    parser.add_argument("--no-rbms", action="store_true", help="without rbms, torch")
    arguments = parser.parse_args()
    if arguments.no_rbms:
        del PEERS["rbms"]
    if arguments.one:
        N_THREADS.intersection_update({1})
    rate = Floor(_SHAPE, 100, 100).gflops()
    print(f"{cpu_count()} cores; products of (a) at {rate:.0f} GFLOP/s now", flush=True)
    neighbour = Neighbour() if arguments.busy else None
    options = {"n_turns": arguments.turns, "neighbour": neighbour}
    try:
        for name in arguments.only.split(","):
            PARTS[name](arguments, options)
    finally:
        if neighbour:
            neighbour.end()


if __name__ == "__main__":
    main()
