import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import gammaln
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer

from skebm import DocumentDensity
from skebm.partition import AIS, LengthPartition
from tests.models import all_documents, heavy

SMALL = {"n_components": 3, "random_state": 0}


def two_topics(n, rng, length=11):
    """Draw documents of five words: of the first two, or of the last two."""
    topic = rng.integers(0, 2, n)
    share = np.array([[0.45, 0.45, 0.06, 0.02, 0.02], [0.02, 0.02, 0.06, 0.45, 0.45]])
    lengths = rng.integers(1, length, n)
    rows = [rng.multinomial(d, share[k]) for d, k in zip(lengths, topic, strict=True)]
    return np.array(rows, dtype=float), topic, share


@pytest.fixture(scope="module", params=["bursty", "multinomial"])
def fitted(request):
    X, topic, _ = two_topics(307, np.random.default_rng(3))
    return DocumentDensity(words=request.param, n_iter=100, **SMALL).fit(X), X, topic


@heavy
@pytest.mark.parametrize("length", range(4))
def test_probabilities_of_all_sequences_sum_to_one(fitted, length):
    rows, orders = all_documents(5, length)
    total = orders @ np.exp(fitted[0].score_samples(rows))
    np.testing.assert_allclose(total, 1, rtol=1e-6)


@heavy
def test_learns_topics_almost_as_well_as_the_truth(fitted):
    model, _, _ = fitted
    X, topic, share = two_topics(1009, np.random.default_rng(5))
    log_share = X @ np.log(share).T
    best = np.logaddexp.reduce(log_share, axis=1) - np.log(2)
    frequency = X.sum(axis=0) / X.sum()
    unigram = np.exp(-(X @ np.log(frequency)).sum() / X.sum())
    assert model.perplexity(X) < np.exp(-best.sum() / X.sum()) * 1.05 < unigram
    np.testing.assert_allclose(model.score(X), model.score_samples(X).mean())
    expected = np.exp(-model.score_samples(X).sum() / X.sum())
    np.testing.assert_allclose(model.perplexity(X), expected)
    long = X.sum(axis=1) > 5
    alike = model.similarity(X[long][:50], X[long][50:90])
    same = topic[long][:50, None] == topic[long][50:90]
    assert alike.shape == (50, 40)
    assert alike[same].mean() > alike[~same].mean() + 0.2
    words = [set(own) for own in model.topics(2)]
    assert {0, 1} in words or {3, 4} in words


def bursts(n, rng, concentration=0.3):
    """Draw documents of nine words, of which the first or the last four are likely."""
    rows, high = [], np.r_[np.ones(4), 0.2, np.full(4, 0.05)]
    for _ in range(n):
        share = rng.dirichlet(
            concentration * (high if rng.random() < 0.5 else high[::-1])
        )
        rows.append(rng.multinomial(rng.integers(1, 31), share))
    return np.array(rows, dtype=float)


@heavy
def test_repeated_words_are_expected():
    """One compound multinomial beats all topics that have multinomial words."""
    rng = np.random.default_rng(3)
    X, new = bursts(501, rng), bursts(1009, rng)
    bursty, multinomial = (
        DocumentDensity(words=words, n_iter=60, **SMALL).fit(X)
        for words in ("bursty", "multinomial")
    )
    urn = bursty._energy.reference
    log_z = urn.layer.concentration.sum()
    log_z = gammaln(log_z + new.sum(axis=1)) - gammaln(log_z)
    one = np.exp((urn.layer.energy(new) + log_z).sum() / new.sum())
    assert bursty.perplexity(new) < 0.97 * one < 0.9 * multinomial.perplexity(new)
    assert bursty.concentration_.shape == (9,)
    assert (bursty.concentration_ < 2).all()
    assert np.isinf(multinomial.concentration_).all()


def test_unknown_words_are_refused():
    with pytest.raises(ValueError, match="words"):
        DocumentDensity(words="rare", **SMALL).fit(np.eye(3))


@heavy
def test_annealed_scores_are_near_the_exact_ones(fitted):
    model, X, _ = fitted
    annealed = clone(model).set_params(partition=LengthPartition(max_units=0)).fit(X)
    np.testing.assert_array_equal(annealed.components_, model.components_)
    log_z = annealed.log_partition_.at(X.sum(axis=1))
    error = np.abs(annealed.score_samples(X) - model.score_samples(X))
    assert (error <= 6 * log_z.stderr + 1e-9).all()
    some = annealed.score_samples(X[5:7])
    np.testing.assert_array_equal(some, annealed.score_samples(X)[5:7])


