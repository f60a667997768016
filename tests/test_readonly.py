"""Rows and models that cannot be written to, as memory-mapped files hold them."""

import warnings

import joblib
import numpy as np
import pytest
from scipy.sparse import issparse
from sklearn.base import clone

from tests.fits import BITS, FITS, WITHOUT_WEIGHTS, results
from tests.models import heavy
from tests.test_files import assert_same

pytestmark = [heavy, pytest.mark.filterwarnings("ignore")]
every_fit = pytest.mark.parametrize("kind", FITS)
# Those of the other methods that read rows.
_MORE = ("posterior_mean", "reconstruct", "pseudo_log_likelihood", "decision_function")


def mapped(folder, *arrays):
    """Return rows, labels and weights from a file that is mapped to memory."""
    joblib.dump(arrays, folder / "rows.joblib")
    return joblib.load(folder / "rows.joblib", mmap_mode="r")


def all_results(model, *arguments):
    """Return the results of a model, and those after it has gone on in both ways."""
    X = arguments[0]
    out = [results(model, X)]
    if not issparse(X):
        for name in _MORE:
            if hasattr(model, name):
                getattr(model, name)(X)
    if hasattr(model, "partial_fit"):
        out.append(results(model.partial_fit(*arguments), X))
    at_once = hasattr(getattr(model, "energy", None), "learn")
    if "warm_start" in model.get_params() and not at_once:
        out.append(results(model.set_params(warm_start=True).fit(*arguments), X))
    return out


def assert_all_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert_same(one, other)


@every_fit
def test_rows_and_weights_that_are_mapped_to_memory(kind, tmp_path):
    model, *arguments = FITS[kind]
    weight = np.linspace(0.5, 2, arguments[0].shape[0])
    options = {} if kind in WITHOUT_WEIGHTS else {"sample_weight": weight}
    *rows, frozen = mapped(tmp_path, *arguments, weight)
    assert isinstance(frozen, np.memmap)
    for array in rows:
        values = array.data if issparse(array) else array
        if isinstance(values, np.ndarray) and values.dtype != object:
            assert not values.flags.writeable
    expected = clone(model).fit(*arguments, **options)
    found = clone(model).fit(*rows, **dict.fromkeys(options, frozen))
    assert_all_same(all_results(found, *rows), all_results(expected, *arguments))


@every_fit
def test_models_that_are_mapped_to_memory(kind, tmp_path):
    """Scores, draws and further training are those of the model in memory."""
    model, *arguments = FITS[kind]
    model = clone(model).fit(*arguments)
    joblib.dump(model, tmp_path / "model.joblib")
    found = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    holder = getattr(found, "density_", found)
    if hasattr(holder, "_training"):  # the experts are fitted at once
        params = holder._training.energy.params.values()
        assert not any(value.flags.writeable for value in params)
    assert_all_same(all_results(found, *arguments), all_results(model, *arguments))


def test_file_of_a_model_does_not_change(tmp_path):
    """Also if it could be written to."""
    model = clone(FITS["bits"][0]).fit(BITS)
    joblib.dump(model, tmp_path / "model.joblib")
    before = (tmp_path / "model.joblib").read_bytes()
    with warnings.catch_warnings(action="ignore"):
        again = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
        again.partial_fit(BITS)
    assert (tmp_path / "model.joblib").read_bytes() == before
