"""Restoration of images beside total variation, non-local means, wavelets and BM3D.

    SKEBM_DATA=... python asv_bench/compare/denoising.py --part train [--minutes 30]
                   [--energy ridge] [--updates 1000]
    SKEBM_DATA=... python asv_bench/compare/denoising.py --part noise [--model FILE]
                   [--methods skebm BM3D]
    SKEBM_DATA=... python asv_bench/compare/denoising.py --part speed
    SKEBM_DATA=... python asv_bench/compare/denoising.py --part inpainting
    SKEBM_DATA=... python asv_bench/compare/denoising.py --part blur
    SKEBM_DATA=... python asv_bench/compare/denoising.py --part starts

``train`` learns an energy from ``images/bsd_train.npz`` and stores it in ``--model``;
with ``--updates`` it makes about so many updates, the same for each energy.
Without ``--model`` the others take the energy that comes with the package. The peers
are those of scikit-image and bm3d, in an environment of this benchmark's own; without
them only skebm is measured. Noise is on the scale of 0 to 255, is not clipped, and has
the seed ``1000 * seed + number of the image``. Restored images are clipped to [0, 1].
"""

import argparse
import pickle
import time
from pathlib import Path

import numpy as np
from _base import folder, peak_memory
from scipy.ndimage import convolve
from scipy.sparse.linalg import LinearOperator

from skebm import EnergyDenoiser
from skebm.energies.images import IMAGE_ENERGIES
from skebm.metrics import psnr

LEVELS = 15, 25, 50


def set12():
    """Return the twelve images with white at 1."""
    stored = np.load(folder() / "images" / "set12.npz")
    return [stored[name] / 255 for name in sorted(stored.files)]


def with_noise(image, sigma, seed, number):
    """Return an image with noise of the level ``sigma`` of 255."""
    draws = np.random.default_rng(1000 * seed + number).normal(size=image.shape)
    return image + sigma / 255 * draws


def denoisers(images):
    """Return functions of noisy images and sigma by name."""
    try:
        import bm3d
        from skimage import restoration
    except ImportError:
        return {}

    def tv(noisy, sigma):
        # The weight that is best on photographs of scikit-learn at each level.
        weight = {15: 0.06, 25: 0.11, 50: 0.25}[sigma]
        return restoration.denoise_tv_chambolle(noisy, weight, eps=1e-5)

    def nlm(noisy, sigma):
        s = sigma / 255
        options = {"patch_size": 5, "patch_distance": 10, "fast_mode": False}
        return restoration.denoise_nl_means(noisy, h=0.6 * s, sigma=s, **options)

    def wavelets(noisy, sigma):
        options = {"method": "BayesShrink", "rescale_sigma": True}
        return restoration.denoise_wavelet(noisy, sigma / 255, **options)

    return {
        "total variation": tv,
        "non-local means": nlm,
        "wavelets": wavelets,
        "BM3D": lambda noisy, sigma: bm3d.bm3d(noisy, sigma / 255),
    }


def compare_noise(model, arguments):
    """Print the mean PSNR of Set12, for each method and level."""
    images = set12()
    methods = {"skebm": None, **denoisers(images)}
    for name in arguments.methods or methods:
        method = methods[name]
        for seed in range(arguments.seeds if method is None else 1):
            row, seconds = [], []
            for sigma in arguments.levels:
                noisy = [with_noise(x, sigma, seed, k) for k, x in enumerate(images)]
                started = time.perf_counter()
                if method is None:
                    restored = model.set_params(sigma=sigma / 255).transform(noisy)
                else:
                    restored = [method(one, sigma) for one in noisy]
                seconds.append(time.perf_counter() - started)
                clipped = [np.clip(one, 0, 1) for one in restored]
                pairs = zip(images, clipped, strict=True)
                row.append(np.mean([psnr(a, b) for a, b in pairs]))
            figures = " ".join(f"{value:6.2f}" for value in row)
            print(
                f"{name:16s} seed {seed}: {figures}  {sum(seconds):.0f} s", flush=True
            )