@heavy
def test_draws_have_lengths_and_frequencies(fitted):
    model, X, _ = fitted
    drawn = model.sample(2003, random_state=0)
    assert set(drawn.sum(axis=1)) <= set(X.sum(axis=1))
    error = 6 * drawn.std(axis=0) / np.sqrt(len(drawn))
    gap = np.abs(drawn.mean(axis=0) - X.mean(axis=0))
    assert (gap < error + 6 * X.std(axis=0) / np.sqrt(len(X)) + 0.1).all()
    np.testing.assert_array_equal(drawn, model.sample(2003, random_state=0))
    lengths = np.arange(7)
    np.testing.assert_array_equal(model.sample(7, lengths).sum(axis=1), lengths)
    np.testing.assert_array_equal(model.sample(3, 5).sum(axis=1), 5)
    # Pairs of words, whose probabilities the scores give.
    rows, orders = all_documents(5, 2)
    pairs = model.sample(4001, 2, random_state=1)
    hits = (pairs[:, None] == rows).all(axis=2).mean(axis=0)
    expected = orders * np.exp(model.score_samples(rows))
    np.testing.assert_allclose(hits, expected, atol=6 * 0.5 / np.sqrt(4001))


def test_empty_documents_score_zero(fitted):
    model, X, _ = fitted
    empty = np.zeros((2, 5))
    np.testing.assert_array_equal(model.score_samples(empty), 0)
    assert model.perplexity(empty) == 1
    some = np.vstack([X[:50], empty])
    assert np.isfinite(DocumentDensity(n_iter=3, **SMALL).fit(some).score(some))
    nothing = DocumentDensity(n_iter=3, **SMALL).fit(empty)
    np.testing.assert_allclose(nothing.score_samples(np.eye(5)), -np.log(5), atol=0.1)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array])
def test_sparse_documents_give_the_same_fit(kind):
    X, _, _ = two_topics(301, np.random.default_rng(3))
    dense = DocumentDensity(n_iter=2, **SMALL).fit(X)
    model = DocumentDensity(n_iter=2, **SMALL).fit(kind(X))
    np.testing.assert_allclose(model.components_, dense.components_, atol=1e-9)
    np.testing.assert_allclose(model.score_samples(kind(X)), dense.score_samples(X))
    np.testing.assert_allclose(model.transform(kind(X)), dense.transform(X))
    assert sparse.issparse(model.sample(3, random_state=0))


def test_sparse_documents_are_never_densified(monkeypatch):
    X = sparse.random_array((307, 1009), density=0.01, rng=np.random.default_rng(3))
    X = X.tocsr()
    X.data = np.ceil(3 * X.data)
    model = DocumentDensity(n_components=37, n_iter=1, random_state=0)

    def toarray(self, *args, **kwargs):
        assert self.shape[0] <= 100  # the rows of the monitor
        return kept(self, *args, **kwargs)

    kept = sparse.csr_array.toarray
    monkeypatch.setattr(sparse.csr_array, "toarray", toarray)
    monkeypatch.setattr(sparse.csr_array, "todense", None)
    model.fit(X)
    model.energy(X)
    model.transform(X)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_only_counts_are_documents(kind):
    X = np.eye(5)
    model = DocumentDensity(n_iter=1, **SMALL).fit(X)
    X[2, 3] = -1
    for method in (DocumentDensity(**SMALL).fit, model.score_samples, model.transform):
        with pytest.raises(ValueError, match=r"Negative values in data.*counts"):
            method(kind(X))
    X[2, 3] = 0.5
    with pytest.warns(UserWarning, match=r"Fractions in data.*tf-idf") as record:
        model = DocumentDensity(n_iter=1, **SMALL).fit(kind(X))
    assert record[0].filename == __file__
    scores = model.score_samples(kind(X))
    assert np.isfinite(scores).all()


def test_frames_name_the_words():
    X, _, _ = two_topics(53, np.random.default_rng(3))
    frame = pd.DataFrame(X, columns=["ape", "bee", "cat", "dog", "eel"])
    model = DocumentDensity(n_iter=3, **SMALL).fit(frame)
    assert model.topics(2).shape == (3, 2)
    assert set(model.topics(5)[0]) == set(frame.columns)
    np.testing.assert_array_equal(
        model.topics(5, list("vwxyz"))[0],
        np.array(list("vwxyz"))[np.argsort(-model.components_[0])],
    )
    assert list(model.sample(2).columns) == list(frame.columns)
    names = model.set_output(transform="pandas").transform(frame).columns
    assert list(names) == [f"documentdensity{k}" for k in range(3)]


@pytest.mark.parametrize("words", ["bursty", "multinomial"])
def test_weight_is_repetition(words):
    rng = np.random.default_rng(3)
    X, _, _ = two_topics(53, rng)
    weight = rng.integers(0, 4, 53)
    once = DocumentDensity(n_iter=7, words=words, **SMALL).fit(X, sample_weight=weight)
    often = DocumentDensity(n_iter=7, words=words, **SMALL).fit(
        np.repeat(X, weight, axis=0)
    )
    np.testing.assert_allclose(once.components_, often.components_, atol=1e-9)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("words", ["bursty", "multinomial"])
