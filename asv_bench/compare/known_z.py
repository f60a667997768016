"""Brackets of log Z of real energies in 2, 5 and 10 columns, for which log Z is known.

    python asv_bench/compare/known_z.py [--seeds 50] [--only normal wells] [--columns 2]

Each seed draws the parameters of an energy and 1,000 rows of its distribution:

- normal: correlated columns, whose standard deviations range from 0.2 to 5;
- wells: a polynomial of each column with two modes, of different depths;
- modes: three normal distributions with shares of 0.6, 0.3 and 0.1, 6 to 9 standard
  deviations apart;
- student: Student's t with 3 degrees of freedom;
- ring: rows at a distance of 4 from the origin, give or take 0.3;
- valley: a user's energy, given to `Custom`: the second column is the square of the
  first one, and so on, up to noise.

Three kinds have a closed form, and integrals of one number give the others. Log Z is
estimated in five ways:

- mala, hmc: the energy alone. Chains of the kernel start at a mixture that is fitted to
  the rows, as in `EnergyDensity(energy)`;
- normal: the same with MALA, from a normal distribution of independent columns;
- apart: the same with MALA, from a mixture that is fitted to the half of the rows where
  the first column is small. So the reference may miss modes;
- tilt: the energy as a tilt of a mixture that is fitted to the rows, as in
  `EnergyDensity("mlp", reference="mixture")`. The term is the energy minus the energy
  of the reference, so that the sum has the known log Z.

A bracket that misses counts as silent if there was no warning. The error is the value
minus the truth. The script prints a line for each way, and one for each silent miss.
With ``--out`` it keeps what is finished, and goes on from there when it is started
again.
"""

import argparse
import itertools
import json
import time
import warnings
from pathlib import Path

import numpy as np
from scipy.special import gammaln, logsumexp

from skebm.energies import Custom, Energy, Hybrid, HybridRecipe, Summary
from skebm.energies._reference import Independent
from skebm.energies.hybrid import Anchored
from skebm.layers import Gaussian, Normals
from skebm.partition import AIS, LogPartition
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random

N_ROWS = 1000
GRID = np.linspace(-30, 30, 60_001)


class Known(Energy):
    """Base of energies with ``log_z`` in nats, and exact ``draws(n, rng)``."""

    def __init__(self):
        self.params = {"unused": np.zeros(1)}

    def grad(self, x, weight=None):
        """Return the slope of a parameter without effect."""
        return {"unused": np.zeros(1)}


class Normal(Known):
    """Correlated columns with several scales."""

    def __init__(self, rng, d):
        super().__init__()
        self.mean = rng.normal(size=d)
        scales = np.geomspace(0.2, 5, d)[rng.permutation(d)]
        correlation = rng.uniform(0.3, 0.8) ** np.abs(
            np.subtract.outer(np.arange(d), np.arange(d))
        )
        covariance = correlation * np.outer(scales, scales)
        self.root = np.linalg.cholesky(covariance)
        self.precision = np.linalg.inv(covariance)
        self.log_z = np.linalg.slogdet(2 * np.pi * covariance)[1] / 2

    def energy(self, x):
        """Return the energy of each row."""
        away = x - self.mean
        return np.einsum("ni,ni->n", away @ self.precision, away) / 2

    def grad_x(self, x):
        """Return the slope of each row."""
        return (x - self.mean) @ self.precision

    def draws(self, n, rng):
        """Return exact draws."""
        return self.mean + rng.normal(size=(n, len(self.mean))) @ self.root.T


class Wells(Known):
    """The energy ``sum_j depth_j (x_j**2 - 2)**2 / 4 + slope_j x_j``."""

    def __init__(self, rng, d):
        super().__init__()
        self.depth, self.slope = rng.uniform(2, 5, d), rng.uniform(-0.4, 0.4, d)
        log_f = -self._of_column(GRID[:, None])
        self.log_z = logsumexp(log_f, axis=0).sum() + d * np.log(GRID[1] - GRID[0])
        self.cdf = np.exp(log_f - logsumexp(log_f, axis=0)).cumsum(axis=0)

    def _of_column(self, x):
        return self.depth * (x * x - 2) ** 2 / 4 + self.slope * x

    def energy(self, x):
        """Return the energy of each row."""
        return self._of_column(x).sum(axis=1)

    def grad_x(self, x):
        """Return the slope of each row."""
        return self.depth * (x * x - 2) * x + self.slope

    def draws(self, n, rng):
        """Return draws that are exact up to the step of the grid."""
        uniform = rng.random((n, len(self.depth)))
        pairs = zip(uniform.T, self.cdf.T, strict=True)
        return np.column_stack([GRID[np.searchsorted(c, u)] for u, c in pairs])


