"""Restorations of images, and updates of their energies."""

import numpy as np
from sklearn.datasets import load_sample_image

from skebm import EnergyDenoiser


class Restoration:
    """A grey photograph of 427 x 640 pixels."""

    def setup(self):
        """Add noise, hide pixels, and call the methods once to compile."""
        photograph = load_sample_image("china.jpg").mean(axis=2) / 255
        rng = np.random.default_rng(0)
        self.clean = photograph.astype(np.float32)
        noise = 0.1 * rng.normal(size=photograph.shape)
        self.noisy = [self.clean + noise.astype(np.float32)]
        self.mask = rng.random(photograph.shape) < 0.3
        self.denoiser = EnergyDenoiser.pretrained(sigma=0.1)
        self.time_noise()
        self.time_energy_map()

    def time_noise(self):
        """Remove noise of a tenth of white."""
        self.denoiser.transform(self.noisy)

    def time_missing_pixels(self):
        """Fill 30 % of the pixels."""
        self.denoiser.restore(self.clean, mask=self.mask)

    def time_energy_map(self):
        """Compute the energy of each neighbourhood."""
        self.denoiser.energy_map(self.clean)


class Learning:
    """Updates of the ridge energy."""

    def setup(self):
        """Make patches, and fit once to compile."""
        photograph = load_sample_image("flower.jpg").mean(axis=2) / 255
        self.images = [photograph.astype(np.float32)]
        self.time_updates()

    def time_updates(self):
        """Learn from 150 patches of 40 x 40 pixels."""
        EnergyDenoiser(n_iter=1, random_state=0).fit(self.images)
