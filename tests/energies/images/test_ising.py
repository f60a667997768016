import itertools
import pickle

import numpy as np
import pytest

from skebm.energies.images import Context, GridIsing, Levels
from skebm.energies.images._levels import log_odds
from skebm.energies.images._noise import _flipped, pattern_counts
from skebm.energies.images._pixels import NEIGHBOURHOODS, offsets
from skebm.energies.images.ising import lowest

every_neighbourhood = pytest.mark.parametrize("n_neighbours", NEIGHBOURHOODS)


def random_ising(n_neighbours, seed=0):
    rng = np.random.default_rng(seed)
    return GridIsing(rng.uniform(0, 1, n_neighbours // 2), rng.normal())


def random_image(shape=(7, 11), seed=0):
    return (np.random.default_rng(seed).random(shape) < 0.4).astype(np.uint8)


def by_definition(energy, image):
    """Return the energy from all pairs of pixels."""
    steps = {tuple(o): c for o, c in zip(energy.offsets, energy.couplings, strict=True)}
    pixels = list(np.ndindex(image.shape))
    total = -energy.ink * image.sum(dtype=float)
    for p, q in itertools.product(pixels, repeat=2):
        if image[p] != image[q]:
            total += steps.get((q[0] - p[0], q[1] - p[1]), 0.0)
    return total


@every_neighbourhood
def test_energy(n_neighbours):
    energy, image = random_ising(n_neighbours), random_image()
    expected = by_definition(energy, image)
    assert energy.energy(image) == pytest.approx(expected)
    assert energy.energy_map(image).sum() == pytest.approx(expected)
    several = [image, random_image((5, 3), 1)]
    np.testing.assert_allclose(energy.energy(several), [*map(energy.energy, several)])
    np.testing.assert_allclose(energy.energy(np.stack([image] * 2)), expected)


@pytest.mark.parametrize("n_neighbours", NEIGHBOURHOODS)
def test_neighbourhoods_are_the_nearest(n_neighbours):
    half = offsets(n_neighbours)
    both = {tuple(o) for o in np.concatenate([half, -half])}
    assert len(both) == n_neighbours
    square = {(y, x) for y in range(-2, 3) for x in range(-2, 3)} - {(0, 0)}
    farthest = max(y * y + x * x for y, x in both)
    assert both == {o for o in square if o[0] ** 2 + o[1] ** 2 <= farthest}


def test_map_halves_pairs():
    image = np.zeros((5, 5), np.uint8)
    image[2, 2] = 1
    shares = GridIsing([1.0, 0.5], 0.25).energy_map(image)
    assert shares[2, 2] == 0.5 + 0.5 + 0.25 + 0.25 - 0.25
    assert shares[2, 1] == shares[2, 3] == 0.5
    assert shares[1, 2] == shares[3, 2] == 0.25
    assert shares[1, 1] == 0


def test_gradient():
    images = [random_image((7, 11), 1), random_image((3, 5), 2)]
    weight = np.array([0.3, 1.7])
    energy = random_ising(8)
    gradient = energy.grad(images, weight)
    for name, value in energy.params.items():
        for place in np.ndindex(value.shape):
            # The energy is linear in its parameters, so any step will do.
            params = {n: p.copy() for n, p in energy.params.items()}
            params[name][place] += 1
            change = energy.replace(params).energy(images) - energy.energy(images)
            assert gradient[name][place] == pytest.approx(weight @ change)
    means = energy.grad(images)
    np.testing.assert_allclose(
        means["couplings"], energy.grad(images, np.full(2, 0.5))["couplings"]
    )


# -- restoration -----------------------------------------------------------------------


def cost(energy, image, noisy, noise):
    return energy.energy(image) + (log_odds(noise) * (image != noisy)).sum()


@pytest.mark.parametrize("noise", [0.02, 0.3, "map"])
def test_restoration_is_the_minimum(noise):
    noisy = random_image((3, 3), 3)
    if noise == "map":
        noise = np.random.default_rng(0).uniform(0.01, 0.5, noisy.shape)
    for n_neighbours in (4, 24):
        energy = random_ising(n_neighbours, 1)
        restored = energy.restore(noisy, noise)
        everything = itertools.product([0, 1], repeat=noisy.size)
        images = (np.array(x).reshape(noisy.shape) for x in everything)
        best = min(cost(energy, image, noisy, noise) for image in images)
        assert restored.energy == pytest.approx(best)
        assert cost(energy, restored.image, noisy, noise) == pytest.approx(best)
        assert restored.converged


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.int64, np.float32])
def test_restoration_has_the_dtype_of_the_image(dtype):
    noisy = random_image().astype(dtype)
    restored = random_ising(4).restore(noisy, 0.1)
    assert restored.image.dtype == dtype
    assert restored.image.shape == noisy.shape