class Modes(Known):
    """Three normal distributions far apart."""

    def __init__(self, rng, d):
        super().__init__()
        self.log_z = rng.normal()
        self.log_share = np.log([0.6, 0.3, 0.1])
        ways = np.linalg.qr(rng.normal(size=(max(d, 2), 2)))[0].T[:, :d]
        corners = np.array([[0, 0], [1, 0], [0.5, 0.75**0.5]]) @ ways
        self.scale = rng.uniform(0.4, 1, (3, 1))
        self.centers = rng.uniform(6, 9) * corners

    def _joint(self, x):
        z = (x[:, None] - self.centers) / self.scale
        d = x.shape[1]
        volume = d * np.log(self.scale[:, 0]) + d / 2 * np.log(2 * np.pi)
        return self.log_share - (z**2).sum(axis=2) / 2 - volume

    def energy(self, x):
        """Return the energy of each row."""
        return -logsumexp(self._joint(x), axis=1) - self.log_z

    def grad_x(self, x):
        """Return the slope of each row."""
        joint = self._joint(x)
        share = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
        z = (x[:, None] - self.centers) / self.scale**2
        return np.einsum("nk,nki->ni", share, z)

    def draws(self, n, rng):
        """Return exact draws."""
        k = rng.choice(3, size=n, p=np.exp(self.log_share))
        return self.centers[k] + self.scale[k] * rng.normal(size=(n, self.d))

    @property
    def d(self):
        """The number of columns."""
        return self.centers.shape[1]


class Student(Known):
    """Student's t with 3 degrees of freedom and several scales."""

    degrees = 3.0

    def __init__(self, rng, d):
        super().__init__()
        self.scale, nu = np.geomspace(0.5, 2, d)[rng.permutation(d)], self.degrees
        self.log_z = (
            gammaln(nu / 2) - gammaln((nu + d) / 2) + d / 2 * np.log(nu * np.pi)
        )
        self.log_z += np.log(self.scale).sum()

    def energy(self, x):
        """Return the energy of each row."""
        squares = ((x / self.scale) ** 2).sum(axis=1)
        return (self.degrees + x.shape[1]) / 2 * np.log1p(squares / self.degrees)

    def grad_x(self, x):
        """Return the slope of each row."""
        squares = ((x / self.scale) ** 2).sum(axis=1, keepdims=True)
        power = self.degrees + x.shape[1]
        return power * x / self.scale**2 / (self.degrees + squares)

    def draws(self, n, rng):
        """Return exact draws."""
        wide = np.sqrt(self.degrees / rng.chisquare(self.degrees, (n, 1)))
        return self.scale * rng.normal(size=(n, len(self.scale))) * wide


class Ring(Known):
    """Rows near a circle, or near a sphere in more than two columns."""

    radius, width = 4.0, 0.3

    def __init__(self, rng, d):
        super().__init__()
        self.center = rng.normal(size=d)
        self.r = np.linspace(1e-3, 10, 20_001)
        log_f = (d - 1) * np.log(self.r) - self._of_radius(self.r)
        sphere = np.log(2) + d / 2 * np.log(np.pi) - gammaln(d / 2)
        self.log_z = sphere + logsumexp(log_f) + np.log(self.r[1] - self.r[0])
        self.cdf = np.exp(log_f - logsumexp(log_f)).cumsum()

    def _of_radius(self, r):
        return ((r - self.radius) / self.width) ** 2 / 2

    def energy(self, x):
        """Return the energy of each row."""
        return self._of_radius(np.linalg.norm(x - self.center, axis=1))

    def grad_x(self, x):
        """Return the slope of each row."""
        away = x - self.center
        r = np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-12)
        return (r - self.radius) / self.width**2 * away / r

    def draws(self, n, rng):
        """Return draws that are exact up to the step of the grid."""
        way = rng.normal(size=(n, len(self.center)))
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        r = self.r[np.searchsorted(self.cdf, rng.random(n))]
        return self.center + r[:, None] * way


class Valley(Known):
    """Every second column is the square of the one before, up to noise."""

    def __init__(self, rng, d):
        super().__init__()
        self.d, self.width = d, rng.uniform(0.3, 0.6)
        self.n_pairs = d // 2
        self.log_z = d / 2 * np.log(2 * np.pi) + self.n_pairs * np.log(self.width)

    def _parts(self, x):
        first = x[:, : self.n_pairs]
        second = x[:, self.n_pairs : 2 * self.n_pairs]
        return first, (second - first**2) / self.width, x[:, 2 * self.n_pairs :]

    def energy(self, x):
        """Return the energy of each row."""
        return sum((part**2).sum(axis=1) for part in self._parts(x)) / 2

    def grad_x(self, x):
        """Return the slope of each row."""
        first, across, rest = self._parts(x)
        slope = across / self.width
        return np.hstack([first - 2 * first * slope, slope, rest])

    def draws(self, n, rng):
        """Return exact draws."""
        x = rng.normal(size=(n, self.d))
        first = x[:, : self.n_pairs]
        x[:, self.n_pairs : 2 * self.n_pairs] *= self.width
        x[:, self.n_pairs : 2 * self.n_pairs] += first**2
        return x


