"""What the free energy changes by when one two-valued visible unit flips.

When a unit flips, what the hidden units receive changes by one row of the weights: so
all flips of a row of data together cost a few passes over the weights.
"""

import numpy as np
from numba import njit
from scipy.sparse import issparse

from skebm.utils._addresses import KERNEL
from skebm.utils._math import sigmoid
from skebm.utils._parallel import blocks, map_blocks
from skebm.utils._products import weight_gradient

# A product of this many nats fits in float32, and so many such products in float64.
_MAX_LOG, _N_PRODUCTS = 80.0, 8
# Hidden units that a vectorised loop takes at a time; what is left over is slow.
_LANES = 32
# Rows that go through the sites together: what they need stays in the first cache.
_TILE = 4
# Rows that one thread takes at a time; but of the gradient, whose blocks have a copy of
# the weights each, there are at most so many.
_ROWS, _MAX_BLOCKS = 32, 32
# Multiply-adds of a matrix product that a site and a hidden unit cost, measured.
_WORK = 10


def two_values(layer):
    """Return the lower and the upper value of each unit of a layer, or None.

    None if there are units of other than two values, or with more to them than a bias.
    """
    layers = getattr(layer, "layers", [layer])
    values = [getattr(part, "values", ()) for part in layers]
    plain = all(tuple(part.params) == ("bias",) for part in layers)
    if not plain or any(len(pair) != 2 for pair in values):
        return None
    counts = [part.n_units for part in layers]
    ends = np.array(values, dtype=layer.bias.dtype).T
    return np.repeat(ends, counts, axis=1)


