"""Black-and-white images with flipped pixels: digits and pages of text, restored.

    python asv_bench/compare/binary_images.py [--images digits 42] [--noise 0.1]
    python asv_bench/compare/binary_images.py --cut
    python asv_bench/compare/binary_images.py --limit

Digits are thresholded MNIST: the energy is learned from training digits and restores
500 test digits. Pages of 512 x 512 pixels are drawn by this script in DejaVu Sans,
Serif and Mono, in letters of several sizes; the pages that are restored have other
words than those that are learned from. `--images` takes the sizes of letters in pixels.
The script prints the share of pixels that are right (and its range over seeds, each of
which learns and flips anew), how far the energy is above the lowest, and milliseconds
of the processor for an image.

`--cut` times the minimum cut beside `scipy.sparse.csgraph.maximum_flow`, and compares
the flows. `--limit` prints what a large perceptron reaches on digits, which the form of
an energy does not bound: it sees 13 x 13 noisy pixels and where they are.
"""

import argparse
import time

import numpy as np
from _base import load_thresholded
from numba import njit
from scipy.ndimage import median_filter, uniform_filter
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import maximum_flow
from sklearn.neural_network import MLPClassifier

from skebm.energies.images import BinaryRecipe, GridIsing
from skebm.energies.images._min_cut import minimum_cut
from skebm.energies.images._pixels import ends, offsets
from skebm.utils._random import Random

_SIZE = 512
_TEXT = """
the energy of a page is low where ink and paper look right and the lowest of all pages
is found by a minimum cut whose flow proves that no other page is lower so that nothing
depends on where the search began; Ising wrote in 1925 about a chain of spins (see p.
567, 890) and 12 of 34 pages were scanned at night.
"""
_FONTS = "DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono"

# -- images ----------------------------------------------------------------------------


