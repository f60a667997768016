"""
Unusual regions of an image
===========================

``energy_map`` of :class:`skebm.EnergyDenoiser` says for each pixel how unusual its
neighbourhood is. What is unusual depends on what the energy has learned from. This
example plants regions that do not belong into a photograph and into cloth, and looks
which of them are found. If the environment variable ``SKEBM_DATA`` names a folder with
``images/brain_mri.npz``, it goes on with slices of brains.
"""

import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter
from sklearn.datasets import load_sample_image
from sklearn.metrics import roc_auc_score

from skebm import EnergyDenoiser
from skebm.energies.images import RidgeRecipe

SHORT = bool(os.environ.get("SKEBM_EXAMPLE_SHORT"))
FOLDER = os.environ.get("SKEBM_DATA")
rng = np.random.default_rng(0)


def energies(denoiser, image):
    """Return the mean energy of the 9 x 9 pixels around each pixel."""
    # Of the learned levels of noise the lowest one is the most sensitive.
    return uniform_filter(denoiser.energy_map(image, sigma=5), 9)


def permuted(region):
    """Return the same pixels in a random order."""
    return rng.permutation(region.ravel()).reshape(region.shape)


def with_regions(image, corners, side, change):
    """Return the image with changed squares, and a mask of each of them."""
    spoiled, masks = image.copy(), {}
    for name, (row, column) in corners.items():
        top, left = int(row * len(image)), int(column * len(image))
        place = slice(top, top + side), slice(left, left + side)
        spoiled[place] = np.clip(change(name, image, place), 0, 1)
        masks[name] = np.zeros(image.shape, bool)
        masks[name][place] = True
    return spoiled, masks


def draw(images, masks):
    """Draw images by their titles, with the outlines of regions."""
    _, axes = plt.subplots(1, len(images), figsize=(11, 4), layout="constrained")
    for ax, (title, (image, colours, ends)) in zip(axes, images.items(), strict=True):
        ax.imshow(image, cmap=colours, vmin=ends[0], vmax=ends[1])
        for mask in masks.values():
            ax.contour(mask, [0.5], colors="lime", linewidths=1)
        ax.set(title=title, xticks=[], yticks=[])


# %%
# **A photograph**, with the energy that comes with the package, which has learned from
# photographs. Four squares are replaced: two by their own pixels in random order, one
# by itself out of focus, and one by a piece of another photograph with the mean and the
# contrast of what it replaces.
SIZE, SIDE = (160, 24) if SHORT else (320, 48)
photograph = load_sample_image("china.jpg")[60 : 60 + SIZE, 140 : 140 + SIZE]
photograph = photograph.mean(axis=2) / 255
flower = load_sample_image("flower.jpg").mean(axis=2)[120 : 120 + SIDE, 250:][:, :SIDE]


def change(name, image, place):
    """Return what replaces a square of the photograph."""
    if name == "out of focus":
        return gaussian_filter(image, 4)[place]
    if name == "another photograph":
        own = image[place]
        return own.mean() + (flower - flower.mean()) * own.std() / flower.std()
    return permuted(image[place])


corners = {"order, tower": (0.62, 0.1), "order, lake": (0.62, 0.8)}
corners |= {"out of focus": (0.82, 0.1), "another photograph": (0.1, 0.3)}
spoiled, masks = with_regions(photograph, corners, SIDE, change)
denoiser = EnergyDenoiser.pretrained()
before, found = energies(denoiser, photograph), energies(denoiser, spoiled)
for name, mask in masks.items():
    ranks = [np.mean(before < part[mask].mean()) for part in (before, found)]
    print(f"{name}: more than {ranks[1]:.0%} of all pixels, before {ranks[0]:.0%}")
draw(
    {
        "a spoiled photograph": (spoiled, "gray", (0, 1)),
        "energy": (found, "magma", (0, found.max())),
    },
    masks,
)

# %%
# The squares in random order stand out, and most of all in the calm lake. The other two
# do not: what is out of focus has as little energy as the sky, and a piece of another
# photograph is natural. Leaves and ornaments have as much energy as many a spoiled
# square, so the map of one photograph alone is not a detector.
#
# **Cloth.** An inspector has pictures of good cloth, and an energy learns from some of
# them. Other good pictures give limits: mean energies that one pixel in two thousand is
# below, and one above. Both sides count, since a region with less energy than good
# cloth has lost its threads.
SIZE, SIDE = (120, 24) if SHORT else (200, 32)


def cloth(angle=0.0):
    """Draw threads that cross, with some irregularity and grain."""
    shifts = 8 * gaussian_filter(rng.normal(size=(2, SIZE, SIZE)), (0, 9, 9))
    y, x = np.indices((SIZE, SIZE)) + shifts
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    threads = np.sin(np.pi * u / 4) * np.sin(np.pi * v / 4)
    return np.clip(0.5 + 0.15 * threads + 0.03 * rng.normal(size=x.shape), 0, 1)


turned = cloth(angle=np.pi / 4)


def change(name, image, place):
    """Return what replaces a square of the cloth."""
    return {
        "random order": permuted(image[place]),
        "rubbed": uniform_filter(image, 5)[place],
        "turned": turned[place],
        "brighter": image[place] + 0.1,
    }[name]


