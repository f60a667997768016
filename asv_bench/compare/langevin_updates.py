"""Updates a second of a perceptron with chains of Langevin dynamics, beside torch.

    python asv_bench/compare/langevin_updates.py [--columns 2 10] [--rounds 7]

All sides train the same model with the same update: ``x @ x / 2`` plus a perceptron
with two hidden layers of 64 silu units, in single precision. A buffer keeps 10,000
chains. An update draws 256 of them, moves them by 20 unadjusted Langevin steps, takes
the mean gradient over them off the mean gradient over 256 rows, and makes a step of
Adam. None of the chains starts anew.

- skebm: ``PCD`` with ``Replay`` and ``Langevin``, and ``Adam``;
- torch: the loop that a user writes with autograd;
- torchebm: ``ContrastiveDivergence`` with ``LangevinDynamics``, and torch's Adam.

torch runs with all cores and with one thread, and the better median counts. The sides
take turns, so that other work on the machine slows all of them down. The last column is
the floor: the matrix products of an update alone, on one core.

``--quality N`` trains each side for N updates on two columns and prints the mean
log-likelihood of test rows, with log Z from a grid.
"""

import argparse
import time

import numpy as np
import torch
from scipy.special import logsumexp
from threadpoolctl import threadpool_limits
from torchebm.core import BaseModel
from torchebm.losses import ContrastiveDivergence
from torchebm.samplers import LangevinDynamics

from skebm.energies import MLP, Hybrid, Summary
from skebm.energies._reference import Independent
from skebm.layers import Gaussian
from skebm.objectives import PCD
from skebm.optimizers import Adam
from skebm.samplers import Langevin, Replay
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random

SIZES, N_CHAINS, N_STEPS, N_BUFFER = (64, 64), 256, 20, 10_000
STEP_SIZE, RATE = 0.1, 0.001
N_CORES = torch.get_num_threads()


def rows_of(n, d, seed):
    """Return rows of a mixture of four normal distributions, float32."""
    rng = np.random.default_rng(seed)
    corners = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
    x = 0.5 * rng.normal(size=(n, d))
    x[:, :2] *= 0.5
    x[:, :2] += corners[rng.choice(4, n, p=[0.4, 0.3, 0.2, 0.1])]
    return x.astype(np.float32)


# -- the three sides: `update(batch)`, and `energy(x)` in nats -------------------------


class Ours:
    """The update of skebm."""

    name = "skebm"

    def __init__(self, x):
        d = x.shape[1]
        layer = Gaussian(np.zeros(d, np.float32), np.zeros(d, np.float32))
        term = MLP(SIZES, n_networks=1).build(layer, Summary.of(x, None), Random(0))
        self.model = Hybrid(Independent(layer), term, layer)
        sampler = Replay(Langevin(STEP_SIZE), N_BUFFER, 0.0, N_STEPS)
        self.objective = PCD(n_steps=1, n_chains=N_CHAINS, sampler=sampler)
        self.optimizer, self.random, self.count = Adam(), Random(1), 0
        self.state = self.objective.init(self.model, self.random)
        self.moments = self.optimizer.init(self.model.params)

    def update(self, batch):
        """Do one update."""
        self.count += 1
        gradient, self.state = self.objective.gradient(
            self.model, batch, None, self.state, self.random.fold(self.count)
        )
        self.moments = self.optimizer.update(
            self.model.params, gradient, self.moments, RATE
        )

    def energy(self, x):
        """Return the energy of each row."""
        return self.model.energy(x)

    def run(self, batches):
        """Do an update for each batch."""
        with use_threads():
            for batch in batches:
                self.update(batch)


