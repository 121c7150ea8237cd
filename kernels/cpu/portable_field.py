"""Prime field elements as LLVM values: one element, 64-bit limbs.

An :class:`Element` is a tuple of SSA limbs and a ``limit``: the integer its value is known to stay below. Formulas
are ordinary Python expressions over elements; while they run they emit straight-line code, and the limits decide,
at build time, where a reduction is needed and prove that no limb overflows. Memory always holds canonical elements
(below p), so arrays compare limb by limb.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llvmlite import ir

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kernels.curves import PrimeField

WORD = ir.IntType(64)
DOUBLE = ir.IntType(128)
BIT = ir.IntType(1)
WORD_MASK = (1 << 64) - 1


class PortableField:
    """Emits arithmetic of one prime field into an LLVM builder.

    Parameters
    ----------
    field
        The prime field; elements are in Montgomery form with R = 2^(64 limbs).
    builder
        Where the instructions go.
    inline
        Whether products are expanded in place (fast in tight kernels) or call one function of the module (large
        formulas: less code, faster to compile).
    """

    def __init__(self, field: PrimeField, builder: ir.IRBuilder, *, inline: bool = True) -> None:
        self.field = field
        self.builder = builder
        self.inline = inline
        self.words = field.limbs
        self.modulus = field.modulus
        self.R = field.R
        self.pinv = -pow(field.modulus, -1, 1 << 64) % (1 << 64)

    def limbs_of(self, value: int) -> list[ir.Constant]:
        """Split an integer below R into constant limbs."""
        return [WORD((value >> (64 * i)) & WORD_MASK) for i in range(self.words)]

    def constant(self, value: int) -> Element:
        """Return the field element of an integer (converted to Montgomery form)."""
        return Element(self, self.limbs_of(self.field.to_montgomery(value % self.modulus)), self.modulus)

    def one(self) -> Element:
        """Return the field's one."""
        return self.constant(1)

    def zero(self) -> Element:
        """Return the field's zero."""
        return self.constant(0)

    def load(self, pointer: ir.Value) -> Element:
        """Read a canonical element from memory."""
        limbs = [self.builder.load(self.builder.gep(pointer, [WORD(i)])) for i in range(self.words)]
        return Element(self, limbs, self.modulus)

    def store(self, element: Element, pointer: ir.Value) -> None:
        """Write an element to memory, reduced below p."""
        for i, limb in enumerate(element.canonical().limbs):
            self.builder.store(limb, self.builder.gep(pointer, [WORD(i)]))

    def is_zero(self, element: Element) -> ir.Value:
        """Bit: whether the element is zero."""
        return self.is_exactly_zero(element.canonical())

    def is_exactly_zero(self, element: Element) -> ir.Value:
        """Bit: whether the limbs are all zero, as those of infinity in memory are."""
        return self.builder.icmp_unsigned("==", functools.reduce(self.builder.or_, element.limbs), WORD(0))

    def select(self, condition: ir.Value, yes: Element, no: Element) -> Element:
        """``yes`` where the bit is set, else ``no``, without a branch."""
        limbs = [self.builder.select(condition, a, b) for a, b in zip(yes.limbs, no.limbs, strict=True)]
        return Element(self, limbs, max(yes.limit, no.limit))

    # Carry chains: LLVM turns add-with-overflow followed by add-with-overflow into one add-with-carry.

    def _chain(
        self, step: Callable[[ir.Value, ir.Value], ir.Value], left: Sequence[ir.Value], right: Sequence[ir.Value]
    ) -> tuple[list[ir.Value], ir.Value]:
        b, out = self.builder, []
        carry: ir.Value | None = None
        for x, y in zip(left, right, strict=True):
            pair = step(x, y)
            value, overflow = b.extract_value(pair, 0), b.extract_value(pair, 1)
            if carry is not None:
                pair = step(value, b.zext(carry, WORD))
                value, overflow = b.extract_value(pair, 0), b.or_(overflow, b.extract_value(pair, 1))
            out.append(value)
            carry = overflow
        return out, carry

    def add_limbs(self, left: Sequence[ir.Value], right: Sequence[ir.Value]) -> list[ir.Value]:
        """Limbs of left + right, which must stay below R."""
        return self._chain(self.builder.uadd_with_overflow, left, right)[0]

    def subtract_limbs(self, left: Sequence[ir.Value], right: Sequence[ir.Value]) -> tuple[list[ir.Value], ir.Value]:
        """Limbs of left - right mod R, and the borrow bit."""
        return self._chain(self.builder.usub_with_overflow, left, right)

    def multiply_limbs(self, left: Sequence[ir.Value], right: Sequence[ir.Value]) -> list[ir.Value]:
        """Montgomery product by operand scanning (CIOS), without the overflow limb.

        After every step the accumulator is below left + p: it gains at most (2^64 - 1)(left + p) and is divided by
        2^64. It therefore fits the limbs when left + p <= R, which :meth:`Element.__mul__` asserts.
        """
        b = self.builder
        p = self.limbs_of(self.modulus)
        accumulator: list[ir.Value] = [WORD(0)] * self.words
        for digit in right:
            wide = b.zext(digit, DOUBLE)
            carry: ir.Value = DOUBLE(0)
            row = []
            for j in range(self.words):
                total = b.mul(b.zext(left[j], DOUBLE), wide)
                total = b.add(b.add(total, b.zext(accumulator[j], DOUBLE)), carry)
                row.append(b.trunc(total, WORD))
                carry = b.lshr(total, DOUBLE(64))
            top = b.trunc(carry, WORD)
            quotient = b.zext(b.mul(row[0], WORD(self.pinv)), DOUBLE)
            carry = DOUBLE(0)
            shifted = []
            for j in range(self.words):
                total = b.mul(quotient, b.zext(p[j], DOUBLE))
                total = b.add(b.add(total, b.zext(row[j], DOUBLE)), carry)
                carry = b.lshr(total, DOUBLE(64))
                if j:
                    shifted.append(b.trunc(total, WORD))
            shifted.append(b.add(top, b.trunc(carry, WORD)))
            accumulator = shifted
        return accumulator

    def call_multiply(self, left: Sequence[ir.Value], right: Sequence[ir.Value]) -> list[ir.Value]:
        """Call the module's own multiplication function, defined at its first use."""
        b, module = self.builder, self.builder.module
        name = f"{self.field.name}.multiply"
        result_type = ir.LiteralStructType([WORD] * self.words)
        function = module.globals.get(name)
        if function is None:
            function = ir.Function(module, ir.FunctionType(result_type, [WORD] * (2 * self.words)), name)
            function.linkage = "linkonce_odr"  # the same code in every module that has it
            function.attributes.add("noinline")
            function.attributes.add("nounwind")
            body = PortableField(self.field, ir.IRBuilder(function.append_basic_block("entry")))
            product = body.multiply_limbs(function.args[: self.words], function.args[self.words :])
            packed: ir.Value = ir.Constant(result_type, ir.Undefined)
            for i, limb in enumerate(product):
                packed = body.builder.insert_value(packed, limb, i)
            body.builder.ret(packed)
        packed = b.call(function, [*left, *right])
        return [b.extract_value(packed, i) for i in range(self.words)]


