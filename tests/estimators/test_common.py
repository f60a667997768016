"""The checks of scikit-learn, which know what an estimator owes its users."""

import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

import skebm
from skebm import (
    DocumentDensity,
    EBMAnomalyDetector,
    EnergyClassifier,
    EnergyDensity,
    EnergyImputer,
    RBMDensity,
)
from skebm.energies import RBMRecipe
from tests.models import heavy

# Fewer epochs and units than by default: the checks fit some hundred times.
ESTIMATORS = [
    RBMDensity(n_components=5, n_iter=20),
    EnergyClassifier(n_components=11, n_iter=150, learning_rate=0.05),
    EBMAnomalyDetector(n_components=5, n_iter=20),
    EnergyImputer(n_components=5, n_iter=20),
    DocumentDensity(n_components=5, n_iter=20),
    EnergyDensity(RBMRecipe(5), n_iter=20),
]


@heavy
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_every_public_estimator_is_checked():
    assert {type(estimator).__name__ for estimator in ESTIMATORS} == set(skebm.__all__)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_no_tag_opts_out(estimator):
    tags = estimator.__sklearn_tags__()
    assert not tags.no_validation
    assert not tags.non_deterministic
    assert not tags._skip_test
    whole = isinstance(estimator, EnergyClassifier | DocumentDensity)
    assert tags.input_tags.allow_nan != whole
    # There are no holes in sparse rows: zeros are values.
    assert tags.input_tags.sparse or isinstance(estimator, EnergyImputer)
    assert not getattr(tags.classifier_tags, "poor_score", False)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_clone_and_repr(estimator):
    copy = clone(estimator)
    assert repr(copy) == repr(estimator)
    # A recipe is cloned too; its own parameters stand beside it.
    own, same = (
        {name: v for name, v in e.get_params().items() if not hasattr(v, "get_params")}
        for e in (estimator, copy)
    )
    assert own == same
    assert list(copy.get_params()) == list(estimator.get_params())
