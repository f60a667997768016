"""Phases that threads go through together inside a kernel.

:func:`skebm.utils._parallel.run_phases` starts the threads. Here is what they share:
numbers that all of them read and write, and that the compiler may not remember.
"""

import os

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from skebm.utils._addresses import BORROWS, KERNEL

# Looks at a number after which a thread lets others go first: it may wait for them.
_SPINS_A_TURN = 20_000
# Numbers of 64 bits on two lines of any cache, so that threads do not disturb each
# other.
_LINE = 32


def board(n_phases):
    """Return two counters for each phase: parts that were begun, and that are done."""
    return np.zeros(n_phases * _LINE, dtype=np.int64)


@intrinsic
def _load(context, array, i):
    """Read the number at ``i`` anew, whatever the compiler thinks of it."""

    def code(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.load_atomic(builder.gep(data, [args[1]]), "acquire", align=8)

    return types.int64(array, types.int64), code


@intrinsic
def _add_one(context, array, i):
    """Add one to the number at ``i``, and return what it was before."""

    def code(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        one = ir.Constant(ir.IntType(64), 1)
        return builder.atomic_rmw("add", builder.gep(data, [args[1]]), one, "acq_rel")

    return types.int64(array, types.int64), code


@intrinsic
def _give_way(context):
    """Let another thread have this core, if one waits for it."""
    name = "SwitchToThread" if os.name == "nt" else "sched_yield"

    def code(context, builder, signature, args):
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [])
        return context.get_dummy_value()

    return types.void(), code


@njit(**KERNEL)
def watch(word, value, is_awaited, n_spins):
    """Look at a number until it is, or is no longer, this one; say whether in time."""
    spins = 0
    while spins < n_spins and (_load(word, 0) == value) != is_awaited:
        spins += 1
        if spins % _SPINS_A_TURN == 0:
            _give_way()
    return spins < n_spins


@njit(**BORROWS)
def take(crew, phase):
    """Return the number of a part that nobody has begun; too large if none is left."""
    board, alone = crew
    if not alone:
        return _add_one(board, _LINE * phase)
    board[_LINE * phase] += 1
    return board[_LINE * phase] - 1


@njit(**BORROWS)
def take_next(crew, phase):
    """Say that a part is done, and :func:`take` another one."""
    board, alone = crew
    if not alone:
        _add_one(board, _LINE * phase + _LINE // 2)
    return take(crew, phase)


@njit(**BORROWS)
def meet(crew, phase, n_parts):
    """Wait until all parts of a phase are done; return the number of the next one."""
    board, alone = crew
    spins = 0
    while not alone and _load(board, _LINE * phase + _LINE // 2) < n_parts:
        spins += 1
        if spins % _SPINS_A_TURN == 0:
            _give_way()
    return phase + 1
