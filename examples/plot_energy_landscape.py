"""
The energy landscape of a few clusters
======================================

Real columns get Gaussian visible units, whose variances are learned. With binary hidden
units, the model is a mixture of normal densities. It has one component for each state
of the hidden units, and the components share a small number of parameters. log Z is
exact here, so the probabilities of the cells of a grid must sum to one. The example
prints this sum at its end.
"""

import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from skebm import EBMAnomalyDetector, RBMDensity

SHORT = bool(os.environ.get("SKEBM_EXAMPLE_SHORT"))

X, _ = make_blobs(1000, centers=6, cluster_std=0.6, center_box=(-5, 5), random_state=4)
density = RBMDensity(n_components=12, hidden="spin", learning_rate=0.2, random_state=0)
density.set_params(n_iter=20 if SHORT else 500).fit(X)
detector = EBMAnomalyDetector(density, contamination=0.02).fit(X)

# %%
# The model expects rows in the dark regions, which have low energies. The contour is
# the threshold of the detector. Two of a hundred rows lie outside.
low, high = X.min(axis=0) - 2, X.max(axis=0) + 2
side = [np.linspace(*ends, 200) for ends in zip(low, high, strict=True)]
grid = np.stack(np.meshgrid(*side), axis=-1).reshape(-1, 2)
log_density = density.score_samples(grid)
drawn = density.sample(1000, random_state=0)

figure, panels = plt.subplots(
    1, 3, figsize=(11, 3.4), sharey=True, layout="constrained"
)
energy = -log_density.reshape(200, 200)
image = panels[0].pcolormesh(*side, np.minimum(energy, 10), cmap="viridis")
figure.colorbar(image, ax=panels[0], label="energy + log Z (nats)", extend="max")
outside = detector.predict(X) == -1
threshold = detector.decision_function(grid).reshape(200, 200)
panels[0].set_title("Energy")
for panel, rows, title in ((panels[1], X, "Data"), (panels[2], drawn, "Drawn rows")):
    panel.scatter(*rows.T, s=4, color="C0")
    panel.contour(*side, threshold, levels=[0], colors="C3", linewidths=1)
    panel.set_title(title)
panels[1].scatter(*X[outside].T, s=14, color="C3", label="flagged")
panels[1].legend(loc="upper right")
plt.show()

cell = np.prod([axis[1] - axis[0] for axis in side])
print(f"Sum of the probabilities: {np.exp(log_density).sum() * cell:.4f}")
