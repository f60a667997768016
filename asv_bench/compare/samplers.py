"""Effective draws of samplers of real columns, by the gradient and by the second.

Four targets are known: a correlated normal distribution with several scales, a bent
valley (Rosenbrock), two wells in each column, and Student's t. All samplers start 100
chains at the same exact draws, so the figures are about mixing alone. The effective
sample size is the smallest one of all columns and their squares; it is that of the
means, in double precision, by the same code for all. Gradients are counted per chain,
without the tuning. Times are wall times of the moves, without tuning and compilation.

    python asv_bench/compare/samplers.py [--seeds 3] [--draws 500] [--blackjax]

With ``--blackjax``, blackjax runs its HMC with a fixed number of steps, tuned by its
own window adaptation (one chain, 1000 steps, a diagonal mass matrix), once with half as
many leapfrog steps as ``HMC`` has at most, and once with as many. All chains move in
one compiled scan. It needs the packages jax and blackjax, beside those of skebm.
"""

import argparse
import time
from types import SimpleNamespace

import numpy as np

from skebm.energies import Energy
from skebm.layers import Gaussian
from skebm.metrics import ess
from skebm.samplers import HMC, MALA
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random

N_CHAINS, N_LEAPFROG, N_WARM_UP = 100, 10, 1000
SCALES, MEAN = np.array([0.3, 0.7, 1.0, 1.6, 2.3]), np.array([0.5, -1.0, 0.0, 2.0, 1.0])
CORRELATION = 0.6 ** np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
COVARIANCE = CORRELATION * np.outer(SCALES, SCALES)
PRECISION = np.linalg.inv(COVARIANCE)
WELL, WIDTH, DEGREES = 1.6, 0.5, 5.0


def normal():
    """Return energy, gradient and draws of a normal distribution."""
    root = np.linalg.cholesky(COVARIANCE)

    def energy(x, xp=np):
        away = x - MEAN
        return ((away @ PRECISION) * away).sum(-1) / 2

    def draws(n, rng):
        return MEAN + rng.normal(size=(n, 5)) @ root.T

    return energy, lambda x: (x - MEAN) @ PRECISION, draws


def rosenbrock():
    """Return energy, gradient and draws of a bent valley."""

    def energy(x, xp=np):
        across = (x[..., 1] - x[..., 0] ** 2) / WIDTH
        return (x[..., 0] ** 2 + across**2) / 2

    def grad_x(x):
        across = (x[:, 1] - x[:, 0] ** 2) / WIDTH**2
        return np.stack([x[:, 0] - 2 * x[:, 0] * across, across], axis=1)

    def draws(n, rng):
        noise = rng.normal(size=(n, 2))
        return np.stack([noise[:, 0], noise[:, 0] ** 2 + WIDTH * noise[:, 1]], axis=1)

    return energy, grad_x, draws


def double_well():
    """Return energy, gradient and draws of two wells in each of two columns."""

    def energy(x, xp=np):
        return (x * x / 2 - xp.logaddexp(WELL * x, -WELL * x)).sum(-1)

    def draws(n, rng):
        return WELL * rng.choice([-1.0, 1.0], size=(n, 2)) + rng.normal(size=(n, 2))

    return energy, lambda x: x - WELL * np.tanh(WELL * x), draws


def student():
    """Return energy, gradient and draws of three columns of Student's t."""

    def energy(x, xp=np):
        return (DEGREES + 1) / 2 * xp.log1p(x * x / DEGREES).sum(-1)

    def draws(n, rng):
        return rng.standard_t(DEGREES, size=(n, 3))

    return energy, lambda x: (DEGREES + 1) * x / (DEGREES + x * x), draws


TARGETS = {
    "normal": normal,
    "rosenbrock": rosenbrock,
    "double well": double_well,
    "student": student,
}


class Target(Energy):
    """One of the targets as an energy that counts its gradients."""

    def __init__(self, name):
        self._energy, self._grad_x, self.draws = TARGETS[name]()
        exact = self.draws(10_000, np.random.default_rng(0))
        self.base = Gaussian.from_moments(exact.mean(axis=0), exact.var(axis=0), 10_000)
        self.params, self.n_gradients = {"unused": np.zeros(1)}, 0

    def energy(self, x):
        """Return the energy of each row."""
        return self._energy(x)

    def grad_x(self, x):
        """Return the slope of each row."""
        self.n_gradients += 1
        return self._grad_x(x)


