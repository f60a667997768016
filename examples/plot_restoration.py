"""
Images of lowest energy
=======================

:class:`skebm.EnergyDenoiser` restores images. Its energy is low for images that look
like photographs, and the restored image is the one of lowest energy that agrees with
what is left of the original: noisy pixels, some of the pixels, or blurred pixels. The
energy of this example comes with the package; it has learned from some photographs, of
which this one is one.
"""

import os

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from scipy.ndimage import uniform_filter
from scipy.sparse.linalg import LinearOperator
from sklearn.datasets import load_sample_image

from skebm import EnergyDenoiser
from skebm.energies.images import BinaryRecipe
from skebm.metrics import psnr

SHORT = bool(os.environ.get("SKEBM_EXAMPLE_SHORT"))
SIZE = 96 if SHORT else 256

photograph = load_sample_image("china.jpg")[80 : 80 + SIZE, 140 : 140 + SIZE] / 255
grey = photograph.mean(axis=2)
rng = np.random.default_rng(0)

# %%
# **Noise.** Without ``sigma`` the estimator finds out how much noise there is.
noisy = photograph + 0.1 * rng.normal(size=photograph.shape)
denoiser = EnergyDenoiser.pretrained(max_iter=2000)
[denoised] = denoiser.transform([noisy])
print(f"noise of {denoiser.estimate_sigma([noisy])[0]:.3f}, in truth 0.100")

# %%
# **Scratches.** The mask says which pixels are missing.
rows, columns = np.indices(grey.shape)
scratches = np.zeros(grey.shape, bool)
for _ in range(25):
    y, x, slope = *rng.uniform(0, SIZE, 2), rng.normal()
    near = np.abs(rows - y - slope * (columns - x)) < 1.5
    scratches |= near & (np.abs(columns - x) < SIZE / 6)
scratched = np.where(scratches, 1.0, grey)
filled = denoiser.restore(scratched, mask=scratches)


# %%
# **Blur.** A linear operator says what happened to the pixels.
def blur(pixels):
    """Return means of 9 x 9 pixels."""
    return uniform_filter(pixels.reshape(grey.shape), 9, mode="wrap").ravel()


operator = LinearOperator(2 * (grey.size,), matvec=blur, rmatvec=blur)
blurred = blur(grey).reshape(grey.shape) + 0.01 * rng.normal(size=grey.shape)
sharpened = denoiser.restore(blurred, operator=operator, sigma=0.01)

# %%
pairs = {
    "noise": (photograph, noisy, denoised),
    "scratches": (grey, scratched, filled),
    "blur": (grey, blurred, sharpened),
}
figure, axes = plt.subplots(2, 3, figsize=(9, 6.4), layout="constrained")
for column, (name, (truth, before, after)) in zip(axes.T, pairs.items(), strict=True):
    for ax, image in zip(column, (before, after), strict=True):
        ax.imshow(np.clip(image, 0, 1), cmap="gray", vmin=0, vmax=1)
        ax.set_axis_off()
    column[0].set_title(f"{name}: {psnr(truth, before):.1f} dB")
    column[1].set_title(f"restored: {psnr(truth, after):.1f} dB")

# %%
# The energy sums potentials of the responses of filters. Few responses are large, and a
# large one costs little more than a middling one, so edges stay.
energy = denoiser.energy_
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
tiles = energy.filters[np.argsort(-np.square(energy.filters).sum(axis=(1, 2)))]
sheet = np.full((6 * 8 - 1, 8 * 8 - 1), np.nan)
for k, tile in enumerate(tiles[:48]):
    y, x = 8 * (k // 8), 8 * (k % 8)
    sheet[y : y + 7, x : x + 7] = tile / np.abs(tile).max()
axes[0].imshow(sheet, cmap="RdBu_r", vmin=-1, vmax=1)
axes[0].set_axis_off()
axes[0].set_title("filters")
responses = np.linspace(-0.25, 0.25, 401)
axes[1].plot(responses, energy.potentials(responses).T, color="C0", alpha=0.4, lw=1)
axes[1].set(xlabel="response", ylabel="potential [nats]", title="potentials")

# %%
# The energy of a neighbourhood is high where it does not look like a photograph.
spoiled = grey.copy()
patch = slice(SIZE // 3, SIZE // 3 + 24)
spoiled[patch, patch] = rng.permutation(spoiled[patch, patch].ravel()).reshape(24, 24)
figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
axes[0].imshow(spoiled, cmap="gray", vmin=0, vmax=1)
axes[0].set_title("a photograph with permuted pixels")
image = axes[1].imshow(np.log10(denoiser.energy_map(spoiled) + 1), cmap="magma")
axes[1].set_title("log10 of the energy of each neighbourhood [nats]")
figure.colorbar(image, ax=axes[1], shrink=0.8)
for ax in axes:
    ax.set_axis_off()

# %%
# **A scan.** ``energy="binary"`` is for images of two values. It learns from clean
# pages how likely pixels are to be like their neighbours, and the page of lowest energy
# is found exactly. Here a tenth of the pixels were flipped.
WORDS = "energy is low where ink and paper look right and the lowest page wins"


def page(seed, size=128 if SHORT else 192):
    """Return a page with words of random sizes, True where there is ink."""
    words = np.random.default_rng(seed)
    sheet = plt.Figure((size / 100, size / 100), dpi=100)
    canvas = FigureCanvasAgg(sheet)
    for top in np.arange(0.97, 0.1, -48 / size):
        line = " ".join(words.choice(WORDS.split(), 4))
        sheet.text(0.03, top, line, fontsize=words.uniform(18, 24), va="top")
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., 0] < 128


scan = page(99)
spotted = scan ^ (rng.random(scan.shape) < 0.1)
recipe = BinaryRecipe(noise_levels=(0.05, 0.1, 0.2), context_size=0 if SHORT else 7)
reader = EnergyDenoiser(recipe, random_state=0).fit([page(k) for k in range(8)])
[cleaned] = reader.transform([spotted])
figure, axes = plt.subplots(1, 3, figsize=(9, 3.3), layout="constrained")
shown = {"scan": scan, "a tenth flipped": spotted, "lowest energy": cleaned}
for ax, (name, image) in zip(axes, shown.items(), strict=True):
    ax.imshow(~image, cmap="gray")
    ax.set_title(f"{name}: {100 * np.mean(image == scan):.1f} % right")
    ax.set_axis_off()
plt.show()
