"""Densities of the plane that are known, fitted by `EnergyDensity` and by others.

    python asv_bench/compare/planes.py [--seeds 1] [--rows 5000] [--only moons rings] \
[--picture planes.png]

Each set has a known density: two moons and rings with noise, eight normal
distributions, a checkerboard, and a pinwheel. The script prints, for held-out rows, the
Kullback-Leibler divergence from the truth and the mean error |log p_hat - log p|, in
nats, and the seconds of a fit. Beside `EnergyDensity` stand `GaussianMixture`, whose
number of components (1 to 30) has the best BIC, and `KernelDensity`, whose bandwidth is
chosen by 5-fold cross-validation. `reference` is what `EnergyDensity` begins with.
"""

import argparse
import time
import warnings

import numpy as np
from scipy.special import logsumexp
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity

from skebm import EnergyDensity

_N_HELD_OUT = 5000


class Curves:
    """Points on curves, with normal noise.

    Parameters
    ----------
    points : ndarray of shape (n_points, 2)
        Evenly spaced on the curves.
    noise : float
    """

    def __init__(self, points, noise):
        self.points, self.noise = points, noise

    def sample(self, n, random):
        """Draw rows."""
        rows = self.points[random.integers(len(self.points), size=n)]
        return rows + self.noise * random.normal(size=rows.shape)

    def log_density(self, x):
        """Return the log-density of rows."""
        variance, out = self.noise**2, np.empty(len(x))
        for i in range(0, len(x), 1000):
            away = ((x[i : i + 1000, None] - self.points) ** 2).sum(axis=2)
            out[i : i + 1000] = logsumexp(-away / (2 * variance), axis=1)
        return out - np.log(len(self.points) * 2 * np.pi * variance)


class Checkerboard:
    """Uniform on eight of sixteen squares."""

    def sample(self, n, random):
        """Draw rows."""
        x = random.uniform(-2, 2, n)
        lower = 2 * random.integers(-1, 1, n) + np.floor(x) % 2
        return np.column_stack([x, lower + random.uniform(size=n)])

    def log_density(self, x):
        """Return the log-density of rows."""
        i, j = np.floor(x).T
        inside = (np.abs(x) < 2).all(axis=1) & (i % 2 == j % 2)
        return np.where(inside, -np.log(8), -np.inf)


class Pinwheel:
    """Five arms: normal rows that are turned, the further the further out."""

    arms = 2 * np.pi * np.arange(5) / 5
    scales, turn = np.array([0.3, 0.1]), 0.25

    def sample(self, n, random):
        """Draw rows."""
        f = random.normal(size=(n, 2)) * self.scales + [1, 0]
        angle = self.arms[random.integers(5, size=n)] + self.turn * np.exp(f[:, 0])
        c, s = np.cos(angle), np.sin(angle)
        rotated = c * f[:, 0] - s * f[:, 1], s * f[:, 0] + c * f[:, 1]
        return 2 * np.column_stack(rotated)

    def log_density(self, x):
        """Return the log-density of rows, a sum over the rows that are turned there."""
        radius, phase = np.hypot(*x.T)[:, None] / 2, np.arctan2(x[:, 1], x[:, 0])
        theta = np.linspace(-np.pi, np.pi, 1501)[None]
        turned = theta + self.turn * np.exp(radius * np.cos(theta)) - phase[:, None]
        out = np.full(len(x), -np.inf)
        for arm in self.arms:
            away = (turned + arm + np.pi) % (2 * np.pi) - np.pi
            steps = np.diff(away, axis=1)
            changes = np.sign(away[:, 1:]) != np.sign(away[:, :-1])
            row, k = np.nonzero(changes & (np.abs(steps) < 1))
            at = theta[0, k] - away[row, k] / steps[row, k] * np.diff(theta[0])[k]
            f = radius[row] * np.column_stack([np.cos(at), np.sin(at)])
            squares = (((f - [1, 0]) / self.scales) ** 2).sum(axis=1)
            stretch = np.abs(1 - self.turn * np.exp(f[:, 0]) * f[:, 1])
            volume = np.log(2 * np.pi * self.scales.prod() * 5 * 4 * stretch)
            np.logaddexp.at(out, row, -squares / 2 - volume)
        return out


