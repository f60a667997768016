"""Learn the energy of photographs that comes with the package.

    python asv_bench/compare/photographs.py [--minutes 12] [--out FILE]

It needs scikit-image, whose data holds the photographs, and trains in place of
``skebm/energies/images/photographs.json``. Each photograph is seen at its own size and
at half of it.
"""

import argparse
from pathlib import Path

import numpy as np
import skimage
from skimage import data
from sklearn.datasets import load_sample_images

import skebm
from skebm import EnergyDenoiser
from skebm.energies.images import as_text

_TARGET = Path(skebm.__file__).parent / "energies" / "images" / "photographs.json"
# Names in skimage.data, and what the documentation of the function says.
LICENCES = {
    "astronaut": "public domain (NASA)",
    "brick": "CC0 (cc0textures.com)",
    "camera": "CC0 (Lav Varshney)",
    "cat": "CC0 (Stefan van der Walt)",
    "coffee": "CC0 (Rachel Michetti)",
    "rocket": "public domain (SpaceX)",
}
SAMPLES = {
    "china.jpg": "CC-BY 2.0 (danielbuechele), shipped with scikit-learn",
    "flower.jpg": "CC-BY 2.0 (vultilion), shipped with scikit-learn",
}


def photographs():
    """Return grey photographs with white at 1, each at two sizes."""
    images = [getattr(data, name)() for name in LICENCES]
    images += list(load_sample_images().images)
    grey = [np.atleast_3d(image)[..., :3].mean(axis=2) / 255 for image in images]
    return grey + [halved(image) for image in grey]


def halved(image):
    """Return means of 2 x 2 pixels."""
    height, width = (n // 2 for n in image.shape)
    windows = image[: 2 * height, : 2 * width].reshape(height, 2, width, 2)
    return windows.mean(axis=(1, 3))


def main():
    """Train, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--out", type=Path, default=_TARGET)
    arguments = parser.parse_args()
    denoiser = EnergyDenoiser(
        n_iter=10_000, max_time=60 * arguments.minutes, random_state=0, verbose=2
    )
    denoiser.fit(photographs())
    header = {
        "what": "Parameters of an energy of photographs, in skebm's Ridge.",
        "licence": "These numbers are under the licence of skebm.",
        "learned_from": [
            *(f"skimage.data.{name}: {text}" for name, text in LICENCES.items()),
            *(f"{name}: {text}" for name, text in SAMPLES.items()),
        ],
        "made_by": (
            "python asv_bench/compare/photographs.py "
            f"--minutes {arguments.minutes:g}, with scikit-image {skimage.__version__}"
        ),
    }
    arguments.out.write_text(as_text(denoiser.energy_, header), "utf-8")


if __name__ == "__main__":
    main()
