"""How often chains change mode with Gibbs sampling and with tempering.

The script trains two RBMs with two modes each: one on the zeros and ones of thresholded
MNIST, and one on two planted clusters. The samplers take turns in one process with the
same number of chains. The visible means given the hidden means of a chain are compared
with the means of the two classes, and the nearest class is the mode of the chain. This
rule is the same for all samplers. Only steps from clearly one mode to clearly the other
mode count as changes. Times are processor times on one thread, so that other work on
the machine has little influence.

Changes a second are the changes between successive steps of the chains at the model,
divided by the time of all rungs. An exchange that is reversed at the next step counts
twice. The last figure is therefore more informative: the number of independent modes a
second, which is estimated from the variance of the means of single chains.

    SKEBM_DATA=... python asv_bench/compare/mode_changes.py [--seconds 30]
"""

import argparse
import time

import numpy as np
from _base import folder, load_thresholded

from skebm import RBMDensity
from skebm.objectives import PCD
from skebm.samplers import Gibbs, ParallelTempering, TrajectoryTempering
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random

N_CHAINS, N_TURNS, N_ADAPT = 100, 10, 300
# A chain is clearly in a mode if its squared distance to the mean of that mode is at
# most this share of its squared distance to the other mean. A row that wavers between
# the two means does not count as a change.
CLEAR = 0.6


def load_digits():
    """Return the images of zeros and ones in the training part of MNIST, and labels."""
    with np.load(folder() / "mnist.npz") as data:
        labels = data["y_train"].astype(int)
    rows = labels < 2
    return load_thresholded()[0][rows], labels[rows]


def plant_clusters(n_rows=5000, n_columns=100, noise=0.1):
    """Return noisy copies of two random rows, and the number of the copied row."""
    random = Random(0)
    centers = (random.fold(0).uniform((2, n_columns)) < 0.5).astype(np.float32)
    labels = (random.fold(1).uniform((n_rows, 1))[:, 0] < 0.5).astype(int)
    flips = random.fold(2).uniform((n_rows, n_columns)) < noise
    return np.abs(centers[labels] - flips).astype(np.float32), labels


def modes(energy, visible, means):
    """Return the class whose mean is nearest to each chain, -1 if it is unclear."""
    rows = energy.reconstruct(visible)
    distance = np.square(rows[:, None] - means).sum(axis=2)
    clear = distance.min(axis=1) < CLEAR * distance.max(axis=1)
    return np.where(clear, distance.argmin(axis=1), -1)


def decided(seen):
    """Replace each unclear mode by the last clear mode of its chain."""
    last = seen[0]
    last = np.where(last < 0, 0, last)
    out = np.empty_like(seen)
    for t, now in enumerate(seen):
        out[t] = last = np.where(now < 0, last, now)
    return out


def starts(energy, ladder):
    """Return name, sampler and state of each sampler, at the chains of the training."""
    here = energy.chains(energy.configurations(ladder.top))
    yield "Gibbs", Gibbs(), here
    tempering = ParallelTempering()
    state = tempering.spread(energy, here, Random(0))
    state = state._replace(replicas=[here] * len(state.betas))
    for t in range(N_ADAPT):
        state = tempering.step(energy, state, Random(1).fold(t))
    yield f"ParallelTempering ({len(state.betas)})", tempering, state
    trajectory = TrajectoryTempering(every=1)
    state = ladder._replace(top=here)
    for t in range(N_ADAPT):
        state = trajectory.step(energy, state, Random(2).fold(t))
    yield f"TrajectoryTempering ({len(state.rungs) + 1})", trajectory, state


def compare(energy, ladder, means, seconds):
    """Run the samplers in turn, and return a row of figures for each."""
    runs = [[*start, [], 0.0] for start in starts(energy, ladder)]
    for turn in range(N_TURNS):
        for number, run in enumerate(runs):
            _, sampler, state, seen, spent = run
            end = (turn + 1) * seconds / N_TURNS
            while spent < end:
                draws = Random(3).fold(number, len(seen))
                begun = time.process_time()
                state = sampler.step(energy, state, draws)
                spent += time.process_time() - begun
                x = energy.configurations(sampler.chains(state))
                seen.append(modes(energy, x, means))
            run[2], run[4] = state, spent
    for name, _, _, seen, spent in runs:
        seen = decided(np.array(seen))
        changes = (seen[1:] != seen[:-1]).sum()
        modes_a_second = effective(seen) / spent
        yield (
            name,
            len(seen) / spent,
            changes,
            changes / spent,
            seen.mean(),
            modes_a_second,
        )


def effective(seen):
    """Return how many independent modes the chains have drawn since their start.

    The mean of a chain over n independent draws has the variance of the mode over n.
    """
    share = seen.mean()
    spread = np.square(seen.mean(axis=0) - share).mean()
    return seen.shape[1] * max(share * (1 - share) / spread - 1, 0.0)


def main():
    """Print a table for each model."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=30, help="for each sampler")
    parser.add_argument("--components", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=60)
    arguments = parser.parse_args()
    for name, (X, labels) in (
        ("two planted clusters", plant_clusters()),
        ("digits 0 and 1", load_digits()),
    ):
        begun = time.perf_counter()
        model = RBMDensity(
            arguments.components,
            n_iter=arguments.epochs,
            objective=PCD(n_chains=N_CHAINS, sampler="trajectory"),
            random_state=0,
        ).fit(X)
        print(f"{name}: fit in {time.perf_counter() - begun:.0f} s", flush=True)
        print("| sampler (rungs) | steps/s | changes | changes/s | share | modes/s |")
        print("| --- | --- | --- | --- | --- | --- |")
        means = np.array([X[labels == k].mean(axis=0) for k in (0, 1)])
        ladder = model._training.objective_state.chains
        with use_threads(1):
            rows = list(compare(model._energy, ladder, means, arguments.seconds))
        for row in rows:
            print("| {} | {:.0f} | {} | {:.2f} | {:.2f} | {:.2f} |".format(*row))
        base = rows[0][3] or 1 / arguments.seconds  # at least: none was seen
        print(*(f"{row[0]}: {row[3] / base:.1f} times Gibbs" for row in rows[1:]))


if __name__ == "__main__":
    main()
