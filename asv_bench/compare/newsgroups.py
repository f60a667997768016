"""Perplexity of 20 Newsgroups beside latent Dirichlet allocation and simple models.

    SKEBM_DATA=... python asv_bench/compare/newsgroups.py [--validate] [--seeds 3]

The documents are counts of 1000 words and are split by date. `DocumentDensity` and
scikit-learn's latent Dirichlet allocation have 50 topics. The simple models are the
frequencies of the words, one Dirichlet compound multinomial, and a mixture of 20 of
them, which EM fits without the groups. Their perplexities are exact.

The perplexity ``exp(-log p / number of words)`` refers to the words of the test
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
from scipy.special import digamma, gammaln, logsumexp
from sklearn.cluster import KMeans
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize

from skebm import DocumentDensity

N_TOPICS = 50
# Settings that --validate compares. The test uses the first setting of each model.
OURS = {
    "defaults": {},
    "20 epochs": {"n_iter": 20},
    "40 epochs": {"n_iter": 40},
    "multinomial words, 20 epochs": {"words": "multinomial", "n_iter": 20},
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
SIMPLE = {
    "frequencies of the words": {"n_clusters": 0},
    "one compound multinomial": {"n_clusters": 1},
    "mixture of 20": {"n_clusters": 20},
    "mixture of 50": {"n_clusters": 50},
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


def simple(seed, settings, train, rows):
    """Fit and score a mixture of Dirichlet compound multinomials, or one, or none."""
    start = time.perf_counter()
    lengths = np.asarray(rows.sum(axis=1)).ravel()
    if settings["n_clusters"] == 0:
        counts = np.asarray(train.sum(axis=0)).ravel() + 1 / train.shape[1]
        log_prob = rows @ np.log(counts / counts.sum())
    else:
        shares, concentrations = compound_mixture(train, seed=seed, **settings)
        log_prob = logsumexp(
            np.log(shares) + compound_log_prob(rows, concentrations), axis=1
        )
    return None, {
        "perplexity": f"{np.exp(-log_prob.sum() / lengths.sum()):.1f}",
        "fit and score (s)": f"{time.perf_counter() - start:.0f}",
    }


def compound_log_prob(rows, concentrations):
    """Return log-probabilities of documents as sequences, shape (n, n_clusters)."""
    rows, out = rows.tocoo(), []
    lengths = np.asarray(rows.sum(axis=1)).ravel()
    for a in concentrations:
        terms = gammaln(rows.data + a[rows.col]) - gammaln(a)[rows.col]
        log_prob = np.bincount(rows.row, terms, minlength=rows.shape[0])
        out.append(log_prob + gammaln(a.sum()) - gammaln(a.sum() + lengths))
    return np.array(out).T


def compound_mixture(rows, n_clusters, n_iter=40, n_steps=5, seed=0):
    """Fit a mixture of Dirichlet compound multinomials by EM, from K-means.

    Each step of EM makes some steps of Minka's fixed-point iteration. Each cluster has
    one word more, which is drawn from the frequencies of all words.
    """
    lengths = np.asarray(rows.sum(axis=1)).ravel()
    frequency = np.asarray(rows.sum(axis=0)).ravel() + 1 / rows.shape[1]
    frequency /= frequency.sum()
    labels = KMeans(n_clusters, n_init=1, random_state=seed).fit_predict(
        normalize(rows.sqrt())
    )
    weight, cells = np.eye(n_clusters)[labels], rows.tocoo()
    concentrations = np.tile(30 * frequency, (n_clusters, 1))
    for _ in range(n_iter if n_clusters > 1 else 20):
        shares = weight.mean(axis=0)
        for k, a in enumerate(concentrations):
            w = weight[:, k]
            for _ in range(n_steps):
                gain = digamma(cells.data + a[cells.col]) - digamma(a)[cells.col]
                gain = np.bincount(cells.col, w[cells.row] * gain, minlength=len(a))
                total = a.sum()
                loss = w @ (digamma(lengths + total) - digamma(total)) + 1 / total
                a *= (gain + frequency / a) / loss
        log_weight = np.log(shares) + compound_log_prob(rows, concentrations)
        weight = np.exp(log_weight - logsumexp(log_weight, axis=1, keepdims=True))
    return shares, concentrations


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
    parser.add_argument("--only", choices=("ours", "theirs", "simple"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    train, rows, y_train, y_rows, words, groups = load()
    peers = {
        "ours": (ours, OURS),
        "theirs": (theirs, LDA),
        "simple": (simple, SIMPLE),
    }
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
            for name, settings in grid.items() if peer is simple else ():
                show(f"{name}, seed {seed}", peer(seed, settings, train, rows)[1])
            if peer is simple:
                continue
            model, figures = peer(seed, next(iter(grid.values())), train, rows)
            figures["accuracy"] = classify(model, train, rows, y_train, y_rows)
            show(f"{peer.__name__}, seed {seed}", figures)
            if peer is ours and seed == 0:
                look(model, train, rows, y_train, y_rows, words, groups)


if __name__ == "__main__":
    main()
