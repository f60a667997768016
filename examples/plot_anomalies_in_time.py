"""
Anomalies in time
=================

A value may be usual, and come at the wrong time. This example makes the temperatures of
a machine, every half hour, with a daily cycle. A sensor that hangs shows a usual value,
so a detector of single rows does not see it.
:class:`skebm.preprocessing.WindowTransformer` hands windows of the last rows to
:class:`skebm.EBMAnomalyDetector`, which then sees what does not follow from the hours
before. In the second part the machine gets warmer for good. A detector with a
``half_life`` learns from the stream by ``partial_fit`` and gets used to it.
"""

import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skebm import EBMAnomalyDetector
from skebm.preprocessing import WindowTransformer

SHORT = bool(os.environ.get("SKEBM_EXAMPLE_SHORT"))
DAY = 48  # rows


def temperatures(n_days, seed):
    """Return temperatures every half hour, shape (n_days * DAY, 1)."""
    rng = np.random.default_rng(seed)
    time = np.arange(n_days * DAY)
    weather = np.convolve(rng.normal(size=len(time) + DAY - 1), np.ones(DAY) / 7)
    cycle = 6 * np.sin(2 * np.pi * time / DAY)
    noise = 0.3 * rng.normal(size=len(time))
    return (60 + cycle + weather[DAY - 1 : DAY - 1 + len(time)] + noise)[:, None]


# %%
# Forty days are training rows, without anomalies. In five other days there are a spike,
# a sensor that hangs for four hours, and a loose contact.
train = temperatures(10 if SHORT else 40, 0)
test = temperatures(5, 1)
events = {"spike": (70, 71), "hanging sensor": (118, 126), "loose contact": (190, 198)}
first, last = events["spike"]
test[first:last] += 14
first, last = events["hanging sensor"]
test[first:last] = test[first - 1]
first, last = events["loose contact"]
test[first:last] += 3 * np.random.default_rng(2).normal(size=(last - first, 1))

# %%
# The windows are the last six hours and their differences. A row of the result has no
# later row in it, and each row gets a score. A fault stays in the windows for 6 hours.
detector = EBMAnomalyDetector(contamination=0.005, random_state=0)
windows = WindowTransformer(12, features=["values", "differences", "std"])
models = {
    "single rows": detector,
    "windows of 6 h": make_pipeline(windows, detector),
}
scores = {
    name: model.fit(train).decision_function(test) for name, model in models.items()
}

# %%
# From the third day of this stream on the machine is 25 degrees warmer. Each day is
# scored first, and learned then. With a half-life of two days the detector gets used to
# the new level, and a detector that counts all rows alike does so much later.
n_days = 8 if SHORT else 14
stream = temperatures(n_days, 3)
stream[3 * DAY :] += 25
shares = {}
for half_life in (2 * DAY, None):
    model = EBMAnomalyDetector(half_life=half_life, random_state=0).partial_fit(train)
    shares[half_life] = []
    for day in np.split(stream, n_days):
        shares[half_life].append((model.predict(day) == -1).mean())
        model.partial_fit(day)

# %%
fig, axes = plt.subplots(3, 1, figsize=(9, 8), layout="constrained")
hours = np.arange(len(test)) / DAY
axes[0].plot(hours, test, color="0.3", linewidth=1)
axes[0].set(ylabel="temperature", title="Three faults, of which two have usual values")
for name, (first, last) in events.items():
    for ax in axes[:2]:
        ax.axvspan((first - 1) / DAY, last / DAY, color="C3", alpha=0.15, linewidth=0)
    place = (last + 1) / DAY, 0.96
    axes[0].text(*place, name, transform=axes[0].get_xaxis_transform(), va="top")
for name, values in scores.items():
    axes[1].plot(hours, values, linewidth=1, label=name)
axes[1].axhline(0, color="k", linewidth=0.6)
axes[1].set(xlabel="days", ylabel="decision function (nats)")
axes[1].set_title("Anomalies are below 0")
axes[1].legend(loc="lower left")
labels = {2 * DAY: "half-life of two days", None: "all rows alike"}
for half_life, share in shares.items():
    axes[2].plot(range(n_days), np.multiply(share, 100), "o-", label=labels[half_life])
axes[2].axvline(2.5, color="0.6", linestyle=":")
axes[2].set(xlabel="day of the stream", ylabel="rows flagged (%)")
axes[2].set_title("25 degrees warmer from the dotted line on")
axes[2].legend()
plt.show()
