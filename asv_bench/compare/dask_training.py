"""Training on a cluster of Dask: speed, likelihood, a killed worker, and its cost.

    python asv_bench/compare/dask_training.py --part likelihood --workers 0 1 2 4 8
    python asv_bench/compare/dask_training.py --part speed
    python asv_bench/compare/dask_training.py --part killed
    python asv_bench/compare/dask_training.py --part simulation --workers 8 64 512
    python asv_bench/compare/dask_training.py --part census
    python asv_bench/compare/dask_training.py --part cost

``--workers 0`` is one machine without Dask. The simulation does the rounds of all
shards in this process, one after the other: its likelihoods are those of a cluster.
``--updates``, ``--batch`` and ``--factor`` are of its rounds, in place of the defaults,
and ``--plain`` leaves control variates out.
The digits of MNIST are taken from ``SKEBM_DATA``, thresholded at one half.
"""

import argparse
import os
import threading
import time
import warnings
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import dask
import numpy as np
from sklearn.base import clone

from skebm import RBMDensity
from skebm.dask import DaskRBMDensity, _rows
from skebm.dask._rounds import Carried
from skebm.dask._rows import DaskRows
from skebm.dask._shards import Shard, plan_of_shards, updates_of_round
from skebm.estimators import _base as fits
from skebm.objectives import PCD
from skebm.optimizers import SGD
from skebm.partition import AIS
from skebm.training import Plan, train


def digits(options):
    """Return training rows and test rows, 0 or 1 in float32."""
    data = np.load(Path(os.environ["SKEBM_DATA"]) / "mnist.npz")
    X = data["X_train"][: options.rows]
    if options.sorted:
        X = X[np.argsort(data["y_train"][: options.rows], kind="stable")]
    return [(part > 127).astype(np.float32) for part in (X, data["X_test"])]


def model(options, seed, cls=RBMDensity, **params):
    """Return an estimator, whose log Z is known well enough for a tenth of a nat."""
    partition = AIS(options.chains, options.tolerance, options.temperatures)
    return cls(
        options.hidden,
        n_iter=options.epochs,
        n_jobs=options.threads,
        random_state=seed,
        partition=partition,
        **params,
    )


def on_cluster(options, seed, client):
    """Return an estimator that trains on a cluster."""
    rbm = model(options, seed, DaskRBMDensity, client=client)
    rbm.updates_per_round = options.updates
    return rbm


def cluster_of(n_workers):
    """Return a cluster of processes of one thread, and a client."""
    from distributed import Client, LocalCluster

    cluster = LocalCluster(
        n_workers=n_workers, threads_per_worker=1, dashboard_address=None
    )
    return cluster, Client(cluster)


def told(name, fitted, X_test, seconds, n_visits):
    """Print a line of a fit, and return the mean log-likelihood of test rows."""
    score = fitted.score(X_test)
    log_z = fitted.log_partition_
    width = (log_z.upper - log_z.lower) / 2
    pseudo = fitted.history_["pseudo_log_likelihood"][-1]
    print(
        f"{name}: test {score:.2f} nats (log Z +- {width:.2f}, standard error "
        f"{log_z.stderr:.2f}), pseudo {pseudo:.2f}, "
        f"{n_visits / seconds:,.0f} rows/s",
        flush=True,
    )
    return score


