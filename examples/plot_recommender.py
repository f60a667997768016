"""
Recommend films, and say why and how sure
=========================================

:class:`skebm.EnergyRecommender` learns an energy of the ratings of a person. It
predicts how someone would rate a film, with a probability for each number of stars,
recommends films to known and new people, and says which ratings speak for a film. Here
the ratings are drawn, so it is known what people like: each of them likes some genres.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from skebm import EnergyRecommender
from skebm.model_selection import RatingKFold

rng = np.random.default_rng(0)

# %%
# Ratings as a table
# ------------------
# A film is of one genre, or of two. A person rates about a third of the films, and
# rather those that he or she likes.
genres = ["comedy", "horror", "western"]
n_people, n_films = 600, 60
likes = rng.normal(size=(n_people, len(genres)))
shares = rng.dirichlet(np.full(len(genres), 0.3), n_films)
films = np.array(
    [f"{genres[share.argmax()]} {k}" for k, share in enumerate(shares)], dtype=object
)
taste = likes @ shares.T + 0.5 * rng.normal(size=n_films)
stars = np.clip(np.rint(3.2 + taste + 0.6 * rng.normal(size=taste.shape)), 1, 5)
seen = rng.random(taste.shape) < 1 / (1 + np.exp(1.0 - 0.5 * taste))
person, film = np.nonzero(seen)
ratings = pd.DataFrame({"user": person, "item": films[film], "rating": stars[seen]})
print(ratings.head())

# %%
# A table of ratings is divided by ratings: everybody stays, and a fifth of what each
# person said is hidden.
table = EnergyRecommender.from_frame(ratings)
known, hidden = next(RatingKFold(5, random_state=0).split(table))
train, test = table[known], table[hidden]
model = EnergyRecommender(random_state=0).fit(train)

# %%
# How good are the predictions?
# -----------------------------
# The error is less than that of the mean rating of a film, and near to the noise with
# which the ratings were drawn. The score is the mean log-probability of a rating.
means = pd.Series(train.ratings).groupby(train.items).mean()
by_film = means.reindex(test.items).fillna(train.ratings.mean()).to_numpy()


def rmse(predicted):
    """Return the root of the mean square error of hidden ratings."""
    return np.sqrt(np.mean((predicted - test.ratings) ** 2))


print(f"mean of the film {rmse(by_film):.3f}, skebm {rmse(model.predict(test)):.3f}")
print(f"{model.score(test):.3f} nats a rating, {-np.log(5):.3f} by chance")

# %%
# Probabilities are calibrated: of the ratings that are given a probability of 30 %,
# about 30 % are right.
probability = model.predict_proba(test)
is_right = test.ratings[:, None] == model.levels_
edges = np.linspace(0, 1, 11)
bins = np.digitize(probability, edges) - 1
inside = [k for k in range(10) if (bins == k).sum() > 20]

fig, ax = plt.subplots(figsize=(4.2, 4))
ax.plot([0, 1], [0, 1], color="grey", linewidth=1)
ax.plot(
    [probability[bins == k].mean() for k in inside],
    [is_right[bins == k].mean() for k in inside],
    marker="o",
)
ax.set_xlabel("probability of a number of stars")
ax.set_ylabel("share of ratings that have it")
fig.tight_layout()

# %%
# A person whom the model has not seen
# ------------------------------------
# Nothing is fitted again: the ratings of a new person are a row of a sparse matrix.
place = {name: k for k, name in enumerate(model.item_ids_)}
comedies, horrors = (
    [name for name in model.item_ids_ if name.startswith(genre)][:4]
    for genre in ("comedy", "horror")
)
row = np.zeros((1, n_films))
row[0, [place[name] for name in comedies[:3]]] = 5
row[0, [place[name] for name in horrors[:2]]] = 1
fan = csr_array(row)
items, scores = model.recommend(fan, n=5)
print(pd.Series(scores[0], items[0], name="expected stars").round(2))

# %%
# Which ratings speak for the last comedy? The contributions sum to the expected rating.
print(model.explain(fan, comedies[3]).round(2))

# %%
# The energy of two ratings
# -------------------------
# The energy of a pair of ratings, given what the person has said, is minus the
# logarithm of their probability: that of the first rating, and that of the second one
# when the first is known. A fan of comedies gives a comedy many stars and a horror film
# few.
second = horrors[3]
energy = -np.log(model.predict_proba(fan, [comedies[3]]).T)
energies = []
for level, value in zip(model.levels_, energy[:, 0], strict=True):
    more = row.copy()
    more[0, place[comedies[3]]] = level
    energies.append(value - np.log(model.predict_proba(csr_array(more), [second])[0]))

fig, ax = plt.subplots(figsize=(4.6, 4))
picture = ax.imshow(np.array(energies).T, origin="lower", cmap="viridis_r")
ticks = np.arange(len(model.levels_)), model.levels_.astype(int)
ax.set_xticks(*ticks)
ax.set_yticks(*ticks)
ax.set_xlabel(f"stars for {comedies[3]}")
ax.set_ylabel(f"stars for {second}")
fig.colorbar(picture, ax=ax, label="energy in nats")
fig.tight_layout()

# %%
# Films that are alike
# --------------------
# The similarity of two films is the correlation of their ratings.
names, likeness = model.similar_items(comedies[0], n=5)
print(pd.Series(likeness, names, name=f"similarity to {comedies[0]}").round(2))

# %%
# What hidden units stand for
# ---------------------------
# A restricted Boltzmann machine of ratings has hidden units. A unit that is on adds the
# energy of its weights to the ratings above the mean, so films of one sign are liked by
# the same people. Each row has the films with the largest weights of a unit.
machine = EnergyRecommender("rbm", random_state=0).fit(train)
weights = machine.energy_.weights
strongest = np.argsort(-np.abs(weights).sum(axis=0))[:4]

fig, axes = plt.subplots(2, 2, figsize=(7, 5), sharex=True, layout="constrained")
for unit, ax in zip(strongest, axes.flat, strict=True):
    order = np.argsort(weights[:, unit])
    ends = np.concatenate([order[:4], order[-4:]])
    ax.barh(machine.item_ids_[ends], weights[ends, unit])
    ax.axvline(0, color="grey", linewidth=1)
    ax.set_title(f"hidden unit {unit}")
fig.supxlabel("weight")
plt.show()
