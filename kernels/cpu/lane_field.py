"""Prime field elements as LLVM vectors: eight elements in eight lanes, 52-bit limbs, AVX-512 IFMA products.

Montgomery form has R = 2^(52 limbs), which leaves 35 bits above p in BLS12-381's base field and 4 to 6 in the other
fields. What is known of an element under construction is in :class:`kernels.cpu.lane_element.LaneElement`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from kernels.cpu.lane_columns import karatsuba, schoolbook, square
from kernels.cpu.lane_element import LaneElement
from kernels.cpu.lane_vectors import LANES, MASK, RADIX, VECTOR, WORD, multiply_add, splat
from kernels.curves import PrimeField

KARATSUBA_LIMBS = 8  # from so many limbs on, which must be even


def limb_count(prime_field: PrimeField) -> int:
    """52-bit limbs of an element with at least four bits to spare."""
    return (prime_field.modulus.bit_length() + 4 + RADIX - 1) // RADIX


def short_products(prime_field: PrimeField) -> bool:
    """Whether 4p times 2p, reduced by one limb less than all, stays below R / 16: see LaneElement.short_product."""
    n, p = limb_count(prime_field), prime_field.modulus
    return 16 * (8 * p * p + p << RADIX) < 1 << (2 * RADIX * n)


class LaneField:
    """Emits arithmetic of one prime field, eight elements at a time.

    Parameters
    ----------
    native
        Use the IFMA instructions; otherwise their definition in plain IR, which runs anywhere and slowly.
    """

    def __init__(self, prime_field: PrimeField, builder: ir.IRBuilder, *, native: bool) -> None:
        self.field = prime_field
        self.builder = builder
        self.native = native
        self.modulus = prime_field.modulus
        self.limbs = limb_count(prime_field)
        self.R = 1 << (RADIX * self.limbs)
        self.words = self.limbs * LANES
        self.pinv = -pow(self.modulus, -1, 1 << RADIX) % (1 << RADIX)
        self.memory_limit = 2 * self.modulus
        self.short_limbs = self.limbs - 1 if short_products(prime_field) else self.limbs

    def digits(self, value: int) -> list[int]:
        """Split an integer into radix-2^52 digits; the last one takes the rest."""
        last = self.limbs - 1
        return [*((value >> (RADIX * j)) & MASK for j in range(last)), value >> (RADIX * last)]

    def constant(self, value: int) -> LaneElement:
        """Return a field element, the same in every lane."""
        digits = self.digits(value * self.R % self.modulus)
        return LaneElement(self, [splat(digit) for digit in digits], self.modulus, 1)

    def one(self) -> LaneElement:
        """Return the field's one."""
        return self.constant(1)

    def load(self, pointer: ir.Value) -> LaneElement:
        """Read eight elements below 2p: ``limbs`` vectors, one after the other."""
        vectors = self.builder.bitcast(pointer, VECTOR.as_pointer())
        limbs = []
        for j in range(self.limbs):
            value = self.builder.load(self.builder.gep(vectors, [WORD(j)]))
            value.align = 8
            limbs.append(value)
        return LaneElement(self, limbs, self.memory_limit, 1)

    def store(self, element: LaneElement, pointer: ir.Value) -> None:
        """Write eight elements, reduced below 2p."""
        self.store_limbs(element.reduced(self.memory_limit).normal(), pointer)

    def store_limbs(self, limbs: Sequence[ir.Value], pointer: ir.Value) -> None:
        """Write limbs as they are."""
        vectors = self.builder.bitcast(pointer, VECTOR.as_pointer())
        for j, limb in enumerate(limbs):
            store = self.builder.store(limb, self.builder.gep(vectors, [WORD(j)]))
            store.align = 8

    def multiply_add(self, half: str, acc: ir.Value, a: ir.Value, b: ir.Value) -> ir.Value:
        """``acc`` plus a half of the products of the lanes' low 52 bits: see :func:`lane_vectors.multiply_add`."""
        return multiply_add(self.builder, half, acc, a, b, native=self.native)

    def lookup(self, entries: Sequence[int], index: ir.Value) -> ir.Value:
        """The entry that each lane's index names, of 8 or 16; indices are below their number."""
        module = self.builder.module
        halves = [ir.Constant(VECTOR, list(entries[at : at + LANES])) for at in range(0, len(entries), LANES)]
        if not self.native:
            table = ir.Constant(ir.VectorType(WORD, len(entries)), list(entries))
            value = splat(0)
            for lane in range(LANES):
                at = ir.IntType(32)(lane)
                entry = self.builder.extract_element(table, self.builder.extract_element(index, at))
                value = self.builder.insert_element(value, entry, at)
            return value
        name = "llvm.x86.avx512.vpermi2var.q.512" if len(halves) == 2 else "llvm.x86.avx512.permvar.di.512"
        function = module.globals.get(name)
        if function is None:
            kind = ir.FunctionType(VECTOR, [VECTOR] * (len(halves) + 1))
            function = ir.Function(module, kind, name)
        first, *second = halves
        return self.builder.call(function, [first, index, *second])

    def is_zero(self, element: LaneElement) -> ir.Value:
        """Mask: lanes that are zero modulo p."""
        return self.is_exactly_zero(element.canonical())

    def is_exactly_zero(self, element: LaneElement) -> ir.Value:
        """Mask: lanes whose limbs are all zero, as those of infinity in memory are; cheaper than :meth:`is_zero`."""
        union = functools.reduce(self.builder.or_, element.normal())
        return self.builder.icmp_unsigned("==", union, splat(0))

    def select(self, mask: ir.Value, yes: LaneElement, no: LaneElement) -> LaneElement:
        """``yes`` in the lanes of the mask, ``no`` in the others."""
        limbs = [self.builder.select(mask, x, y) for x, y in zip(yes.normal(), no.normal(), strict=True)]
        return LaneElement(self, limbs, max(yes.limit, no.limit), 1)

    def negated_where(self, mask: ir.Value, element: LaneElement) -> LaneElement:
        """The negative in the lanes of the mask; not carried."""
        negative = -element
        limbs = [self.builder.select(mask, x, y) for x, y in zip(negative.limbs, element.limbs, strict=True)]
        return LaneElement(self, limbs, max(negative.limit, element.limit), max(negative.terms, element.terms))

    def shuffle(self, first: LaneElement, second: LaneElement, places: Sequence[int]) -> LaneElement:
        """Eight lanes chosen by number: 0 to 7 of the first, 8 to 15 of the second; a negative number gives zero."""
        b, index = self.builder, ir.IntType(32)
        order = ir.Constant(ir.VectorType(index, LANES), [max(place, 0) for place in places])
        limbs = [b.shuffle_vector(x, y, order) for x, y in zip(first.limbs, second.limbs, strict=True)]
        if min(places) < 0:
            kept = ir.Constant(ir.VectorType(ir.IntType(1), LANES), [place >= 0 for place in places])
            limbs = [b.select(kept, limb, splat(0)) for limb in limbs]
        return LaneElement(self, limbs, max(first.limit, second.limit), max(first.terms, second.terms))

    def zero(self) -> LaneElement:
        """Return zero, with limbs of zero."""
        return self.constant(0)

    def carry(self, limbs: Sequence[ir.Value]) -> list[ir.Value]:
        """Propagate signed carries; all limbs but the last end below 2^52."""
        b, out, carry = self.builder, [], None
        for j, limb in enumerate(limbs):
            value = limb if carry is None else b.add(limb, carry)
            if j < self.limbs - 1:
                carry = b.ashr(value, splat(RADIX))
                value = b.and_(value, splat(MASK))
            out.append(value)
        return out

    def product_columns(
        self, a: Sequence[ir.Value], b: Sequence[ir.Value], start: Sequence[int] | None = None
    ) -> list[ir.Value]:
        """Integer product of carried limbs, plus ``start``: 2 limbs columns of at most :attr:`product_terms` terms."""
        columns = [splat(word) for word in start or [0] * (2 * self.limbs)]
        if self.limbs < KARATSUBA_LIMBS:
            return schoolbook(self.multiply_add, a, b, columns)
        return karatsuba(self.builder, self.multiply_add, splat, a, b, columns)

    @property
    def product_terms(self) -> int:
        """Terms of :meth:`product_columns`, its start among them, whatever their signs."""
        return 2 * self.limbs + (1 if self.limbs < KARATSUBA_LIMBS else 3)

    def spare(self, steps: int) -> list[int]:
        """What :meth:`reduce_columns` wants added to its columns."""
        return [MASK] * steps + [0] * (2 * self.limbs - steps)

    def reduce_columns(self, columns: Sequence[ir.Value], steps: int) -> list[ir.Value]:
        """Montgomery reduction of 2 limbs columns, :meth:`spare` added, whose sum is not negative, by so many limbs.

        Columns behind the limbs that are left must be zero.

        m p clears the low 52 bits of a column x, so the column's carry is x / 2^52 rounded up, or x + 2^52 - 1 rounded
        down: with the spare already in x no product and no addition is needed for it, and as 2^52 - 1 is -1 modulo
        2^52, m = (x + 1) pinv. Adds 2 limbs + 1 terms.
        """
        acc, n = list(columns), self.limbs
        p, pinv = [splat(d) for d in self.digits(self.modulus)], splat(self.pinv)
        for i in range(steps):
            m = self.multiply_add("l", pinv, acc[i], pinv)
            acc[i + 1] = self.builder.add(acc[i + 1], self.builder.ashr(acc[i], splat(RADIX)))
            for j in range(1, n):
                acc[i + j] = self.multiply_add("l", acc[i + j], m, p[j])
            for j in range(n):
                acc[i + j + 1] = self.multiply_add("h", acc[i + j + 1], m, p[j])
        return acc[steps : steps + n]

    def multiply_limbs(self, a: Sequence[ir.Value], b: Sequence[ir.Value]) -> list[ir.Value]:
        """Montgomery product; limbs gather at most 2 limbs + 1 terms more than :attr:`product_terms`.

        By operand scanning where the integer product takes as many multiply-adds.
        """
        if self.limbs >= KARATSUBA_LIMBS:
            return self.reduce_columns(self.product_columns(a, b, self.spare(self.limbs)), self.limbs)
        build, n = self.builder, self.limbs
        p, pinv = [splat(d) for d in self.digits(self.modulus)], splat(self.pinv)
        acc: list[ir.Value] = [splat(word) for word in self.spare(n)[: n + 1]]  # see reduce_columns
        for digit in a:
            for j in range(n):
                acc[j] = self.multiply_add("l", acc[j], digit, b[j])
            m = self.multiply_add("l", pinv, acc[0], pinv)
            carry = build.ashr(acc[0], splat(RADIX))
            for j in range(1, n):
                acc[j] = self.multiply_add("l", acc[j], m, p[j])
            shifted = acc[1:]
            for j in range(n):
                shifted[j] = self.multiply_add("h", shifted[j], digit, b[j])
                shifted[j] = self.multiply_add("h", shifted[j], m, p[j])
            shifted[0] = build.add(shifted[0], carry)
            acc = [*shifted, splat(0)]
        return acc[:n]

    def square_limbs(self, a: Sequence[ir.Value]) -> list[ir.Value]:
        """Montgomery square; about a fifth cheaper than a product."""
        columns = square(self.builder, self.multiply_add, a, [splat(word) for word in self.spare(self.limbs)])
        return self.reduce_columns(columns, self.limbs)


@dataclass(frozen=True)
class LaneSpec:
    """Eight elements of a prime field at once; see :class:`kernels.cpu.operation.Spec`."""

    field: PrimeField
    native: bool = True

    @property
    def name(self) -> str:
        """Part of the symbols of its operations."""
        return f"{self.field.name}.lanes{'' if self.native else '.emulated'}"

    @property
    def words(self) -> int:
        """64-bit words of eight elements."""
        return limb_count(self.field) * LANES

    def emit(self, builder: ir.IRBuilder) -> LaneField:
        """Bind the ring to a builder."""
        return LaneField(self.field, builder, native=self.native)