def likelihood(options):
    """Print the likelihood after the same epochs, for numbers of workers."""
    import dask.array as da

    X, X_test = digits(options)
    for n_workers in options.workers:
        scores = []
        cluster, client = cluster_of(n_workers) if n_workers else (None, None)
        for seed in options.seeds:
            if n_workers:
                rows = da.from_array(X, chunks=(-(-len(X) // (4 * n_workers)), -1))
                rows = client.persist(rows)
                rbm = on_cluster(options, seed, client)
            else:
                rows, rbm = X, model(options, seed)
            started = time.perf_counter()
            rbm.fit(rows)
            seconds = time.perf_counter() - started
            local = rbm.to_local() if n_workers else rbm
            name = f"workers {n_workers} seed {seed}"
            scores.append(told(name, local, X_test, seconds, len(X) * options.epochs))
        if cluster:
            client.close()
            cluster.close()
        print(f"workers {n_workers}: mean {np.mean(scores):.2f}", flush=True)


def speed(options):
    """Print rows a second of 1 and 2 processes of one thread, alternated.

    The seconds of the epochs after the first one are compared, without reading and
    monitoring. Beside them is the time that the workers spent on a processor, which
    neighbours change less.
    """
    import dask.array as da

    X, _ = digits(options)
    clusters = {n: cluster_of(n) for n in options.workers}
    do_epoch, spent = DaskRows.do_epoch, []

    def timed(self, *facts):
        client = self.parts.client
        used = sum(client.run(time.process_time).values())
        started = time.perf_counter()
        rate = do_epoch(self, *facts)
        seconds = time.perf_counter() - started
        used = sum(client.run(time.process_time).values()) - used
        spent.append((len(X) / seconds, len(X) / used))
        return rate

    DaskRows.do_epoch = timed
    found = {n: [] for n in clusters}
    for _ in range(options.repeats):
        for n, (_, client) in clusters.items():
            rows = client.persist(da.from_array(X, chunks=(len(X) // 8, -1)))
            spent.clear()
            on_cluster(options, 0, client).fit(rows)
            # The first epoch compiles, and reads the rows.
            rates = np.median(spent[1:], axis=0)
            found[n].append(rates)
            text = "{:,.0f} rows/s, {:,.0f} rows a second of a worker's processor"
            print(f"workers {n}:", text.format(*rates), flush=True)
    rates = {n: np.median(rates, axis=0) for n, rates in found.items()}
    ratio = rates[options.workers[-1]] / rates[options.workers[0]]
    print(f"rows a second, ratio {ratio[0]:.2f}; of processor, ratio {ratio[1]:.2f}")
    for cluster, client in clusters.values():
        client.close()
        cluster.close()


def killed(options):
    """Print the likelihood of a fit one of whose two workers is killed."""
    import dask.array as da

    X, X_test = digits(options)
    for seed in options.seeds:
        cluster, client = cluster_of(2)
        rows = client.persist(da.from_array(X, chunks=(len(X) // 8, -1)))
        rbm = on_cluster(options, seed, client)
        pids = client.run(os.getpid)
        victim = sorted(pids.values())[0]
        threading.Timer(options.after, os.kill, (victim, 9)).start()
        started = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            rbm.fit(rows)
        seconds = time.perf_counter() - started
        print([str(w.message)[:60] for w in caught if "lost" in str(w.message)])
        name = f"killed seed {seed}"
        told(name, rbm.to_local(), X_test, seconds, len(X) * options.epochs)
        client.close()
        cluster.close()


class Here:
    """A client that does each task at once, in this process."""

    def get(self, tasks, keys, sync):
        """Return the results."""
        return dask.get(tasks, keys)

    def gather(self, results):
        """Return the results."""
        return results


def simulated(X, n_shards, updates_per_round):
    """Return the rows of shards in one process, as ``DaskRows`` has them on workers."""
    edges = np.arange(n_shards + 1) * len(X) // n_shards
    shards = [Shard(part, None) for part in np.split(X, edges[1:-1])]
    sizes = [len(shard.units) for shard in shards]
    parts = SimpleNamespace(client=Here(), shape=X.shape)
    lost = SimpleNamespace(look=lambda: None)
    rows = DaskRows(parts, None, None, n_shards, updates_per_round, lost)
    vars(rows)["_shards"] = shards, sizes, sizes, [False]
    return rows


def plan_by(options):
    """Return what settles minibatches and steps of shards, as the options say."""

    def plan_of(plan, n_rows, sizes):
        local, factor = plan_of_shards(plan, n_rows, sizes)
        if options.batch:
            objective = clone(plan.objective).set_params(n_chains=options.batch)
            local = replace(local, objective=objective, batch_size=options.batch)
        factor = options.factor or factor
        return replace(local, learning_rate=factor * plan.learning_rate), factor

    return plan_of


def uncontrolled(carried, mean):
    """Return control variates of zero."""
    return {name: np.zeros_like(value) for name, value in mean.items()}


def simulation(options):
    """Print the likelihood of many shards, which one process stands for."""
    X, X_test = digits(options)
    _rows.plan_of_shards = plan_by(options)
    if options.plain:
        Carried.next_control = uncontrolled
    for n_shards in options.workers:
        for seed in options.seeds:
            rows = simulated(X, n_shards, options.updates)

            def on_shards(training, Z, weight, plan, on_epoch, *more, rows=rows):
                train(training, rows, None, plan, on_epoch, *more)
                training.shards = ()
                return training

            fits.train = on_shards
            started = time.perf_counter()
            rbm = model(options, seed).fit(X)
            seconds = time.perf_counter() - started
            name = f"simulated shards {n_shards} seed {seed}"
            told(name, rbm, X_test, seconds, len(X) * options.epochs)


def census(options):
    """Print how far the columns of a Dask frame are from the columns of pandas."""
    import dask.dataframe as dd
    from _base import load_census

    frame, _ = load_census()
    cluster, client = cluster_of(2)
    params = {"n_components": 4, "n_iter": 1, "random_state": 0}
    ours = DaskRBMDensity(client=client, **params)
    ours.fit(dd.from_pandas(frame, npartitions=13))
    plain = RBMDensity(**params).fit(frame)
    print("same kinds", ours._table.kinds == plain._table.kinds)
    print("same units", ours.unit_names_.tolist() == plain.unit_names_.tolist())
    one, other = (e._encoding.encode(e._table.matrix(frame)) for e in (ours, plain))
    print(f"largest difference of a unit {np.nanmax(np.abs(one - other)):.1e}")
    client.close()
    cluster.close()


def seconds_of_exchange(n_shards, n_bytes, bandwidth, options):
    """Return the seconds between the updates of two rounds.

    A task averages up to four results, of which one is of its own worker. Of more
    shards all workers need the last average: those that have it hand it on.
    """
    n_left, levels, n_read = n_shards, 0, min(n_shards, 4) - 1
    if n_shards > 4:
        n_read = np.log2(n_shards)
        while n_left > 1:
            n_read += min(n_left, 4) - 1
            n_left, levels = -(-n_left // 4), levels + 1
    waiting = (levels + 2) * options.latency + 2 * n_shards * options.overhead
    return n_read * n_bytes / bandwidth + waiting


def cost(options):
    """Print what a round exchanges, and the speed of a cluster beside one machine.

    A round takes the time of its updates, of parameters on the wire, of messages to the
    scheduler and back, and of the scheduler for two tasks of each shard. The number of
    updates of a round is that of the defaults, or ``--updates``.
    """
    n_units = 784 + options.hidden
    n_parameters = 784 * options.hidden + n_units
    n_bytes = 4 * n_parameters
    print(f"a shard sends {n_bytes / 1e6:.1f} MB a round to each other one")
    networks = {"1 Gb/s": 125e6, "10 Gb/s": 1.25e9, "100 Gb/s": 12.5e9}
    for (name, bandwidth), batch in product(networks.items(), (100, 1000)):
        plan = Plan(PCD(), SGD(), None, 1.0, 1, batch)
        gains = {}
        for n in (2, 4, 8, 16, 64, 512):
            local, factor = plan_of_shards(plan, 10**8, [10**8 // n] * n)
            k = options.updates or updates_of_round(n, factor)
            computing = k * local.batch_size * options.seconds / 100
            talking = seconds_of_exchange(n, n_bytes, bandwidth, options)
            gains[n] = n * computing / (computing + talking)
        gains = ", ".join(f"{n}: {gain:.1f}" for n, gain in gains.items())
        print(f"{name}, batches of {batch}: times one machine at n shards {gains}")


def main():
    """Run the parts that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parts = {
        f.__name__: f for f in (likelihood, speed, killed, simulation, census, cost)
    }
    parser.add_argument("--part", choices=parts, required=True)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--hidden", type=int, default=500)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--chains", type=int, default=64)
    parser.add_argument("--tolerance", type=float, default=0.3)
    parser.add_argument("--after", type=float, default=60.0, help="seconds to a kill")
    parser.add_argument("--temperatures", type=int, default=16_000)
    parser.add_argument("--updates", type=int, help="of a round")
    parser.add_argument("--batch", type=int, help="rows of a shard's minibatches")
    parser.add_argument("--factor", type=float, help="of a shard's steps")
    parser.add_argument("--plain", action="store_true", help="no control variates")
    parser.add_argument("--sorted", action="store_true", help="rows sorted by digit")
    parser.add_argument("--seconds", type=float, default=0.0027, help="of an update")
    parser.add_argument("--overhead", type=float, default=0.001, help="of a task")
    parser.add_argument("--latency", type=float, default=0.005, help="of the scheduler")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    parts[options.part](options)


if __name__ == "__main__":
    main()
