"""
Density, classes and anomalies of handwritten digits
====================================================

This example compares three estimators with estimators of scikit-learn for the same
tasks, on scikit-learn's digits (8 x 8 pixels):

- :class:`~skebm.RBMDensity` and ``BernoulliRBM``: the test log-likelihood of both sets
  of parameters, with the bracket of log Z;
- :class:`~skebm.EnergyClassifier` and ``LogisticRegression``: the test accuracy;
- :class:`~skebm.EBMAnomalyDetector` and ``IsolationForest``: the AUROC for a few images
  of one digit among all images of the other digits, averaged over the ten digits.
"""

# %%
# The data are grey values that are scaled to [0, 1], and binary pixels.
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.callback import ProgressBar
from sklearn.datasets import load_digits
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import BernoulliRBM

from skebm import EBMAnomalyDetector, EnergyClassifier, RBMDensity

SHORT = bool(os.environ.get("SKEBM_EXAMPLE_SHORT"))
N_ITER = 5 if SHORT else 100

grey, digit = load_digits(return_X_y=True)
grey = (grey / 16).astype(np.float32)
binary = (grey > 0.5).astype(np.float32)
rows_train, rows_test = train_test_split(
    np.arange(len(digit)), test_size=0.3, stratify=digit, random_state=0
)
table = []

# %%
# The densities are compared by the log-likelihood of the test images in nats. The same
# code scores the parameters of both models, so the figures can be compared.
rbm = RBMDensity(n_components=64, n_iter=N_ITER, random_state=0)
rbm.set_callbacks(ProgressBar())
rbm.fit(binary[rows_train])

peer = BernoulliRBM(n_components=64, n_iter=N_ITER, random_state=0)
peer.fit(binary[rows_train])
peer_density = RBMDensity.from_parameters(
    peer.components_, peer.intercept_visible_, peer.intercept_hidden_, random_state=0
)


def log_likelihood(density):
    """Return the mean log-likelihood of the test images, and its bracket."""
    mean, log_z = density.score(binary[rows_test]), density.log_partition_
    low, high = (mean + log_z.value - end for end in (log_z.upper, log_z.lower))
    return f"{mean:.2f} [{low:.2f}, {high:.2f}]"


table.append(
    ("test log-likelihood (nats)", log_likelihood(rbm), log_likelihood(peer_density))
)

# %%
# The classifiers are compared by the accuracy on the test images.
classifier = EnergyClassifier(n_iter=N_ITER, random_state=0)
classifier.set_callbacks(ProgressBar())
classifier.fit(grey[rows_train], digit[rows_train])
logistic = LogisticRegression(max_iter=1000).fit(grey[rows_train], digit[rows_train])
scores = [m.score(grey[rows_test], digit[rows_test]) for m in (classifier, logistic)]
table.append(("test accuracy", *(f"{score:.3f}" for score in scores)))

# %%
# The detectors get all images of nine digits and one in ten images of the remaining
# digit, which are the anomalies. Fitting does not use the labels.
aurocs = []
for odd in range(2 if SHORT else 10):
    is_odd = np.flatnonzero(digit == odd)
    rows = np.r_[np.flatnonzero(digit != odd), is_odd[::10]]
    detector = EBMAnomalyDetector(RBMDensity(16, n_iter=N_ITER, random_state=0)).fit(
        grey[rows]
    )
    forest = IsolationForest(random_state=0).fit(grey[rows])
    aurocs.append(
        [
            roc_auc_score(digit[rows] != odd, model.score_samples(grey[rows]))
            for model in (detector, forest)
        ]
    )
table.append(("anomaly AUROC (mean)", *(f"{a:.3f}" for a in np.mean(aurocs, axis=0))))

columns = ["task", "skebm", "scikit-learn"]
table = pd.DataFrame(table, columns=columns).set_index("task")
table["peer"] = ["BernoulliRBM", "LogisticRegression", "IsolationForest"]
print(table.to_string())

# %%
# The figure shows the filters, images drawn from the model, and the training curve.
figure = plt.figure(figsize=(10, 3.6), layout="constrained")
left, middle, right = figure.subfigures(1, 3, width_ratios=(1, 1, 1.15))


def show(panel, images, title, **options):
    """Show images in a grid."""
    panel.suptitle(title, fontsize=11)
    side = int(np.sqrt(len(images)))
    for axes, image in zip(panel.subplots(side, side).flat, images, strict=False):
        axes.imshow(image.reshape(8, 8), **options)
        axes.axis("off")


strongest = np.argsort(-np.square(rbm.components_).sum(axis=1))[:36]
limit = np.quantile(np.abs(rbm.components_), 0.995)
show(
    left,
    rbm.components_[strongest],
    "Filters (blue: off, red: on)",
    cmap="RdBu_r",
    vmin=-limit,
    vmax=limit,
)
show(
    middle, rbm.sample(36, random_state=0), "Images drawn from the model", cmap="Greys"
)

history = pd.DataFrame(rbm.history_).set_index("epoch")
axes = right.subplots()
curve = history["pseudo_log_likelihood"].dropna()
(line,) = axes.plot(curve.index, curve, color="C0")
axes.set_xlabel("epoch")
axes.set_ylabel("pseudo-log-likelihood (nats)", color="C0")
twin = axes.twinx()
error = history["reconstruction_error"].dropna()
twin.plot(error.index, error, color="C3", linestyle="--")
twin.set_ylabel("reconstruction error", color="C3")
right.suptitle("Training (higher blue is better)", fontsize=11)

if "__file__" in globals() and not SHORT:
    path = Path("quickstart.png")
    figure.savefig(path, dpi=120)
    print(f"Wrote {path.resolve()}")
plt.show()
