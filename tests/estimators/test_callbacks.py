import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.callback import ProgressBar
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import skebm
from skebm import EBMAnomalyDetector, EnergyClassifier, RBMDensity
from tests.models import rbm_detector

N_ROWS, N_COLUMNS, N_ITER = 53, 5, 11
SMALL = {"n_components": 3, "n_iter": N_ITER, "random_state": 0}
ALL = [RBMDensity, EnergyClassifier, rbm_detector]


@pytest.fixture
def data(rng):
    X = (rng.random((N_ROWS, N_COLUMNS)) < 0.4).astype(float)
    return X, X[:, 0].astype(int)


class Recorder:
    """Counts epochs; stops or interrupts the fit after one of them."""

    max_propagation_depth = None

    def __init__(self, stop_at=None, interrupt_at=None):
        self.stop_at, self.interrupt_at = stop_at, interrupt_at
        self.events, self.models = [], []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, fitted_estimator=None
    ):
        self.events.append(f"end {context.task_name}")
        if context.task_name != "epoch":
            return False
        self.models.append(fitted_estimator)
        if len(self.models) == self.interrupt_at:
            raise KeyboardInterrupt
        return len(self.models) == self.stop_at


def density_of(model):
    return getattr(model, "density_", model)


def scores(model, X):
    name = "predict_proba" if hasattr(model, "predict_proba") else "score_samples"
    return getattr(model, name)(X)


@pytest.mark.parametrize("make", ALL)
def test_progress_bar(make, data, capsys):
    plain = make(**SMALL).fit(*data)
    model = make(**SMALL).set_callbacks(ProgressBar()).fit(*data)
    np.testing.assert_array_equal(scores(model, data[0]), scores(plain, data[0]))
    assert "100" in capsys.readouterr().out
    model.set_callbacks(ProgressBar()).fit(*data)


@pytest.mark.parametrize("make", ALL)
def test_progress_bar_around_a_search(make, data):
    name = type(make()).__name__.lower()
    search = GridSearchCV(
        make_pipeline(make(**SMALL)),
        {f"{name}__n_components": [2, 3]},
        cv=2,
        scoring=lambda model, X, y: float(np.mean(scores(model, X))),
    )
    search.set_callbacks(ProgressBar()).fit(*data)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("make", [RBMDensity, EnergyClassifier])
def test_partial_fit_reports_one_epoch(make, data):
    recorder = Recorder()
    model = make(**SMALL).set_callbacks(recorder)
    model.partial_fit(*data)
    model.partial_fit(*data)
    assert recorder.events.count("end epoch") == 2
    assert recorder.events.count("teardown") == 2


@pytest.mark.parametrize("make", ALL)
def test_events_come_in_order(make, data):
    recorder = Recorder()
    make(**SMALL).set_callbacks(recorder).fit(*data)
    epochs = [event for event in recorder.events if "epoch" in event]
    assert epochs == ["begin epoch", "end epoch"] * N_ITER
    assert recorder.events[0] == "setup"
    assert recorder.events[-1] == "teardown"
    begun = [e.removeprefix("begin ") for e in recorder.events if "begin" in e]
    ended = [e.removeprefix("end ") for e in recorder.events if e.startswith("end")]
    assert sorted(begun) == sorted(ended)


@pytest.mark.parametrize("make", ALL)
def test_a_callback_that_returns_true_stops(make, data):
    model = make(**SMALL).set_callbacks(Recorder(stop_at=7)).fit(*data)
    assert model.n_iter_ == 7
    assert len(pd.DataFrame(model.history_)) == 7
    assert np.isfinite(scores(model, data[0])).all()


@pytest.mark.parametrize("make", [RBMDensity, EnergyClassifier])
def test_fitted_estimator_is_usable_and_stays_as_it_was(make, data):
    recorder = Recorder()
    params = {**SMALL, "schedule": "constant"}
    make(**params).set_callbacks(recorder).fit(*data)
    assert len(recorder.models) == N_ITER
    short = make(**{**params, "n_iter": 7}).fit(*data)
    np.testing.assert_allclose(
        scores(recorder.models[6], data[0]), scores(short, data[0])
    )
    assert recorder.models[6].n_iter_ == 7
    assert recorder.models[6].history_["epoch"] == list(range(1, 8))
    first, last = (scores(recorder.models[i], data[0]) for i in (0, -1))
    assert (first != last).any()


