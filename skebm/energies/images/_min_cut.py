"""The exact minimum of a binary image's energy: a minimum cut of a grid [1]_.

The arcs of a grid have the same few offsets everywhere, so no list of arcs is made. The
image has a border of pixels without arcs, so no arc is checked for leaving it.

References
----------
.. [1] Y. Boykov, V. Kolmogorov. "An experimental comparison of min-cut/max-flow
   algorithms for energy minimization in vision". IEEE Transactions on Pattern Analysis
   and Machine Intelligence 26 (2004).
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from skebm.utils._addresses import BORROWS, KERNEL

# The trees of pixels: those that receive from the source, and those that feed the sink.
_FREE, _SOURCE, _SINK = 0, 1, 2
# Where a parent would be: the root of a tree, a pixel that lost its parent.
_ROOT, _ORPHAN = 126, 127
# The whole numbers of `counts`.
_TIME, _HEAD, _QUEUED, _ORPHANS, _FLOW = range(5)
_FAR = 2**31 - 1


class Trees(NamedTuple):
    """The residual graph and the two search trees, over the pixels with their border.

    Attributes
    ----------
    excess : ndarray of int32 of shape (n,)
        What the source can still send to a pixel, or minus what the pixel can still
        send to the sink.
    room : ndarray of int32 of shape (n, n_steps)
        What a pixel can still send in each direction.
    steps : ndarray of int32 of shape (n_steps,)
        The distances of neighbours in memory; ``d ^ 1`` is the way back of ``d``.
    tree, parent : ndarray of int8 of shape (n,)
        The tree of each pixel, and the direction to its parent.
    stamp, depth : ndarray of int32 of shape (n,)
        The distance to the root as of a time, which is at most the distance now.
    active, orphans : ndarray of int32 of shape (n,)
        A ring of the pixels from which a tree may grow, and a stack.
    is_active : ndarray of bool of shape (n,)
    counts : ndarray of int64 of shape (5,)
        Time, start and length of the ring, height of the stack, and the flow.
    """

    excess: np.ndarray
    room: np.ndarray
    steps: np.ndarray
    tree: np.ndarray
    parent: np.ndarray
    stamp: np.ndarray
    depth: np.ndarray
    active: np.ndarray
    orphans: np.ndarray
    is_active: np.ndarray
    counts: np.ndarray


def minimum_cut(fields, couplings, offsets):
    """Return the image of lowest energy, and the flow that proves it.

    The energy is ``sum(fields * image)``, plus ``couplings[o]`` for each pair of pixels
    at a distance of ``offsets[o]`` that differ. All numbers are whole, so the result is
    exact. If several images have the lowest energy, it is the one with the least ink:
    every pixel that is 1 in it is 1 in all of them.

    Parameters
    ----------
    fields : ndarray of int32 of shape (height, width)
    couplings : ndarray of int32 of shape (n_offsets,)
        At least 0.
    offsets : ndarray of int of shape (n_offsets, 2)
        Rows and columns between the two pixels of a pair, one of each two opposites.

    Returns
    -------
    image : ndarray of uint8 of shape (height, width)
    flow : int
        The lowest energy minus ``np.minimum(fields, 0).sum()``.
    """
    height, width = fields.shape
    offsets = np.asarray(offsets, np.int32).reshape(-1, 2)
    border = int(np.abs(offsets).max(initial=0))
    padded = width + 2 * border
    n = (height + 2 * border) * padded
    steps = np.repeat(offsets @ np.array([padded, 1], np.int32), 2)
    steps[1::2] *= -1
    capacities = np.repeat(np.asarray(couplings, np.int32), 2)
    trees = Trees(
        excess=np.zeros(n, np.int32),
        room=np.empty((n, len(steps)), np.int32),
        steps=steps.astype(np.int32),
        tree=np.zeros(n, np.int8),
        parent=np.full(n, _ORPHAN, np.int8),
        stamp=np.zeros(n, np.int32),
        depth=np.zeros(n, np.int32),
        active=np.empty(n, np.int32),
        orphans=np.empty(n, np.int32),
        is_active=np.zeros(n, np.bool_),
        counts=np.zeros(5, np.int64),
    )
    image = np.empty((height, width), np.uint8)
    fields = np.ascontiguousarray(fields, np.int32)
    _cut(fields, capacities, np.repeat(offsets, 2, axis=0), border, trees, image)
    return image, int(trees.counts[_FLOW])


# -- kernels ---------------------------------------------------------------------------


@njit(**BORROWS)
def _lay(fields, capacities, offsets, border, trees):
    """Write the capacities of the grid."""
    height, width = fields.shape
    padded = width + 2 * border
    room, excess = trees.room, trees.excess
    n_steps = len(capacities)
    for row in range(height + 2 * border):
        y = row - border
        is_inner_row = border <= y < height - border
        for column in range(padded):
            x = column - border
            p = row * padded + column
            if y < 0 or y >= height or x < 0 or x >= width:
                for d in range(n_steps):
                    room[p, d] = 0
                continue
            excess[p] = -fields[y, x]
            if is_inner_row and border <= x < width - border:
                for d in range(n_steps):
                    room[p, d] = capacities[d]
                continue
            for d in range(n_steps):
                side = 1 - 2 * (d & 1)
                to_y, to_x = y + side * offsets[d, 0], x + side * offsets[d, 1]
                inside = to_y >= 0 and to_y < height and to_x >= 0 and to_x < width
                room[p, d] = capacities[d] if inside else 0


@njit(**BORROWS)
def _push_to_neighbours(trees):
    """Send what pixels can send to direct neighbours, and return how much that is.

    Most flipped pixels are settled here, before there are trees.
    """
    excess, room, steps = trees.excess, trees.room, trees.steps
    flow = 0
    for p in range(len(excess)):
        if excess[p] <= 0:
            continue
        for d in range(len(steps)):
            q = p + steps[d]
            if room[p, d] > 0 and excess[q] < 0:
                sent = min(excess[p], room[p, d], -excess[q])
                room[p, d] -= sent
                room[q, d ^ 1] += sent
                excess[p] -= sent
                excess[q] += sent
                flow += sent
                if excess[p] == 0:
                    break
    return flow


@njit(**BORROWS)
def _activate(p, trees):
    """Put a pixel at the end of the ring, unless it is there."""
    counts, n = trees.counts, len(trees.active)
    if not trees.is_active[p]:
        trees.is_active[p] = True
        place = counts[_HEAD] + counts[_QUEUED]
        trees.active[place - n if place >= n else place] = p
        counts[_QUEUED] += 1


@njit(**BORROWS)
def _lose_parent(p, trees):
    trees.parent[p] = _ORPHAN
    trees.orphans[trees.counts[_ORPHANS]] = p
    trees.counts[_ORPHANS] += 1


@njit(**BORROWS)
def _grow(p, trees):
    """Let the tree of a pixel grow to its neighbours.

    Returns the direction in which it meets the other tree, or -1.
    """
    room, tree, parent = trees.room, trees.tree, trees.parent
    stamp, depth, steps = trees.stamp, trees.depth, trees.steps
    mine = tree[p]
    for d in range(len(steps)):
        q = p + steps[d]
        there = room[p, d] if mine == _SOURCE else room[q, d ^ 1]
        if there == 0:
            continue
        if tree[q] == _FREE:
            tree[q] = mine
            parent[q] = d ^ 1
            stamp[q], depth[q] = stamp[p], depth[p] + 1
            _activate(q, trees)
        elif tree[q] != mine:
            return d
        elif stamp[q] <= stamp[p] and depth[q] > depth[p]:
            parent[q] = d ^ 1  # a shorter way to the root
            stamp[q], depth[q] = stamp[p], depth[p] + 1
    return -1


@njit(**BORROWS)
def _climb(p, trees, sent):
    """Send along the way between a pixel and its root.

    With ``sent=0``, nothing is sent, and the result is how much the way can take.
    """
    room, parent, steps = trees.room, trees.parent, trees.steps
    from_source = trees.tree[p] == _SOURCE
    least = _FAR
    while parent[p] != _ROOT:
        up = parent[p]
        q = p + steps[up]
        # An arc leads away from the source, so up in one tree and down in the other.
        tail, head = (q, p) if from_source else (p, q)
        d = up ^ 1 if from_source else up
        if sent > 0:
            room[tail, d] -= sent
            room[head, d ^ 1] += sent
            if room[tail, d] == 0:
                _lose_parent(p, trees)
        least = min(least, room[tail, d])
        p = q
    if sent > 0:
        trees.excess[p] -= sent if from_source else -sent
        if trees.excess[p] == 0:
            _lose_parent(p, trees)
    return min(least, abs(trees.excess[p]))


@njit(**BORROWS)
def _augment(p, d, trees):
    """Send as much as fits from a root to the other, through the arc where they met."""
    room = trees.room
    q = p + trees.steps[d]
    if trees.tree[p] == _SINK:
        p, q, d = q, p, d ^ 1
    sent = min(room[p, d], _climb(p, trees, 0), _climb(q, trees, 0))
    room[p, d] -= sent
    room[q, d ^ 1] += sent
    _climb(p, trees, sent)
    _climb(q, trees, sent)
    trees.counts[_FLOW] += sent


@njit(**BORROWS)
def _distance(p, trees):
    """Return the distance of a pixel to its root; far, if the way ends at an orphan."""
    parent, steps = trees.parent, trees.steps
    stamp, depth, time = trees.stamp, trees.depth, trees.counts[_TIME]
    q, length = p, 0
    while stamp[q] != time:
        length += 1
        if parent[q] == _ROOT:
            stamp[q], depth[q] = time, 1
            length -= 1
            break
        if parent[q] == _ORPHAN:
            return _FAR
        q += steps[parent[q]]
    length += depth[q]
    q, left = p, length
    while stamp[q] != time:
        stamp[q], depth[q] = time, left
        left -= 1
        q += steps[parent[q]]
    return length


@njit(**BORROWS)
def _adopt(p, trees):
    """Give an orphan the nearest parent of its tree, or free it and its children."""
    room, tree, parent, steps = trees.room, trees.tree, trees.parent, trees.steps
    mine, nearest, best = tree[p], _FAR, -1
    for d in range(len(steps)):
        q = p + steps[d]
        if tree[q] == mine and parent[q] != _ORPHAN:
            there = room[q, d ^ 1] if mine == _SOURCE else room[p, d]
            if there > 0:
                distance = _distance(q, trees)
                if distance < nearest:
                    nearest, best = distance, d
    if best >= 0:
        parent[p] = best
        trees.stamp[p], trees.depth[p] = trees.counts[_TIME], nearest + 1
        return
    tree[p] = _FREE
    for d in range(len(steps)):
        q = p + steps[d]
        if tree[q] == mine:
            there = room[q, d ^ 1] if mine == _SOURCE else room[p, d]
            if there > 0:
                _activate(q, trees)
            if parent[q] == d ^ 1:
                _lose_parent(q, trees)


@njit(**KERNEL)
def _cut(fields, capacities, offsets, border, trees, image):
    """Send all that fits from the source to the sink, and write what is cut off."""
    height, width = image.shape
    padded = width + 2 * border
    _lay(fields, capacities, offsets, border, trees)
    excess, tree, counts = trees.excess, trees.tree, trees.counts
    counts[_FLOW] = _push_to_neighbours(trees)
    for p in range(len(excess)):
        if excess[p] != 0:
            tree[p] = _SOURCE if excess[p] > 0 else _SINK
            trees.parent[p], trees.depth[p] = _ROOT, 1
            _activate(p, trees)
    while counts[_QUEUED] > 0:
        p = trees.active[counts[_HEAD]]
        counts[_HEAD] = 0 if counts[_HEAD] + 1 == len(excess) else counts[_HEAD] + 1
        counts[_QUEUED] -= 1
        trees.is_active[p] = False
        while tree[p] != _FREE:
            d = _grow(p, trees)
            if d < 0:
                break
            counts[_TIME] += 1
            _augment(p, d, trees)
            while counts[_ORPHANS] > 0:
                counts[_ORPHANS] -= 1
                _adopt(trees.orphans[counts[_ORPHANS]], trees)
    for y in range(height):
        for x in range(width):
            p = (y + border) * padded + x + border
            image[y, x] = tree[p] == _SOURCE
