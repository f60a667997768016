"""The noise of images: white noise, texture, grain, clipped pixels, and no noise."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.fft import dctn

from skebm.inference import estimate_noise, noise_of
from skebm.inference.noise import _GRAIN, _agreed, _energies, _variances
from skebm.utils._random import Random

RANDOM = Random.from_state(5)


def noise(height, width, key=0):
    return RANDOM.fold(key).normal((height, width), np.float32)


def scene(height, width):
    """Return an image that is smooth on the left and textured on the right."""
    y, x = np.mgrid[:height, :width] / 40
    texture = np.where(x > x.max() / 2, np.sin(70 * x) * np.sin(61 * y), 0)
    return (0.5 + 0.2 * np.sin(x + y) + 0.2 * texture).astype(np.float32)


def naive_variances(plane, counts, quiet):
    """Return the variances at the quietest frequencies of the flattest patches."""
    patches, halves = [], []
    for i in range(plane.shape[0] - 7):
        for j in range(plane.shape[1] - 7):
            patches.append(plane[i : i + 8, j : j + 8])
            halves.append((i // 16 + j // 16) % 2)
    is_high = np.add.outer(np.arange(8), np.arange(8)) >= 6
    energy = dctn(np.array(patches, float), axes=(1, 2), norm="ortho") ** 2
    low = energy[:, ~is_high].sum(axis=1) - energy[:, 0, 0]
    # Patches with the two extreme pixels count as clipped.
    low[[plane.max() in patch or plane.min() in patch for patch in patches]] = np.inf
    out = []
    for count, n_quiet in zip(counts, quiet, strict=True):
        chosen = np.argsort(low)[:count]
        high, half = energy[chosen][:, is_high], np.array(halves)[chosen]
        one, two = high[half == 0].mean(axis=0), high[half == 1].mean(axis=0)
        parts = one[np.argsort(two)[:n_quiet]], two[np.argsort(one)[:n_quiet]]
        out.append(np.mean(parts))
    return out


def test_variances_are_those_of_a_loop():
    plane = scene(61, 83) + 0.1 * noise(61, 83)
    low, high, is_first, every = *(parts := _energies(plane))[0], *parts[1:]
    assert every == 1
    assert high.shape[1] == 43
    variances, _ = _variances(low, high, is_first, every)
    found = variances[4, 1], variances[6, 2], variances[8, 3]
    counts = int(0.08 * len(low)), int(0.32 * len(low)), len(low)
    assert_allclose(found, naive_variances(plane, counts, (8, 16, 28)), 1e-4)


@pytest.mark.parametrize("shape", [(64, 64), (61, 307), (512, 521)])
def test_white_noise(shape):
    found = [estimate_noise(0.1 * noise(*shape, key)) for key in range(3)]
    # Half of the logarithm of a variance of n values has the error 1 / sqrt(2 n). The
    # frequencies that count are 28 of 64. The typical grain takes 0.1 %.
    error = 1 / np.sqrt(2 * 28 / 64 * shape[0] * shape[1])
    assert_allclose(found, 0.1, rtol=5 * error + 0.001)


def test_errors_are_those_of_white_noise():
    planes = [noise(97, 97, key) for key in range(40)]
    parts = [_energies(plane) for plane in planes]
    found = [_variances(*energies, *rest) for energies, *rest in parts]
    logs = 0.5 * np.log([variances for variances, _ in found])
    # The standard deviation of 40 draws is known to 11 %. The model of errors is rough.
    assert_allclose(logs[:, 1:].std(axis=0) / found[0][1][1:], 1, atol=0.6)
    # The choice of frequencies does not lower the mean of the variances.
    means = np.exp(2 * logs[:, 3:]).mean(axis=0)
    assert_allclose(means, 1, atol=4 * 2 * found[0][1][3:].max() / np.sqrt(40))


@pytest.mark.parametrize("sigma", [10, 25, 50])
def test_half_of_an_image_may_be_texture(sigma):
    plane = scene(256, 256) + sigma / 255 * noise(256, 256)
    assert_allclose(estimate_noise(plane) * 255, sigma, rtol=0.05)


def test_lines_of_a_scan_are_not_noise():
    lines = np.float32(0.05) * RANDOM.fold(3).normal((1, 256), np.float32)
    plane = scene(256, 256) + 0.1 * noise(256, 256)
    assert_allclose(estimate_noise(plane + lines), estimate_noise(plane), rtol=0.02)


def test_clipped_parts_do_not_count():
    clean = np.full((256, 256), 0.5, np.float32)
    clean[:100], clean[-100:] = -0.1, 1.2
    plane = np.clip(clean + 0.1 * noise(256, 256), 0, 1)
    assert_allclose(estimate_noise(plane), 0.1, rtol=0.05)


def test_typical_grain_is_subtracted():
    level = 0.02
    plane = np.sqrt(level**2 + _GRAIN) * noise(512, 512)
    assert_allclose(estimate_noise(plane), level, rtol=0.02)
    # Noise below the grain is not 0, and more noise always gives more.
    found = [estimate_noise(scale * plane) for scale in (1e-3, 1e-2, 0.1, 1, 10)]
    assert (np.diff([0, *found]) > 0).all()


@pytest.mark.parametrize("shape", [(4, 4), (5, 300), (16, 16), (600, 610)])
def test_an_image_without_noise(shape):
    assert estimate_noise(np.full(shape, 0.37, np.float32)) == 0


def test_black_and_white_without_noise():
    # All patches hold clipped pixels, so all of them count.
    page = np.ones((64, 67), np.float32)
    page[20:31, 5:50] = 0
    assert estimate_noise(page) == 0


@pytest.mark.parametrize("shape", [(4, 4), (5, 7), (7, 300), (16, 16), (17, 31)])
def test_small_images(shape):
    found = [estimate_noise(0.1 * noise(*shape, key)) for key in range(20)]
    assert np.isfinite(found).all()
    assert_allclose(np.median(found), 0.1, rtol=0.35)


def test_an_estimate_far_above_the_others_does_not_count():
    logs, errors = np.log([[1.0, 1.01, 2.0]]), np.array([[0.02, 0.01, 0.001]])
    assert_allclose(_agreed(logs, errors), np.log(1.01) * 0.8, rtol=1e-3)
    # If all are below the lowest upper bound, the weights are those of the errors.
    logs = np.array([[0.002, 0.0, 0.001]])
    expected = np.average(logs, weights=errors**-2.0)
    assert_allclose(_agreed(logs, errors), expected)


def test_planes_of_colour():
    plain, busy = 0.05 * noise(200, 200), scene(200, 200) + 0.1 * noise(200, 200, 1)
    found = noise_of([plain, busy], [0.5, 1.0])
    assert_allclose(found, 0.1, rtol=0.05)
    assert found == min(noise_of([plain], [0.5]), noise_of([busy], [1.0]))
    # The grain of a plane is a share of the grain of the image, as its noise is.
    faint = 0.02 * noise(200, 200)
    assert_allclose(noise_of([0.5 * faint], [0.5]), estimate_noise(faint), rtol=1e-5)
