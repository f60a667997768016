"""Fits and predictions on a small cluster in this process."""

import pickle
import sys

import dask
import dask.array as da
import dask.dataframe as dd
import distributed
import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal
from scipy.sparse import csr_matrix
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skebm import EBMAnomalyDetector, EnergyClassifier, RBMDensity
from skebm.callbacks import Checkpoint
from skebm.dask import DaskEBMAnomalyDetector, DaskEnergyClassifier, DaskRBMDensity
from skebm.dask import _cluster as of_cluster
from skebm.dask import _rows as rows_of_cluster
from skebm.dask._rows import DaskRows
from skebm.energies import ClassChain
from skebm.utils._parallel import resolve_n_jobs

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Port 8787"),
]
# One update of all rows without chains: shards then do what one machine does.
EXACT = {"objective": "pseudo_likelihood", "optimizer": "sgd", "average": 0.0}


def new_cluster():
    return distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
    )


@pytest.fixture(scope="module")
def client():
    with new_cluster() as cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def bits():
    return (np.random.default_rng(0).random((211, 7)) < 0.4).astype(np.float32)


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(1)
    n = 211
    return pd.DataFrame(
        {
            "age": random.integers(18, 90, n),
            "pay": np.exp(random.normal(3, 1, n)),
            "job": random.choice(["clerk", "cook", "nurse"], n),
            "town": pd.Categorical(random.choice(["B", "A"], n), ["B", "A", "C"]),
            "tall": random.random(n) < 0.3,
        }
    )


def small(cls, **params):
    return cls(**{"n_components": 3, "n_iter": 2, "random_state": 0, **params})


@pytest.mark.parametrize("is_weighted", [False, True])
def test_sums_of_shards_are_the_sums_of_one_machine(client, bits, is_weighted):
    weight = np.arange(len(bits)) % 3 + 0.5 if is_weighted else None
    X = da.from_array(bits, chunks=(50, 4))
    chunks = da.from_array(weight, chunks=83) if is_weighted else None
    ours = small(DaskRBMDensity, n_iter=3, **EXACT).fit(X, sample_weight=chunks)
    plain = small(RBMDensity, n_iter=3, **EXACT).fit(bits, sample_weight=weight)
    assert np.abs(plain.components_).max() > 0.01
    assert_allclose(ours.components_, plain.components_, atol=1e-5)
    assert_allclose(ours.intercept_visible_, plain.intercept_visible_, atol=1e-5)


def test_the_number_of_workers_does_not_change_the_bits(client, bits):
    X = da.from_array(bits, chunks=(50, 7))
    fits = [
        small(DaskRBMDensity, client=client, n_shards=3, batch_size=20).fit(X)
        for _ in range(2)
    ]
    for other in (clone(fits[0]).fit(X), fits[1]):
        assert_array_equal(other.components_, fits[0].components_)
    two = small(DaskRBMDensity, n_shards=2, batch_size=20).fit(X)
    assert (two.components_ != fits[0].components_).any()


def test_checkpoints_are_refused(client, bits, tmp_path):
    rbm = small(DaskRBMDensity).set_callbacks(Checkpoint(tmp_path / "run.skebm"))
    with pytest.raises(ValueError, match="not fits on a cluster"):
        rbm.fit(da.from_array(bits, chunks=(50, 7)))
    assert not list(tmp_path.iterdir())
    assert rbm.fit(bits).n_iter_ == 2


def test_a_lost_worker_costs_a_round_and_changes_no_bit(bits, monkeypatch):
    X = da.from_array(bits, chunks=(50, 7))
    do_epoch, done = DaskRows.do_epoch, []
    with new_cluster() as cluster, distributed.Client(cluster) as client:
        rbm = small(DaskRBMDensity, client=client, n_shards=2, n_iter=3)
        whole = clone(rbm).fit(X)

        def loses_a_worker(self, *facts):
            done.append(do_epoch(self, *facts))
            if len(done) == 1:
                client.sync(cluster.workers[0].close, nanny=False)
            return done[-1]

        monkeypatch.setattr(DaskRows, "do_epoch", loses_a_worker)
        with pytest.warns(RuntimeWarning, match="1 worker was lost"):
            rbm.fit(X)
        assert len(client.nthreads()) == 1
    assert_array_equal(rbm.components_, whole.components_)


