"""Turn formulas into Numba intrinsics over arrays.

``op = operation(ring, formula, (2, 1), 2)`` gives an intrinsic ``op(out, i, a, j, b, k)``: it loads operand j of
``a`` (two ring elements) and operand k of ``b`` (one), runs the formula and stores its two results as operand i of
``out``. Indices count whole operands; arrays are flat ``uint64`` in C order. All loads come before all stores, so
``out`` may be any of the inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from kernels.cpu.portable_field import WORD, PortableField
from kernels.curves import PrimeField
from kernels.formulas.quadratic import QuadraticElement


class QuadraticRing:
    """Loads, stores and selects elements of Fp2 as pairs of elements of a base ring."""

    def __init__(self, base: Any) -> None:
        self.base = base
        self.builder = base.builder
        self.words = 2 * base.words

    def constant(self, value: tuple[int, int]) -> QuadraticElement:
        """Return the element c0 + c1 u."""
        return QuadraticElement(self.base.constant(value[0]), self.base.constant(value[1]))

    def one(self) -> QuadraticElement:
        """Return the ring's one."""
        return self.constant((1, 0))

    def zero(self) -> QuadraticElement:
        """Return the ring's zero."""
        return self.constant((0, 0))

    def load(self, pointer: ir.Value) -> QuadraticElement:
        """Read both coordinates."""
        second = self.builder.gep(pointer, [WORD(self.base.words)])
        return QuadraticElement(self.base.load(pointer), self.base.load(second))

    def store(self, element: QuadraticElement, pointer: ir.Value) -> None:
        """Write both coordinates, canonical."""
        self.base.store(element.c0, pointer)
        self.base.store(element.c1, self.builder.gep(pointer, [WORD(self.base.words)]))

    def is_zero(self, element: QuadraticElement) -> ir.Value:
        """Bit, or mask over lanes: whether both coordinates are zero."""
        return self.builder.and_(self.base.is_zero(element.c0), self.base.is_zero(element.c1))

    def is_exactly_zero(self, element: QuadraticElement) -> ir.Value:
        """Bit or mask: whether both coordinates are zero in memory."""
        return self.builder.and_(self.base.is_exactly_zero(element.c0), self.base.is_exactly_zero(element.c1))

    def select(self, condition: ir.Value, yes: QuadraticElement, no: QuadraticElement) -> QuadraticElement:
        """``yes`` where the condition holds, else ``no``."""
        return QuadraticElement(self.base.select(condition, yes.c0, no.c0), self.base.select(condition, yes.c1, no.c1))


Ring = PortableField | QuadraticRing


class Spec(Protocol):
    """What an operation works over; a ring itself exists only while an operation is emitted."""

    @property
    def name(self) -> str:
        """Part of the symbols of its operations."""

    @property
    def words(self) -> int:
        """64-bit words of one element."""

    def emit(self, builder: ir.IRBuilder) -> Any:
        """Bind the ring to a builder."""


@dataclass(frozen=True)
class RingSpec:
    """A prime field (degree 1) or its quadratic extension, with elements in registers."""

    field: PrimeField
    degree: Literal[1, 2] = 1
    inline: bool = True

    @property
    def name(self) -> str:
        """Part of the symbols of its operations."""
        return f"{self.field.name}.{self.degree}"

    @property
    def words(self) -> int:
        """64-bit words of one element."""
        return self.degree * self.field.limbs

    def emit(self, builder: ir.IRBuilder) -> Ring:
        """Bind the ring to a builder."""
        base = PortableField(self.field, builder, inline=self.inline)
        return base if self.degree == 1 else QuadraticRing(base)


def _pointer(context: Any, builder: ir.IRBuilder, kind: Any, array: Any, index: Any, words: int) -> ir.Value:
    base = context.make_array(kind)(context, builder, array).data
    return builder.gep(base, [builder.mul(index, WORD(words))])


def compute(
    spec: Spec, formula: Callable[..., Any], inputs: Sequence[int], outputs: int, with_ring: bool
) -> Callable[[ir.IRBuilder, Sequence[ir.Value]], ir.Value | None]:
    """Code generator of a formula over pointers to its operands; the first pointer is the result's, if it has one."""

    def emit(builder: ir.IRBuilder, pointers: Sequence[ir.Value]) -> ir.Value | None:
        ring = spec.emit(builder)
        operands = []
        for start, elements in zip(pointers[-len(inputs) :], inputs, strict=True):
            loaded = [ring.load(builder.gep(start, [WORD(e * ring.words)])) for e in range(elements)]
            operands.append(loaded[0] if elements == 1 else tuple(loaded))
        result = formula(ring, *operands) if with_ring else formula(*operands)
        if not outputs:
            return result
        for e, element in enumerate((result,) if outputs == 1 else result):
            ring.store(element, builder.gep(pointers[0], [WORD(e * ring.words)]))
        return None

    return emit


