"""Field elements in lanes, in memory, with every operation a call.

What :mod:`kernels.cpu.called_ring` is to one lane: formulas of dozens of products stay small and compile quickly. An
element keeps its bounds beside its pointer, so sums stay as they are, neither carried nor reduced, until a product or
the end of the formula needs them: an operation is emitted once for each class of bounds it meets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from llvmlite import ir

from kernels.cpu.called_ring import TIMES_XI, CalledElement, CalledRing
from kernels.cpu.lane_element import LaneElement
from kernels.cpu.lane_field import LaneField
from kernels.cpu.lane_points import LanePointSpec
from kernels.cpu.lane_vectors import LANES
from kernels.cpu.operation import call
from kernels.curves import Curve
from kernels.formulas import quadratic

PRODUCTS = (quadratic.multiply, quadratic.square, quadratic.scale)
VECTOR_BYTES = 8 * LANES

_bounds: dict[str, tuple[int, int]] = {}
"""Limit and terms of the result of each operation emitted so far, by its symbol."""


@dataclass(frozen=True)
class LaneCalledSpec:
    """Fp (degree 1) or Fp2 (degree 2) of a curve in lanes; see :class:`kernels.cpu.operation.Spec`."""

    curve: Curve
    degree: Literal[1, 2]
    native: bool

    @property
    def inner(self) -> LanePointSpec:
        """The same with elements in registers."""
        return LanePointSpec(self.curve, self.degree, self.native)

    @property
    def name(self) -> str:
        """Part of the symbols of its operations."""
        return f"{self.inner.name}.called"

    @property
    def words(self) -> int:
        """64-bit words of one element in each lane."""
        return self.inner.words

    def emit(self, builder: ir.IRBuilder) -> LaneCalledRing:
        """Bind the ring to a builder."""
        return LaneCalledRing(self, builder)


@dataclass(frozen=True)
class LaneCalledElement(CalledElement):
    """Elements in memory whose coordinates stay below ``limit``, each limb the sum of ``terms``."""

    limit: int
    terms: int


class LaneCalledRing(CalledRing):
    """Allocates elements on the stack and calls their operations."""

    def __init__(self, spec: LaneCalledSpec, builder: ir.IRBuilder) -> None:
        super().__init__(spec.inner, TIMES_XI[spec.curve.xi], builder)
        self.prefix = spec.name

    def load(self, pointer: ir.Value) -> LaneCalledElement:
        """Name an element where it is. A formula that returns an operand as it is may only be stored over itself."""
        return LaneCalledElement(self, pointer, 2 * self.spec.curve.fp.modulus, 1)

    def store(self, element: CalledElement, pointer: ir.Value) -> None:
        """Write an element, reduced below 2p."""
        self._call(_reduced, pointer, [self._bounded(element, product=False)])

    def apply(self, formula: Any, *operands: CalledElement) -> LaneCalledElement:
        """Call a formula of one result."""
        with self.builder.goto_entry_block():
            result = self.builder.alloca(ir.IntType(64), self.words)
            result.align = VECTOR_BYTES
        bounded = [self._bounded(operand, product=formula in PRODUCTS) for operand in operands]
        return self._call(formula, result, bounded)

    def _bounded(self, element: Any, product: bool) -> LaneCalledElement:
        """Round the bounds up, for few copies of an operation: limits to 2^k p, terms to powers of two.

        Operands of products below the limit L at which (2L)^2 / R is p / 2, so that even the sums inside need no
        reduction, are one class, whether carried or not.
        """
        base = self._base(self.builder)
        p = base.modulus
        limit = p << ((element.limit - 1) // p).bit_length()
        terms = 1 << (element.terms - 1).bit_length()
        if product:
            spare = (base.R // (8 * p)).bit_length() - 1
            limit = max(limit, p << (spare // 2))
            terms = 1 if terms == 1 else max(terms, 4 * base.limbs)
        return LaneCalledElement(self, element.pointer, limit, terms)

    def _base(self, builder: ir.IRBuilder) -> LaneField:
        ring = self.spec.emit(builder)
        base: LaneField = ring if self.spec.degree == 1 else ring.base
        return base

    def _call(self, formula: Any, result: ir.Value, operands: Sequence[LaneCalledElement]) -> LaneCalledElement:
        p = self.spec.curve.fp.modulus
        variant = "".join(f".{operand.limit // p}x{operand.terms}" for operand in operands)
        name = f"{self.prefix}.{formula.__qualname__}{variant}"

        def emit(builder: ir.IRBuilder, pointers: Sequence[ir.Value]) -> None:
            base = self._base(builder)
            value = formula(
                *(_load(base, self.spec.degree, *pair) for pair in zip(pointers[1:], operands, strict=True))
            )
            _bounds[name] = _store(base, value, pointers[0])

        call(self.prefix, formula, emit, self.builder, [result, *(o.pointer for o in operands)], variant=variant)
        return LaneCalledElement(self, result, *_bounds[name])


def _reduced(a: Any) -> Any:
    """The same element below 2p, carried."""
    parts = [part.reduced(part.ring.memory_limit) for part in _parts(a)]
    parts = [LaneElement(part.ring, part.normal(), part.limit, 1) for part in parts]
    return parts[0] if len(parts) == 1 else quadratic.QuadraticElement(*parts)


def _parts(element: Any) -> list[LaneElement]:
    return [element] if isinstance(element, LaneElement) else [element.c0, element.c1]


def _load(base: LaneField, degree: int, pointer: ir.Value, bounds: LaneCalledElement) -> Any:
    parts = []
    for part in range(degree):
        limbs = base.load(base.builder.gep(pointer, [ir.IntType(64)(part * base.words)])).limbs
        parts.append(LaneElement(base, limbs, bounds.limit, bounds.terms))
    return parts[0] if degree == 1 else quadratic.QuadraticElement(*parts)


def _store(base: LaneField, value: Any, pointer: ir.Value) -> tuple[int, int]:
    """Write the limbs, carried only where they gathered as much as those of a product do; return the bounds.

    Values that might reach R/2 are reduced, so that bounds can be rounded up.
    """
    parts = [part if 2 * part.limit <= base.R else part.reduced(base.memory_limit) for part in _parts(value)]
    carry = max(part.terms for part in parts) > 4 * base.limbs
    for number, part in enumerate(parts):
        place = base.builder.gep(pointer, [ir.IntType(64)(number * base.words)])
        base.store_limbs(part.normal() if carry else part.limbs, place)
    return max(part.limit for part in parts), 1 if carry else max(part.terms for part in parts)