class Network(BaseModel):
    """The same energy in torch, with the same start."""

    def __init__(self, d):
        super().__init__()
        ours = Ours(rows_of(10, d, 0)).model.params
        sizes, layers = [d, *SIZES], []
        for k in (1, 2):
            linear = torch.nn.Linear(sizes[k - 1], sizes[k])
            linear.weight.data = torch.tensor(ours[f"weights_{k}"].T.copy())
            linear.bias.data = torch.tensor(ours[f"bias_{k}"])
            layers += [linear, torch.nn.SiLU()]
        last = torch.nn.Linear(SIZES[-1], 1, bias=False)
        last.weight.data = torch.tensor(ours["output"][None])
        self.layers = torch.nn.Sequential(*layers, last)

    def forward(self, x):
        """Return the energy of each row."""
        return self.layers(x)[:, 0] + (x * x).sum(dim=1) / 2


class Torch:
    """The update that a user writes with autograd."""

    name = "torch"

    def __init__(self, x):
        torch.manual_seed(0)
        self.model = Network(x.shape[1])
        self.optimizer = torch.optim.Adam(self.model.parameters(), RATE)
        self.buffer = torch.randn(N_BUFFER, x.shape[1])

    def update(self, batch):
        """Do one update."""
        places = torch.randperm(N_BUFFER)[:N_CHAINS]
        x = self.buffer[places]
        for _ in range(N_STEPS):
            x.requires_grad_(True)
            (slope,) = torch.autograd.grad(self.model(x).sum(), x)
            noise = torch.randn_like(x)
            x = x.detach() - STEP_SIZE**2 / 2 * slope + STEP_SIZE * noise
        self.buffer[places] = x
        self.optimizer.zero_grad()
        loss = self.model(batch).mean() - self.model(x).mean()
        loss.backward()
        self.optimizer.step()

    def energy(self, x):
        """Return the energy of each row."""
        with torch.no_grad():
            return self.model(torch.tensor(x)).double().numpy()

    def run(self, batches):
        """Do an update for each batch."""
        for batch in batches:
            self.update(torch.from_numpy(batch))


class TorchEBM(Torch):
    """The update of torchebm."""

    name = "torchebm"

    def __init__(self, x):
        torch.manual_seed(0)
        self.model = Network(x.shape[1])
        self.optimizer = torch.optim.Adam(self.model.parameters(), RATE)
        # Its step is x - eta * slope + sqrt(2 eta) * noise.
        sampler = LangevinDynamics(self.model, step_size=STEP_SIZE**2 / 2)
        self.loss = ContrastiveDivergence(
            self.model,
            sampler,
            k_steps=N_STEPS,
            persistent=True,
            buffer_size=N_BUFFER,
            init_steps=0,
            new_sample_ratio=0.0,
            energy_reg_weight=0.0,
        )

    def update(self, batch):
        """Do one update."""
        self.optimizer.zero_grad()
        loss, _ = self.loss(batch)
        loss.backward()
        self.optimizer.step()


SIDES = (Ours, Torch, TorchEBM)


# -- the floor -------------------------------------------------------------------------


def products(d):
    """Return a function that does the matrix products of an update, and their number.

    A step of Langevin needs a pass forward and a pass back to the row. The gradient
    needs a pass forward, and back to the parameters, over rows and chains.
    """
    rng, (a, b) = np.random.default_rng(0), SIZES
    w1, w2 = (rng.random(s).astype(np.float32) for s in ((d, a), (a, b)))
    x, h1, h2 = (rng.random((N_CHAINS, k)).astype(np.float32) for k in (d, a, b))
    outs = np.empty_like(h1), np.empty_like(h2), np.empty_like(x)
    grads = np.empty_like(w1), np.empty_like(w2)

    def step():
        np.matmul(x, w1, out=outs[0])
        np.matmul(h1, w2, out=outs[1])
        np.matmul(h2, w2.T, out=outs[0])
        np.matmul(h1, w1.T, out=outs[2])

    def update():
        for _ in range(N_STEPS):
            step()
        for _ in range(2):
            np.matmul(x, w1, out=outs[0])
            np.matmul(h1, w2, out=outs[1])
            np.matmul(h2, w2.T, out=outs[0])
            np.matmul(x.T, h1, out=grads[0])
            np.matmul(h1.T, h2, out=grads[1])

    one = N_CHAINS * (d * a + a * b)
    return update, 2 * (N_STEPS * 2 * one + 2 * (2 * one + N_CHAINS * a * b))


