"""Other values in the cells to blame for a high energy."""

import numpy as np
import pandas as pd
import pytest

from skebm import EBMAnomalyDetector
from skebm.inference import repaired, typical_values

PRECISION = np.array([[2.0, -1.5, 0.0], [-1.5, 2.0, 0.0], [0.0, 0.0, 1.0]])
VALUES = np.linspace([-2.0, -3.0, -1.0], [2.0, 3.0, 1.0], 9)


def energy(X):
    return ((X @ PRECISION) * X).sum(axis=1)


def parts(X):
    return (X @ PRECISION) * X


def one_by_one(x, limit):
    """Return the row after the best single changes, each found by trying all."""
    x, changed = x.copy(), []
    while energy(x[None])[0] > limit and len(changed) < len(x):
        trials = []
        for j in set(range(len(x))) - set(changed):
            for value in VALUES[:, j]:
                trial = x.copy()
                trial[j] = value
                trials.append((energy(trial[None])[0], j, trial))
        best, j, trial = min(trials, key=lambda found: found[0])
        if best >= energy(x[None])[0]:
            break
        x, changed = trial, [*changed, j]
    return x, changed


@pytest.mark.parametrize("limit", [8.0, 1.0, 0.0])
def test_rows_are_those_of_the_best_single_changes(limit, rng):
    X = 4 * rng.normal(size=(41, 3))
    X[:5] /= 100
    before = X.copy()
    found, is_changed = repaired(energy, parts, X, VALUES, limit)
    np.testing.assert_array_equal(X, before)
    for x, row, cells in zip(X, found, is_changed, strict=True):
        expected, changed = one_by_one(x, limit)
        np.testing.assert_allclose(row, expected)
        assert sorted(changed) == list(np.flatnonzero(cells))
    fine = energy(X) <= limit
    np.testing.assert_array_equal(found[fine], X[fine])
    assert (energy(found)[~fine] < energy(X)[~fine]).all()


def test_typical_values_occur_in_their_columns():
    X = np.array([[0.0, 7.0], [1.0, np.nan], [1.0, 9.0], [1.0, 9.0]] * 10)
    X = np.column_stack([X, np.full(40, np.nan)])
    values = typical_values(X)
    assert set(values[:, 0]) == {0.0, 1.0}
    assert set(values[:, 1]) == {7.0, 9.0}
    assert abs((values[:, 0] == 0).mean() - 0.25) < 0.05
    assert not values[:, 2].any()


def test_a_detector_repairs_the_cell_that_is_wrong(rng):
    x = rng.normal(size=300)
    frame = pd.DataFrame({"x": x, "twice": 2 * x + 0.05 * rng.normal(size=300)})
    frame["kind"] = pd.Categorical(np.where(x > 0, "plus", "minus"))
    frame["count"] = rng.poisson(4, 300)
    detector = EBMAnomalyDetector(random_state=0).fit(frame)
    wrong = frame.iloc[:20].copy()
    wrong.loc[3, "twice"] = 40.0
    wrong.loc[7, "count"] = 300
    found = detector.repair(wrong)
    pd.testing.assert_index_equal(found.index, wrong.index)
    pd.testing.assert_series_equal(found.dtypes, frame.dtypes)
    assert abs(found.loc[3, "twice"] - frame.loc[3, "twice"]) < 1
    assert found.loc[7, "count"] in set(frame["count"])
    rest = detector.predict(wrong) == 1
    pd.testing.assert_frame_equal(found[rest], wrong[rest])
    changed = (found != wrong).loc[[3, 7]]
    assert changed.to_numpy().nonzero()[1].tolist() == [1, 3]
    assert (detector.predict(found.loc[[3, 7]]) == 1).all()
    other = EBMAnomalyDetector("rbm", n_iter=1, random_state=0).fit(frame)
    with pytest.raises(AttributeError, match=r"`repair` needs\. Use density='experts'"):
        other.repair(wrong)