def page(seed, letter, size=_SIZE):
    """Return a page of text whose letters have this height of the font in pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rng = np.random.default_rng(seed)
    figure = Figure((size / 100, size / 100), dpi=100)
    canvas = FigureCanvasAgg(figure)
    for top in np.arange(0.97, 0, -1.5 * letter / size):
        figure.text(
            0.03,
            top,
            " ".join(rng.choice(_TEXT.split(), 16)),
            fontsize=0.72 * letter,
            family=_FONTS[seed % len(_FONTS)],
            weight=rng.choice(["normal", "bold"], p=[0.85, 0.15]),
            style=rng.choice(["normal", "italic"], p=[0.85, 0.15]),
            va="top",
        )
    canvas.draw()
    return (np.asarray(canvas.buffer_rgba())[..., 0] < 128).astype(np.uint8)


def digits():
    """Return training digits, and 500 test digits."""
    train, test = (x.astype(np.uint8).reshape(-1, 28, 28) for x in load_thresholded())
    return train, test[:500]


def pages(letter):
    """Return pages to learn from, and others."""
    return [page(k, letter) for k in range(6)], [
        page(900 + k, letter) for k in range(6)
    ]


# -- other ways to restore -------------------------------------------------------------


@njit
def sweep(image, fields, couplings, steps, temperature, uniform):
    """Set the pixels one after the other, and return how many changed."""
    height, width = image.shape
    changed = 0
    for y in range(height):
        for x in range(width):
            gain = -fields[y, x]
            for k in range(len(steps)):
                for side in (-1, 1):
                    v, u = y + side * steps[k, 0], x + side * steps[k, 1]
                    if 0 <= v < height and 0 <= u < width:
                        gain += couplings[k] * (2.0 * image[v, u] - 1)
            chance = uniform[y, x]
            least = temperature * np.log(chance / (1 - chance))
            new = 1 if gain > least else 0
            changed += new != image[y, x]
            image[y, x] = new
    return changed


class Posterior:
    """The energy that `GridIsing.restore` minimises, for a noisy image."""

    def __init__(self, energy, noisy, noise):
        self.couplings, ink = energy.levels.at(noise)
        odds = np.log((1 - noise) / noise)
        self.fields = np.where(noisy, -odds, odds) - ink
        self.steps, self.n_flips = energy.offsets, odds * noisy.sum()
        self.noisy = noisy

    def energy(self, image):
        """Return the energy of an image, in nats."""
        total = (self.fields * image).sum() + self.n_flips
        for step, coupling in zip(self.steps, self.couplings, strict=True):
            first, second = ends(image.shape, step)
            total += coupling * np.count_nonzero(image[first] != image[second])
        return total

    def descend(self, temperatures, rng=None):
        """Return the image after sweeps at these temperatures, and then at 0."""
        image, half = self.noisy.copy(), np.full(self.noisy.shape, 0.5)
        facts = self.fields, self.couplings, self.steps
        for temperature in temperatures:
            sweep(image, *facts, temperature, rng.random(image.shape))
        while sweep(image, *facts, 0.0, half):
            pass
        return image


def methods(energy, noise, rng):
    """Return functions of a noisy image by name; all but the first are alone."""

    def anneal(n_sweeps):
        heat = np.geomspace(3, 0.1, n_sweeps)
        return lambda y: Posterior(energy, y, noise).descend(heat, rng)

    alone = GridIsing(energy.couplings, energy.ink, energy.levels)
    return {
        "lowest energy": lambda y: alone.restore(y, noise).image,
        "lowest energy, noise estimated": lambda y: (
            alone.restore(y, energy.estimate_noise(y)).image
        ),
        "lowest energy with context": lambda y: energy.restore(y, noise).image,
        "iterated conditional modes": lambda y: Posterior(energy, y, noise).descend([]),
        "Gibbs, annealed in 20 sweeps": anneal(20),
        "Gibbs, annealed in 200 sweeps": anneal(200),
        "median of 3 x 3": lambda y: median_filter(y, 3),
        "majority of 5 x 5": lambda y: (uniform_filter(y * 1.0, 5) > 0.5).astype(
            np.uint8
        ),
        "no restoration": lambda y: y,
    }


# -- tables ----------------------------------------------------------------------------


def restore(name, train, test, noise, n_seeds):
    """Print a line for each method."""
    facts = {}
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        start = time.process_time()
        recipe = BinaryRecipe(noise_levels=(noise,))
        energy = recipe.learn(list(train), Random.from_state(seed))
        learning = time.process_time() - start
        noisy = [(rng.random(x.shape) < noise).astype(np.uint8) ^ x for x in test]
        posteriors = [Posterior(energy, y, noise) for y in noisy]
        estimates = [energy.estimate_noise(y) for y in noisy]
        couplings, ink = energy.levels.at(noise)
        print(
            f"{name}, seed {seed}: learned in {learning:.1f} s, couplings "
            f"{np.round(couplings, 2)}, ink {ink:.2f}; noise estimated as "
            f"{np.mean(estimates):.4f} +- {np.std(estimates):.4f}",
            flush=True,
        )
        for method, function in methods(energy, noise, rng).items():
            function(noisy[0])
            start = time.process_time()
            images = [function(y) for y in noisy]
            milliseconds = 1000 * (time.process_time() - start) / len(noisy)
            right = np.mean(
                [np.mean(a == b) for a, b in zip(images, test, strict=True)]
            )
            energies = [p.energy(x) for p, x in zip(posteriors, images, strict=True)]
            row = right, np.mean(energies), milliseconds
            facts.setdefault(method, []).append(row)
    lowest = np.array(facts["lowest energy"])[:, 1]
    print(f"\n| {name} | right, % | range | nats above the lowest | ms |")
    print("| --- | --- | --- | --- | --- |")
    for method, rows in facts.items():
        right, energies, milliseconds = np.array(rows).T
        print(
            f"| {method} | {100 * right.mean():.2f} | {100 * np.ptp(right):.2f} | "
            f"{np.mean(energies - lowest):.2f} | {np.median(milliseconds):.2f} |"
        )
    print(flush=True)


def arcs(fields, couplings, steps):
    """Return the graph of a cut for SciPy, its source and its sink."""
    n, places = fields.size, np.arange(fields.size).reshape(fields.shape)
    tails, heads, capacities = [], [], []
    for step, coupling in zip(steps, couplings, strict=True):
        first, second = (places[part].ravel() for part in ends(fields.shape, step))
        tails += [first, second]
        heads += [second, first]
        capacities += [np.full(len(first), coupling)] * 2
    flat, places = fields.ravel(), places.ravel()
    tails += [np.full((flat < 0).sum(), n), places[flat > 0]]
    heads += [places[flat < 0], np.full((flat > 0).sum(), n + 1)]
    capacities += [-flat[flat < 0], flat[flat > 0]]
    parts = (np.concatenate(part) for part in (capacities, tails, heads))
    capacities, tails, heads = parts
    graph = coo_matrix((capacities.astype(np.int32), (tails, heads)), (n + 2, n + 2))
    return graph.tocsr(), n, n + 1


def cut(noise, n_repeats=5):
    """Print times of the cut of a page, and of SciPy's flow."""
    print("| neighbours | the same flow | ms | ms of SciPy | and of its graph |")
    print("| --- | --- | --- | --- | --- |")
    rng = np.random.default_rng(0)
    clean = page(0, 42)
    odds = np.log((1 - noise) / noise) * 2**20
    is_ink = (rng.random(clean.shape) < noise) ^ (clean == 1)
    fields = np.where(is_ink, -odds, odds).astype(np.int32)
    for n_neighbours, nats in ((4, 1.2), (8, 0.5), (24, 0.2)):
        steps = offsets(n_neighbours)
        couplings = (nats * 2**20 / np.hypot(*steps.T)).astype(np.int32)
        times = []
        minimum_cut(fields, couplings, steps)
        for _ in range(n_repeats):
            begun = time.process_time()
            _, flow = minimum_cut(fields, couplings, steps)
            ours = time.process_time()
            graph = arcs(fields, couplings, steps)
            made = time.process_time()
            theirs = maximum_flow(*graph).flow_value
            times.append(np.diff([begun, ours, made, time.process_time()]))
        own, building, scipy = 1000 * np.median(times, axis=0)
        # Its flow is a 32-bit number, and so may have gone round.
        is_same = (flow - theirs) % 2**32 == 0
        print(
            f"| {n_neighbours} | {is_same} | {own:.0f} | {scipy:.0f} | {building:.0f} |"
        )


