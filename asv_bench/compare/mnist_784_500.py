"""Test log-likelihood of a 784-500 RBM on MNIST for a given time (protocol A).

Trained on grey values as probabilities, drawn anew at each visit; tested on one
Bernoulli sample of the test images; log Z by AIS with its reverse. BernoulliRBM gets
the same time and the same kind of rows, and its parameters the same score. Rates and
schedule were chosen on the last 10,000 training images (--validate).

    SKEBM_DATA=... python asv_bench/compare/mnist_784_500.py [--seconds 120]
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
from sklearn.neural_network import BernoulliRBM
from threadpoolctl import threadpool_limits

from skebm import RBMDensity
from skebm.partition import AIS


def load(validate):
    """Return grey training images, and a sample of the images to score."""
    with np.load(Path(os.environ["SKEBM_DATA"]) / "mnist.npz") as data:
        train, test = (
            data[name].astype(np.float32) / 255 for name in ("X_train", "X_test")
        )
    if validate:
        train, test = train[:50_000], train[50_000:]
    draws = np.random.default_rng(0)
    return train, (draws.random(test.shape) < test).astype(np.float32)


def floor():
    """Return GFLOP/s of this update's products, one thread of BLAS on each core."""
    from skebm.utils._parallel import map_blocks, use_threads

    rng = np.random.default_rng(0)
    x = rng.random((100, 784), dtype=np.float32)
    weights = rng.random((784, 500), dtype=np.float32)
    rates = []
    with use_threads():
        for _ in range(200):
            start = time.perf_counter()
            map_blocks(lambda part: x[part] @ weights, 100, weights.size)
            rates.append(2e-9 * len(x) * weights.size / (time.perf_counter() - start))
    return float(np.median(rates))


def report(name, model, test, seconds, n_rows):
    """Print the score with its bracket."""
    start = time.perf_counter()
    mean, log_z = model.score(test), model.log_partition_
    print(
        f"{name}: {mean:.2f} nats, bracket [{mean + log_z.value - log_z.upper:.2f}, "
        f"{mean + log_z.value - log_z.lower:.2f}], ess {log_z.ess:.0f}; "
        f"fit {seconds:.0f} s at {n_rows / seconds:,.0f} rows/s; "
        f"log Z {time.perf_counter() - start:.0f} s",
        flush=True,
    )


def fit_bernoulli_rbm(train, seconds, seed):
    """Train scikit-learn's RBM on drawn rows until the time is up."""
    draws = np.random.default_rng(seed)
    model = BernoulliRBM(500, learning_rate=0.05, batch_size=100, random_state=seed)
    start, n_rows = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        rows = train[draws.integers(0, len(train), 100)]
        model.partial_fit((draws.random(rows.shape) < rows).astype(np.float32))
        n_rows += 100
    return model, n_rows


def main():
    """Print a row a model."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--alone", action="store_true", help="without BernoulliRBM")
    arguments = parser.parse_args()
    train, test = load(arguments.validate)
    print(f"floor of the products: {floor():.0f} GFLOP/s", flush=True)
    ais = AIS(max_temperatures=16_000)
    # One short fit first, so that compilation is not timed.
    options = {
        "resample_inputs": True,
        "partition": ais,
        "random_state": arguments.seed,
    }
    RBMDensity(500, n_iter=1, **options).fit(train[:300])
    start = time.perf_counter()
    model = RBMDensity(
        500,
        n_iter=1000,
        max_time=arguments.seconds,
        learning_rate=arguments.rate,
        **options,
    ).fit(train)
    seconds = time.perf_counter() - start
    report("skebm", model, test, seconds, model._training.average.count * 100)
    if arguments.alone:
        return
    with threadpool_limits():
        start = time.perf_counter()
        peer, n_rows = fit_bernoulli_rbm(train, arguments.seconds, arguments.seed)
        seconds = time.perf_counter() - start
    density = RBMDensity.from_parameters(
        peer.components_.astype(np.float32),
        peer.intercept_visible_,
        peer.intercept_hidden_,
        partition=ais,
        random_state=arguments.seed,
    )
    report("BernoulliRBM", density, test, seconds, n_rows)


if __name__ == "__main__":
    main()
