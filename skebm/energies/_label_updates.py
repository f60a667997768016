"""Updates of an energy of labels by Adam, without the interpreter.

One call does several minibatches, since the interpreter costs more than the arithmetic
of a small one. Threads go together through the phases of a minibatch. The first is of
rows: the energies of all classes, and the slopes of the log-likelihood. It is a kernel
of the class of the energy. The second is of parameters: the gradient of some rows of a
parameter, the step of Adam, and the average. A gradient is used while it is in the
cache, and never stored as a whole. The third, if there is one, fixes the gauge.
"""

from functools import lru_cache

import numpy as np
from numba import njit

from skebm.energies._label_records import (
    LabelCalls,
    LabelData,
    LabelPlace,
    LabelWork,
    Param,
)
from skebm.utils._addresses import INNER, KERNEL, address_of, call, call_part
from skebm.utils._math import sigmoid_kernel
from skebm.utils._parallel import blocks, blocks_of, run_phases
from skebm.utils._phases import meet, take, take_next
from skebm.utils._products import (
    GRADIENT_ROWS,
    fill_product,
    fill_product_of_columns,
    row_sums,
)

# An update with fewer multiply-adds is not worth a second thread.
SERIAL_UPDATE = 12_000_000
# Numbers of a gradient that are summed up and used at a time: half of a second cache.
_TILE = 1 << 16


class LabelUpdates:
    """Kernels of whole minibatches of an energy of labels.

    Parameters
    ----------
    energy : energy
        With dense matrices and biases, which the updates change in place.
    fill_rows : kernel
        ``fill_rows(work, place)`` fills the inputs and slopes of all parameters for
        some rows of a minibatch.
    layout : callable
        ``layout(n, n_parts)`` returns a list of ``(name, rows, inputs, slopes,
        n_rows)``: the parameter ``name``, or a slice of it, and the factors of its
        gradient for minibatches of up to ``n`` rows in ``n_parts`` parts.
    kind : int
        What the kernel needs to know.
    gauge : list of (int, int)
        Blocks of rows of the weights whose mean does not matter.
    fill_gauge : kernel, default=None
        ``fill_gauge(work, place)`` removes these means.
    """

    def __init__(self, energy, fill_rows, layout, kind=0, gauge=(), fill_gauge=None):
        self.energy, self.layout, self.kind = energy, layout, kind
        self.kernels = [fill_rows, _step, *([] if fill_gauge is None else [fill_gauge])]
        self.gauge = np.array(gauge, np.int64).reshape(-1, 2)

    def accepts(self, X):
        """Tell whether the kernels take rows: dense, in the dtype of the model."""
        return all(
            isinstance(array, np.ndarray)
            and array.dtype == self.energy.dtype
            and array.flags.c_contiguous
            for array in (X, *self.energy.params.values())
        )

    def updates(self, updates):
        """Do several updates of the negative log-likelihood by Adam, in place.

        Parameters
        ----------
        updates : Updates
            With ``adam``.
        """
        adam, dtype = updates.adam, self.energy.dtype
        sizes = [len(rows) for rows in updates.batches]
        n, work_per_row = max(sizes), 2 * self.energy.work
        is_small = n * work_per_row < SERIAL_UPDATE
        n_parts = 1 if is_small else len(blocks_of(n, work_per_row))
        params = self._params(updates, n, n_parts)
        weight = [np.full(size, 1 / size, dtype) for size in sizes]
        if updates.shares is not None:
            weight = [share.astype(dtype) for share in updates.shares]
        data = LabelData(
            updates.X,
            np.concatenate(updates.batches),
            np.cumsum([0, *sizes]),
            np.concatenate(weight),
            np.empty(n, np.int64),
        )
        parts = [
            (number, block.start, block.stop)
            for number, param in enumerate(params)
            for block in blocks(
                len(param.value), len(param.value) if is_small else GRADIENT_ROWS
            )
        ]
        steps = np.stack([adam.rates, updates.moves], axis=1).astype(dtype)
        shares = np.array([adam.share1, adam.share2, adam.epsilon], dtype)
        calls = _calls_of(dtype.char)
        facts = np.array(parts), self.kind, self.gauge
        work = LabelWork(calls, params, data, steps, shares, *facts)
        n_threads = 1 if is_small else max(n_parts, len(parts))
        n_parts = np.array([n_parts, len(parts), 1][: len(self.kernels)])
        addresses = _addresses(*self.kernels, work=work)
        n_phases = len(steps) * len(addresses)
        run_phases(_run, n_phases, n_threads, addresses, n_parts, work)

    def _params(self, updates, n, n_parts):
        """Return the record of each parameter."""
        arrays, decayed = self.energy.params, self.energy.weight_names
        tables = arrays, updates.adam.first, updates.adam.second, updates.averages
        params = []
        for name, rows, inputs, slopes, n_rows in self.layout(n, n_parts):
            views = [_matrix(table[name])[rows] for table in tables]
            l2 = updates.l2 if name in decayed else 0.0
            l2 = arrays[name].dtype.type(l2)
            params.append(Param(*views, inputs, slopes, n_rows, l2))
        return tuple(params)


