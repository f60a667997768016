"""Kernels that are called by their address.

numba copies what a kernel calls into the kernel, and optimises all of it again: a leaf
that six kernels call is compiled seven times, and first use took half a minute. A call
by address is compiled as a call, so the leaf is compiled once, for a few nanoseconds a
call. Besides, a caller is never stale, whatever becomes of the leaf.
"""

import gc
from contextlib import contextmanager

from llvmlite import ir
from numba import config, typeof, types
from numba.core import cgutils
from numba.extending import intrinsic

# Options of all kernels. Nobody calls them from C, so none has a wrapper for that.
KERNEL = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
}
# Options of kernels that only kernels call. Without the wrapper for Python there is a
# third less to compile, but a call from Python would crash.
INNER = KERNEL | {"no_cpython_wrapper": True}
# Options of such kernels that make no arrays, and call nothing but kernels of these
# options and addresses. The caller holds the arrays, so they count no references.
BORROWS = INNER | {"_nrt": False}


def address_of(kernel, *args):
    """Return what :func:`call` needs of a kernel for arguments of these types.

    Parameters
    ----------
    kernel : function
        With ``njit``; returns nothing.
    *args
        Examples of its arguments.

    Returns
    -------
    int or function
        The address; the kernel itself where the compiler is off.
    """
    if config.DISABLE_JIT:
        return kernel
    kinds = tuple(map(typeof, args))
    with _no_collection():
        kernel.compile(kinds)
    compiled = kernel.overloads[kinds]
    return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)


@contextmanager
def _no_collection():
    """Pause the garbage collector.

    The compiler makes millions of small objects, and the search for cycles among them
    takes a quarter of its time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _emit_call(context, builder, address, kinds, values):
    """Write the instructions of a call."""
    kind = context.call_conv.get_function_type(types.none, kinds)
    kernel = builder.inttoptr(address, ir.PointerType(kind))
    status, _ = context.call_conv.call_function(
        builder, kernel, types.none, kinds, values
    )
    with cgutils.if_unlikely(builder, status.is_error):
        context.call_conv.return_status_propagate(builder, status)
    return context.get_dummy_value()


def _call(context, address, args):
    """Call the kernel at an address with a tuple of arguments.

    Nothing compares the types of the arguments with those that the kernel was compiled
    for: they have to be equal, but for the layout of an array and whether it is
    writable.
    """
    args = types.unliteral(args)

    def code(context, builder, signature, values):
        unpacked = cgutils.unpack_tuple(builder, values[1])
        return _emit_call(context, builder, values[0], args.types, unpacked)

    return types.none(types.int64, args), code


def _call_part(context, address, work, place):
    """Do what ``call(address, (work, place))`` does.

    A tuple would count references to all arrays of the work, a quarter of a
    microsecond.
    """

    def code(context, builder, signature, values):
        return _emit_call(context, builder, values[0], (work, place), values[1:])

    return types.none(types.int64, work, place), code


if config.DISABLE_JIT:

    def call(kernel, args):
        """Call a kernel with a tuple of arguments."""
        kernel(*args)

    def call_part(kernel, work, place):
        """Call a kernel with a record of all work, and its place in it."""
        kernel(work, place)

else:
    call, call_part = intrinsic(_call), intrinsic(_call_part)
