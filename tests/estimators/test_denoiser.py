"""EnergyDenoiser: formats, noise, masks, operators, and what users get wrong."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import coo_array, csr_matrix
from scipy.sparse.linalg import LinearOperator
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV

from skebm import EnergyDenoiser
from skebm.energies.images import BinaryRecipe, RidgeRecipe
from skebm.metrics import psnr
from skebm.utils._random import Random

RANDOM = Random.from_state(11)
SMALL = RidgeRecipe(n_filters=8, filter_size=3, levels=(10, 40))


def scene(height, width, key=0):
    """Return an image of boxes, which a small energy can learn."""
    image = np.full((height, width), 0.2, np.float32)
    places = RANDOM.fold(key).uniform((6, 4))
    for top, left, tall, wide in places:
        y, x = int(top * height), int(left * width)
        rows, columns = int(tall * height / 2) + 3, int(wide * width / 2) + 3
        image[y : y + rows, x : x + columns] += np.float32(0.12)
    return image


def noisy(image, sigma, key=0):
    return image + np.float32(sigma) * RANDOM.fold(99, key).normal(
        image.shape, np.float32
    )


def small(**params):
    """Return an estimator with other parameters of its recipe."""
    return EnergyDenoiser(clone(SMALL).set_params(**params), patch_size=16)


@pytest.fixture(scope="module")
def fitted():
    images = [scene(40 + k, 50, k) for k in range(6)]
    denoiser = EnergyDenoiser(
        SMALL, sigma=0.1, patch_size=16, n_iter=30, batch_size=12, random_state=0
    )
    return denoiser.fit(images)


def test_fit_learns_to_restore(fitted):
    history = fitted.history_["psnr"]
    assert history[-1] > history[0]
    clean = scene(61, 47, key=20)
    before, [after] = (
        psnr(clean, noisy(clean, 0.1)),
        fitted.transform([noisy(clean, 0.1)]),
    )
    assert psnr(clean, after) > before + 6


def test_pixels_come_back_as_they_were(fitted):
    image = np.clip(noisy(scene(33, 29), 0.1), 0, 1)
    eight = np.rint(image * 255).astype(np.uint8)
    sixteen = np.rint(image * 65535).astype(np.uint16)
    models = [clone(fitted).set_params(sigma=s) for s in (25.5, 6553.5)]
    for model in models:
        vars(model).update({**vars(fitted), "sigma": model.sigma})
    [one], [two] = models[0].transform([eight]), models[1].transform([sixteen])
    [three] = fitted.transform([image.astype(np.float64)])
    assert (one.dtype, two.dtype, three.dtype) == (np.uint8, np.uint16, np.float64)
    assert_allclose(one / 255, three, atol=3e-3)
    assert_allclose(two / 65535, three, atol=1e-4)
    stack = fitted.transform(np.stack([image, image[::-1]]))
    assert stack.shape == (2, 33, 29)
    assert_allclose(stack[0], three, atol=1e-6)
    swapped = np.stack([image, image]).astype(">f4")
    assert fitted.transform(swapped).dtype == ">f4"


def test_images_without_noise_stay(fitted):
    flat = np.full((20, 21), 0.25, np.float32)
    twin = clone(fitted)
    vars(twin).update({**vars(fitted), "sigma": "auto"})
    assert_allclose(twin.estimate_sigma([flat]), 0, atol=1e-6)
    assert_allclose(twin.transform([flat])[0], flat, atol=1e-6)


def test_colour_is_restored(fitted):
    clean = np.stack([scene(41, 37, k) for k in (1, 2, 3)], axis=-1)
    image = noisy(clean, 0.1)
    [restored] = fitted.transform([image])
    assert restored.shape == clean.shape
    assert psnr(clean, restored) > psnr(clean, image) + 5
    grey = np.repeat(scene(41, 37)[..., None], 3, axis=-1)
    assert_allclose(np.ptp(fitted.transform([grey])[0], axis=-1), 0, atol=1e-5)


def test_same_for_any_number_of_threads(fitted):
    image, results = noisy(scene(300, 301), 0.1), []
    for n_jobs in (1, 2):
        [restored] = fitted.set_params(n_jobs=n_jobs).transform([image])
        results.append(restored)
    fitted.set_params(n_jobs=None)
    assert_array_equal(*results)


def test_missing_pixels_are_filled_and_others_stay(fitted):
    clean = scene(48, 53, key=30)
    mask = RANDOM.fold(5).uniform(clean.shape) < 0.3
    holey = np.where(mask, np.float32(np.nan), clean)
    restored = fitted.restore(holey, mask=mask)
    assert_array_equal(restored[~mask], clean[~mask])
    mean = np.where(mask, clean[~mask].mean(), clean)
    assert psnr(clean, restored) > psnr(clean, mean) + 6
    details = fitted.restore(holey, mask=mask, details=True)
    assert details.converged
    assert details.gradient_norm <= fitted.gradient_tol
    assert_array_equal(details.image, restored)


def blur(shape):
    """Return a sparse matrix of means over 3 x 3 pixels, mirrored at the edges."""
    height, width = shape
    numbers = np.pad(np.arange(height * width).reshape(shape), 1, mode="symmetric")
    windows = [
        numbers[dy : dy + height, dx : dx + width].ravel()
        for dy in range(3)
        for dx in range(3)
    ]
    rows = np.tile(np.arange(height * width), 9)
    shares = np.full(len(rows), 1 / 9), (rows, np.concatenate(windows))
    return csr_matrix(coo_array(shares, shape=2 * (height * width,)))


def test_blur_is_removed(fitted):
    clean = scene(30, 31, key=40)
    operator = blur(clean.shape)
    blurred = noisy((operator @ clean.ravel()).reshape(clean.shape), 0.01)
    restored = fitted.restore(blurred, operator=operator, sigma=0.01)
    assert psnr(clean, restored) > psnr(clean, blurred) + 1


def test_small_images_grow(fitted):
    clean = scene(32, 36, key=41)
    means = csr_matrix(np.kron(np.eye(16), np.full((1, 2), 0.5)))
    across = csr_matrix(np.kron(np.eye(18), np.full((1, 2), 0.5)))
    operator = csr_matrix(np.kron(means.toarray(), across.toarray()))
    small = (operator @ clean.ravel()).reshape(16, 18)
    restored = fitted.restore(small, operator=operator, shape=(32, 36), sigma=0.005)
    assert restored.shape == (32, 36)
    assert psnr(clean, restored) > psnr(clean, np.kron(small, np.ones((2, 2))))


def test_energy_is_low_where_images_are_natural(fitted):
    image = scene(40, 40, key=50)
    spoiled = image.copy()
    spoiled[10:14, 20:24] = noisy(image, 0.3)[10:14, 20:24]
    energies = fitted.energy_samples([image, spoiled])
    assert energies[1] > energies[0]
    change = fitted.energy_map(spoiled) - fitted.energy_map(image)
    assert_allclose(change.sum(), energies[1] - energies[0], rtol=1e-4)
    assert np.unravel_index(change.argmax(), image.shape)[0] in range(8, 16)


def test_score_and_search(fitted):
    images = [scene(24, 25, k) for k in range(4)]
    clean, hidden = images[:2], [noisy(image, 0.1) for image in images[:2]]
    restored = fitted.transform(hidden)
    expected = np.mean([psnr(a, b) for a, b in zip(clean, restored, strict=True)])
    assert_allclose(fitted.score(hidden, clean), expected)
    assert fitted.score(images) == fitted.score(images)
    grid = {"energy__n_filters": [2, 4]}
    model = EnergyDenoiser(SMALL, sigma=0.1, patch_size=16, n_iter=1, random_state=0)
    search = GridSearchCV(model, grid, cv=2).fit(np.stack(images))
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (np.zeros((5, 5)), "Pass [image]"),
        (np.zeros((0, 5, 5)), "got none"),
        ([np.zeros((5, 5, 4))], "transparency"),
        ([np.zeros((5, 5), int)], "astype"),
        ([np.full((5, 5), 100.0)], "divide by 255"),
        ([np.full((5, 5), np.nan)], "mask= of restore"),
        ([np.zeros((5, 2))], "rows and columns"),
        ("picture.png", "a list of images"),
    ],
)
def test_images_that_are_none(fitted, X, words):
    with pytest.raises((ValueError, TypeError)) as error:
        fitted.transform(X)
    assert words in str(error.value).replace("\n", " ")


def test_arguments_that_do_not_fit(fitted):
    image, eye = scene(8, 9), csr_matrix(np.eye(72))
    wrong = LinearOperator((72, 72), matvec=lambda x: 2 * x, rmatvec=lambda x: x)
    none = LinearOperator((72, 72), matvec=lambda x: x)
    for arguments, words in [
        ({"mask": np.ones((8, 9), bool)}, "No pixel is known"),
        ({"mask": np.ones((8, 8), bool)}, "one bool for each pixel"),
        ({"operator": eye, "shape": (4, 4)}, "needs (72, 16)"),
        ({"shape": (4, 4)}, "Pass the operator"),
        ({"operator": wrong, "sigma": 0.1}, "not the adjoint"),
        ({"operator": none, "sigma": 0.1}, "rmatvec"),
        ({"sigma": -1.0}, "above 0"),
    ]:
        with pytest.raises(ValueError, match=re.escape(words)):
            fitted.restore(image, **arguments)
    with pytest.raises(NotFittedError):
        EnergyDenoiser().transform([image])


def test_a_restoration_that_does_not_converge_says_so(fitted):
    twin = clone(fitted)
    vars(twin).update({**vars(fitted), "max_iter": 1})
    with pytest.warns(ConvergenceWarning, match="Raise max_iter"):
        twin.transform([noisy(scene(20, 20), 0.1)])


def test_recipes_refuse_what_they_cannot_build():
    with pytest.raises(ValueError, match="odd number"):
        EnergyDenoiser(RidgeRecipe(filter_size=4)).fit([scene(20, 20)])


def test_an_image_without_noise_comes_back_as_it_is(fitted):
    model = clone(fitted).set_params(sigma="auto")
    model.__dict__.update({k: v for k, v in vars(fitted).items() if k.endswith("_")})
    model._energy = fitted._energy
    plain, other = np.full((24, 24), 0.3, np.float32), noisy(scene(24, 24), 0.1)
    assert_array_equal(model.estimate_sigma([plain]), 0)
    restored = model.transform(np.stack([plain, other]))
    assert_array_equal(restored[0], plain)
    assert np.abs(restored[1] - other).max() > 0.01
    colour = np.full((16, 17, 3), [10, 200, 31], np.uint8)
    assert_array_equal(model.transform([colour])[0], colour)
    mask = np.zeros((24, 24), bool)
    mask[4, 5] = True
    half = csr_matrix((np.full(576, 0.5), (np.arange(576), np.arange(576))))
    assert np.isfinite(model.restore(plain, operator=half, mask=mask)).all()


WORDS = {
    "sigma must be a finite number": lambda m, x: m.energy_map(x, sigma="auto"),
    "and sigma is 0.098": lambda m, x: m.energy_map(x, sigma=25 / 255),
    "n_filters must be": lambda m, x: small(n_filters=0).fit([x]),
    "filter_size must be": lambda m, x: small(filter_size=1).fit([x]),
    "levels must be": lambda m, x: small(levels=()).fit([x]),
    "levels must be standard": lambda m, x: small(levels=(0, 5)).fit([x]),
    "in rising order": lambda m, x: small(levels=(9, 5)).fit([x]),
    "n_pixels must be": lambda m, x: EnergyDenoiser(BinaryRecipe(n_pixels=0)).fit(
        [x > 0.3]
    ),
    "above 0; got 0": lambda m, x: m.energy_samples([x], sigma=0),
    "sigma must be 'auto', a number": lambda m, x: m.restore(x, sigma="zz"),
    "shape must be the height and width": lambda m, x: m.restore(x, shape=8),
    "operator must be a LinearOperator": lambda m, x: m.restore(x, operator="blur"),
    "Image 0 of X has the shape": lambda m, x: m.score([x], [x[:-1]]),
}


@pytest.mark.parametrize("sentence", WORDS)
def test_wrong_arguments_get_sentences(fitted, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        WORDS[sentence](fitted, scene(16, 20, key=3))
