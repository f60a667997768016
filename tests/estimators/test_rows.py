"""Rows that are validated once, and taken by every later step."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.exceptions import NotFittedError

from skebm import RBMDensity
from skebm.tables import Rows

N = 53


@pytest.fixture
def frame(rng):
    X = pd.DataFrame({"x": rng.normal(size=N), "c": rng.choice(list("ab"), N)})
    X.index = X.index[::-1] + 7
    X.iloc[3, 0] = X.iloc[5, 1] = None
    return X


def test_rows_are_read_once(frame):
    rbm = RBMDensity(2, n_iter=1, random_state=0).fit(frame)
    rows = rbm._read(frame)
    assert rbm._read(rows) is rows
    np.testing.assert_array_equal(rbm._encoded(rows), rbm._encoded(frame))
    pd.testing.assert_frame_equal(rbm._restore(rows), frame)
    assert rows.holes.sum() == 2
    drawn = rbm._as_input(rbm._encoded(frame), rows)
    pd.testing.assert_index_equal(drawn.index, frame.index)
    with pytest.raises(NotFittedError):
        RBMDensity()._read(frame)


def test_filled_rows_differ_in_their_holes_only(frame):
    rbm = RBMDensity(2, n_iter=1, random_state=0).fit(frame)
    rows = rbm._read(frame)
    twice = rows.filled(np.full((2 * N, 2), 0.5), n_each=2)
    assert twice.index.tolist() == np.repeat(frame.index, 2).tolist()
    hole = np.repeat(rows.holes, 2, axis=0)
    assert (twice.numbers[hole] == 0.5).all()
    repeated = np.repeat(rows.numbers, 2, axis=0)
    np.testing.assert_array_equal(twice.numbers[~hole], repeated[~hole])
    once = rows.with_filled_holes(np.array([[0.25, 9], [9, 1.0]]))
    assert once.numbers[3, 0] == 0.25
    assert once.numbers[5, 1] == 1
    seen = ~rows.holes
    np.testing.assert_array_equal(once.numbers[seen], rows.numbers[seen])
    assert not once.holes.any()
    assert rows.holes.sum() == 2


def test_arrays_have_no_labels(rng):
    X = (rng.random((N, 3)) < 0.5).astype(float)
    rbm = RBMDensity(2, n_iter=1, random_state=0).fit(X)
    assert rbm._read(X).index is None
    assert not rbm._read(csr_matrix(X)).holes.any()
    np.testing.assert_array_equal(Rows(X).filled(0 * X).numbers, X)