@dataclass(frozen=True)
class Element:
    """A field element under construction: SSA limbs and the integer its value stays below."""

    ring: PortableField
    limbs: Sequence[Any]
    limit: int

    def __post_init__(self) -> None:
        if self.limit > self.ring.R:
            raise OverflowError(
                f"{self.ring.field.name} has no room for a value up to {self.limit / self.ring.R:.2f} R"
            )

    def reduced(self, limit: int) -> Element:
        """Subtract multiples of p, without branches, until the value stays below ``limit`` (at least p)."""
        ring, element = self.ring, self
        while element.limit > limit:
            multiples = -(-element.limit // ring.modulus)
            step = max(1, multiples // 2) * ring.modulus  # value < 2 step + p: either case ends below step + p
            difference, borrow = ring.subtract_limbs(element.limbs, ring.limbs_of(step))
            limbs = [ring.builder.select(borrow, x, d) for x, d in zip(element.limbs, difference, strict=True)]
            element = Element(ring, limbs, max(step, element.limit - step))
        return element

    def canonical(self) -> Element:
        """Return the representative below p."""
        return self.reduced(self.ring.modulus)

    def __add__(self, other: Element) -> Element:
        a, b, ring = self, other, self.ring
        if a.limit + b.limit > ring.R:
            a, b = (a.canonical(), b) if a.limit >= b.limit else (a, b.canonical())
        if a.limit + b.limit > ring.R:
            a, b = a.canonical(), b.canonical()
        return Element(ring, ring.add_limbs(a.limbs, b.limbs), a.limit + b.limit)

    def __sub__(self, other: Element) -> Element:
        # a - b + k p with k p >= b: never negative, below a + k p.
        a, b, ring = self, other, self.ring
        multiples = -(-b.limit // ring.modulus)
        if a.limit + multiples * ring.modulus > ring.R:
            a, b, multiples = a.canonical(), b.canonical(), 1
        negated, _ = ring.subtract_limbs(ring.limbs_of(multiples * ring.modulus), b.limbs)
        return Element(ring, ring.add_limbs(a.limbs, negated), a.limit + multiples * ring.modulus)

    def __neg__(self) -> Element:
        multiples = -(-self.limit // self.ring.modulus)
        limbs, _ = self.ring.subtract_limbs(self.ring.limbs_of(multiples * self.ring.modulus), self.limbs)
        return Element(self.ring, limbs, multiples * self.ring.modulus + 1)

    def __mul__(self, other: Element) -> Element:
        ring = self.ring
        small, large = (self, other) if self.limit <= other.limit else (other, self)
        if small.limit + ring.modulus > ring.R:
            small = small.canonical()
        # Montgomery: (a b + m p) / R with m < R is below a b / R + p.
        limit = small.limit * large.limit // ring.R + ring.modulus + 1
        if small.limit + ring.modulus > ring.R:
            raise OverflowError(f"{ring.field.name} has no room for the steps of a product")
        multiply = ring.multiply_limbs if ring.inline else ring.call_multiply
        return Element(ring, multiply(small.limbs, large.limbs), limit)

    def square(self) -> Element:
        """Return the square."""
        return self * self

    def double(self) -> Element:
        """Twice the element."""
        return self + self