@pytest.mark.parametrize("n_shards", [2, 6])
def test_rounds_ahead_change_no_bit(client, bits, monkeypatch, n_shards):
    X = da.from_array(bits, chunks=(50, 7))
    rbm = small(DaskRBMDensity, client=client, n_shards=n_shards, batch_size=20)
    rbm.updates_per_round = 1
    ahead = clone(rbm).fit(X)
    monkeypatch.setattr(rows_of_cluster, "_ROUNDS_AHEAD", 1)
    assert_array_equal(rbm.fit(X).components_, ahead.components_)


def gathers(client, monkeypatch):
    """Return the numbers of things that the client fetches at a time, from now on."""
    gather, counts = client.gather, []

    def counting(futures, **options):
        counts.append(len(futures) if isinstance(futures, list) else 1)
        return gather(futures, **options)

    monkeypatch.setattr(client, "gather", counting)
    return counts


def test_states_that_stay_on_workers_change_no_bit(client, bits, monkeypatch):
    X = da.from_array(bits, chunks=(50, 7))
    rbm = small(DaskRBMDensity, client=client, n_iter=5, n_shards=3, batch_size=20)
    counts = gathers(client, monkeypatch)
    stay = clone(rbm).fit(X)
    assert counts[-5:] == [1] * 5  # the average, and not three states beside it
    monkeypatch.setattr(rows_of_cluster, "_MOST_ROUNDS", 0)
    fetched = rbm.fit(X)
    assert counts[-5:] == [4] * 5
    assert_array_equal(fetched.components_, stay.components_)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_rollbacks_of_states_on_workers_change_no_bit(
    client, bits, monkeypatch, optimizer
):
    X = da.from_array(bits, chunks=(50, 7))
    fits, do_epoch = [], DaskRows.do_epoch
    for most in (64, 0):
        done = []

        def diverges_once(self, training, *facts, done=done):
            done.append(do_epoch(self, training, *facts))
            if len(done) == 3:
                next(iter(training.energy.params.values()))[...] = np.nan
            return done[-1]

        monkeypatch.setattr(rows_of_cluster, "_MOST_ROUNDS", most)
        monkeypatch.setattr(DaskRows, "do_epoch", diverges_once)
        rbm = small(DaskRBMDensity, n_iter=4, n_shards=2, optimizer=optimizer)
        fits.append(rbm.fit(X))
        assert len(done) == 5
    rates = fits[0].history_["learning_rate"]
    assert rates[2] < 0.5 * rates[1]
    assert_array_equal(fits[1].components_, fits[0].components_)


def test_a_worker_lost_between_rounds_changes_no_bit(bits, monkeypatch):
    X = da.from_array(bits, chunks=(50, 7))
    do_round, calls = rows_of_cluster.do_round, []
    with new_cluster() as cluster, distributed.Client(cluster) as client:
        rbm = small(DaskRBMDensity, client=client, n_shards=2, batch_size=10)
        rbm.updates_per_round = 1
        whole = clone(rbm).fit(X)

        def loses_a_worker(*facts):
            calls.append(facts)
            if len(calls) == 7:
                client.loop.add_callback(cluster.workers[0].close, nanny=False)
            return do_round(*facts)

        monkeypatch.setattr(rows_of_cluster, "do_round", loses_a_worker)
        with pytest.warns(RuntimeWarning, match="1 worker was lost"):
            rbm.fit(X)
        assert len(client.nthreads()) == 1
    assert_array_equal(rbm.components_, whole.components_)


