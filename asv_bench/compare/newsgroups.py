"""Perplexity of 20 Newsgroups beside scikit-learn's latent Dirichlet allocation.

    SKEBM_DATA=... python asv_bench/compare/newsgroups.py [--validate] [--seeds 3]

The documents are counts of 1000 words and are split by date. Both models have 50
topics. The perplexity ``exp(-log p / number of words)`` refers to the words of the test
documents in sequence. The perplexity of `DocumentDensity` has the bracket of its
partition functions. The perplexity of LDA is estimated by importance sampling from the
variational posterior of each document, with the topics fixed at their means. The script
also prints LDA's own ``perplexity``, which is a bound that includes the uncertainty of
the topics. `--validate` compares settings on a sixth of the training documents and does
not use the test documents.
"""

import argparse
import time
import warnings

import numpy as np
from _base import folder
from scipy.sparse import csr_matrix
from scipy.special import gammaln, logsumexp
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skebm import DocumentDensity

N_TOPICS = 50
# Settings that --validate compares. The test uses the first setting of each model.
OURS = {
    "20 epochs": {"n_iter": 20},
    "10 epochs": {"n_iter": 10},
    "40 epochs": {"n_iter": 40},
    "defaults": {},
}
LDA = {
    "online, 5 epochs": {"learning_method": "online", "max_iter": 5, "batch_size": 256},
    "online, 10 epochs": {
        "learning_method": "online",
        "max_iter": 10,
        "batch_size": 256,
    },
    "batch, 10 iterations": {"learning_method": "batch", "max_iter": 10},
    "batch, 20 iterations": {"learning_method": "batch", "max_iter": 20},
    "prior 0.1": {
        "learning_method": "online",
        "max_iter": 5,
        "batch_size": 256,
        "doc_topic_prior": 0.1,
    },
}
_N_DRAWS = 200


def load():
    """Return counts of training and test documents, their groups, and the names."""
    with np.load(folder() / "text" / "newsgroups_w1000.npz") as data:
        parts = [
            csr_matrix(
                (
                    data[f"{part}_data"].astype(np.float32),
                    data[f"{part}_indices"],
                    data[f"{part}_indptr"],
                ),
                shape=tuple(data[f"{part}_shape"]),
            )
            for part in ("train", "test")
        ]
        groups = [data[f"y_{part}"] for part in ("train", "test")]
        return *parts, *groups, data["word"], data["group"]


def ours(seed, settings, train, rows):
    """Fit and score `DocumentDensity`."""
    start = time.perf_counter()
    model = DocumentDensity(N_TOPICS, random_state=seed, **settings).fit(train)
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    perplexity = model.perplexity(rows)
    log_z = model.log_partition_.at(np.asarray(rows.sum(axis=1)).ravel())
    ends = [
        perplexity * np.exp((end - log_z.value).sum() / rows.sum())
        for end in (log_z.lower, log_z.upper)
    ]
    return model, {
        "perplexity": f"{perplexity:.1f}",
        "from ... to": f"[{ends[0]:.1f}, {ends[1]:.1f}]",
        "fit (s)": f"{seconds:.0f}",
        "score (s)": f"{time.perf_counter() - start:.0f}",
        "epochs": model.n_iter_,
    }


def theirs(seed, settings, train, rows):
    """Fit and score latent Dirichlet allocation."""
    start = time.perf_counter()
    model = LatentDirichletAllocation(
        N_TOPICS, random_state=seed, n_jobs=-1, **settings
    ).fit(train)
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    rough, fine = (importance_perplexity(model, rows, n) for n in (20, _N_DRAWS))
    return model, {
        "perplexity": f"{fine:.1f}",
        "with 20 draws": f"{rough:.1f}",
        "its bound": f"{model.perplexity(rows):.1f}",
        "fit (s)": f"{seconds:.0f}",
        "score (s)": f"{time.perf_counter() - start:.0f}",
    }


def importance_perplexity(model, rows, n_draws, seed=0):
    """Return LDA's perplexity given its mean topics, by importance sampling.

    ``p(words) = E_q[p(words | theta) p(theta) / q(theta)]`` with q the variational
    posterior. The estimate is too high on average, and less so with more draws.
    """
    rng, prior = np.random.default_rng(seed), model.doc_topic_prior_
    topics = model.components_ / model.components_.sum(axis=1, keepdims=True)
    # The parameters of each q: the prior and the expected counts of topics.
    lengths = np.asarray(rows.sum(axis=1))
    mean, total = model.transform(rows), len(topics) * prior + lengths
    log_prior, log_prob = gammaln(len(topics) * prior) - len(topics) * gammaln(prior), 0
    for i in np.flatnonzero(lengths):
        document, gamma = rows[i], mean[i] * total[i]
        log_theta = np.log(rng.gamma(gamma, size=(n_draws, len(topics))) + 1e-300)
        log_theta -= logsumexp(log_theta, axis=1, keepdims=True)
        log_q = gammaln(gamma.sum()) - gammaln(gamma).sum()
        word_probs = np.exp(log_theta) @ topics[:, document.indices]
        log_weight = np.log(word_probs) @ document.data
        log_weight += log_theta @ (prior - gamma) + log_prior - log_q
        log_prob += logsumexp(log_weight) - np.log(n_draws)
    return np.exp(-log_prob / lengths.sum())


def classify(model, train, rows, y_train, y_rows):
    """Return the accuracy of a logistic regression on the features of a model."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    classifier.fit(model.transform(train), y_train)
    return f"{classifier.score(model.transform(rows), y_rows):.3f}"


def look(model, train, rows, y_train, y_rows, words, groups):
    """Print the topics with the largest weights and the neighbours of documents."""
    strongest = np.argsort(-np.square(model.components_).sum(axis=1))[:12]
    for topic_words in model.topics(10, words)[strongest]:
        print("   ", *topic_words)
    lengths = np.asarray(rows.sum(axis=1)).ravel()
    queries = np.flatnonzero(lengths > 30)[:1000]
    nearest = np.argsort(-model.similarity(rows[queries], train), axis=1)[:, :10]
    for query, found in list(zip(queries, nearest, strict=True))[:200:40]:
        print(f"    {groups[y_rows[query]]}:", *groups[y_train[found[:5]]])
    same = y_train[nearest] == y_rows[queries, None]
    print(f"    the ten nearest are of the same group: {same.mean():.3f}")


def show(name, figures):
    """Print the figures of a fit."""
    print(f"{name}:", ", ".join(f"{k} {v}" for k, v in figures.items()), flush=True)


def main():
    """Print a line for each fit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=("ours", "theirs"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    train, rows, y_train, y_rows, words, groups = load()
    peers = {"ours": (ours, OURS), "theirs": (theirs, LDA)}
    if arguments.only:
        peers = {arguments.only: peers[arguments.only]}
    if arguments.validate:
        train, rows = train_test_split(train, test_size=1 / 6, random_state=0)
        for peer, grid in peers.values():
            for name, settings in grid.items():
                show(f"{peer.__name__}, {name}", peer(0, settings, train, rows)[1])
        return
    for seed in range(arguments.seeds):
        for peer, grid in peers.values():
            model, figures = peer(seed, next(iter(grid.values())), train, rows)
            figures["accuracy"] = classify(model, train, rows, y_train, y_rows)
            show(f"{peer.__name__}, seed {seed}", figures)
            if peer is ours and seed == 0:
                look(model, train, rows, y_train, y_rows, words, groups)


if __name__ == "__main__":
    main()