def _circle(radius, n=600):
    angle = (np.arange(n) + 0.5) / n * 2 * np.pi
    return radius * np.column_stack([np.cos(angle), np.sin(angle)])


def _moons():
    upper = _circle(1.0)[:300]
    return np.concatenate([upper, [1, 0.5] - upper])


SETS = {
    "moons": Curves(_moons(), 0.1),
    "rings": Curves(np.concatenate([_circle(r) for r in (1.0, 2.0, 3.0)]), 0.12),
    "eight normals": Curves(_circle(2.0, 8), 0.2),
    "checkerboard": Checkerboard(),
    "pinwheel": Pinwheel(),
}


def mixture(X):
    """Return the mixture with the best BIC."""
    fits = [GaussianMixture(k, random_state=0).fit(X) for k in range(1, 31)]
    return min(fits, key=lambda fit: fit.bic(X))


def kernel(X):
    """Return the kernel density with the best bandwidth."""
    grid = {"bandwidth": X.std() * np.geomspace(0.02, 0.5, 15)}
    return GridSearchCV(KernelDensity(), grid, cv=5).fit(X).best_estimator_


def main():
    """Print a line for each set, seed and model."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--only", nargs="*", choices=SETS, default=list(SETS))
    parser.add_argument("--picture")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    models = {}
    for name in arguments.only:
        for seed in range(arguments.seeds):
            truth, random = SETS[name], np.random.default_rng(seed)
            X, held_out = (
                truth.sample(n, random) for n in (arguments.rows, _N_HELD_OUT)
            )
            right = truth.log_density(held_out)

            def energy(X, seed=seed):
                return EnergyDensity(random_state=seed).fit(X)

            for what, fit in (
                ("mixture", mixture),
                ("kernel", kernel),
                ("energy", energy),
            ):
                start = time.perf_counter()
                model = fit(X)
                seconds = time.perf_counter() - start
                _report(name, seed, what, model.score_samples(held_out), right, seconds)
                models[name, what] = model, X
            reference = _reference_scores(model, held_out)
            _report(name, seed, "reference", reference, right, 0.0)
    if arguments.picture:
        _draw(arguments.picture, models)


def _reference_scores(model, X):
    """Return the log-densities of the reference, in the units of the rows."""
    Z, start = model._encoded(X), model.energy_.reference
    volume = model._encoding.log_volume(Z)
    return -start.energy(Z) - start.log_partition - volume


def _report(name, seed, what, scores, right, seconds):
    error = right - scores
    figures = f"KL {error.mean():.4f}, mean error {np.abs(error).mean():.4f}"
    print(f"{name}, seed {seed}, {what}: {figures}, {seconds:.1f} s", flush=True)


def _draw(path, models):
    """Save a picture of the truth and of the three densities of each set."""
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(name for name, _ in models))
    figure, axes = plt.subplots(len(names), 4, figsize=(10, 2.5 * len(names)))
    for row, name in zip(np.atleast_2d(axes), names, strict=True):
        X = models[name, "energy"][1]
        low, high = X.min(axis=0) - 0.3, X.max(axis=0) + 0.3
        sides = [np.linspace(a, b, 160) for a, b in zip(low, high, strict=True)]
        grid = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
        densities = {"truth": SETS[name].log_density(grid)}
        for what in ("mixture", "kernel", "energy"):
            densities[what] = models[name, what][0].score_samples(grid)
        top = np.exp(densities["truth"].max())
        for ax, (what, density) in zip(row, densities.items(), strict=True):
            image = np.exp(density).reshape(160, 160)
            ax.imshow(image, origin="lower", vmin=0, vmax=top, cmap="magma")
            ax.set(xticks=[], yticks=[], title=f"{name}: {what}")
    figure.tight_layout()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