def limit(noise, n_rounds=60, seed=0, radius=6):
    """Print the share of pixels of digits that a large perceptron gets right."""
    rng = np.random.default_rng(seed)
    train, test = digits()
    place = np.stack(np.indices((28, 28)), axis=-1) / 14 - 1

    def inputs(clean):
        noisy = (rng.random(clean.shape) < noise) ^ clean
        padded = np.pad(noisy, ((0, 0), (radius, radius), (radius, radius)))
        window = (2 * radius + 1, 2 * radius + 1)
        windows = np.lib.stride_tricks.sliding_window_view(padded, window, (1, 2))
        pixels = windows.reshape(-1, window[0] * window[1]).astype(np.float32) - 0.5
        places = np.tile(place.reshape(-1, 2), (len(clean), 1)).astype(np.float32)
        return np.concatenate([pixels, places], axis=1)

    model = MLPClassifier((128, 64), alpha=0.0, random_state=seed)
    for k in range(n_rounds):
        clean = train[rng.integers(0, len(train), 128)]
        model.set_params(batch_size=500 if k < n_rounds / 2 else 2000)
        model.partial_fit(inputs(clean), clean.ravel(), classes=[0, 1])
    ink = model.predict_proba(inputs(test[:500]))[:, 1]
    right = np.mean((ink > 0.5) == test[:500].ravel())
    print(f"A perceptron of 13 x 13 pixels and their place: {100 * right:.2f} %")


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--noise", type=float, default=0.1)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", nargs="*", default=["digits", "21", "42", "64"])
    parser.add_argument("--cut", action="store_true")
    parser.add_argument("--limit", action="store_true")
    arguments = parser.parse_args()
    if arguments.cut:
        return cut(arguments.noise)
    if arguments.limit:
        return limit(arguments.noise)
    for name in arguments.images:
        if name == "digits":
            restore(name, *digits(), arguments.noise, arguments.seeds)
        else:
            title = f"pages, letters of {name} pixels"
            restore(title, *pages(float(name)), arguments.noise, arguments.seeds)


if __name__ == "__main__":
    main()