def run_skebm(sampler, energy, start, n_draws, seed):
    """Return draws, gradients of each chain, seconds and acceptance."""
    with use_threads():
        sampler = sampler.tuned(energy)
        state = sampler.init(energy, start, Random(seed))
        sampler.step(energy, state, Random(seed))
        draws, rates, energy.n_gradients = np.empty((n_draws, *start.shape)), [], 0
        begin = time.perf_counter()
        for t in range(n_draws):
            state = sampler.step(energy, state, Random(seed).fold(t))
            draws[t] = sampler.chains(state)
            rates.append(sampler.acceptance(state))
        seconds = time.perf_counter() - begin
    return SimpleNamespace(
        draws=draws, gradients=energy.n_gradients, seconds=seconds, rate=np.mean(rates)
    )


def run_blackjax(name, n_leapfrog, start, n_draws, seed):
    """Return the same of blackjax's HMC."""
    import blackjax
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    energy = TARGETS[name]()[0]

    def log_density(x):
        return -energy(x, jnp)

    keys = jax.random.split(jax.random.key(seed), 2)
    adaptation = blackjax.window_adaptation(
        blackjax.hmc, log_density, num_integration_steps=n_leapfrog
    )
    (_, parameters), _ = adaptation.run(keys[0], jnp.asarray(start[0]), N_WARM_UP)
    kernel = blackjax.hmc(log_density, **parameters)
    states = jax.vmap(kernel.init)(jnp.asarray(start))

    @jax.jit
    def moves(key, states):
        def one(states, key):
            states, info = jax.vmap(kernel.step)(
                jax.random.split(key, N_CHAINS), states
            )
            return states, (states.position, info.acceptance_rate)

        return jax.lax.scan(one, states, jax.random.split(key, n_draws))[1]

    jax.block_until_ready(moves(keys[0], states))
    begin = time.perf_counter()
    draws, rates = jax.block_until_ready(moves(keys[1], states))
    seconds = time.perf_counter() - begin
    return SimpleNamespace(
        draws=np.asarray(draws),
        gradients=n_draws * n_leapfrog,
        seconds=seconds,
        rate=float(np.mean(rates)),
    )


def size_of(draws):
    """Return the smallest effective sample size of columns and their squares."""
    return ess(np.concatenate([draws, draws**2], axis=-1), "mean").min()


def main():
    """Print one row for each target and sampler: means over the seeds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--blackjax", action="store_true")
    options = parser.parse_args()
    ours = {
        "MALA": MALA(),
        "MALA, 5 moves a step": MALA(n_steps=5),
        f"HMC({N_LEAPFROG})": HMC(n_leapfrog=N_LEAPFROG),
    }
    lengths = (N_LEAPFROG // 2, N_LEAPFROG) if options.blackjax else ()
    print(f"{'target':12s} {'sampler':22s} acceptance  ESS/gradient (range), ESS/s")
    for name in TARGETS:
        energy = Target(name)
        runs = {label: [] for label in ours}
        runs |= {f"blackjax HMC({length})": [] for length in lengths}
        for seed in range(options.seeds):
            start = energy.draws(N_CHAINS, np.random.default_rng(seed))
            for label, sampler in ours.items():
                runs[label].append(
                    run_skebm(sampler, energy, start, options.draws, seed)
                )
            for length in lengths:
                run = run_blackjax(name, length, start, options.draws, seed)
                runs[f"blackjax HMC({length})"].append(run)
        for label, parts in runs.items():
            sizes = [size_of(run.draws) for run in parts]
            pairs = list(zip(sizes, parts, strict=True))
            ratio = [size / run.gradients / N_CHAINS for size, run in pairs]
            speed = np.mean([size / run.seconds for size, run in pairs])
            rate = np.mean([run.rate for run in parts])
            print(
                f"{name:12s} {label:22s} {rate:10.2f} {np.mean(ratio):13.4f}"
                f"  ({min(ratio):.4f}-{max(ratio):.4f}) {speed:9.0f}"
            )


if __name__ == "__main__":
    main()