def test_fits_go_on_stop_early_and_survive_pickling(n_jobs, words):
    X, _, _ = two_topics(307, np.random.default_rng(3))
    options = {"early_stopping": True, "n_iter_no_change": 2, "n_jobs": n_jobs}
    model = DocumentDensity(n_iter=40, words=words, **options, **SMALL).fit(X)
    assert {"word_log_likelihood", "validation_score"} < set(model.history_)
    assert model.n_iter_ <= 40
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.score_samples(X), model.score_samples(X))
    before = model.components_.copy()
    for _ in range(5):  # the average is taken every few updates
        model.partial_fit(X)
    assert not np.array_equal(model.components_, before)
    for objective in ("cd", "pcd"):
        other = clone(model).set_params(objective=objective, optimizer="sgd")
        assert np.isfinite(other.fit(X.astype(np.float32)).score(X))
        assert other.components_.dtype == np.float32


@heavy
def test_threads_do_not_change_bits():
    X = np.random.default_rng(3).poisson(0.3, (307, 211)).astype(np.float32)
    models = [
        DocumentDensity(37, n_iter=2, n_jobs=n_jobs, random_state=0).fit(X)
        for n_jobs in (1, 2)
    ]
    for name in ("components_", "concentration_", "intercept_hidden_"):
        np.testing.assert_array_equal(*(getattr(model, name) for model in models))
    np.testing.assert_array_equal(*(model.score_samples(X) for model in models))
    np.testing.assert_array_equal(*(m.sample(7, random_state=0) for m in models))


@pytest.mark.parametrize(
    ("n_components", "stop_words"),
    [(1, None), (5, "english")],
)
def test_similarity_agrees_with_a_reader(n_components, stop_words):
    """Also where the topics are on for one theme and off for the other."""
    texts = [
        *("the dog chased the cat", "a cat and a dog slept", "my cat fears the dog"),
        *("stocks fell and bonds rose", "the bonds beat the stocks"),
        "sell stocks, buy bonds",
    ]
    counts = CountVectorizer(stop_words=stop_words).fit_transform(texts)
    model = DocumentDensity(n_components, random_state=0).fit(counts)
    alike = model.similarity(counts)
    np.testing.assert_allclose(alike, model.similarity(counts, counts))
    np.testing.assert_allclose(np.diag(alike), 1)
    same = np.kron(np.eye(2), np.ones((3, 3))).astype(bool)
    assert alike[same].min() > 0.1 > -0.1 > alike[~same].max()


@pytest.mark.parametrize("words", ["bursty", "multinomial"])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("count", [1e7, 1e15, 1e300])
def test_counts_beyond_all_documents_are_refused(words, kind, count):
    X = np.random.default_rng(0).poisson(1.0, (20, 5)).astype(float)
    long = X.copy()
    long[3, 1] = count
    long = kind(long)
    model = DocumentDensity(2, n_iter=0, words=words, random_state=0)
    with pytest.raises(ValueError, match=r"Row 3 .* at most 1,000,000 words"):
        model.fit(long)
    model.fit(X)
    with pytest.raises(ValueError, match=r"Row 3 .* at most 1,000,000 words"):
        model.partial_fit(long)
    for score in (model.score_samples, model.perplexity):
        with pytest.raises(ValueError, match=r"1,000,000 words|beyond 1e\+150"):
            score(long)
    with pytest.raises(ValueError, match="at most 1,000,000 words"):
        model.sample(2, lengths=count)
    if count < 1e150:  # these do not depend on the length
        assert np.isfinite(model.transform(long)).all()
        assert np.isfinite(model.energy(long)).all()


@pytest.mark.parametrize("words", ["bursty", "multinomial"])
def test_long_documents_are_learned(words):
    X = np.random.default_rng(0).poisson(1.0, (20, 5)).astype(float)
    X[3, 1] = 1e5
    model = DocumentDensity(2, n_iter=1, words=words, random_state=0).fit(X)
    assert np.isfinite(model.partial_fit(X).transform(X)).all()


def test_methods_for_rows_of_a_table_are_refused():
    model = DocumentDensity(2, n_iter=0, partition=AIS())
    with pytest.raises(TypeError, match=r"AIS\(\).*LengthPartition"):
        model.fit(np.ones((3, 2)))
    with pytest.raises(ValueError, match="partition='ais'"):
        model.set_params(partition="ais").fit(np.ones((3, 2)))


@pytest.mark.parametrize("dtype", [">f8", ">f4", ">i4"])
def test_bytes_in_the_order_of_other_machines(dtype):
    X = pd.DataFrame(np.eye(3).astype(dtype))
    model = DocumentDensity(2, n_iter=1, random_state=0).fit(X)
    np.testing.assert_allclose(model.transform(X), model.transform(np.eye(3)))