def test_predictions_are_lazy_and_those_of_the_ordinary_estimator(client, bits):
    X = da.from_array(bits, chunks=(50, 7))
    rbm = small(DaskRBMDensity, client=client).fit(X)
    local = rbm.to_local()
    assert type(local) is RBMDensity
    for name in ("score_samples", "energy_samples", "transform"):
        lazy = getattr(rbm, name)(X)
        expected = getattr(local, name)(bits)
        assert lazy.chunks[0] == X.chunks[0]
        assert (lazy.shape, lazy.dtype) == (expected.shape, expected.dtype)
        assert_allclose(lazy.compute(), expected, rtol=1e-6)
        assert_allclose(getattr(rbm, name)(bits), expected)
    terms = rbm.pseudo_log_likelihood(X, per_feature=True)
    assert terms.shape == bits.shape
    assert_allclose(rbm.score(X), local.score(bits))
    # What a filter leaves over: chunks of unknown lengths, one of them without rows.
    some = X[da.from_array(np.arange(len(bits)) >= 60, chunks=50)]
    assert_allclose(rbm.score_samples(some).compute(), local.score_samples(bits[60:]))
    other = small(DaskRBMDensity).fit(some)
    assert other.n_features_in_ == bits.shape[1]
    stored = pickle.loads(pickle.dumps(rbm))
    assert stored.client is None
    assert_array_equal(stored.components_, rbm.components_)
    assert not rbm._training.shards


def test_units_and_rows_as_frames(client, frame):
    X = dd.from_pandas(frame, npartitions=3)
    rbm = small(DaskRBMDensity, client=client).fit(X)
    local = rbm.to_local()
    rows = rbm.reconstruct(X)
    assert_frame_equal(rows.compute(), local.reconstruct(frame))
    assert_frame_equal(rows._meta, local.reconstruct(frame)[:0])
    with config_context(transform_output="pandas"):
        assert isinstance(rbm.transform(X), dd.DataFrame)
    whole = X.map_partitions(local.complete, random_state=0, meta=X)
    assert_frame_equal(whole.compute(), frame, check_dtype=False)
    units = rbm.set_output(transform="pandas").transform(X)
    expected = local.set_output(transform="pandas").transform(frame)
    assert list(units.columns) == list(expected.columns)
    assert_frame_equal(units.compute(), expected)
    rbm.set_output(transform="default")
    assert_allclose(rbm.transform(X).compute(), expected)


def test_units_of_arrays_as_frames(client, bits):
    X = da.from_array(bits, chunks=(50, 7))
    rbm = small(DaskRBMDensity, client=client).fit(X)
    local = rbm.to_local()
    assert_allclose(rbm.reconstruct(X).compute(), local.reconstruct(bits), rtol=1e-6)
    units = rbm.set_output(transform="pandas").transform(X).compute()
    assert list(units.columns) == list(rbm.get_feature_names_out())
    assert_allclose(units, local.transform(bits), rtol=1e-6)


@pytest.mark.parametrize("known", [True, False])
def test_frames_settle_as_those_of_pandas(client, frame, known):
    collection = dd.from_pandas(frame, npartitions=4)
    if not known:
        parts = [frame[:60], frame[:0], frame[60:]]
        parts = [p.assign(town=p.town.cat.remove_unused_categories()) for p in parts]
        meta = parts[0][:0].assign(town=unknown_categories())
        collection = dd.from_delayed([dask.delayed(part) for part in parts], meta)
    pandas = collection.compute()
    ours = small(DaskRBMDensity).fit(collection)
    plain = small(RBMDensity).fit(pandas)
    assert ours._table.kinds == plain._table.kinds
    assert_array_equal(ours.unit_names_, plain.unit_names_)
    assert_array_equal(ours.feature_names_in_, plain.feature_names_in_)
    x = ours._encoding.encode(ours._table.matrix(pandas))
    y = plain._encoding.encode(plain._table.matrix(pandas))
    assert_allclose(x, y, atol=1e-5)
    local = ours.to_local().score_samples(pandas)
    assert_allclose(ours.score_samples(collection).compute(), local)
    assert list(ours.sample(2, random_state=0).columns) == list(frame.columns)


