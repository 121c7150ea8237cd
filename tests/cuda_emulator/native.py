"""Between Numba and translated code: pointers from addresses, calls of addresses, and addresses of functions."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_I64 = ir.IntType(64)
_POINTER = ir.IntType(8).as_pointer()


@intrinsic
def pointer_to(_context, address, element):
    """``pointer_to(address, numba.uint32)``: an indexable pointer."""
    result = types.CPointer(element.dtype)

    def generate(context, builder, _signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(result))

    return result(address, element), generate


@intrinsic
def enter(_context, entry, launch, thread):
    """Call the translated kernel at address ``entry``; gives its verdict."""

    def generate(_context, builder, _signature, arguments):
        signature = ir.FunctionType(ir.IntType(32), [_POINTER, _POINTER])
        function = builder.inttoptr(arguments[0], signature.as_pointer())
        records = [builder.inttoptr(argument, _POINTER) for argument in arguments[1:]]
        return builder.sext(builder.call(function, records), _I64)

    return types.int64(entry, launch, thread), generate


def address_of(function, arguments):
    """An intrinsic without arguments that gives the address of ``function`` compiled for ``arguments`` int64s.

    Its signature in C is ``int64_t f(int64_t, ...)``.
    """
    signature = types.int64(*[types.int64] * arguments)

    @intrinsic
    def get(_context):
        def generate(context, builder, _signature, _arguments):
            name = f"c.{function.__name__}"
            kind = ir.FunctionType(_I64, [_I64] * arguments)
            native = cgutils.get_or_insert_function(builder.module, kind, name)
            if native.is_declaration:
                native.linkage = "internal"
                inner = ir.IRBuilder(native.append_basic_block())
                compiled = context.compile_subroutine(inner, function.py_func, signature)
                _, result = context.call_internal_no_propagate(inner, compiled.fndesc, signature, native.args)
                inner.ret(result)  # the error model is NumPy's: there is no exception to propagate
            return builder.ptrtoint(native, _I64)

        return types.int64(), generate

    return get