def test_pixels_without_noise_stay_and_holes_are_filled():
    image = np.zeros((9, 9), np.uint8)
    image[:, 4:] = 1
    noisy = image.copy()
    holes = np.zeros(image.shape, bool)
    holes[3:6, 5:8] = True
    noisy[holes] = 0
    noise = np.where(holes, 0.5, 0.0)
    energy = GridIsing([1.0, 1.0, 0.5, 0.5], 0.0)
    restored = energy.restore(noisy, noise)
    np.testing.assert_array_equal(restored.image, image)
    assert np.isfinite(restored.energy)
    np.testing.assert_array_equal(energy.restore(noisy, 0).image, noisy)


def test_a_tie_has_the_least_ink():
    # Between 0 and 1 nothing decides.
    assert GridIsing([1.0, 1.0], 0.0).restore(np.ones((3, 3)), 0.5).image.sum() == 0


def test_rounding_is_below_a_millionth_of_the_odds():
    # At the odds where ink and paper are as good, this much decides.
    image = np.zeros((5, 5), np.uint8)
    image[2, 2] = 1
    couplings = np.array([0.4, 0.3])  # a dot costs 1.4 nats
    tie = 1 / (1 + np.exp(1.4))
    for side in (-1, 1):
        found = GridIsing(couplings, 0.0).restore(image, tie * (1 + side * 4e-6))
        assert found.image.sum() == (side < 0)


def test_huge_couplings_do_not_overflow():
    noisy = random_image((13, 17))
    fields = np.where(noisy, -1e300, 1e300)
    for strength in (1e3, 1e300):
        couplings = np.full(12, strength)
        np.testing.assert_array_equal(lowest(fields, couplings, offsets(24)), noisy)
        restored = GridIsing(couplings, 0.0).restore(noisy, 0.1).image
        assert restored.min() == restored.max() == (noisy.mean() > 0.5)


def test_levels_are_interpolated_in_log_odds():
    levels = Levels(
        np.array([0.01, 0.1, 0.3]),
        np.array([[1.0, 5.0], [2.0, 3.0], [4.0, 0.0]]),
        np.array([0.1, 0.2, 0.4]),
    )
    for k, noise in enumerate(levels.noise):
        couplings, ink = levels.at(noise)
        np.testing.assert_allclose(couplings, levels.couplings[k])
        assert ink == pytest.approx(levels.ink[k])
    between = 1 / (1 + np.exp(np.mean(log_odds(levels.noise[:2]))))
    np.testing.assert_allclose(levels.at(between)[0], [1.5, 4.0])
    for noise, k in ((0.0, 0), (1e-9, 0), (0.45, 2), (0.5, 2)):
        np.testing.assert_allclose(levels.at(noise)[0], levels.couplings[k])


def test_levels_restore():
    noisy = random_image((8, 8))
    weak = Levels(np.array([0.1]), np.array([[0.2, 0.1]]), np.array([0.3]))
    restored = GridIsing([3.0, 3.0], 0.0, weak).restore(noisy, 0.1)
    expected = GridIsing([0.2, 0.1], 0.3).restore(noisy, 0.1)
    np.testing.assert_array_equal(restored.image, expected.image)
    assert restored.energy == expected.energy