# -- timings ---------------------------------------------------------------------------


def timed(function):
    """Return the seconds of a call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def compare(d, n_rounds, n_updates):
    """Print updates a second of all sides for tables of this many columns."""
    x = rows_of(20 * N_CHAINS, d, 1)
    batches = [x[k % 20 * N_CHAINS :][:N_CHAINS] for k in range(n_updates)]
    runs = [(side(x), n) for side in SIDES for n in (N_CORES, 1)][1:]
    floor, flops = products(d)
    seconds = {(side.name, n): [] for side, n in runs}
    floors = []
    for _ in range(n_rounds + 1):
        for side, n in runs:
            torch.set_num_threads(n)
            seconds[side.name, n].append(timed(lambda s=side: s.run(batches)))
        with threadpool_limits(1, "blas"):
            floors.append(timed(lambda: [floor() for _ in range(n_updates)]))
    # The first round compiles, and fills caches.
    per_second = {k: n_updates / np.median(v[1:]) for k, v in seconds.items()}
    spread = {k: np.percentile(v[1:], [25, 75]) for k, v in seconds.items()}
    ours = per_second["skebm", 1]
    for (name, n), rate in per_second.items():
        low, high = n_updates / spread[name, n][::-1]
        ratio = np.median(np.array(seconds[name, n][1:]) / seconds["skebm", 1][1:])
        threads = "" if name == "skebm" else f", {n} threads"
        print(
            f"| {d} | {name}{threads} | {rate:.0f} ({low:.0f}-{high:.0f}) "
            f"| {ratio:.2f} |",
            flush=True,
        )
    floor_rate = n_updates / np.median(floors[1:])
    print(
        f"| {d} | products, one core ({1e-6 * flops:.0f} MFLOP) | {floor_rate:.0f} | "
        f"{ours / floor_rate:.2f} of it |",
        flush=True,
    )


def quality(n_updates):
    """Print the test log-likelihood after the same number of updates."""
    x, test = rows_of(10_000, 2, 1), rows_of(5_000, 2, 2)
    line = np.linspace(-6, 6, 601, dtype=np.float32)
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    for side in SIDES:
        scores = []
        for seed in range(3):
            rng, model = np.random.default_rng(seed), side(x)
            batches = (x[rng.choice(len(x), N_CHAINS)] for _ in range(n_updates))
            model.run(batches)
            log_z = logsumexp(-model.energy(grid)) + 2 * np.log(line[1] - line[0])
            scores.append(-model.energy(test).mean() - log_z)
        print(f"{side.name}: {np.mean(scores):.4f} nats ({min(scores):.4f} to ", end="")
        print(f"{max(scores):.4f})", flush=True)
    corners = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
    away = ((test[:, None] - corners) ** 2).sum(axis=2) / (2 * 0.25**2)
    joint = np.log([0.4, 0.3, 0.2, 0.1]) - away - np.log(2 * np.pi * 0.25**2)
    print(f"the distribution itself: {logsumexp(joint, axis=1).mean():.4f} nats")


def main():
    """Print the table, or the log-likelihoods."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--columns", nargs="+", type=int, default=[2, 10, 50])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--updates", type=int, default=40)
    parser.add_argument("--quality", type=int, metavar="UPDATES")
    arguments = parser.parse_args()
    if arguments.quality:
        quality(arguments.quality)
        return
    print("| columns | side | updates a second (quartiles) | times as long as skebm |")
    print("| --- | --- | --- | --- |")
    for d in arguments.columns:
        compare(d, arguments.rounds, arguments.updates)


if __name__ == "__main__":
    main()
