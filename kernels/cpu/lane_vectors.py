"""Vectors of eight words, and the two instructions of AVX-512 IFMA that multiply and add them."""

from __future__ import annotations

from llvmlite import ir

LANES = 8
RADIX = 52
MASK = (1 << RADIX) - 1
WORD = ir.IntType(64)
VECTOR = ir.VectorType(WORD, LANES)


def splat(value: int) -> ir.Constant:
    """Return the same word in every lane."""
    return ir.Constant(VECTOR, [value] * LANES)


def multiply_add(
    builder: ir.IRBuilder, half: str, acc: ir.Value, a: ir.Value, b: ir.Value, *, native: bool
) -> ir.Value:
    """``acc`` plus the low (``"l"``) or high (``"h"``) half of the 104-bit products of the lanes' low 52 bits.

    Where not ``native``, by the instructions' definition in plain IR, which runs anywhere and slowly.
    """
    module = builder.module
    kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
    name = f"llvm.x86.avx512.vpmadd52{half}.uq.512" if native else f"multiply_add_52.{half}"
    function = module.globals.get(name)
    if function is None:
        function = ir.Function(module, kind, name)
        if not native:
            _define(function, half)
    return builder.call(function, [acc, a, b])


def _define(function: ir.Function, half: str) -> None:
    """Define the two instructions by 128-bit products, for CPUs without them and for tests of the lane code there."""
    function.linkage = "linkonce_odr"
    function.attributes.add("noinline")
    b = ir.IRBuilder(function.append_basic_block("entry"))
    acc, x, y = function.args
    wide = ir.IntType(128)
    for lane in range(LANES):
        at = ir.IntType(32)(lane)
        left, right = (b.zext(b.and_(b.extract_element(v, at), WORD(MASK)), wide) for v in (x, y))
        product = b.mul(left, right)
        part = b.and_(b.trunc(product if half == "l" else b.lshr(product, wide(RADIX)), WORD), WORD(MASK))
        acc = b.insert_element(acc, b.add(b.extract_element(acc, at), part), at)
    b.ret(acc)
