"""Effective draws of samplers of real columns, by the gradient and by the second.

Four targets are known: a correlated normal distribution with several scales, a bent
valley (Rosenbrock), two wells in each column, and Student's t. All samplers start their
chains at the same exact draws, so the figures are about mixing alone. The effective
sample size is the smallest one of all columns and their squares; it is that of the
means, in double precision, by the same code for all. Gradients are counted per chain,
without the tuning. Draws come in ten parts. Times are ten times the wall time of the
fastest part, since a machine may be busy, without tuning and compilation. The gradients
are functions of NumPy, and once those functions as numba compiles them.

    python asv_bench/compare/samplers.py [--seeds 3] [--draws 500] \
[--chains 100] [--blackjax]

With ``--blackjax``, blackjax runs its HMC with a fixed number of 5 or 10 leapfrog
steps, tuned by its window adaptation (one chain, 1000 steps, a diagonal mass matrix),
and with trajectories whose length its ChEES adaptation has tuned (the same chains, 1000
steps). All chains move in one compiled scan. It needs the packages jax and blackjax,
beside those of skebm.
"""

import argparse
import time
from types import SimpleNamespace

import numpy as np
from numba import njit

from skebm.energies import Energy
from skebm.layers import Gaussian
from skebm.metrics import ess
from skebm.samplers import HMC, MALA
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random

N_WARM_UP, N_PARTS, LENGTHS = 1000, 10, (5, 10, "ChEES")
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
        out = np.empty_like(x)
        out[:, 1] = (x[:, 1] - x[:, 0] ** 2) / WIDTH**2
        out[:, 0] = x[:, 0] - 2 * x[:, 0] * out[:, 1]
        return out

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

    def __init__(self, name, compiles=False):
        self._energy, self._grad_x, self.draws = TARGETS[name]()
        if compiles:
            self._grad_x = njit(self._grad_x)
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


class Clock:
    """Measures parts of equal work."""

    def __init__(self):
        self.times = [time.perf_counter()]

    def lap(self):
        """Note the end of a part."""
        self.times.append(time.perf_counter())

    def seconds(self):
        """Return the time of all parts if all were as fast as the fastest."""
        return N_PARTS * np.diff(self.times).min()


def run_skebm(sampler, energy, start, n_draws, seed):
    """Return draws, gradients of each chain, seconds and acceptance."""
    with use_threads():
        sampler = sampler.tuned(energy)
        state = sampler.init(energy, start, Random(seed))
        sampler.step(energy, state, Random(seed))
        draws, rates, energy.n_gradients = np.empty((n_draws, *start.shape)), [], 0
        clock = Clock()
        for t in range(n_draws):
            state = sampler.step(energy, state, Random(seed).fold(t))
            draws[t] = sampler.chains(state)
            rates.append(sampler.acceptance(state))
            if (t + 1) % (n_draws // N_PARTS) == 0:
                clock.lap()
    return SimpleNamespace(
        draws=draws,
        gradients=energy.n_gradients,
        seconds=clock.seconds(),
        rate=np.mean(rates),
    )


def run_blackjax(name, n_leapfrog, start, n_draws, seed):
    """Return the same of blackjax's HMC, with a number of steps or "ChEES"."""
    import blackjax
    import jax
    import jax.numpy as jnp
    import optax

    jax.config.update("jax_enable_x64", True)
    energy = TARGETS[name]()[0]

    def log_density(x):
        return -energy(x, jnp)

    keys = jax.random.split(jax.random.key(seed), 2)
    start = jnp.asarray(start)
    if n_leapfrog == "ChEES":
        adaptation = blackjax.chees_adaptation(log_density, len(start))
        facts = start, 0.1, optax.adam(0.02), N_WARM_UP
        (states, parameters), _ = adaptation.run(keys[0], *facts)
        kernel = blackjax.dynamic_hmc(log_density, **parameters)
        states = states._replace(
            **jax.vmap(blackjax.hmc.init, (0, None))(start, log_density)._asdict()
        )
    else:
        adaptation = blackjax.window_adaptation(
            blackjax.hmc, log_density, num_integration_steps=n_leapfrog
        )
        (_, parameters), _ = adaptation.run(keys[0], start[0], N_WARM_UP)
        kernel = blackjax.hmc(log_density, **parameters)
        states = jax.vmap(kernel.init)(start)

    @jax.jit
    def moves(key, states):
        def one(states, key):
            states, info = jax.vmap(kernel.step)(
                jax.random.split(key, len(start)), states
            )
            steps = info.num_integration_steps[0]
            return states, (states.position, info.acceptance_rate, steps)

        return jax.lax.scan(one, states, jax.random.split(key, n_draws // N_PARTS))

    jax.block_until_ready(moves(keys[0], states))
    draws, rates, gradients, clock = [], [], 0, Clock()
    for key in jax.random.split(keys[1], N_PARTS):
        states, (x, rate, steps) = jax.block_until_ready(moves(key, states))
        clock.lap()
        draws.append(np.asarray(x))
        rates.append(float(np.mean(rate)))
        gradients += int(steps.sum())
    return SimpleNamespace(
        draws=np.concatenate(draws),
        gradients=gradients,
        seconds=clock.seconds(),
        rate=np.mean(rates),
    )


def size_of(draws):
    """Return the smallest effective sample size of columns and their squares."""
    return ess(np.concatenate([draws, draws**2], axis=-1), "mean").min()


def main():
    """Print one row for each target and sampler: means over the seeds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--chains", type=int, default=100)
    parser.add_argument("--blackjax", action="store_true")
    options = parser.parse_args()
    ours = {
        "MALA": MALA(),
        "MALA, 5 moves a step": MALA(n_steps=5),
        "HMC": HMC(),
    }
    lengths = LENGTHS if options.blackjax else ()
    print(f"{'target':12s} {'sampler':22s} acceptance  ESS/gradient (range), ESS/s")
    for name in TARGETS:
        energy, compiled = Target(name), Target(name, compiles=True)
        runs = {label: [] for label in ours}
        runs["HMC, compiled gradient"] = []
        runs |= {f"blackjax HMC({length})": [] for length in lengths}
        for seed in range(options.seeds):
            start = energy.draws(options.chains, np.random.default_rng(seed))
            for label, sampler in ours.items():
                runs[label].append(
                    run_skebm(sampler, energy, start, options.draws, seed)
                )
            run = run_skebm(HMC(), compiled, start, options.draws, seed)
            runs["HMC, compiled gradient"].append(run)
            for length in lengths:
                run = run_blackjax(name, length, start, options.draws, seed)
                runs[f"blackjax HMC({length})"].append(run)
        for label, parts in runs.items():
            sizes = [size_of(run.draws) for run in parts]
            pairs = list(zip(sizes, parts, strict=True))
            ratio = [size / run.gradients / options.chains for size, run in pairs]
            speed = np.mean([size / run.seconds for size, run in pairs])
            rate = np.mean([run.rate for run in parts])
            print(
                f"{name:12s} {label:22s} {rate:10.2f} {np.mean(ratio):13.4f}"
                f"  ({min(ratio):.4f}-{max(ratio):.4f}) {speed:9.0f}"
            )


if __name__ == "__main__":
    main()
