import itertools

import numpy as np
import pytest

from skebm.energies.images import BinaryRecipe, Context, GridIsing, _context
from skebm.energies.images._levels import log_odds
from skebm.energies.images._pixels import NEIGHBOURHOODS, offsets, vote_counts
from skebm.energies.images.binary_recipe import (
    Trial,
    flipped,
    pseudo_likelihood,
    some,
    tiles_of,
)
from skebm.utils._random import Random


def blobs(n, size=20, seed=0):
    """Return images of rectangles."""
    rng = np.random.default_rng(seed)
    images = np.zeros((n, size, size), np.uint8)
    for image in images:
        y, x = rng.integers(1, size // 2, 2)
        image[y : y + rng.integers(4, 9), x : x + rng.integers(4, 9)] = 1
    return images


@pytest.fixture
def short(monkeypatch):
    """Train perceptrons of surroundings for a moment only."""
    monkeypatch.setattr(_context, "_N_ROUNDS", 10)
    monkeypatch.setattr(_context, "_N_WINDOWS", 4000)


def log_conditionals(energy, image):
    """Return ``log p(pixel | all others)`` of each pixel, by flipping it."""
    out = np.empty(image.shape)
    for p in np.ndindex(image.shape):
        other = image.copy()
        other[p] ^= 1
        out[p] = -np.logaddexp(0, energy.energy(image) - energy.energy(other))
    return out


@pytest.mark.parametrize("n_neighbours", NEIGHBOURHOODS)
def test_votes_give_the_conditionals(n_neighbours):
    rng = np.random.default_rng(1)
    energy = GridIsing(rng.random(n_neighbours // 2), 0.3)
    images = [blobs(1, 7)[0], (rng.random((5, 6)) < 0.5).astype(np.uint8)]
    votes, n_paper, n_ink = vote_counts(images, energy.offsets)
    logits = votes @ energy.couplings + energy.ink
    nats = n_ink @ np.logaddexp(0, -logits) + n_paper @ np.logaddexp(0, logits)
    expected = -sum(log_conditionals(energy, image).sum() for image in images)
    assert nats == pytest.approx(expected)
    assert n_paper.sum() + n_ink.sum() == 49 + 30


def test_pseudo_likelihood_finds_the_couplings():
    truth = GridIsing([0.7, 0.4], -0.3)
    everything = np.array(list(itertools.product([0, 1], repeat=12)), np.uint8)
    everything = everything.reshape(-1, 3, 4)
    p = np.exp(-truth.energy(everything))
    rng = np.random.default_rng(0)
    drawn = everything[rng.choice(len(p), 2000, p=p / p.sum())]
    couplings, ink = pseudo_likelihood(drawn, truth.offsets)
    # 17 pairs of an offset in an image at most: standard errors are about 0.015.
    np.testing.assert_allclose(couplings, truth.couplings, atol=0.07)
    assert ink == pytest.approx(-0.3, abs=0.07)


def test_couplings_are_bounded():
    checkerboard = (np.indices((9, 9)).sum(axis=0) % 2).astype(np.uint8)
    couplings, _ = pseudo_likelihood([checkerboard], offsets(4))
    np.testing.assert_array_equal(couplings, 0)
    couplings, ink = pseudo_likelihood([np.zeros((9, 9), np.uint8)], offsets(4))
    assert np.isfinite([*couplings, ink]).all()


def test_search_lowers_the_errors():
    images = list(blobs(12))
    noisy = flipped(images, 0.15, Random(3))
    fields = [log_odds(0.15) * (1 - 2.0 * image) for image in noisy]
    trial = Trial(images, fields, offsets(8))
    start = pseudo_likelihood(images, offsets(8))
    couplings, ink, wrong = trial.search(*start)
    assert wrong == trial.wrong(couplings, ink)
    assert wrong < min(trial.wrong(s * start[0], s * start[1]) for s in (0, 1))
    assert (couplings >= 0).all()


def test_learned_energies_restore():
    recipe = BinaryRecipe(noise_levels=(0.05, 0.2), context_size=0)
    lines = []
    energy = recipe.learn(list(blobs(20)), Random(0), lines.append)
    assert energy.levels.couplings.shape == (2, 4)
    assert len(lines) == 3
    rng = np.random.default_rng(1)
    for noise, least in ((0.05, 0.98), (0.2, 0.94)):
        clean = blobs(30, seed=9)
        noisy = (rng.random(clean.shape) < noise) ^ clean
        restored = np.array([energy.restore(image, noise).image for image in noisy])
        assert np.mean(restored == clean) > least
    noisy = np.concatenate(noisy)
    assert energy.estimate_noise(noisy) == pytest.approx(0.2, abs=0.02)


def test_learning_repeats_and_takes_images_of_several_sizes(short):
    images = [*blobs(3), blobs(1, 30, 1)[0], np.zeros((1, 3), np.uint8)]
    recipe = BinaryRecipe(n_neighbours=4, noise_levels=(0.1,), context_size=0)
    one, two = (recipe.learn(images, Random(5)).levels for _ in range(2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
    one, two = (Context.learn(images, 3, (0.1, 0.2), Random(5)) for _ in range(2))
    np.testing.assert_array_equal(one.weights, two.weights)
    assert one.intercept == two.intercept


def test_context_is_used_where_it_helps(short):
    # Stripes are two pixels wide, and couplings alone would blur them.
    stripes = np.arange(24) // 2 % 2
    images = [np.tile(np.roll(stripes, k), (24, 1)).astype(np.uint8) for k in range(4)]
    images += [image.T.copy() for image in images]
    recipe = BinaryRecipe(n_neighbours=4, noise_levels=(0.1, 0.2), context_size=5)
    energy = recipe.learn(images, Random(0))
    assert energy.context is not None
    noisy, noise = flipped(images, 0.2, Random(1)), 0.2
    restored = [energy.restore(image, noise) for image in noisy]
    alone = GridIsing(energy.couplings, energy.ink, energy.levels)
    without = [alone.restore(image, noise) for image in noisy]
    wrong, more = (
        np.mean([r.image != x for r, x in zip(some, images, strict=True)])
        for some in (restored, without)
    )
    assert wrong < 0.7 * more
    # What is minimised is the energy with the context.
    couplings, ink = energy.context_levels.at(noise)
    pairs = GridIsing(couplings, ink)
    logits = energy.context.logits(noisy[0], noise)

    def cost(image):
        return pairs.energy(image) - logits[image == 1].sum(dtype=float)

    assert restored[0].energy == pytest.approx(cost(restored[0].image))
    for y, x in np.ndindex(3, 3):
        other = restored[0].image.copy()
        other[y, x] ^= 1
        assert cost(other) > restored[0].energy
    # Below the lowest level and with a map of noise, there is no context.
    for noise in (0.05, np.full((24, 24), 0.2)):
        given, expected = (e.restore(noisy[0], noise) for e in (energy, alone))
        np.testing.assert_array_equal(given.image, expected.image)


def test_many_pixels_are_left_out():
    images = list(blobs(10))
    assert len(some(images, 1000, Random(0))) == 3
    assert len(some(images, 1, Random(0))) == 1
    assert len(some(images, 10**6, Random(0))) == 10


def test_large_images_are_cut():
    image = np.arange(300 * 600).reshape(300, 600)
    tiles = tiles_of([image, image[:0], image[:3, :5]])
    assert [tile.shape for tile in tiles] == [
        *((256, 256), (256, 256), (256, 88), (44, 256), (44, 256), (44, 88), (3, 5))
    ]
    np.testing.assert_array_equal(np.hstack(tiles[3:6]), image[256:])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_neighbours": 6}, "n_neighbours must be one of"),
        ({"noise_levels": ()}, "noise_levels must be shares"),
        ({"noise_levels": (0.2, 0.1)}, "in rising order"),
        ({"noise_levels": (0.0, 0.1)}, "above 0"),
        ({"noise_levels": (0.5,)}, "below 0.5"),
        ({"context_size": 4}, "context_size must be one of"),
    ],
)
def test_wrong_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        BinaryRecipe(**parameters).learn(list(blobs(2)), Random(0))


def test_there_must_be_pixels():
    with pytest.raises(ValueError, match="must have pixels"):
        BinaryRecipe().learn([], Random(0))
