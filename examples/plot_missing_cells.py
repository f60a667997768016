"""
Imputation of missing values
============================

This example removes cells at random from a table of measurements and diagnoses.
:class:`skebm.EnergyImputer` learns the joint density of all columns from the remaining
cells. It replaces a missing number by the posterior mean, and a missing category by the
most probable category. It also returns posterior intervals: nine of ten missing numbers
should lie in their 90 % intervals.
"""

import os

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from skebm import EnergyImputer

SHORT = bool(os.environ.get("SKEBM_EXAMPLE_SHORT"))

# %%
# The table has ten numbers and a category. Every second row is a training row.
data = load_breast_cancer(as_frame=True)
table = data.data.iloc[:, :10].rename(columns=lambda name: name.removeprefix("mean "))
numbers = list(table.columns)
table = (table - table.mean()) / table.std()
diagnosis = pd.Categorical(data.target_names[data.target])
table = table.assign(diagnosis=diagnosis)
train, test = table[::2], table[1::2]


def pierce(frame, share, seed):
    """Return the frame without a share of its cells, and where cells are missing."""
    holes = np.random.default_rng(seed).random(frame.shape) < share
    pierced = frame.mask(holes)
    return pierced.astype({"diagnosis": table["diagnosis"].dtype}), holes


# %%
# The error of the imputed numbers is measured in standard deviations. The imputers of
# scikit-learn get the diagnosis as a number.
def as_numbers(frame):
    """Return the frame with the diagnosis as a number, 0 or 1."""
    codes = frame["diagnosis"].cat.codes.astype(float)
    return frame.assign(diagnosis=codes.where(codes >= 0))


shares = [0.3] if SHORT else [0.1, 0.2, 0.3, 0.4, 0.5]
errors = {}
for share in shares:
    pierced, _ = pierce(train, share, 0)
    incomplete, holes = pierce(test, share, 1)
    imputers = {
        "mean": SimpleImputer(),
        "KNNImputer": KNNImputer(),
        "IterativeImputer": IterativeImputer(random_state=0, max_iter=30),
        "EnergyImputer": EnergyImputer(random_state=0, n_iter=100 if SHORT else "auto"),
    }
    for name, imputer in imputers.items():
        if name == "EnergyImputer":
            imputer.set_output(transform="pandas").fit(pierced)
            filled = imputer.transform(incomplete)[numbers]
        else:
            imputer.fit(as_numbers(pierced))
            filled = imputer.transform(as_numbers(incomplete))[:, : len(numbers)]
        missing = holes[:, : len(numbers)]
        error = np.asarray(filled)[missing] - test[numbers].to_numpy()[missing]
        errors.setdefault(name, []).append(np.sqrt(np.mean(error**2)))

# %%
# These are the intervals of one column at the largest share of missing cells.
column = "radius"
lower, upper = imputer.posterior_interval(incomplete)
missing = holes[:, numbers.index(column)]
truth = test[column][missing].sort_values()
low, high, guess = (frame[column][truth.index] for frame in (lower, upper, filled))
inside = ((low <= truth) & (truth <= high)).mean()

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.5, 4), layout="constrained")
styles = {"mean": ":", "KNNImputer": "--", "IterativeImputer": "-."}
for name, values in errors.items():
    axes[0].plot(
        np.multiply(shares, 100), values, styles.get(name, "-"), marker="o", label=name
    )
axes[0].set(
    xlabel="cells missing (%)",
    ylabel="error of missing numbers (standard deviations)",
    title="Unseen rows, ten numbers",
    ylim=(0, None),
)
axes[0].legend(loc="lower right")
rank = np.arange(len(truth))
axes[1].vlines(rank, low, high, color="C0", alpha=0.35, label="90 % interval")
axes[1].plot(rank, guess, "o", color="C0", markersize=3, label="posterior mean")
axes[1].plot(rank, truth, "_", color="k", markersize=6, label="true value")
axes[1].set(
    xlabel=f"rows without the {column}, in the order of its true value",
    ylabel=f"{column} (standard deviations)",
    title=f"{inside:.0%} of true values inside, {shares[-1]:.0%} missing",
)
axes[1].legend(loc="upper left")
plt.show()
