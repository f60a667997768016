"""Kernels that are called by their address.

numba copies what a kernel calls into the kernel, and optimises all of it again: a leaf
that six kernels call is compiled seven times, and first use took half a minute. A call
by address is compiled as a call, so the leaf is compiled once, for a few nanoseconds a
call. Besides, a caller is never stale, whatever becomes of the leaf.
"""

from llvmlite import ir
from numba import config, typeof, types
from numba.core import cgutils
from numba.extending import intrinsic

# Options of kernels that Python does not call: what would let it is a third of what
# there is to compile.
INNER = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


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
    kernel.compile(kinds)
    compiled = kernel.overloads[kinds]
    return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)


def _call(context, address, args):
    """Call the kernel at an address with a tuple of arguments.

    Nothing compares the types of the arguments with those that the kernel was compiled
    for: they have to be equal, but for the layout of an array and whether it is
    writable.
    """
    args = types.unliteral(args)

    def code(context, builder, signature, values):
        kinds = signature.args[1].types
        kind = context.call_conv.get_function_type(types.none, kinds)
        kernel = builder.inttoptr(values[0], ir.PointerType(kind))
        unpacked = cgutils.unpack_tuple(builder, values[1])
        status, _ = context.call_conv.call_function(
            builder, kernel, types.none, kinds, unpacked
        )
        with cgutils.if_unlikely(builder, status.is_error):
            context.call_conv.return_status_propagate(builder, status)
        return context.get_dummy_value()

    return types.none(types.int64, args), code


if config.DISABLE_JIT:

    def call(kernel, args):
        """Call a kernel with a tuple of arguments."""
        kernel(*args)

else:
    call = intrinsic(_call)
