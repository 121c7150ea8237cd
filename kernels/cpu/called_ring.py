"""Field elements in memory, with every operation a call.

A formula of dozens of products in Fp2, or hundreds as in Fp12, would be tens of thousands of instructions if written
in place. Over these elements it is a sequence of calls, small and quick to compile; a call costs a few per cent of the
product it makes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from llvmlite import ir

from kernels.cpu.operation import RingSpec, call, compute
from kernels.cpu.portable_field import WORD
from kernels.curves import Curve
from kernels.formulas import quadratic

TIMES_XI = {(1, 1): quadratic.times_one_plus_u, (9, 1): quadratic.times_nine_plus_u}


@dataclass(frozen=True)
class CalledSpec:
    """Fp (degree 1) or Fp2 (degree 2) of a curve; see :class:`kernels.cpu.operation.Spec`."""

    curve: Curve
    degree: Literal[1, 2] = 2

    @property
    def name(self) -> str:
        """Part of the symbols of its operations."""
        return f"{self.curve.fp.name}.{self.degree}.called"

    @property
    def words(self) -> int:
        """64-bit words of one element."""
        return self.degree * self.curve.fp.limbs

    def emit(self, builder: ir.IRBuilder) -> CalledRing:
        """Bind the ring to a builder."""
        inner = RingSpec(self.curve.fp, self.degree, inline=self.degree == 1)
        return CalledRing(inner, TIMES_XI[self.curve.xi], builder)


class CalledRing:
    """Allocates elements on the stack and calls their operations."""

    def __init__(self, spec: Any, times_xi: Any, builder: ir.IRBuilder) -> None:
        self.spec = spec
        self.words = spec.words
        self.times_xi = times_xi
        self.builder = builder

    def load(self, pointer: ir.Value) -> CalledElement:
        """Name an element where it is. A formula that returns an operand as it is may only be stored over itself."""
        return CalledElement(self, pointer)

    def store(self, element: CalledElement, pointer: ir.Value) -> None:
        """Copy an element."""
        for word in range(self.words):
            value = self.builder.load(self.builder.gep(element.pointer, [WORD(word)]))
            self.builder.store(value, self.builder.gep(pointer, [WORD(word)]))

    def is_zero(self, element: CalledElement) -> ir.Value:
        """Bit: whether the element is zero."""
        ring: Any = self.spec.emit(self.builder)
        return ring.is_zero(ring.load(element.pointer))

    def apply(self, formula: Any, *operands: CalledElement) -> CalledElement:
        """Call a formula of one result."""
        with self.builder.goto_entry_block():
            result = self.builder.alloca(WORD, self.words)
        emit = compute(self.spec, formula, [1] * len(operands), 1, with_ring=False)
        call(self.spec.name, formula, emit, self.builder, [result, *(operand.pointer for operand in operands)])
        return CalledElement(self, result)


@dataclass(frozen=True)
class CalledElement:
    """An element in memory."""

    ring: CalledRing
    pointer: ir.Value

    def __add__(self, other: CalledElement) -> CalledElement:
        return self.ring.apply(quadratic.add, self, other)

    def __sub__(self, other: CalledElement) -> CalledElement:
        return self.ring.apply(quadratic.subtract, self, other)

    def __mul__(self, other: CalledElement) -> CalledElement:
        return self.ring.apply(quadratic.multiply, self, other)

    def __neg__(self) -> CalledElement:
        return self.ring.apply(quadratic.negate, self)

    def square(self) -> CalledElement:
        """Return the square."""
        return self.ring.apply(quadratic.square, self)

    def double(self) -> CalledElement:
        """Twice the element."""
        return self.ring.apply(quadratic.double, self)

    def conjugate(self) -> CalledElement:
        """Return the p-th power."""
        return self.ring.apply(quadratic.conjugate, self)

    def scale(self, factor: CalledElement) -> CalledElement:
        """Product by the first coordinate of ``factor``."""
        return self.ring.apply(quadratic.scale, self, factor)

    def times_xi(self) -> CalledElement:
        """Product by the sextic non-residue."""
        return self.ring.apply(self.ring.times_xi, self)