def unknown_categories():
    return dask.dataframe.utils.clear_known_categories(pd.Series([], dtype="category"))


def test_classes_are_counted_over_all_shards(client, frame):
    labels = np.where(np.arange(len(frame)) < 190, "no", "yes")
    exact = {"optimizer": "sgd", "average": 0.0, "class_weight": "balanced"}
    X = dd.from_pandas(frame, npartitions=3)
    y = da.from_array(labels, chunks=100)
    ours = small(DaskEnergyClassifier, **exact).fit(X, y)
    plain = small(EnergyClassifier, **exact).fit(X.compute(), labels)
    probability = ours.predict_proba(X)
    assert probability.shape[1] == 2
    assert_allclose(probability.compute(), plain.predict_proba(X.compute()), atol=1e-4)
    assert_array_equal(ours.predict(X).compute(), plain.predict(X.compute()))
    assert_allclose(ours.score(X, y), plain.score(X.compute(), labels))
    assert ours.decision_function(X).ndim == 1


@pytest.mark.parametrize("density", ["experts", "rbm"])
def test_detectors_are_those_of_one_machine(client, frame, density):
    X = dd.from_pandas(frame, npartitions=3)
    ours = DaskEBMAnomalyDetector(density, random_state=0, n_iter=2, client=client)
    if density == "experts":
        ours.set_params(n_iter="auto")
    ours.fit(X)
    local = ours.to_local()
    assert type(local) is EBMAnomalyDetector
    assert_allclose(ours.score_samples(X).compute(), local.score_samples(frame))
    assert_array_equal(ours.predict(X).compute(), local.predict(frame))
    if density == "experts":  # the sample has all of so few rows
        plain = EBMAnomalyDetector(random_state=0).fit(X.compute())
        assert_allclose(ours.offset_, plain.offset_)
    else:
        assert type(local.density_) is RBMDensity


def test_sparse_blocks_stay_sparse(client, bits):
    X = da.from_array(bits, chunks=(50, 7))
    sparse = small(DaskRBMDensity, **EXACT).fit(X.map_blocks(csr_matrix))
    dense = small(DaskRBMDensity, **EXACT).fit(X)
    assert_allclose(sparse.components_, dense.components_, atol=1e-5)
    scores = sparse.score_samples(X.map_blocks(csr_matrix)).compute()
    assert_allclose(scores, dense.score_samples(bits), atol=1e-4)


def test_held_out_rows_are_not_learned_from(client, bits, monkeypatch):
    sizes = []
    do_epoch = DaskRows.do_epoch

    def noting(self, *facts):
        sizes.append((self.shape[0], sum(self._shards[1])))
        return do_epoch(self, *facts)

    monkeypatch.setattr(DaskRows, "do_epoch", noting)
    rbm = small(DaskRBMDensity, early_stopping=True, validation_fraction=0.2)
    rbm.fit(da.from_array(bits, chunks=(50, 7)))
    held_out = round(0.2 * len(bits))
    assert abs(sizes[0][0] - (len(bits) - held_out)) <= 1
    assert sizes[0][0] == sizes[0][1]
    assert "validation_score" in rbm.history_


def test_time_ends_a_fit(client, bits):
    X = da.from_array(bits, chunks=(50, 7))
    rbm = small(DaskRBMDensity, batch_size=20).fit(X)  # compiles what a fit needs
    rbm.set_params(n_iter=10**6, max_time=1).fit(X)
    rates = rbm.history_["learning_rate"]
    assert 1 <= rbm.n_iter_ < 10**6
    assert len(rates) == 1 or rates[-1] < 0.9 * rates[0]


def test_a_fit_goes_on(client, bits):
    X = da.from_array(bits, chunks=(50, 7))
    rbm = small(DaskRBMDensity, warm_start=True).fit(X)
    before, n_iter = rbm.components_.copy(), rbm.n_iter_
    rbm.fit(X)
    assert rbm.n_iter_ == 2 * n_iter
    assert 0 < np.abs(rbm.components_ - before).max() < 0.5