def call(
    prefix: str,
    formula: Callable[..., Any],
    emit: Callable[..., Any],
    builder: ir.IRBuilder,
    pointers: Sequence[ir.Value],
    variant: str = "",
) -> None:
    """Call the function of a formula, defined in the module at its first use.

    However often the operation is used, there is one copy: kernels stay small and compile fast. Its name says all
    that its code depends on (``prefix`` names the ring, ``variant`` what else there is), so copies in several modules
    are one and the linker may keep any of them.
    """
    name = f"{prefix}.{formula.__module__}.{formula.__qualname__}{variant}"
    function = builder.module.globals.get(name)
    if function is None:
        kind = ir.FunctionType(ir.VoidType(), [pointer.type for pointer in pointers])
        function = ir.Function(builder.module, kind, name)
        function.linkage = "linkonce_odr"
        function.attributes.add("noinline")
        function.attributes.add("nounwind")
        body = ir.IRBuilder(function.append_basic_block("entry"))
        emit(body, function.args)
        body.ret_void()
    builder.call(function, pointers)


def _implementation(
    spec: Spec, formula: Callable[..., Any], inputs: Sequence[int], outputs: int, *, with_ring: bool, outline: bool
) -> Callable[..., ir.Value]:
    """Code generator of an intrinsic: finds the operands in memory, then runs the formula in place or calls it."""
    emit = compute(spec, formula, inputs, outputs, with_ring)

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any]) -> ir.Value:
        elements = [outputs, *inputs] if outputs else list(inputs)
        pointers = [
            _pointer(context, builder, signature.args[2 * n], arguments[2 * n], arguments[2 * n + 1], e * spec.words)
            for n, e in enumerate(elements)
        ]
        if outline:
            call(spec.name, formula, emit, builder, pointers)
            return context.get_dummy_value()
        result = emit(builder, pointers)
        return context.get_dummy_value() if result is None else result

    return generate


def operation(
    spec: Spec,
    formula: Callable[..., Any],
    inputs: Sequence[int],
    outputs: int,
    *,
    with_ring: bool = False,
    outline: bool = False,
) -> Any:
    """Make the intrinsic of a formula.

    Parameters
    ----------
    formula
        Takes one argument an operand (a ring element, or a tuple of them) and returns ``outputs`` elements.
    inputs
        Ring elements of each operand; one to three operands.
    outputs
        Ring elements of the result.
    with_ring
        Pass the ring as first argument, for formulas with constants.
    outline
        Emit the formula as a function of its own; for formulas of several products, where a call costs nothing.
        The formula must be a function of a module: its name becomes the symbol.
    """
    if outline and "<" in formula.__qualname__:
        raise ValueError(f"an outlined formula needs a name of its own, not {formula.__qualname__}")
    generate = _implementation(spec, formula, inputs, outputs, with_ring=with_ring, outline=outline)

    def typed(*arguments: Any) -> tuple[Any, Any]:
        arrays = arguments[0::2]
        return types.void(*(t if t in arrays else types.int64 for t in arguments)), generate

    if len(inputs) == 1:

        def unary(_context: Any, out: Any, i: Any, a: Any, j: Any) -> Any:
            return typed(out, i, a, j)

        return intrinsic(unary)
    if len(inputs) == 2:

        def binary(_context: Any, out: Any, i: Any, a: Any, j: Any, b: Any, k: Any) -> Any:
            return typed(out, i, a, j, b, k)

        return intrinsic(binary)

    def ternary(_context: Any, out: Any, i: Any, a: Any, j: Any, b: Any, k: Any, c: Any, l: Any) -> Any:  # noqa: E741
        return typed(out, i, a, j, b, k, c, l)

    return intrinsic(ternary)


def predicate(spec: Spec, condition: Callable[..., ir.Value], inputs: Sequence[int]) -> Any:
    """Make an intrinsic ``test(a, j)`` or ``test(a, j, b, k)`` that returns a boolean; ``condition`` gets the ring."""
    generate = _implementation(spec, condition, inputs, 0, with_ring=True, outline=False)
    if len(inputs) == 1:

        def unary(_context: Any, a: Any, _j: Any) -> Any:
            return types.boolean(a, types.int64), generate

        return intrinsic(unary)

    def binary(_context: Any, a: Any, _j: Any, b: Any, _k: Any) -> Any:
        return types.boolean(a, types.int64, b, types.int64), generate

    return intrinsic(binary)
