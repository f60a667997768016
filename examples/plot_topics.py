"""
Topics of short documents
=========================

This example fits :class:`~skebm.DocumentDensity` to documents whose topics are known.
The words of a document are drawn from one or two of five topics, as in a newspaper
where a story may be about sports and money. Several hidden units can be on in one
document, so they can represent both topics. The perplexity measures how well the model
predicts unseen documents. It lies between the perplexity of the word frequencies alone
and the perplexity of the true distribution.
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
# A topic gives its words different probabilities, and gives the words of other topics
# small probabilities. Three of ten documents have two topics, and the others have one.
rng = np.random.default_rng(0)
topics = np.full((n_topics, n_words), 0.004)
for k, columns in enumerate(np.split(np.arange(n_words), n_topics)):
    topics[k, columns] = np.linspace(0.14, 0.03, len(columns))
topics /= topics.sum(axis=1, keepdims=True)
SETS = [[k] for k in range(n_topics)]
SETS += [[j, k] for j in range(n_topics) for k in range(j)]
chance = np.where([len(s) == 1 for s in SETS], 0.7 / n_topics, 0.3 / 10)
shares = np.array([topics[s].mean(axis=0) for s in SETS])


def draw(n):
    """Return the counts of documents, and the number of each document's topic set."""
    which = rng.choice(len(SETS), n, p=chance)
    lengths = rng.integers(5, 40, n)
    rows = [rng.multinomial(d, shares[s]) for d, s in zip(lengths, which, strict=True)]
    return csr_matrix(np.array(rows, dtype=np.float32)), which


train, _ = draw(300 if SHORT else 3000)
test, which = draw(1000)

# %%
# Fit the model, and compare the perplexities of unseen documents. A word of these
# documents is not repeated more often than its topics say, as words of real texts are.
# So the words are ``"multinomial"``, and not ``"bursty"``, which is the default.
model = DocumentDensity(
    n_components=8, words="multinomial", n_iter=5 if SHORT else 60, random_state=0
)
model.fit(train)
frequency = np.asarray(train.sum(axis=0)).ravel() / train.sum()
truth = np.logaddexp.reduce(test @ np.log(shares).T + np.log(chance), axis=1)
print(f"words alone:     {np.exp(-(test @ np.log(frequency)).sum() / test.sum()):.2f}")
print(f"DocumentDensity: {model.perplexity(test):.2f}")
print(f"the truth:       {np.exp(-truth.sum() / test.sum()):.2f}")
for k, topic_words in enumerate(model.topics(5, words)):
    print(f"topic {k}:", *topic_words)

# %%
# The left panel shows how each hidden unit changes the log-odds of each word. The
# middle panel shows how often each hidden unit is on, for documents with one topic. The
# right panel shows that documents with the same topic are similar.
order = np.argsort(model.components_.argmax(axis=1), kind="stable")
has_topic = [which == k for k in range(n_topics)]
features = model.transform(test)
activity = np.array([features[rows].mean(axis=0) for rows in has_topic])

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
n_documents = np.array([rows.sum() for rows in has_topic])
ticks = np.cumsum(n_documents) - n_documents / 2
panels[2].set_xticks(ticks, VOCABULARY)
panels[2].set_yticks(ticks, VOCABULARY)
panels[2].set_title("Similarity of documents")
for panel in panels:
    panel.tick_params(axis="x", labelrotation=45)
plt.show()