def _matrix(value):
    return value if value.ndim == 2 else value[None]


@lru_cache
def _calls_of(char):
    """Return the addresses of the kernels for this type of numbers."""
    dtype = np.dtype(char)
    rows, line, one = np.empty((1, 1), dtype), np.empty(1, dtype), dtype.type(1)
    columns, step = (0, 1), (one, one)
    return LabelCalls(
        address_of(sigmoid_kernel(dtype), line, line),
        row_sums(char),
        address_of(fill_product, 0, rows, rows, rows),
        address_of(fill_product_of_columns, 0, rows, columns, rows, step, rows),
    )


_known = {}


def _addresses(*kernels, work):
    """Return the addresses of kernels of the phases of a minibatch."""
    key = kernels, work.steps.dtype.char, len(work.params)
    if key not in _known:
        place = LabelPlace(0, 0, 1, 1)
        _known[key] = np.array([address_of(kernel, work, place) for kernel in kernels])
    return _known[key]


@njit(_nrt=False, **KERNEL)
def _run(crew, addresses, n_parts, work):
    """Do the parts of all phases, phase after phase, as :func:`run_phases` says."""
    # A constant would be a type of its own, and all that follows compiled twice.
    phase, edges = np.int64(0), work.data.edges
    for b in range(len(edges) - 1):
        for i in range(len(addresses)):
            k = take(crew, phase)
            while k < n_parts[i]:
                place = LabelPlace(b, k, n_parts[i], edges[b + 1] - edges[b])
                call_part(addresses[i], work, place)
                k = take_next(crew, phase)
            phase = meet(crew, phase, n_parts[i])


@njit(**INNER)
def _step(work, place):
    """Take a step along the gradient of some rows of a parameter."""
    number, start, stop = work.parts[place.part]
    param, calls = work.params[number], work.calls
    n = param.n_rows if param.n_rows > 0 else place.n
    inputs, slopes, width = param.inputs[:n], param.slopes[:n], param.value.shape[1]
    one, zero = slopes.dtype.type(1), slopes.dtype.type(0)
    height = max(1, min(stop - start, _TILE // width))
    gradient = np.empty((height, width), slopes.dtype)
    for lo in range(start, stop, height):
        hi = min(lo + height, stop)
        out = gradient[: hi - lo]
        sizes = calls.row_sums, inputs, (lo, hi), slopes, (one, zero), out
        call(calls.product_of_columns, sizes)
        _adam(work, place.batch, param, lo, hi, out)


@njit(**INNER)
def _adam(work, batch, param, lo, hi, gradient):
    """Take the step of :class:`skebm.optimizers.Adam`, and move the average."""
    rate, move = work.steps[batch]
    share1, share2, epsilon = work.adam
    for i in range(hi - lo):
        slope, value = gradient[i], param.value[lo + i]
        first, second = param.first[lo + i], param.second[lo + i]
        for j in range(len(slope)):
            g = slope[j] + param.l2 * value[j]
            first[j] += (g - first[j]) * share1
            second[j] += (g * g - second[j]) * share2
            value[j] -= rate * first[j] / (np.sqrt(second[j]) + epsilon)
        if move > 0:
            average = param.average[lo + i]
            for j in range(len(value)):
                average[j] += move * (value[j] - average[j])
