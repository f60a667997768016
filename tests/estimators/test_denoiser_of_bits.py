"""EnergyDenoiser of black-and-white images."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skebm import EnergyDenoiser
from skebm.energies.images import BinaryRecipe

SMALL = BinaryRecipe(n_neighbours=4, noise_levels=(0.05, 0.2), context_size=0)
RNG = np.random.default_rng(7)


def scans(n, height=23, width=29, seed=0):
    """Return images of bars and boxes, as bool."""
    rng, out = np.random.default_rng(seed), np.zeros((n, height, width), bool)
    for image in out:
        for _ in range(3):
            y, x = rng.integers(1, height - 9), rng.integers(1, width - 9)
            image[y : y + rng.integers(4, 9), x : x + rng.integers(4, 9)] = True
    return out


CLEAN = scans(6, seed=3)
NOISY = CLEAN ^ (RNG.random(CLEAN.shape) < 0.1)


@pytest.fixture(scope="module")
def fitted():
    return EnergyDenoiser(SMALL, random_state=0).fit(scans(12))


@pytest.mark.parametrize(
    ("dtype", "white"),
    [(bool, 1), (np.uint8, 1), (np.uint8, 255), (">u2", 65535), (np.float32, 1)],
)
def test_pixels_come_back_as_they_were(fitted, dtype, white):
    expected = fitted.transform(NOISY)
    restored = fitted.transform((NOISY * np.float64(white)).astype(dtype))
    assert restored.dtype == dtype
    assert set(np.unique(restored)) <= {0, white}
    assert_array_equal(restored != 0, expected)


def test_lists_and_plain_images(fitted):
    images = [NOISY[0][:15].astype(np.uint8) * 255, np.zeros((9, 8), np.uint8)]
    restored = fitted.transform(images)
    assert [one.shape for one in restored] == [(15, 29), (9, 8)]
    assert not restored[1].any()


def test_noise_is_removed_and_scored(fitted):
    share = np.mean(fitted.transform(NOISY) == CLEAN)
    assert share > 0.97 > np.mean(NOISY == CLEAN)
    assert_allclose(fitted.score(NOISY, CLEAN), share)
    assert fitted.score(CLEAN) == fitted.score(CLEAN) > 0.95
    estimates = fitted.estimate_sigma(NOISY)
    assert_allclose(estimates.mean(), 0.1, atol=0.03)


def test_transform_minimises_what_the_recipe_says(fitted):
    model = clone(fitted).set_params(sigma=0.1)
    vars(model).update({**vars(fitted), "sigma": 0.1})
    expected = [fitted.energy_.restore(x.astype(np.uint8), 0.1).image for x in NOISY]
    assert_array_equal(model.transform(NOISY), np.array(expected) == 1)


def test_missing_pixels_are_filled_and_others_stay(fitted):
    mask = RNG.random(CLEAN[0].shape) < 0.3
    holey = np.where(mask, np.nan, CLEAN[0])
    answer = fitted.restore(holey, mask=mask, details=True)
    assert_array_equal(answer.image[~mask], holey[~mask])
    assert np.mean(answer.image == CLEAN[0]) > 0.97
    assert answer.converged
    assert_allclose(answer.energy, fitted.energy_samples([answer.image])[0])
    # Given noise, known pixels may change too.
    spoiled = np.where(mask, False, NOISY[0])
    with_noise = fitted.restore(spoiled, mask=mask, sigma=0.1)
    assert np.mean(with_noise == CLEAN[0]) > np.mean(spoiled == CLEAN[0])
    assert (with_noise != spoiled)[~mask].any()


def test_energies_and_maps(fitted):
    energies = fitted.energy_samples(np.stack([CLEAN[0], NOISY[0]]))
    assert energies[1] > energies[0]
    x = CLEAN[0].astype(np.uint8)
    assert_allclose(energies[0], fitted.energy_.energy(x))
    for sigma in (None, 0.1):
        total = fitted.energy_map(CLEAN[0], sigma=sigma).sum()
        assert_allclose(total, fitted.energy_samples([CLEAN[0]], sigma=sigma)[0])
    couplings, ink = fitted.energy_.levels.at(0.1)
    level = type(fitted.energy_)(couplings, ink)
    assert_allclose(fitted.energy_map(CLEAN[0], sigma=0.1), level.energy_map(x))


def test_search(fitted):
    grid = {"energy__n_neighbours": [4, 8]}
    recipe = clone(SMALL).set_params(noise_levels=(0.1,))
    model = EnergyDenoiser(recipe, sigma=0.1, random_state=0)
    search = GridSearchCV(model, grid, cv=2).fit(scans(4, 13, 14))
    assert (search.cv_results_["mean_test_score"] > 0.8).all()


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.full((9, 9), 0.3), "Threshold it first, as in image > 0.5"),
        (np.full((9, 9), 3, np.uint8), "image > 127.5"),
        (np.zeros((9, 9, 3), np.uint8), "has colours"),
    ],
)
def test_grey_images_are_refused(fitted, image, words):
    for call in (fitted.transform, EnergyDenoiser("binary").fit):
        with pytest.raises(ValueError, match=re.escape(words)):
            call([image])


def test_what_does_not_apply_is_refused(fitted):
    eye = csr_matrix(np.eye(23 * 29))
    for arguments, words in [
        ({"operator": eye, "sigma": 0.1}, "Use energy='ridge'"),
        ({"sigma": 0.5}, "below 0.5"),
        ({"mask": np.ones((23, 29), bool)}, "No pixel is known"),
    ]:
        with pytest.raises(ValueError, match=re.escape(words)):
            fitted.restore(CLEAN[0], **arguments)
    for name, value in [("max_time", 3.0), ("warm_start", True)]:
        with pytest.raises(ValueError, match=f"takes no {name}"):
            EnergyDenoiser("binary", **{name: value}).fit(CLEAN)
    with pytest.raises(ValueError, match="takes no sample_weight"):
        EnergyDenoiser("binary").fit(CLEAN, sample_weight=np.ones(6))
