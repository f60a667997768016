"""The checks of scikit-learn, which know what an estimator owes its users."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.neighbors import KernelDensity
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

import skebm
from skebm import (
    DocumentDensity,
    EBMAnomalyDetector,
    EnergyClassifier,
    EnergyDenoiser,
    EnergyDensity,
    EnergyImputer,
    EnergyRecommender,
    RBMDensity,
)
from skebm.energies import RBMRecipe
from skebm.energies.images import RidgeRecipe
from tests.models import heavy

# Fewer epochs and units than by default: the checks fit some hundred times.
ESTIMATORS = [
    RBMDensity(n_components=5, n_iter=7),
    EnergyClassifier(n_components=11, n_iter=150, learning_rate=0.05),
    EBMAnomalyDetector(),
    EBMAnomalyDetector("rbm", n_components=5, n_iter=7),
    EnergyImputer(n_components=5, n_iter=3),
    DocumentDensity(n_components=5, n_iter=7),
    EnergyDensity(RBMRecipe(5), n_iter=7),
    EnergyDenoiser(RidgeRecipe(3, 3), patch_size=8, n_iter=1),
    EnergyRecommender(),
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
    whole = isinstance(estimator, EnergyClassifier | DocumentDensity | EnergyDenoiser)
    assert tags.input_tags.allow_nan != whole
    # There are no holes in sparse rows: zeros are values.
    dense = isinstance(estimator, EnergyImputer | EnergyDenoiser)
    assert tags.input_tags.sparse != dense
    assert not getattr(tags.classifier_tags, "poor_score", False)


def test_tags_tell_who_takes_categories_and_text():
    frame = pd.DataFrame({"text": ["a", "b", "c"] * 7, "number": np.arange(21.0)})
    for estimator in ESTIMATORS:
        tags = get_tags(estimator).input_tags
        if not tags.two_d_array:
            continue
        assert tags.categorical == tags.string
        assert tags.string == (type(estimator) is not DocumentDensity)
        model = clone(estimator).set_params(n_iter=1)
        with warnings.catch_warnings(action="ignore"):
            if tags.string:
                model.fit(frame, np.arange(21) % 2)
            else:
                with pytest.raises(ValueError, match=r"text|string|number"):
                    model.fit(frame)
        # The check of scikit-learn for this leaves out who takes text.
        cells = np.full((21, 2), 1.0, object)
        cells[0, 0] = {"foo": "bar"}
        with pytest.raises((TypeError, ValueError)):
            model.fit(cells, np.arange(21) % 2)


@pytest.mark.parametrize("holder", [EBMAnomalyDetector, EnergyImputer])
def test_tags_of_a_density_are_those_of_its_holder(holder):
    assert get_tags(holder(RBMDensity())).input_tags.string
    assert not get_tags(holder(KernelDensity())).input_tags.categorical
    assert not get_tags(holder(KernelDensity())).input_tags.string


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