class Flips:
    """All single flips of rows under an RBM with two-valued visible units.

    A hidden unit with the values ``lo`` and ``hi`` has the cgf ``lo f + log(1 + e^g)``,
    ``g = (hi - lo) f``. Where a flip adds ``m`` to ``g``,

        log(1 + e^(g + m)) - log(1 + e^g) = log(1 - p + p e^m),  p = sigmoid(g).

    So flips need products over hidden units, and exponentials of the weights alone. A
    flip downwards is one upwards with ``p`` and ``1 - p`` exchanged, less ``m``. Hidden
    units of other kinds, and weights of dozens of nats, are gone through site by site.

    Parameters
    ----------
    energy : RBM
    """

    def __init__(self, energy):
        self.energy = energy
        self.work = _WORK * energy.weights.size
        self.low, self.high = two_values(energy.visible)
        self.size = self.high - self.low
        # Times the weights: what hidden units receive more when a visible one goes up.
        self.factor = self.size * energy.dtype.type(energy.coupling)
        self.hidden, self.chunk = two_values(energy.hidden), 0
        if self.hidden is not None:
            self.scale = self.hidden[1] - self.hidden[0]
            exponents, sums = self._exponents()
            self.chunk = _chunk(exponents, sums)
        if self.chunk:
            self.growth = _padded(np.exp(exponents, out=exponents), self.chunk, 1)
            ends = (energy.weights @ end for end in self.hidden)
            self.linear = tuple(self.factor * end for end in ends)

    def _exponents(self):
        """Return the ``m`` of flips upwards, padded, and sums of their sizes."""
        n_visible, n_hidden = self.energy.weights.shape
        width = -(-n_hidden // _LANES) * _LANES
        exponents = np.zeros((n_visible, width), dtype=self.energy.dtype)
        sums = np.empty((n_visible, width // _LANES), dtype=exponents.dtype)
        # In blocks, since new memory of the size of the weights costs more than this.
        for block in blocks(n_visible):
            rows = exponents[block, :n_hidden]
            np.multiply(self.energy.weights[block], self.scale, out=rows)
            rows *= self.factor[block, None]
            sizes = np.abs(exponents[block]).reshape(len(rows), -1, _LANES)
            np.sum(sizes, axis=2, out=sums[block])
        return exponents, sums

    def allow(self, x):
        """Tell whether all units of the rows stand at one of their two values."""
        if not issparse(x):
            return bool(((x == self.low) | (x == self.high)).all())
        low, high = self.low[x.indices], self.high[x.indices]
        zeros = x.nnz == x.shape[0] * x.shape[1] or not (self.low * self.high).any()
        return bool(zeros and ((x.data == low) | (x.data == high)).all())

    def energies(self, x):
        """Return ``F(x with unit i flipped) - F(x)``, shape (n, n_visible), float64."""
        self._check(x)
        linear = (self.size * self.energy.visible.bias).astype(np.float64)

        def rows(part):
            up, inputs = self._read(x[part])
            return np.where(up, -linear, linear) - self._cgf_gains(up, inputs)

        return np.concatenate(map_blocks(rows, x.shape[0], self.work, size=_ROWS))

    def grad(self, x, weight):
        """Return the gradient of ``sum(weight * energies(x))`` by name.

        That of the weights is ``-sum_ni weight_ni ((x_n + delta_ni e_i) m_n^i - x_n
        m_n)``, where unit i goes to ``x_ni + delta_ni`` and hidden means to ``m_n^i``.
        """
        self._check(x)
        energy, dtype = self.energy, self.energy.dtype

        def rows(part):
            up, inputs = self._read(x[part])
            share = weight[part].astype(dtype, copy=False)
            shift = np.where(up, share, -share).sum(axis=0)
            others = {}
            if len(energy.hidden.params) > 1:
                others = self._other_hidden(up, inputs, share)
            return *self._mean_sums(up, inputs, share), shift, others

        size = max(_ROWS, -(-x.shape[0] // _MAX_BLOCKS))
        parts = map_blocks(rows, x.shape[0], self.work, size=size)
        back, signed, shift, others = zip(*parts, strict=True)
        back, signed, shift = np.concatenate(back), _sum(signed), _sum(shift)
        if self.chunk:
            back *= self.scale
            signed = signed[:, : back.shape[1]] * self.scale
            signed += shift[:, None] * self.hidden[0]
        weights = weight_gradient(x, back, energy.coupling)
        signed *= self.factor[:, None]
        weights -= signed
        # The energy of the visible units is linear, and so is its gradient.
        of_visible = energy.visible.grad(
            (self.size * shift)[None], np.ones(1, dtype=dtype)
        )
        gradient = {f"visible.{name}": value for name, value in of_visible.items()}
        gradient |= {name: sum(block[name] for block in others) for name in others[0]}
        return {"weights": weights, "hidden.bias": -back.sum(axis=0), **gradient}

    def _check(self, x):
        if not self.allow(x):
            raise ValueError(
                "X holds values other than the two of its units (0 and 1, or -1 and "
                "+1), which have no flip. Threshold X; or, if they are probabilities, "
                "set resample_inputs=True."
            )

    def _read(self, x):
        """Return which units a flip takes up, and what the hidden units receive."""
        x = x.toarray() if issparse(x) else x
        x = x.astype(self.energy.dtype, copy=False)
        return x == self.low, self.energy._coupled(self.energy.inputs(x))

    def _moved(self, up, inputs):
        """Yield what the hidden units receive after the flip of each unit in turn."""
        signed = np.where(up, self.factor, -self.factor)
        for i, row in enumerate(self.energy.weights):
            yield inputs + signed[:, i, None] * row

    def _odds(self, inputs):
        """Return the probabilities of the hidden units' lower [0] and upper values."""
        field = self.scale * (inputs + self.energy.hidden.bias)
        field = _padded(field, self.growth.shape[1])
        return np.stack([sigmoid(-field), sigmoid(field)])

    def _cgf_gains(self, up, inputs):
        """Return what the cgf of the hidden units gains, shape (n, n_visible)."""
        if not self.chunk:
            cgf = self.energy.hidden.cgf
            before, moved = cgf(inputs), self._moved(up, inputs)
            return np.stack([cgf(received) - before for received in moved], axis=1)
        out, odds = np.empty(up.shape), self._odds(inputs)
        odds, growth = (
            array.reshape(*array.shape[:-1], -1, self.chunk)
            for array in (odds, self.growth)
        )
        _log_products(up.view(np.uint8), odds, growth, odds.dtype.type(1), out)
        low, high = self.linear
        out += np.where(up, low, -high)
        return out

    def _mean_sums(self, up, inputs, weight):
        """Return two sums of hidden means ``m^i`` at the flips, ``s = 1`` if upwards.

        Namely ``sum_i weight_ni (m_n^i - m_n)``, shape (n, n_hidden), and ``sum_n
        weight_ni s_ni m_n^i``, ``s = -1`` if downwards, shape (n_visible, n_hidden).
        Those of the fast way are probabilities of upper values, in padded rows.
        """
        if self.chunk:
            odds = self._odds(inputs)
            back, signed_sum = np.zeros_like(odds[0]), np.zeros_like(self.growth)
            _add_means(up.view(np.uint8), weight, odds, self.growth, back, signed_sum)
            return back[:, : inputs.shape[1]], signed_sum
        back, signed_sum = np.zeros_like(inputs), np.empty_like(self.energy.weights)
        signed, mean = np.where(up, weight, -weight), self.energy.hidden.mean
        before = mean(inputs)
        for i, received in enumerate(self._moved(up, inputs)):
            after = mean(received)
            back += weight[:, i, None] * (after - before)
            signed_sum[i] = signed[:, i] @ after
        return back, signed_sum

    def _other_hidden(self, up, inputs, weight):
        """Return the gradient by the hidden layer's parameters, save for the bias."""
        cgf_grad = self.energy.hidden.cgf_grad
        total = cgf_grad(inputs, weight.sum(axis=1))
        for i, received in enumerate(self._moved(up, inputs)):
            for name, value in cgf_grad(received, weight[:, i]).items():
                total[name] = total[name] - value
        del total["bias"]
        return {f"hidden.{name}": value for name, value in total.items()}


def _sum(parts):
    """Return the sum of arrays, in their order; it takes the first one's place."""
    for part in parts[1:]:
        parts[0][...] += part
    return parts[0]


def _padded(array, multiple, value=0):
    """Return the rows with ``value`` behind them, up to a multiple of columns."""
    missing = -array.shape[1] % multiple
    if not missing:
        return array
    return np.pad(array, ((0, 0), (0, missing)), constant_values=value)


def _chunk(exponents, sums):
    """Return how many neighbours of ``exp(exponents)`` fit in a product, maybe none."""
    chunk, length = _LANES, sums.shape[1]
    if sums.max() > _MAX_LOG:
        while (
            chunk and np.abs(exponents).reshape(-1, chunk).sum(axis=1).max() > _MAX_LOG
        ):
            chunk //= 2
        return chunk
    while (
        np.add.reduceat(sums, range(0, sums.shape[1], length), axis=1).max() > _MAX_LOG
    ):
        length = (length + 1) // 2
    return chunk * length


# The compiler may reorder products, else it cannot vectorise them.
_REORDER = {"reassoc", "contract"}


@njit(fastmath=_REORDER, **KERNEL)
def _log_products(up, odds, growth, one, out):
    """Write ``sum_j log(stay_j + move_j growth_ij)``; ``up`` says which odds move.

    Hidden units come in chunks, on the last axis of ``odds`` and ``growth``.
    """
    n_rows, n_sites = up.shape
    n_chunks, size = growth.shape[1:]
    for tile in range(0, n_rows, _TILE):
        for i in range(n_sites):
            for r in range(tile, min(tile + _TILE, n_rows)):
                side = up[r, i]
                total, product = 0.0, 1.0
                for k in range(n_chunks):
                    part = one
                    for j in range(size):
                        move = odds[side, r, k, j] * growth[i, k, j]
                        part *= odds[1 - side, r, k, j] + move
                    product *= part
                    if k % _N_PRODUCTS == _N_PRODUCTS - 1:
                        total += np.log(product)
                        product = 1.0
                out[r, i] = total + np.log(product)


@njit(fastmath=_REORDER, **KERNEL)
def _add_means(up, weight, odds, growth, back, signed_sum):
    """Add the probabilities of upper values after the flips to the sums over rows.

    Namely ``rest`` after a flip downwards, and ``1 - rest`` after one upwards.
    """
    n_rows, n_sites = up.shape
    zero = weight[0, 0] * 0
    for tile in range(0, n_rows, _TILE):
        for i in range(n_sites):
            for r in range(tile, min(tile + _TILE, n_rows)):
                side, share = up[r, i], weight[r, i]
                constant, signed = (share, -share) if side else (zero, share)
                for j in range(growth.shape[1]):
                    stay = odds[1 - side, r, j]
                    rest = stay / (stay + odds[side, r, j] * growth[i, j])
                    back[r, j] += signed * (rest - stay)
                    signed_sum[i, j] += constant - share * rest
