"""Files of fitted estimators: skops, pickle and joblib."""

import functools
import importlib
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning
from skops.io.exceptions import UntrustedTypesFoundException

import skebm
from skebm import EnergyDensity, RBMDensity
from skebm.objectives import PCD
from skebm.persistence import trusted_types
from skebm.samplers import SAMPLERS
from skebm.tables._plain import from_plain, to_plain
from tests.fits import BITS, FITS, REALS, results

every_fit = pytest.mark.parametrize("kind", FITS)


@functools.cache
def fitted(kind):
    """Return a fit that tests share, its rows and results. Tests do not change it."""
    model, *arguments = FITS[kind]
    with warnings.catch_warnings(action="ignore"):
        model = clone(model).fit(*arguments)
        return model, arguments[0], results(model, arguments[0])


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        same = found[name]
        assert type(same) is type(value)
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(same, value, check_exact=True)
            continue
        if issparse(value):
            same, value = same.toarray(), value.toarray()
        if value.dtype == object:
            pd.testing.assert_frame_equal(pd.DataFrame(same), pd.DataFrame(value))
        else:
            np.testing.assert_array_equal(same, value)


def test_all_estimators_have_a_fit():
    assert {type(model).__name__ for model, *_ in FITS.values()} == set(skebm.__all__)


@every_fit
def test_skops_gives_the_same_results_and_names_public_types(kind):
    model, X, expected = fitted(kind)
    data = skops.io.dumps(model)
    names = skops.io.get_untrusted_types(data=data)
    for name in names:
        module, _, cls = name.rpartition(".")
        assert module.split(".")[0] == "skebm", name
        assert not any(word.startswith("_") for word in name.split(".")), name
        assert getattr(importlib.import_module(module), cls).__qualname__ == cls
    with warnings.catch_warnings(action="error", category=InconsistentVersionWarning):
        again = skops.io.loads(data, trusted=trusted_types())
    assert_same(results(again, X), expected)


def test_trusted_types_are_types_of_skebm():
    names = trusted_types()
    assert len(names) == len(set(names))
    for name in names:
        module, _, cls = name.rpartition(".")
        assert isinstance(getattr(importlib.import_module(module), cls), type)
        assert not any(word.startswith("_") for word in name.split("."))


def test_files_of_other_types_are_refused():
    data = skops.io.dumps([RBMDensity(), pickle.Pickler])
    with pytest.raises(UntrustedTypesFoundException, match="Pickler"):
        skops.io.loads(data, trusted=trusted_types())


@pytest.mark.parametrize("name", SAMPLERS)
def test_states_of_all_samplers_are_trusted(name):
    bits, reals = EnergyDensity("pairwise"), EnergyDensity("quadratic", visible="real")
    for model, X in [(bits, BITS), (reals, REALS)]:
        options = {"kernel": name} if hasattr(SAMPLERS[name], "move") else {}
        model.set_params(n_iter=1, random_state=0, objective=PCD(sampler=name))
        try:
            with warnings.catch_warnings(action="ignore"):
                model.set_params(**options).fit(X)
        except (TypeError, ValueError):
            continue
        skops.io.loads(skops.io.dumps(model), trusted=trusted_types())
        return
    raise AssertionError(f"{name} moves neither bits nor reals")


def test_skops_model_goes_on():
    model, X = FITS["frame with holes"]
    with warnings.catch_warnings(action="ignore"):
        model = clone(model).fit(X)
    data = skops.io.dumps(model)
    again = skops.io.loads(data, trusted=trusted_types())
    with warnings.catch_warnings(action="ignore"):
        again.partial_fit(X), model.partial_fit(X)
        assert_same(results(again, X), results(model, X))


@every_fit
def test_version_is_stored_and_compared(kind, monkeypatch):
    model, *_ = fitted(kind)
    data = pickle.dumps(model)
    with warnings.catch_warnings(action="error"):
        again = pickle.loads(data)
    assert not any("version" in name for name in vars(again))
    name, stored = type(model).__name__, skebm.__version__
    monkeypatch.setattr(skebm, "__version__", "99.0")
    sentence = f"{name} from version {stored} of skebm when using version 99.0"
    with pytest.warns(InconsistentVersionWarning) as caught:
        pickle.loads(data)
    # An estimator that holds a density warns of both.
    assert any(sentence in str(warning.message) for warning in caught)


def test_version_is_compared_by_joblib_and_skops(monkeypatch, tmp_path):
    model, *_ = fitted("bits")
    joblib.dump(model, tmp_path / "model.joblib")
    data = skops.io.dumps(model)
    monkeypatch.setattr(skebm, "__version__", "99.0")
    with pytest.warns(InconsistentVersionWarning, match=r"99\.0 of skebm"):
        joblib.load(tmp_path / "model.joblib")
    names = skops.io.get_untrusted_types(data=data)
    with pytest.warns(InconsistentVersionWarning, match=r"99\.0 of skebm"):
        skops.io.loads(data, trusted=names)


def test_state_without_a_version_warns():
    state = RBMDensity().__getstate__()
    del state["_skebm_version"]
    with pytest.warns(InconsistentVersionWarning, match="without a version"):
        RBMDensity().__setstate__(state)


@pytest.mark.parametrize(
    "value",
    [
        *(np.dtype("f4"), np.dtype(">i2"), np.dtype(object), np.dtype("M8[ns]")),
        *(np.float32, pd.Int64Dtype(), pd.BooleanDtype(), pd.Float32Dtype()),
        *(pd.StringDtype(), pd.StringDtype("python"), pd.Series(["a"]).dtype),
        *(pd.CategoricalDtype(["b", "a"], ordered=True), pd.CategoricalDtype([3, 1])),
        *(pd.Index(["b", "a"], name="x"), pd.Index([True, False], dtype=object)),
        *(pd.Index([(1, 2), (3, 4)], tupleize_cols=False), pd.Index([1.5, np.nan])),
        *(pd.RangeIndex(1, 7, 2, name=3), pd.SparseDtype(float)),
        pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None]),
    ],
    ids=repr,
)
def test_dtypes_and_indexes_have_plain_forms(value):
    plain = to_plain([value, (value, 7)])
    assert type(plain[0]) is dict
    again = from_plain(plain)
    assert type(again[0]) is type(value)
    for same in (again[0], again[1][0]):
        if isinstance(value, pd.Index):
            pd.testing.assert_index_equal(same, value, exact=True)
        else:
            assert same == value
    assert again[1][1] == 7
    # Only what JSON has, so that skops trusts it.
    pickled = pickle.dumps(plain)
    assert b"pandas" not in pickled.replace(b"dtype of pandas", b"")
    assert b"numpy" not in pickled


def test_arrow_dtypes_have_plain_forms():
    pyarrow = pytest.importorskip("pyarrow")
    for kind in (pyarrow.int64(), pyarrow.string(), pyarrow.float32()):
        dtype = pd.ArrowDtype(kind)
        assert isinstance(to_plain(dtype), dict)
        assert from_plain(to_plain(dtype)) == dtype


def test_other_objects_stay_as_they_are():
    index = pd.DatetimeIndex(["2020-01-01"])
    for value in ("a", 1.5, None, np.arange(3), {"a": 1}, index[0], RBMDensity):
        assert to_plain(value) is value
    assert BITS is to_plain(BITS)
