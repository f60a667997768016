"""Slices of brains with tumours, for detectors that saw slices without one.

    SKEBM_DATA=... python asv_bench/compare/brains.py [--seeds 5] [--figure maps.png]

Half of the 246 slices without a tumour are for training. The rest of them and the 2,310
slices with a glioma, a meningioma or a tumour of the pituitary gland are scored. The
pictures are means of 4 x 4 pixels of 64 x 64 pixels, which is 256 columns.

BEWARE: the two classes come from two sources, with other sizes, margins and brightness.
So all pictures have one size, and the preparations take away more and more of what
tells the sources apart: nothing; brightness and contrast (each picture is
standardised); margins (each picture is cut to the head, which is stretched to 64 x 64
pixels); both. The lines below the table are AUROCs of plain facts of a picture, which
any figure has to be read beside. AUROC says how far the pictures are from the training
pictures, and not that a tumour is the reason.

The maps are minus the columns of `explain`: what each pixel adds to the energy.
"""

import argparse

import numpy as np
from _base import folder
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

from skebm import EBMAnomalyDetector

SIZE, SMALL = 64, 16
DETECTORS = {"experts": EBMAnomalyDetector, "isolation forest": IsolationForest}


def load():
    """Return images in [0, 1] of shape (n, 64, 64), kinds and the names of kinds."""
    with np.load(folder() / "images" / "brain_mri.npz") as data:
        return data["X"] / 255.0, data["y"], data["label"]


def cut(images):
    """Return the box around the head, stretched to the size of the picture."""
    from scipy.ndimage import map_coordinates

    out = np.empty_like(images)
    for k, image in enumerate(images):
        is_head = image > 0.1
        ends = [np.flatnonzero(is_head.any(axis=axis))[[0, -1]] for axis in (1, 0)]
        grid = np.meshgrid(*(np.linspace(*end, SIZE) for end in ends), indexing="ij")
        out[k] = map_coordinates(image, grid, order=1)
    return out


def standardised(images):
    """Return pictures of mean 0 and standard deviation 1."""
    centred = images - images.mean(axis=(1, 2), keepdims=True)
    return centred / centred.std(axis=(1, 2), keepdims=True)


def pooled(images):
    """Return means of squares of pixels as rows."""
    k = SIZE // SMALL
    return (
        images.reshape(-1, SMALL, k, SMALL, k).mean(axis=(2, 4)).reshape(-1, SMALL**2)
    )


def parts(kinds, seed):
    """Return the numbers of the training pictures and of the others."""
    order = np.random.default_rng(seed).permutation(np.flatnonzero(kinds == 0))
    half = len(order) // 2
    return order[:half], np.append(order[half:], np.flatnonzero(kinds > 0))


def line(scores, kinds):
    """Return AUROCs of all tumours, and of each kind."""
    normal = kinds == 0
    each = [normal | (kinds == k) for k in (1, 2, 3)]
    each = [np.ones(len(kinds), bool), *each]
    return [roc_auc_score(kinds[rows] > 0, scores[rows]) for rows in each]


def draw(path, images, rows, kinds, names):
    """Draw a slice of each kind, prepared, and what its pixels add to the energy."""
    import matplotlib.pyplot as plt

    train, test = parts(kinds, 0)
    model = EBMAnomalyDetector(random_state=0).fit(rows[train])
    scores = model.score_samples(rows[test])
    fig, axes = plt.subplots(2, 8, figsize=(14, 4), layout="constrained")
    for k, name in enumerate(names):
        there = test[kinds[test] == k]
        order = np.argsort(scores[kinds[test] == k])
        # The middle one, and one of the highest energies.
        for m, place in enumerate((len(order) // 2, len(order) // 20)):
            number, column = there[order[place]], 2 * k + m
            axes[0, column].imshow(images[number], cmap="gray")
            share = "median" if m == 0 else "top 5 %"
            axes[0, column].set_title(f"{name}\n{share}", fontsize=9)
            energies = -model.explain(rows[[number]]).to_numpy().reshape(SMALL, SMALL)
            axes[1, column].imshow(energies, cmap="coolwarm", vmin=-0.1, vmax=0.1)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    fig.savefig(path, dpi=120)


def main():
    """Print the table, and draw the maps if there is a file for them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--figure")
    options = parser.parse_args()
    images, kinds, names = load()
    whole = cut(images)
    preparations = {
        "one size": images,
        "standardised": standardised(images),
        "cut to the head": whole,
        "cut and standardised": standardised(whole),
    }
    print(f"| pictures | model | all | {' | '.join(names[1:])} |")
    print("| --- " * 6 + "|")
    for label, prepared in preparations.items():
        rows = pooled(prepared)
        for name, detector in DETECTORS.items():
            table = []
            for seed in range(options.seeds):
                train, test = parts(kinds, seed)
                model = detector(random_state=seed).fit(rows[train])
                table.append(line(-model.score_samples(rows[test]), kinds[test]))
            mean, spread = np.mean(table, axis=0), np.std(table, axis=0)
            cells = [f"{m:.3f} ({s:.3f})" for m, s in zip(mean, spread, strict=True)]
            print(f"| {label} | {name} | {' | '.join(cells)} |", flush=True)
    facts = {
        "brightness": images.mean(axis=(1, 2)),
        "contrast": images.std(axis=(1, 2)),
        "black pixels": (images == 0).mean(axis=(1, 2)),
        "contrast of the head": whole.std(axis=(1, 2)) / whole.mean(axis=(1, 2)),
    }
    for label, fact in facts.items():
        print(f"{label}: {', '.join(f'{a:.3f}' for a in line(fact, kinds))}")
    if options.figure:
        draw(options.figure, whole, rows, kinds, names)


if __name__ == "__main__":
    main()