def test_pickles_restore():
    energy, noisy = random_ising(8), random_image()
    twin = pickle.loads(pickle.dumps(energy))
    assert twin.restore(noisy, 0.2).energy == energy.restore(noisy, 0.2).energy


# -- context ---------------------------------------------------------------------------


def random_context(size, n_hidden=13):
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(size, size, n_hidden)).astype(np.float32)
    vectors = rng.normal(size=(3, n_hidden)).astype(np.float32)
    return Context(weights, *vectors, 0.3)


@pytest.mark.parametrize("shape", [(37, 11), (1, 1), (2, 5)])
def test_logits_of_contexts(shape):
    image, context, odds = random_image(shape), random_context(5), np.log(0.8 / 0.2)
    padded = np.pad(image, 2, mode="edge")
    logits = context.logits(image, 0.2)
    for y, x in np.ndindex(shape):
        spins = odds * (padded[y : y + 5, x : x + 5] - 0.5)
        hidden = np.tensordot(spins, context.weights) + odds * context.odds
        hidden = np.maximum(hidden + context.bias, 0)
        expected = hidden @ context.output + context.intercept
        assert logits[y, x] == pytest.approx(expected, rel=1e-4, abs=1e-4)


# -- noise -----------------------------------------------------------------------------


def test_patterns_are_windows():
    image = random_image((6, 5))
    counts = np.zeros(512)
    for y, x in np.ndindex(4, 3):
        window = image[y : y + 3, x : x + 3].ravel()
        counts[int("".join(map(str, window)), 2)] += 1
    np.testing.assert_array_equal(pattern_counts(image), counts)
    assert pattern_counts(image[:2]).sum() == 0


def test_noise_of_patterns():
    rng = np.random.default_rng(0)
    proportions, share = rng.dirichlet(np.ones(512), 2), 0.13
    codes = np.arange(512)
    flips = np.bitwise_count(codes[:, None] ^ codes)
    channel = share**flips * (1 - share) ** (9 - flips)
    np.testing.assert_allclose(_flipped(proportions, share), proportions @ channel)


def test_noise_is_estimated():
    rng = np.random.default_rng(0)
    clean, other = (
        np.kron(rng.random((16, 16)) < s, np.ones((8, 8))) for s in (0.2, 0.4)
    )
    energy = GridIsing([1.0, 1.0], 0.0, patterns=pattern_counts(clean.astype(np.uint8)))
    for noise in (0.01, 0.1, 0.3):
        noisy = (rng.random(other.shape) < noise) != other
        # Five standard errors of a count of flips that are all seen.
        tolerance = 5 * np.sqrt(noise * (1 - noise) / noisy.size)
        assert energy.estimate_noise(noisy) == pytest.approx(noise, abs=tolerance)
    assert energy.estimate_noise(other) < 1e-3


# -- wrong input -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "noise", "message"),
    [
        (np.full((3, 3), 2), 0.1, "values 0 .* and 1"),
        (np.full((3, 3), np.nan), 0.1, "values 0 .* and 1"),
        (np.full((3, 3), 0.5), 0.1, "values 0 .* and 1"),
        (np.zeros(9), 0.1, "shape .height, width."),
        (np.zeros((3, 3)), 0.6, "from 0 to 0.5"),
        (np.zeros((3, 3)), np.nan, "from 0 to 0.5"),
        (np.zeros((3, 3)), np.full((3, 2), 0.1), "shape of the image"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_wrong_images_and_noise(image, noise, message):
    with pytest.raises(ValueError, match=message):
        random_ising(4).restore(image, noise)


def test_noise_needs_patterns():
    with pytest.raises(ValueError, match="Give the noise"):
        random_ising(4).estimate_noise(random_image())