def test_a_search_takes_the_thread_of_its_task(client, bits):
    search = GridSearchCV(small(RBMDensity), {"n_components": [2, 3]}, cv=2)
    with joblib.parallel_config(backend="dask"):
        counts = joblib.Parallel()(
            joblib.delayed(resolve_n_jobs)(None) for _ in range(4)
        )
        search.fit(bits)
    assert counts == [1, 1, 1, 1]
    assert resolve_n_jobs(None) == resolve_n_jobs(-1)
    assert search.best_params_["n_components"] in (2, 3)
    assert client.submit(resolve_n_jobs, None, pure=False).result() == 1


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        (lambda X: DaskRBMDensity().fit(X[:0]), "no partition of X has rows|0 sample"),
        (lambda X: DaskRBMDensity().fit(X[:, 0]), "X must be an array or a data frame"),
        (lambda X: DaskRBMDensity().partial_fit(X), "partial_fit takes rows in memory"),
        (lambda X: DaskRBMDensity(n_shards=0).fit(X), "n_shards=0 must be"),
        (lambda X: DaskRBMDensity().fit(X, sample_weight=[1, 2]), "has 211 rows, but"),
        (
            lambda X: DaskRBMDensity().fit(X, sample_weight=np.zeros(211)),
            "non-zero",
        ),
        (lambda X: DaskRBMDensity().fit(X, sample_weight=-np.ones(211)), "[Nn]egative"),
        (lambda X: DaskRBMDensity(visible="bernoulli").fit(3 * X), "Bernoulli units"),
        (lambda X: DaskEnergyClassifier().fit(X, np.zeros((211, 2))), "2 dimensions"),
        (
            lambda X: DaskEnergyClassifier().fit(X, np.zeros(211)),
            "at least two classes",
        ),
        (lambda X: DaskEnergyClassifier().fit(X, np.arange(211) % 3 - 1), "without a"),
        (
            lambda X: DaskEnergyClassifier(energy=ClassChain()).fit(
                X, np.arange(211) % 2, groups=np.arange(211)
            ),
            "a collection of Dask may cut",
        ),
        (
            lambda X: DaskEnergyClassifier(energy=ClassChain()).fit(
                X, np.arange(211) % 2
            ),
            "each row has a label of its own",
        ),
        (
            lambda X: small(DaskRBMDensity).fit(np.eye(7)).complete(X),
            "takes rows in memory",
        ),
    ],
)
def test_bad_input_gets_a_sentence(client, bits, fit, message):
    with pytest.raises(ValueError, match=message):
        fit(da.from_array(bits, chunks=(50, 7)))


def test_parts_with_other_columns_get_a_sentence(client, frame):
    parts = [frame, frame.rename(columns={"pay": "wage"})]
    X = dd.from_map(
        lambda k: parts[k], [0, 1], meta=frame.iloc[:0], enforce_metadata=False
    )
    with pytest.raises(ValueError, match="different columns"):
        small(DaskRBMDensity).fit(X)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("'0.0'", "has skebm 0.0, but the client has"),
        ("__import__('no_such_package')", "cannot import what skebm needs"),
    ],
)
def test_workers_without_this_version(client, bits, monkeypatch, expression, message):
    monkeypatch.setattr(of_cluster, "_VERSION", expression)
    with pytest.raises(RuntimeError, match=message):
        DaskRBMDensity().fit(da.from_array(bits, chunks=50))


def test_without_a_client(bits, monkeypatch):
    def none(*_, **__):
        raise ValueError("No clients found")

    monkeypatch.setattr(distributed, "get_client", none)
    with pytest.raises(
        ValueError, match=r"Start one, as by client = dask\.distributed"
    ):
        DaskRBMDensity().fit(da.from_array(bits, chunks=50))


def test_without_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    for name in [name for name in sys.modules if name.startswith("skebm.dask")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"pip install 'skebm\[dask\]'"):
        import skebm.dask  # noqa: F401