def test_fitted_estimators_of_an_anomaly_detector(data):
    recorder = Recorder()
    model = EBMAnomalyDetector("rbm", **SMALL).set_callbacks(recorder).fit(*data)
    np.testing.assert_allclose(
        scores(recorder.models[-1], data[0]), scores(model, data[0])
    )


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("batch_size", ["auto", 7])
def test_interruption_keeps_the_last_finished_epoch(make, batch_size, data):
    # Raised at the end of epoch 7, which therefore did not finish: 6 did.
    params = {**SMALL, "batch_size": batch_size}
    if make is not rbm_detector:
        params["schedule"] = "constant"
    recorder = Recorder(interrupt_at=7)
    model = make(**params).set_callbacks(recorder)
    with (
        pytest.warns(ConvergenceWarning, match="interrupted after 6 finished"),
        pytest.raises(KeyboardInterrupt),
    ):
        model.fit(*data)
    assert model.n_iter_ == 6
    assert density_of(model).history_["epoch"] == list(range(1, 7))
    np.testing.assert_allclose(
        density_of(model).components_, recorder.models[5].components_
    )
    np.testing.assert_allclose(
        scores(density_of(model), data[0]), scores(recorder.models[5], data[0])
    )
    assert recorder.events[-1] == "teardown"
    if make is rbm_detector:
        assert set(model.predict(data[0])) <= {-1, 1}
        return
    model.set_callbacks()
    model.partial_fit(*data)
    assert model.n_iter_ == 7
    assert np.isfinite(scores(model, data[0])).all()


@pytest.mark.parametrize("make", ALL)
def test_interruption_before_the_first_epoch_ends(make, data):
    model = make(**SMALL).set_callbacks(Recorder(interrupt_at=1))
    with (
        pytest.warns(ConvergenceWarning, match="interrupted after 0 finished"),
        pytest.raises(KeyboardInterrupt),
    ):
        model.fit(*data)
    assert np.isfinite(scores(model, data[0])).all()


SIGNALS = """
import os, signal, sys, warnings
import numpy as np
from skebm import EnergyClassifier, RBMDensity
from tests.models import rbm_detector

class Ready:
    n_epochs = 0
    def setup(self, estimator, context): pass
    def teardown(self, estimator, context): pass
    max_propagation_depth = None
    def on_fit_task_begin(self, estimator, context): pass
    def on_fit_task_end(self, estimator, context):
        self.n_epochs += 1
        if self.n_epochs == 3:
            print("ready", flush=True)

X = np.random.default_rng(0).integers(0, 2, (2003, 29)).astype(float)
for make in (RBMDensity, EnergyClassifier, rbm_detector):
    model = make(n_components=31, n_iter=10**6, random_state=0)
    model.set_callbacks(Ready())
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(X, X[:, 0])
    except KeyboardInterrupt:
        pass
    else:
        sys.exit("no KeyboardInterrupt")
    assert any("interrupted" in str(w.message) for w in caught), caught
    assert model.n_iter_ >= 2  # the third may end after its callback
    density = getattr(model, "density_", model)
    assert np.isfinite(density.components_).all()
    model.predict(X) if hasattr(model, "predict") else model.transform(X)
    density.set_callbacks()
    if hasattr(model, "partial_fit"):
        n_iter = model.n_iter_
        model.partial_fit(X, X[:, 0])
        assert model.n_iter_ == n_iter + 1
    print("done", flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals differ there")
def test_ctrl_c():
    environment = {
        **os.environ,
        "PYTHONPATH": os.path.dirname(os.path.dirname(skebm.__file__)),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", SIGNALS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        for _ in ALL:
            assert process.stdout.readline().strip() == "ready", process.stderr.read()
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline().strip() == "done", process.stderr.read()
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, error
