"""Estimates of the noise of images, beside the eigenvalue method and scikit-image.

    SKEBM_DATA=... python asv_bench/compare/noise_levels.py --part set12 [--seeds 2]
    SKEBM_DATA=... python asv_bench/compare/noise_levels.py --part bsd [--every 4]
    SKEBM_DATA=... python asv_bench/compare/noise_levels.py --part colour
    SKEBM_DATA=... python asv_bench/compare/noise_levels.py --part cost

``set12`` prints, for each level of added noise, the ratio of the estimate to it for the
twelve images: mean of the seeds, largest error, and share within 5 %. It does so again
for the ratio to the noise that is there, the root of ``sigma^2 + grain^2``, where grain
is what the quietest frequencies of the flattest 2 % of the clean image have. ``bsd`` is
for developing: the first 380 training images, and the last 20, which chose nothing.
``colour`` prints the estimates of the planes of two photographs of scikit-learn, and
their minimum. Noise is on the scale of 0 to 255, is not clipped, and has the seed
``[seed, number of the image]``. scikit-image is measured if it is there.
"""

import argparse
import time

import numpy as np
from _base import folder, peak_memory
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import dctn
from sklearn.datasets import load_sample_images

from skebm.inference import estimate_noise, noise_of
from skebm.tables.images import ImageFormat

SIGMAS = 5, 10, 15, 25, 50


def eigenvalues(plane, size=8):
    """Return the estimate of Chen, Zhu and Heng (2015), which skebm had before."""
    rows = sliding_window_view(plane, (size, size)).reshape(-1, size**2)
    values = np.linalg.eigvalsh(np.cov(rows.T))
    for k in range(len(values), 0, -1):
        level = values[:k].mean()
        if (values[:k] > level).sum() >= (values[:k] < level).sum():
            break
    return np.sqrt(max(level, 0))


def methods():
    """Return the methods by name."""
    found = {"skebm": estimate_noise, "eigenvalues": eigenvalues}
    try:
        from skimage.restoration import estimate_sigma
    except ImportError:
        return found
    return {**found, "scikit-image": estimate_sigma}


def grain(clean, size=8, share=0.02, n_quiet=4):
    """Return the noise of a clean image at its quietest high frequencies."""
    patches = sliding_window_view(clean.astype(float), (size, size))[::2, ::2]
    energy = dctn(patches.reshape(-1, size, size), axes=(1, 2), norm="ortho") ** 2
    frequency = np.add.outer(np.arange(size), np.arange(size))
    is_low = (frequency > 0) & (frequency < 6)
    order = np.argsort(energy[:, is_low].sum(axis=1))[: int(share * len(energy))]
    means = energy[order][:, frequency >= 6].mean(axis=0)
    return np.sqrt(np.sort(means)[:n_quiet].mean())


def with_noise(clean, sigma, seed, number):
    """Return an image with noise, with white at 1."""
    draws = np.random.default_rng([seed, number]).normal(size=clean.shape)
    return ((clean + sigma * draws) / 255).astype(np.float32)


def estimates(images, seeds, estimate):
    """Return estimates of shape (n_sigmas, n_images, n_seeds)."""
    return 255 * np.array(
        [
            [
                [estimate(with_noise(clean, s, seed, k)) for seed in range(seeds)]
                for k, clean in enumerate(images)
            ]
            for s in SIGMAS
        ]
    )


def table(found, truth, with_images=True):
    """Print ratios to the truth, of shape (n_sigmas, n_images)."""
    for sigma, values, true in zip(SIGMAS, found, truth, strict=True):
        ratios = values / true[:, None]
        wrong = np.abs(ratios - 1)
        cells = " ".join(f"{r:.3f}" for r in ratios.mean(axis=1)) if with_images else ""
        print(
            f"  {sigma:3d} {cells} | median {np.median(ratios):.3f}, "
            f"root mean square error {np.sqrt((wrong**2).mean()):.4f}, "
            f"largest {wrong.max():.3f}, within 5 %: {(wrong <= 0.05).mean():.2f}"
        )


def set12(arguments):
    """Print the table of Set12."""
    stored = np.load(folder() / "images" / "set12.npz")
    images = [stored[name] for name in sorted(stored.files)]
    grains = np.array([grain(image) for image in images])
    print("grain", " ".join(f"{g:.2f}" for g in grains))
    added = np.array(SIGMAS, float)[:, None] + np.zeros(len(images))
    there = np.sqrt(added**2 + grains**2)
    print("ratio of the noise that is there to sigma = 5", np.round(there[0] / 5, 3))
    for name, method in methods().items():
        found = estimates(images, arguments.seeds, method)
        print(f"{name}, ratio to the added noise")
        table(found, added)
        print(f"{name}, ratio to the noise that is there")
        table(found, there)


def bsd(arguments):
    """Print the errors on training images."""
    images = np.load(folder() / "images" / "bsd_train.npz")["images"]
    for part in (images[: 380 : arguments.every], images[380:]):
        truth = np.array(SIGMAS, float)[:, None] + np.zeros(len(part))
        for name, method in methods().items():
            print(f"{name}, {len(part)} images")
            table(estimates(part, 1, method), truth, False)


def colour(arguments):
    """Print the estimates of planes, and their minimum, as ratios to the noise."""
    photographs = load_sample_images()
    for number, clean in enumerate(photographs.images):
        for sigma in SIGMAS:
            for seed in range(arguments.seeds):
                noisy = with_noise(clean, sigma, seed, number)
                parts = ImageFormat.of(noisy).planes(noisy)
                ratios = [
                    255 * noise_of([part.pixels], [part.noise]) / sigma
                    for part in parts
                ]
                cells = " ".join(f"{ratio:.3f}" for ratio in ratios)
                print(f"{sigma:3d}  planes {cells}  minimum {min(ratios):.3f}")


def cost(arguments):
    """Print seconds of the processor, and the memory of a large image."""
    for shape in ((256, 256), (512, 512), (4000, 6000)):
        plane = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        before, seconds = peak_memory(), []
        for _ in range(5):
            start = time.process_time()
            estimate_noise(plane)
            seconds.append(time.process_time() - start)
        more = peak_memory() - before
        print(f"{shape}: {np.median(seconds):.3f} s, {more:.0f} MiB more")


def main():
    """Run one part."""
    parts = {"set12": set12, "bsd": bsd, "colour": colour, "cost": cost}
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", choices=parts, required=True)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--every", type=int, default=4)
    arguments = parser.parse_args()
    parts[arguments.part](arguments)


if __name__ == "__main__":
    main()