class Difference(Known):
    """The energy of a target minus the energy of a reference."""

    def __init__(self, target, start):
        super().__init__()
        self.target, self.start = target, start

    def energy(self, x):
        """Return the energy of each row."""
        return self.target.energy(x) - self.start.energy(x)


TARGETS = {
    "normal": Normal,
    "wells": Wells,
    "modes": Modes,
    "student": Student,
    "ring": Ring,
    "valley": Valley,
}


def gaussian(rows):
    """Return a Gaussian layer with the moments of the rows."""
    return Gaussian.from_moments(rows.mean(axis=0), rows.var(axis=0), len(rows))


def alone(kernel):
    """Return a maker of the energy alone, as `EnergyDensity` builds it."""

    def make(target, rows, random):
        recipe = HybridRecipe(Custom(target), tilts=False)
        energy = recipe.build(gaussian(rows), Summary.of(rows, None), random)
        return energy, kernel

    return make


def from_normal(target, rows, random):
    """Return the energy that starts at independent columns."""
    layer = gaussian(rows)
    return Anchored(Independent(layer), target, layer), "mala"


def apart(target, rows, random):
    """Return the energy that starts at a part of the rows."""
    part = rows[rows[:, 0] <= np.median(rows[:, 0])]
    start = Independent(Normals.from_rows(part, None, random))
    return Anchored(start, target, gaussian(rows)), "mala"


def tilt(target, rows, random):
    """Return a tilt of a mixture of the rows, which makes it the target."""
    start = Independent(Normals.from_rows(rows, None, random))
    return Hybrid(start, Difference(target, start), gaussian(rows)), "independence"


WAYS = {
    "mala": alone("mala"),
    "hmc": alone("hmc"),
    "normal": from_normal,
    "apart": apart,
    "tilt": tilt,
}


def run(name, d, way, seed):
    """Return the figures of one bracket."""
    rng = np.random.default_rng([list(TARGETS).index(name), d, seed])
    target = TARGETS[name](rng, d)
    rows, random = target.draws(N_ROWS, rng), Random(seed)
    with use_threads(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        energy, kernel = WAYS[way](target, rows, random.fold(0))
        log_z = LogPartition(energy, AIS(kernel=kernel), random.fold(1))
        start = time.perf_counter()
        value, lower, upper = log_z.value, log_z.lower, log_z.upper
        seconds = time.perf_counter() - start
    truth = float(target.log_z)
    return {
        "seconds": seconds,
        "width": upper - lower,
        "error": value - truth,
        "holds": lower <= truth <= upper,
        "miss": max(lower - truth, truth - upper, 0.0),
        "warns": bool(caught),
    }


def finished(path):
    """Return the figures of finished brackets by energy, columns, way and seed."""
    if path is None or not path.exists():
        return {}
    lines = map(json.loads, path.read_text().splitlines())
    return {tuple(line["what"]): line for line in lines}


def main():
    """Run what is not finished, and print a line for each energy, columns and way."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--only", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--columns", nargs="+", type=int, default=[2, 5, 10])
    parser.add_argument("--out", type=Path, help="keep each finished bracket here")
    arguments = parser.parse_args()
    done = finished(arguments.out)
    cells = list(itertools.product(arguments.only, arguments.columns, arguments.ways))
    # All cells of a seed come before the next seed, so that a part is of use, too.
    for seed, cell in itertools.product(range(arguments.seeds), cells):
        if (*cell, seed) in done:
            continue
        done[*cell, seed] = run(*cell, seed)
        if arguments.out:
            with arguments.out.open("a") as file:
                file.write(json.dumps({"what": [*cell, seed], **done[*cell, seed]}))
                file.write("\n")
    titles = "energy", "columns", "way", "hold", "silent", "warn", "width", "error", "s"
    print("| " + " | ".join(titles) + " |\n|" + " --- |" * len(titles))
    silent = []
    for cell in cells:
        found = [(seed, done[*cell, seed]) for seed in range(arguments.seeds)]
        print(summary(cell, [row for _, row in found]))
        silent += [(*cell, *pair) for pair in found if is_silent(pair[1])]
    for name, d, way, seed, row in silent:
        print(f"{name}, {d}, {way}, seed {seed}: {row['miss']:.3f} off", end=", ")
        print(f"width {row['width']:.3f}")


def is_silent(row):
    """Tell whether a bracket misses without a warning."""
    return not (row["holds"] or row["warns"])


def summary(cell, found):
    """Return a line of the table."""
    cells = (
        *cell,
        f"{sum(row['holds'] for row in found)} of {len(found)}",
        sum(map(is_silent, found)),
        sum(row["warns"] for row in found),
        f"{np.median([row['width'] for row in found]):.2f}",
        f"{np.mean([row['error'] for row in found]):+.3f}",
        f"{np.median([row['seconds'] for row in found]):.1f}",
    )
    return "| " + " | ".join(map(str, cells)) + " |"


if __name__ == "__main__":
    main()
