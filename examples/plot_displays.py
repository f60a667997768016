"""
Look at a fitted model
======================

The displays of :mod:`skebm.inspection` show what a model has learned. They work as the
displays of scikit-learn do: ``from_estimator`` computes and plots, and the display
keeps the numbers and the axes.
"""

import os

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits, load_iris

from skebm import RBMDensity
from skebm.inspection import (
    ChainDisplay,
    EnergyGapDisplay,
    EnergyLandscapeDisplay,
    FilterDisplay,
    SampleDisplay,
    TrainingCurveDisplay,
)

SHORT = bool(os.environ.get("SKEBM_EXAMPLE_SHORT"))

# %%
# Iris flowers are a table of four numbers and a category.
iris = load_iris(as_frame=True)
table = iris.data.rename(columns=lambda name: name.removesuffix(" (cm)"))
table["species"] = pd.Categorical(iris.target_names[iris.target])
density = RBMDensity(n_components=8, random_state=0)
density.set_params(n_iter=20 if SHORT else "auto").fit(table)

# %%
# The energy landscape of two columns. On the left the other columns are averaged out.
# In the middle they have their means and the most frequent category. No flower has
# these values together, so the landscape differs, and it has a minimum where no rows
# are. On the right a category has a strip for each level.
petals = ("petal length", "petal width")
options = {"grid_resolution": 40 if SHORT else 100, "random_state": 0}
figure, axes = plt.subplots(1, 3, figsize=(14, 4), layout="constrained")
marginal = EnergyLandscapeDisplay.from_estimator(
    density, table, petals, ax=axes[0], **options
)
EnergyLandscapeDisplay.from_estimator(
    density, table, petals, others="mean", ax=axes[1], **options
)
EnergyLandscapeDisplay.from_estimator(
    density, table, ("petal length", "species"), ax=axes[2], **options
)
titles = ["others averaged out", "others at their means", "a category"]
for ax, title in zip(axes, titles, strict=True):
    ax.set_title(title)

# %%
# Draws beside rows. The diagonal has the distribution of each column.
SampleDisplay.from_estimator(
    density, table, features=["sepal width", *petals, "species"], random_state=0
)

# %%
# A model of binary pictures: its training, and whether it overfits. The anomalies are
# digits whose pixels are shuffled.
pictures = (load_digits().data > 7).astype(np.float32)
train, test = pictures[:1200], pictures[1200:]
rbm = RBMDensity(n_components=64, early_stopping=True, random_state=0)
rbm.set_params(n_iter=20 if SHORT else 300, n_iter_no_change=50).fit(train)
shuffled = np.random.default_rng(0).permuted(test, axis=1)

figure, axes = plt.subplots(1, 3, figsize=(15, 4), layout="constrained")
TrainingCurveDisplay.from_estimator(rbm, ax=axes[0])
gap = EnergyGapDisplay.from_estimator(rbm, train, test, shuffled, ax=axes[1])
chains = ChainDisplay.from_estimator(rbm, random_state=0, ax=axes[2])

# %%
# Hidden units look for patterns of pixels. Draws look like digits if the model has
# learned enough.
FilterDisplay.from_estimator(rbm, shape=(8, 8), n_filters=24)
SampleDisplay.from_estimator(rbm, test, shape=(8, 8), random_state=0)
plt.show()

print("Minima of the energy of the petals (cm):")
print(marginal.minima.round(1))
print(f"Gap of the energies: {gap.gap_:.1f} nats. R-hat: {chains.rhat_:.3f}")
