"""
Topics of short documents
=========================

:class:`~skebm.DocumentDensity` on documents whose topics are known: words are drawn
from one or two of five topics, as in a newspaper where a story may be about sports and
money. Its hidden units come on together, so they can name both topics of a story. The
perplexities say how well unseen documents are foretold, between the frequencies of
words alone and the best that knowing the true topics allows.
"""

import os

import matplotlib.pyplot as plt
import numpy as np
from scipy.sparse import csr_matrix

from skebm import DocumentDensity

SHORT = bool(os.environ.get("SKEBM_EXAMPLE_SHORT"))

VOCABULARY = {
    "sport": "match team goal coach season league score player win cup",
    "money": "bank share price market profit fund bond loan tax growth",
    "space": "orbit rocket moon launch star probe planet crew mission comet",
    "food": "recipe oven salt butter onion flour sauce bake taste cook",
    "law": "court judge trial appeal jury crime police verdict lawyer guilty",
}
words = np.array([word for topic in VOCABULARY.values() for word in topic.split()])
n_topics, n_words = len(VOCABULARY), len(words)

# %%
# Some words of a topic come more often than others, those of other topics seldom. In
# three of ten cases a document has two topics, else one.
rng = np.random.default_rng(0)
topics = np.full((n_topics, n_words), 0.004)
for k, own in enumerate(np.split(np.arange(n_words), n_topics)):
    topics[k, own] = np.linspace(0.14, 0.03, len(own))
topics /= topics.sum(axis=1, keepdims=True)
SETS = [[k] for k in range(n_topics)]
SETS += [[j, k] for j in range(n_topics) for k in range(j)]
chance = np.where([len(s) == 1 for s in SETS], 0.7 / n_topics, 0.3 / 10)
shares = np.array([topics[s].mean(axis=0) for s in SETS])


def draw(n):
    """Return counts of documents, and the number of the set of topics of each."""
    which = rng.choice(len(SETS), n, p=chance)
    lengths = rng.integers(5, 40, n)
    rows = [rng.multinomial(d, shares[s]) for d, s in zip(lengths, which, strict=True)]
    return csr_matrix(np.array(rows, dtype=np.float32)), which


train, _ = draw(300 if SHORT else 3000)
test, which = draw(1000)

# %%
# Fit, and compare how well unseen documents are foretold.
model = DocumentDensity(n_components=8, n_iter=5 if SHORT else 60, random_state=0)
model.fit(train)
frequency = np.asarray(train.sum(axis=0)).ravel() / train.sum()
truth = np.logaddexp.reduce(test @ np.log(shares).T + np.log(chance), axis=1)
print(f"words alone:     {np.exp(-(test @ np.log(frequency)).sum() / test.sum()):.2f}")
print(f"DocumentDensity: {model.perplexity(test):.2f}")
print(f"the truth:       {np.exp(-truth.sum() / test.sum()):.2f}")
for k, own in enumerate(model.topics(5, words)):
    print(f"topic {k}:", *own)

# %%
# Left: what each hidden unit does to the odds of each word. Middle: how often units are
# on, for documents of each topic alone. Right: documents of one topic lie together,
# those of two between them.
order = np.argsort(model.components_.argmax(axis=1), kind="stable")
alone = [which == k for k in range(n_topics)]
features = model.transform(test)
activity = np.array([features[own].mean(axis=0) for own in alone])

figure, panels = plt.subplots(
    1, 3, figsize=(12, 3.8), layout="constrained", width_ratios=(1.5, 0.9, 1)
)
limit = np.abs(model.components_).max()
image = panels[0].imshow(
    model.components_[order], cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto"
)
figure.colorbar(image, ax=panels[0], label="log-odds (nats)")
panels[0].set_xticks(np.arange(n_topics) * 10 + 4.5, VOCABULARY)
panels[0].set_ylabel("hidden unit")
panels[0].set_title("Weights of the words")
image = panels[1].imshow(activity[:, order].T, cmap="Greys", vmin=0, vmax=1)
panels[1].set_xticks(range(n_topics), VOCABULARY)
panels[1].set_title("Units that are on")
nearest = model.similarity(test[which < n_topics], test[which < n_topics])
by_topic = np.argsort(which[which < n_topics], kind="stable")
panels[2].imshow(nearest[np.ix_(by_topic, by_topic)], cmap="viridis", vmin=0, vmax=1)
ticks = np.cumsum([own.sum() for own in alone]) - np.array([a.sum() for a in alone]) / 2
panels[2].set_xticks(ticks, VOCABULARY)
panels[2].set_yticks(ticks, VOCABULARY)
panels[2].set_title("Similarity of documents")
for panel in panels:
    panel.tick_params(axis="x", labelrotation=45)
plt.show()
