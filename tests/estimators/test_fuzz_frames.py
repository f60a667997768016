"""Random frames: a finite result, or an error that names the column."""

import warnings

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from skebm import EnergyImputer, RBMDensity
from tests.models import heavy

TEXT = st.sampled_from(["a", "b", "", "nan", "é", "7"])
FLOATS = st.one_of(
    st.floats(-1e6, 1e6, width=32), st.sampled_from([0.0, 1.0, 0.5, -1e40, 1e-30])
)
VALUES = {
    "float64": FLOATS,
    "Float64": FLOATS,
    "float32": st.floats(-1e6, 1e6, width=32),
    "int64": st.integers(-(2**40), 2**40),
    "Int64": st.integers(0, 30),
    "uint8": st.integers(0, 255),
    "bool": st.booleans(),
    "boolean": st.booleans(),
    "object": st.one_of(TEXT, st.integers(0, 3), st.booleans()),
    "str": TEXT,
    "string": TEXT,
    "category": TEXT,
    "ordered": TEXT,
}
WITHOUT_HOLES = {"int64", "uint8", "bool"}


@st.composite
def columns(draw, n_rows):
    """Return a Series: constant, of few values, or of any."""
    dtype = draw(st.sampled_from(sorted(VALUES)))
    values = VALUES[dtype]
    if draw(st.booleans()):
        values = st.sampled_from(draw(st.lists(values, min_size=1, max_size=3)))
    if dtype not in WITHOUT_HOLES:
        values = st.one_of(st.none(), values)
    cells = draw(st.lists(values, min_size=n_rows, max_size=n_rows))
    series = pd.Series(cells, dtype=object)
    if dtype in ("category", "ordered"):
        declared = sorted({*series.dropna(), "never"})
        return series.astype(pd.CategoricalDtype(declared, dtype == "ordered"))
    return series.astype(dtype)


@st.composite
def frames(draw):
    n_rows = draw(st.sampled_from([1, 2, 3, 7, 31]))
    n_columns = draw(st.integers(1, 5))
    parts = [draw(columns(n_rows)) for _ in range(n_columns)]
    if draw(st.booleans()):
        parts.append(parts[0].copy())
    return pd.concat(parts, axis=1, keys=[f"c{j}" for j in range(len(parts))])


def fitted(estimator, X):
    """Return a fitted estimator, or the sentence that says why there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            return estimator.fit(X), None
        except ValueError as error:
            return None, str(error)


FUZZ = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@heavy
@FUZZ
@given(frames())
def test_a_finite_result_or_an_error_that_names_the_column(X):
    rbm, sentence = fitted(RBMDensity(2, n_iter=2, random_state=0), X)
    if rbm is None:
        assert any(repr(name) in sentence for name in X), sentence
        return
    assert np.isfinite(rbm.score_samples(X)).all()
    assert np.isfinite(rbm.pseudo_log_likelihood(X)).all()
    assert np.isfinite(rbm.transform(X)).all()
    rows = rbm.sample(3, random_state=0)
    assert (rows.dtypes == X.dtypes).all()
    assert rows.notna().all(axis=None)
    assert np.isfinite(rbm.score_samples(rows)).all()
    assert (rbm.gibbs(X, random_state=0).dtypes == X.dtypes).all()
    for whole in (
        rbm.sample(given=X, random_state=0),
        rbm.complete(X, random_state=0),
        rbm.posterior_mean(X),
    ):
        assert whole.notna().all(axis=None)
        assert (whole.dtypes == X.dtypes).all()
        for name, column in X.items():
            seen = column.notna()
            assert (whole[name][seen] == column[seen]).all()


@heavy
@FUZZ
@given(frames())
def test_imputers_fill_every_cell_of_a_column_that_has_some(X):
    imputer = EnergyImputer(n_components=2, n_iter=2, random_state=0)
    imputer.set_output(transform="pandas")
    imputer, sentence = fitted(imputer, X)
    if imputer is None:
        named = any(repr(name) in sentence for name in X)
        assert named or X.isna().all(axis=None), sentence
        return
    whole = imputer.transform(X)
    assert list(whole.columns) == [name for name in X if X[name].notna().any()]
    assert whole.notna().all(axis=None)
