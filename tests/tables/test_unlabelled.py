import numpy as np
import pandas as pd
import pytest

from skebm.tables import is_labelled, plain_labels, with_labels, without_missing


@pytest.mark.parametrize(
    ("y", "classes", "expected"),
    [
        ([-1, 1, 1], None, None),
        ([-1, 0, 0], None, None),
        ([-1, -1, -1], None, None),
        ([0, 1, 2], None, None),
        ([-1, 0, 1], None, [False, True, True]),
        ([-1.0, 3.0, 7.0], None, [False, True, True]),
        ([-1, 0, 1], [-1, 0, 1], None),
        ([-1, 0, 0], [0, 1], [False, True, True]),
        ([-1, -1, -1], [0, 1], [False, False, False]),
        ([-1, 1, 1], [-1, 1], None),
        (["a", "-1", "b"], None, None),
        ([True, False, True], None, None),
    ],
)
def test_what_a_missing_label_is(y, classes, expected):
    found = is_labelled(np.array(y), classes)
    assert (found is None) if expected is None else found.tolist() == expected


def test_none_is_missing_among_objects():
    y = np.array(["a", None, "b"], object)
    assert is_labelled(y).tolist() == [True, False, True]
    assert is_labelled(np.array(["a", "b"], object)) is None
    frame = pd.Series(["a", None, "b"], dtype="str")
    assert is_labelled(np.asarray(without_missing(frame))).tolist() == [1, 0, 1]
    numbers = plain_labels(np.array([3, 5], object))
    assert numbers.dtype.kind == "i"


def test_codes_of_missing_labels():
    Z = np.array([[1.0, 2.0], [3.0, 4.0], [np.nan, 5.0]])
    codes = with_labels(Z, np.array([1, -1, -1]), 3)[:, 2:]
    np.testing.assert_array_equal(codes, [[0, 1, 0], [0, 0, 0], [np.nan] * 3])
