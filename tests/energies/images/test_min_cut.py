import itertools

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_flow

from skebm.energies.images._min_cut import minimum_cut
from skebm.energies.images._pixels import NEIGHBOURHOODS, offsets

every_neighbourhood = pytest.mark.parametrize("n_neighbours", NEIGHBOURHOODS)


def pairs(shape, n_neighbours):
    """Yield two pixels, as places in the flat image, and the offset of each pair."""
    height, width = shape
    for k, (dy, dx) in enumerate(offsets(n_neighbours)):
        for y, x in np.ndindex(shape):
            if y + dy < height and 0 <= x + dx < width:
                yield y * width + x, (y + dy) * width + x + dx, k


def energies(images, fields, couplings):
    """Return the energies of flat images, pair by pair."""
    out = images @ fields.ravel().astype(np.int64)
    for p, q, k in pairs(fields.shape, 2 * len(couplings)):
        out += couplings[k] * (images[:, p] != images[:, q])
    return out


def problem(shape, n_neighbours, seed, largest=6):
    rng = np.random.default_rng(seed)
    fields = rng.integers(-largest, largest + 1, shape)
    return fields, rng.integers(0, 4, n_neighbours // 2)


def solve(fields, couplings):
    """Return the cut as a flat image, and its energy by the flow."""
    image, flow = minimum_cut(fields, couplings, offsets(2 * len(couplings)))
    return image.reshape(1, -1).astype(np.int64), flow + np.minimum(fields, 0).sum()


@every_neighbourhood
@pytest.mark.parametrize("seed", range(3))
def test_no_image_is_lower(n_neighbours, seed):
    fields, couplings = problem((3, 5), n_neighbours, seed)
    everything = np.array(list(itertools.product([0, 1], repeat=15)))
    energy = energies(everything, fields, couplings)
    image, lowest = solve(fields, couplings)
    assert lowest == energy.min()
    # Of all minima, it has the least ink.
    minima = everything[energy == energy.min()]
    np.testing.assert_array_equal(image[0], minima.min(axis=0))


@every_neighbourhood
@pytest.mark.parametrize("largest", [1, 6, 40])
def test_flow_proves_the_minimum(n_neighbours, largest):
    # No cut is below any flow, so a cut that equals a flow is a minimum.
    for seed in range(5):
        fields, couplings = problem((17, 23), n_neighbours, seed, largest)
        image, lowest = solve(fields, couplings)
        assert energies(image, fields, couplings) == lowest


@every_neighbourhood
def test_flow_is_that_of_scipy(n_neighbours):
    fields, couplings = problem((7, 11), n_neighbours, 1, 9)
    n = fields.size
    arcs = [(p, q, couplings[k]) for p, q, k in pairs(fields.shape, n_neighbours)]
    arcs += [(q, p, c) for p, q, c in arcs]
    flat = fields.ravel()
    arcs += [(n, p, -flat[p]) if flat[p] < 0 else (p, n + 1, flat[p]) for p in range(n)]
    tails, heads, capacities = map(np.array, zip(*arcs, strict=True))
    graph = csr_matrix((capacities.astype(np.int32), (tails, heads)), (n + 2, n + 2))
    _, flow = minimum_cut(fields, couplings, offsets(n_neighbours))
    assert flow == maximum_flow(graph, n, n + 1).flow_value > 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (2, 2), (0, 3)])
def test_images_smaller_than_the_neighbourhood(shape):
    fields, couplings = problem(shape, 24, 3)
    image, lowest = solve(fields, couplings)
    assert image.shape == (1, fields.size)
    assert energies(image, fields, couplings) == lowest


def test_without_couplings_every_pixel_follows_its_field():
    fields, _ = problem((13, 11), 8, 0)
    image, _ = minimum_cut(fields, np.zeros(4, int), offsets(8))
    np.testing.assert_array_equal(image, fields < 0)


def test_large_blocks_of_a_checkerboard():
    # All flow crosses the borders of the blocks, so trees grow deep and lose parents.
    rng = np.random.default_rng(5)
    block = np.kron(np.indices((3, 4)).sum(axis=0) % 2 * 2 - 1, np.ones((9, 9), int))
    fields = 3 * block + rng.integers(-2, 3, block.shape)
    for couplings in ([2, 2], [7, 5], [30, 30]):
        image, lowest = solve(fields, np.array(couplings))
        assert energies(image, fields, couplings) == lowest
