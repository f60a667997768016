import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_info

import skebm
from skebm import EnergyClassifier, RBMDensity
from skebm.utils._parallel import resolve_n_jobs
from skebm.utils._sklearn import available_threads
from tests.models import heavy, rbm_detector

SMALL = {"n_components": 7, "n_iter": 5, "random_state": 0}
ALL = [RBMDensity, EnergyClassifier, rbm_detector]
# The body of a script: some rows with structure, and their labels.
ROWS = """
import numpy as np
random = np.random.default_rng(0)
group = random.random((211, 1)) < 0.4
X = (random.random((211, 17)) < np.where(group, 0.8, 0.3)).astype(float)
y = group[:, 0].astype(int)
"""


def run(script, timeout=400, **environment):
    """Run a script in a fresh interpreter; return the last line that it prints."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.path.dirname(os.path.dirname(skebm.__file__)),
        **environment,
    }
    done = subprocess.run(
        [sys.executable, "-c", ROWS + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


@pytest.fixture
def rows(rng):
    group = rng.random((211, 1)) < 0.4
    X = (rng.random((211, 17)) < np.where(group, 0.8, 0.3)).astype(float)
    return X, group[:, 0].astype(int)


def blas_threads():
    return {
        pool["filepath"]: pool["num_threads"]
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    }


@heavy
@pytest.mark.parametrize("kind", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("make", [RBMDensity, EnergyClassifier])
def test_parameters_do_not_depend_on_n_jobs(make, kind, rng):
    X = rng.random((211, 307)).astype(np.float32)
    X = (X < 0.3).astype(np.float32) if kind == "bernoulli" else X
    y = np.arange(211) % 3
    models = [
        make(401, visible=kind, n_iter=3, n_jobs=n_jobs, random_state=0).fit(X, y)
        for n_jobs in (1, 2)
    ]
    one, two = models
    np.testing.assert_array_equal(one.components_, two.components_)
    np.testing.assert_array_equal(one.intercept_visible_, two.intercept_visible_)
    np.testing.assert_array_equal(one.intercept_hidden_, two.intercept_hidden_)
    method = "class_energy" if make is EnergyClassifier else "energy"
    found, expected = (getattr(model, method)(X) for model in models)
    np.testing.assert_array_equal(found, expected)


@heavy
def test_the_model_above_is_large_enough_for_blocks(rng, monkeypatch):
    crew = skebm.utils._parallel._Crew()
    monkeypatch.setattr("skebm.utils._parallel._crew", crew)
    if available_threads() < 2:
        pytest.skip("needs two cores")
    X = (rng.random((211, 307)) < 0.3).astype(np.float32)
    RBMDensity(401, n_iter=1, n_jobs=2).fit(X)
    assert crew.calls[0] > 0


@heavy
@pytest.mark.parametrize("make", [RBMDensity, EnergyClassifier])
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_grid_search_gives_equal_results_on_every_backend(make, backend, rows):
    name = make.__name__.lower()
    steps = [make(**SMALL)]
    if make is RBMDensity:
        steps.append(LogisticRegression())
    grid = {f"{name}__n_components": [3, 7], f"{name}__n_jobs": [None, 2]}
    serial = GridSearchCV(make_pipeline(*steps), grid, cv=2).fit(*rows)
    with parallel_config(backend):
        search = GridSearchCV(make_pipeline(*steps), grid, cv=2, n_jobs=2).fit(*rows)
    np.testing.assert_array_equal(
        serial.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"]
    )
    np.testing.assert_array_equal(
        serial.best_estimator_[0].components_, search.best_estimator_[0].components_
    )


@heavy
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("make", ALL)
def test_fit_in_a_forked_child_after_a_fit_in_the_parent(make):
    run(
        f"""
        import multiprocessing, warnings
        warnings.simplefilter("ignore")
        from skebm import EnergyClassifier, RBMDensity
        from tests.models import rbm_detector
        wide = np.tile(X, (3, 20)).astype(np.float32)

        def work():
            model = {make.__name__}(
                n_components={7 if make is rbm_detector else 401},
                n_iter=2, n_jobs=2, random_state=0,
            )
            model.fit(wide, np.tile(y, 3))
            return getattr(model, "density_", model).components_

        if __name__ == "__main__":
            expected = work()
            with multiprocessing.get_context("fork").Pool(2) as pool:
                results = [pool.apply_async(work) for _ in range(2)]
                for result in results:
                    np.testing.assert_array_equal(result.get(timeout=60), expected)
        """
    )


@heavy
@pytest.mark.parametrize("make", ALL)
def test_concurrent_fits_leave_blas_as_it_was(make, rows):
    before = blas_threads()
    expected = make(**SMALL).fit(*rows)
    models = [make(**{**SMALL, "n_iter": 3 + 2 * k}) for k in range(5)]
    threads = [threading.Thread(target=model.fit, args=rows) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()
    assert blas_threads() == before
    score = "predict_proba" if make is EnergyClassifier else "score_samples"
    np.testing.assert_array_equal(
        getattr(models[1], score)(rows[0]), getattr(expected, score)(rows[0])
    )
    assert blas_threads() == before


@pytest.mark.parametrize("make", ALL)
def test_a_failing_fit_leaves_blas_as_it_was(make, rows):
    before = blas_threads()

    class Bad:
        def setup(self, estimator, context):
            pass

        teardown = on_fit_task_begin = setup

        def on_fit_task_end(self, estimator, context):
            raise RuntimeError("from a callback")

    model = make(**SMALL).set_callbacks(Bad())
    with pytest.raises(RuntimeError, match="from a callback"):
        model.fit(*rows)
    assert blas_threads() == before


@pytest.mark.parametrize("make", ALL)
def test_n_jobs_above_what_is_available_is_clamped(make, rows):
    assert resolve_n_jobs(1000) == available_threads()
    many = make(n_jobs=1000, **SMALL).fit(*rows)
    one = make(n_jobs=1, **SMALL).fit(*rows)
    score = "predict_proba" if make is EnergyClassifier else "score_samples"
    np.testing.assert_array_equal(
        getattr(many, score)(rows[0]), getattr(one, score)(rows[0])
    )


FIT = """
from skebm import EBMAnomalyDetector, EnergyClassifier, RBMDensity
import warnings
warnings.simplefilter("ignore")
small = {"n_components": 3, "n_iter": 3, "random_state": 0}
models = [
    RBMDensity(**small).fit(X[:, :5]),
    RBMDensity(hidden="spin", optimizer="adam", objective="cd", **small).fit(X[:, :5]),
    RBMDensity(visible="gaussian", **small).fit(X[:, :5]),
    EnergyClassifier(**small).fit(X[:, :5], y),
    EnergyClassifier(generative_weight=0.5, **small).fit(X[:, :5], y),
    EBMAnomalyDetector("rbm", **small).fit(X[:, :5]),
]
models = [getattr(model, "density_", model) for model in models]
components = np.concatenate([model.components_.ravel() for model in models])
print(components.astype(float).tobytes().hex())
"""


@heavy
def test_interpreted_kernels_give_the_same_parameters():
    compiled, interpreted = (
        np.frombuffer(bytes.fromhex(run(FIT, NUMBA_DISABLE_JIT=flag)))
        for flag in ("0", "1")
    )
    np.testing.assert_allclose(interpreted, compiled, rtol=1e-5, atol=1e-9)


@heavy
def test_a_second_process_compiles_nothing(tmp_path):
    script = """
    for model in models:
        rows = X[:, :5]
        for name in ("energy_samples", "score_samples", "transform", "sample", "gibbs",
                     "reconstruct", "pseudo_log_likelihood", "predict_proba"):
            if hasattr(model, name):
                call = getattr(model, name)
                call() if name == "sample" else call(rows)
    import sys
    from numba.core.registry import CPUDispatcher
    kernels = {
        f"{module}.{name}": value
        for module, contents in list(sys.modules.items())
        if module.startswith("skebm")
        for name, value in vars(contents).items()
        if isinstance(value, CPUDispatcher)
    }
    assert kernels
    missed = {k: v.stats.cache_misses for k, v in kernels.items()}
    compiled = {k: n for k, v in missed.items() if (n := sum(v.values()))}
    print(compiled)
    """
    script = FIT + textwrap.dedent(script)
    cache = {"NUMBA_CACHE_DIR": str(tmp_path)}
    assert run(script, **cache) != "{}"
    assert run(script, **cache) == "{}"