def compare_speed(model, arguments):
    """Print seconds and peak memory by the size of the image."""
    image = set12()[8]
    for height, width in [(481, 321), (1024, 1024), (4000, 6000)]:
        copies = -(-height // 512), -(-width // 512)
        large = np.tile(image, copies)[:height, :width].astype(np.float32)
        noisy = with_noise(large, 25, 0, 0).astype(np.float32)
        model.set_params(sigma=25 / 255)
        if height < 1000:
            model.transform([noisy])
        started = time.perf_counter()
        model.transform([noisy])
        seconds = time.perf_counter() - started
        peak = peak_memory()
        print(
            f"{height} x {width}: {seconds:.2f} s, "
            f"{1e9 * seconds / noisy.size:.0f} ns a pixel, peak {peak:.0f} MiB",
            flush=True,
        )


def compare_inpainting(model, arguments):
    """Print the PSNR of images with missing pixels, beside biharmonic equations."""
    try:
        from skimage.restoration import inpaint_biharmonic
    except ImportError:
        inpaint_biharmonic = None
    import matplotlib

    matplotlib.use("Agg")
    for name in ("random", "text"):
        rows = []
        for number, image in enumerate(set12()):
            mask = np.random.default_rng(number).random(image.shape) < 0.3
            if name == "text":
                mask = text_mask(image.shape)
            holey = np.where(mask, 0, image)
            row = [psnr(image, model.restore(holey, mask=mask))]
            if inpaint_biharmonic is not None:
                row.append(psnr(image, np.clip(inpaint_biharmonic(holey, mask), 0, 1)))
            rows.append(row)
        print(name, "skebm, biharmonic:", np.mean(rows, axis=0).round(2), flush=True)


def text_mask(shape):
    """Return where a text lies over an image."""
    import matplotlib.pyplot as plt

    height, width = shape
    figure = plt.figure(figsize=(width / 100, height / 100), dpi=100)
    line = "The quick brown fox jumps over the lazy dog. "
    for k in range(height // 32):
        figure.text(0, 1 - (k + 0.7) * 32 / height, 3 * line, fontsize=11)
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., 0] < 128
    plt.close(figure)
    return pixels[:height, :width]


def compare_blur(model, arguments):
    """Print the PSNR of blurred images with noise 2.55, beside Wiener's filter."""
    try:
        from skimage.restoration import richardson_lucy, wiener
    except ImportError:
        wiener = None
    grid = np.arange(-4, 5)
    normal = np.exp(-(grid**2) / (2 * 1.6**2))
    kernels = {
        "uniform 9 x 9": np.full((9, 9), 1 / 81),
        "normal, sd 1.6": np.outer(normal, normal) / normal.sum() ** 2,
    }
    for name, kernel in kernels.items():
        rows = []
        for number, image in enumerate(set12()):

            def blur(x, kernel=kernel, shape=image.shape):
                return convolve(x.reshape(shape), kernel, mode="wrap").ravel()

            blurred = blur(image).reshape(image.shape)
            blurred = with_noise(blurred, 2.55, 0, number)
            operator = LinearOperator(2 * (image.size,), matvec=blur, rmatvec=blur)
            restored = model.restore(blurred, operator=operator, sigma=0.01)
            row = [psnr(image, blurred), psnr(image, restored)]
            if wiener is not None:
                by_wiener = [wiener(blurred, kernel, b) for b in (0.003, 0.01, 0.03)]
                steps = (10, 20, 40)
                by_lucy = [richardson_lucy(blurred, kernel, n) for n in steps]
                row += [
                    max(psnr(image, np.clip(one, 0, 1)) for one in tries)
                    for tries in (by_wiener, by_lucy)
                ]
            rows.append(row)
        print(
            f"{name}: blurred, skebm, Wiener and Lucy at the best of three settings:",
            np.mean(rows, axis=0).round(2),
            flush=True,
        )


def compare_starts(model, arguments):
    """Print how far restorations from several starts are from each other."""
    from skebm.inference import Forward, minimise
    from skebm.utils._parallel import use_threads

    image = set12()[0]
    for sigma in arguments.levels:
        noisy = with_noise(image, sigma, 0, 0).astype(np.float32)
        starts = noisy, np.zeros_like(noisy), image[::-1].astype(np.float32)
        with use_threads(None):
            ends = [
                minimise(
                    model.energy_,
                    sigma / 255,
                    1.0,
                    noisy,
                    sigma / 255,
                    Forward(noisy.shape),
                    start,
                    1e-4,
                    5000,
                )
                for start in starts
            ]
        far = max(np.abs(one.pixels - ends[0].pixels).max() for one in ends[1:])
        print(
            f"sigma {sigma}: largest difference {255 * far:.3f} of 255, iterations "
            f"{[one.n_iter for one in ends]}, gradients "
            f"{[f'{one.gradient_norm:.1e}' for one in ends]}",
            flush=True,
        )


def main():
    """Read the arguments, and run a part."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parts = {
        "noise": compare_noise,
        "speed": compare_speed,
        "inpainting": compare_inpainting,
        "blur": compare_blur,
        "starts": compare_starts,
    }
    parser.add_argument("--part", choices=["train", *parts], required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--energy", default="ridge")
    parser.add_argument("--updates", type=int)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--filters", type=int, default=48)
    parser.add_argument("--size", type=int, help="of the filters")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--levels", type=int, nargs="+", default=LEVELS)
    parser.add_argument("--methods", nargs="+", help="of --part noise; all if left out")
    arguments = parser.parse_args()
    if arguments.part == "train":
        images = np.load(folder() / "images" / "bsd_train.npz")["images"]
        options = {"n_iter": 10_000, "max_time": 60 * arguments.minutes, "verbose": 2}
        if arguments.updates:
            # 6400 patches of 40 x 40; the estimator takes each, every other one, ...
            every = max(1, round(6400 / (16 * arguments.updates)))
            epochs = max(1, round(16 * arguments.updates / (6400 // every)))
            options |= {"n_iter": epochs, "max_patches": 6400 // every}
            options["max_time"] = None
            print(f"{epochs * (6400 // every) // 16} updates", flush=True)
        kind = IMAGE_ENERGIES[arguments.energy]
        recipe = kind(n_filters=arguments.filters)
        if arguments.size:
            recipe.filter_size = arguments.size
        started = time.process_time()
        model = EnergyDenoiser(recipe, random_state=0, **options).fit(images)
        print(f"{time.process_time() - started:.0f} s of the processor", flush=True)
        arguments.model.write_bytes(pickle.dumps(model))
        return
    if arguments.model is None:
        model = EnergyDenoiser.pretrained()
    else:
        model = pickle.loads(arguments.model.read_bytes())
    parts[arguments.part](model, arguments)


if __name__ == "__main__":
    main()