corners = {"random order": (0.1, 0.1), "rubbed": (0.1, 0.6)}
corners |= {"turned": (0.6, 0.1), "brighter": (0.6, 0.6)}
good = [cloth() for _ in range(8)]
spoiled, masks = with_regions(cloth(), corners, SIDE, change)
everywhere = {**masks, "elsewhere": ~np.any([*masks.values()], axis=0)}
learned = EnergyDenoiser(RidgeRecipe(8, 5), n_iter=10, random_state=0).fit(good[:4])
shown = {"cloth": (spoiled, "gray", (0, 1))}
for name, model in {"photographs": denoiser, "good cloth": learned}.items():
    limits = np.quantile([energies(model, one) for one in good[4:]], [0.0005, 0.9995])
    found = energies(model, spoiled)
    flags = (found > limits[1]) * 1 - (found < limits[0])
    shown[f"energy of {name}: outside the limits"] = flags, "coolwarm", (-1, 1)
    shares = [
        f"{key} {np.mean(flags[mask] != 0):.1%}" for key, mask in everywhere.items()
    ]
    print(f"Pixels outside the limits, learned from {name}:", ", ".join(shares))
draw(shown, masks)

# %%
# Turned threads are natural for an energy of photographs, and unusual for an energy of
# this cloth. Neither finds the brighter square, since brightness has no energy. The
# few pixels elsewhere are what such limits cost.
#
# **Slices of brains.** Nobody has drawn the outlines of the tumours of these slices, so
# the question has to be asked twice. First, squares are planted into slices without a
# tumour, and the table has the AUROC by which energies tell their pixels from the other
# pixels of the slice. One energy has learned from photographs and one from 123 other
# slices without a tumour; the local contrast is a map that needs no learning.


def contrast(image):
    """Return the standard deviation of the 9 x 9 pixels around each pixel."""
    square = uniform_filter(np.square(image), 9) - uniform_filter(image, 9) ** 2
    return np.sqrt(np.maximum(square, 0))


def change(name, image, place):
    """Return what replaces a square of a slice."""
    y, x = np.indices(image[place].shape) - 5.5
    disc = image[place] + 0.25 * (y**2 + x**2 < 20)
    return {
        "random order": permuted(image[place]),
        "bright disc": disc,
        "another slice": healthy[rng.integers(100)][place],
        "out of focus": uniform_filter(image, 9)[place],
    }[name]


if FOLDER:
    with np.load(Path(FOLDER) / "images" / "brain_mri.npz") as data:
        images, kinds, names = data["X"] / 255, data["y"], data["label"]
    healthy = rng.permutation(images[kinds == 0])
    train, test = healthy[:123], healthy[123 : 133 if SHORT else 223]
    recipe, n_iter = RidgeRecipe(16, 5), 1 if SHORT else 20
    of_slices = EnergyDenoiser(recipe, n_iter=n_iter, random_state=0).fit(train)
    maps = {
        "contrast": contrast,
        "photographs": lambda image: energies(denoiser, image),
        "slices": lambda image: energies(of_slices, image),
    }
    for name in ("random order", "bright disc", "another slice", "out of focus"):
        found = {key: [] for key in maps}
        for image in test:
            corner = {name: rng.uniform(0.3, 0.5, 2)}
            spoiled, masks = with_regions(image, corner, 12, change)
            for key, function in maps.items():
                area = roc_auc_score(masks[name].ravel(), function(spoiled).ravel())
                found[key].append(area)
        areas = ", ".join(f"{key} {np.mean(one):.2f}" for key, one in found.items())
        print(f"{name}: {areas}")

# %%
# Squares in random order, discs and pieces of other slices have more energy than their
# surroundings, and regions out of focus have less, as fluid and air have. The energy of
# photographs is the better one: 123 slices of 64 x 64 pixels are few.
#
# Second, maps of slices with and without a tumour. Lines surround what has more energy
# than 99 % of the pixels of healthy slices.
if FOLDER:
    limit = np.quantile([energies(of_slices, one) for one in test], 0.99)
    _, axes = plt.subplots(2, 8, figsize=(13, 3.8), layout="constrained")
    for k, name in enumerate(names):
        pool = test if k == 0 else images[kinds == k]
        shares = [np.mean(energies(of_slices, one) > limit) for one in pool[:100]]
        print(f"{name}: {np.mean(shares):.1%} of pixels above the limit")
        for ax, below, image in zip(*axes[:, 2 * k : 2 * k + 2], pool, strict=False):
            ax.imshow(image, cmap="gray", vmin=0, vmax=1)
            found = energies(of_slices, image)
            below.imshow(found, cmap="magma", vmin=0, vmax=1.5 * limit)
            below.contour(found > limit, [0.5], colors="lime", linewidths=1)
            ax.set_title(name.replace("_", " "), fontsize=9)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
plt.show()

# %%
# Hardly a pixel of the slices with a tumour is above the limit. Those slices are darker
# and smoother, because they come from another source, and their maps show the skull
# first. Some tumours are a faint spot of the map inside of it, but so are folds and
# vessels. So a map says where a picture is grainy, torn or has a foreign edge, and can
# find a spoiled scan. A tumour that is smooth, or sharp in the usual way, needs a model
# that knows which place has which tissue.
