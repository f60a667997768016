import numpy as np
import pytest

from skebm import EnergyDensity
from skebm.tables import Encoding, straight_if_as_good


def chosen(X, weight=None):
    encoding = Encoding.fit(X, ["real"] * X.shape[1], [0] * X.shape[1], weight)
    assert encoding.is_curved
    return straight_if_as_good(encoding, X, weight)


def clusters(n):
    """Two positive columns, each of which has three modes."""
    rng = np.random.default_rng(3)
    angle = np.pi / 4 * rng.integers(8, size=n)
    centers = 3 + 2 * np.column_stack([np.cos(angle), np.sin(angle)])
    return centers + 0.2 * rng.normal(size=(n, 2))


def test_clusters_need_no_curves():
    found = chosen(clusters(2000))
    assert not found.is_curved
    # The ends of the columns stay.
    assert (found.decode(np.full((1, 2), -20.0)) > 0).all()


def test_skewed_columns_keep_their_curves():
    X = np.exp(1.5 * np.random.default_rng(3).normal(size=(2000, 2)))
    assert chosen(X).is_curved
    assert chosen(np.repeat(X, 2, axis=1)[:, :3]).is_curved


def test_rows_count_as_often_as_their_weight():
    """Rows of a tiny weight, which need no curves, do not decide."""
    X = np.exp(1.5 * np.random.default_rng(3).normal(size=(2000, 2)))
    weight = np.r_[np.ones(2000), np.full(2000, 1e-9)]
    assert chosen(np.concatenate([X, clusters(2000)]), weight).is_curved


@pytest.mark.parametrize("holes", [False, True])
def test_only_whole_rows_decide(holes):
    X = clusters(500)
    X[0, 0] = np.nan if holes else X[0, 0]
    density = EnergyDensity(n_iter=0, early_stopping=False, random_state=0).fit(X)
    assert density._encoding.is_curved == holes
