"""Tables that a scaler made: each fold of a cross-validation has a score."""

import numpy as np
import pytest
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_linnerud,
    load_wine,
)
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler

from skebm import EBMAnomalyDetector, RBMDensity
from tests.models import heavy

LOADERS = [
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_linnerud,
    load_wine,
]


@heavy
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("load", LOADERS)
def test_every_fold_is_scored(load):
    X = load().data[:300]
    rbm = RBMDensity(4, n_clusters=1, n_iter=2, random_state=0)
    folds = KFold(5, shuffle=True, random_state=0)
    for scaler in (MinMaxScaler(), MaxAbsScaler()):
        scores = cross_val_score(make_pipeline(scaler, rbm), X, cv=folds)
        assert np.isfinite(scores).all()
        assert scores.min() > scores.max() - 30


def test_a_table_between_0_and_1_stays_real():
    X = load_iris().data
    scaled = MinMaxScaler().fit_transform(X)
    raw, unit = (RBMDensity(8, random_state=0).fit(rows) for rows in (X, scaled))
    spread = np.log(np.ptp(X, axis=0)).sum()
    assert unit.score(scaled) == pytest.approx(raw.score(X) + spread, abs=0.2)
    detector = EBMAnomalyDetector("rbm", random_state=0).fit(scaled)
    assert detector.density_._table.kinds == unit._table.kinds
