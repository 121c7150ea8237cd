"""Prime field elements as LLVM vectors: eight elements in eight lanes, 52-bit limbs, AVX-512 IFMA products.

A :class:`LaneElement` is a tuple of vectors (limb j of all eight lanes), a ``limit`` its values stay below, and the
number of 52-bit ``terms`` each limb may have gathered. Sums and differences touch no carry; a product or a store
normalises the limbs first, once. Values are never negative: a difference adds a multiple of p. Montgomery form has
R = 2^(52 limbs), which leaves 35 bits above p in BLS12-381's base field and 4 to 6 in the other fields.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from llvmlite import ir

from kernels.cpu.lane_columns import karatsuba, schoolbook, square
from kernels.curves import PrimeField

LANES = 8
RADIX = 52
MASK = (1 << RADIX) - 1
WORD = ir.IntType(64)
VECTOR = ir.VectorType(WORD, LANES)
KARATSUBA_LIMBS = 8  # from so many limbs on, which must be even
MAX_TERMS = 1 << 10  # signed 64-bit limbs hold 2^11 terms of 52 bits; half of that leaves room for carries


def splat(value: int) -> ir.Constant:
    """Return the same word in every lane."""
    return ir.Constant(VECTOR, [value] * LANES)


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
        """``acc`` plus the low (``"l"``) or high (``"h"``) half of the 104-bit products of the lanes' low 52 bits."""
        module = self.builder.module
        kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
        name = f"llvm.x86.avx512.vpmadd52{half}.uq.512" if self.native else f"multiply_add_52.{half}"
        function = module.globals.get(name)
        if function is None:
            function = ir.Function(module, kind, name)
            if not self.native:
                _define_multiply_add(function, half)
        return self.builder.call(function, [acc, a, b])

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


def _define_multiply_add(function: ir.Function, half: str) -> None:
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


@dataclass
class LaneElement:
    """Eight field elements under construction."""

    ring: LaneField
    limbs: Sequence[Any]
    limit: int
    terms: int
    _normal: list[Any] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.limit > self.ring.R:
            raise OverflowError(
                f"{self.ring.field.name} has no room for a value up to {self.limit / self.ring.R:.2f} R"
            )
        if self.terms > MAX_TERMS:
            raise OverflowError(f"a limb of {self.terms} terms could overflow")

    def normal(self) -> list[Any]:
        """Limbs below 2^52; emitted once, at the first use."""
        if self._normal is None:
            self._normal = list(self.limbs) if self.terms == 1 else self.ring.carry(self.limbs)
        return self._normal

    def reduced(self, limit: int) -> LaneElement:
        """Subtract q p, q estimated from the top limb, if the values might reach ``limit`` (at least 2p)."""
        if self.limit <= limit:
            return self
        ring, b = self.ring, self.ring.builder
        p, place = ring.modulus, 1 << (RADIX * (ring.limbs - 1))
        by_table = self._reduced_by_table()
        if by_table is not None and by_table.limit <= limit:
            return by_table
        p_top, top = p // place, self.limit // place
        # q = floor(top mu / 2^52) with mu = floor(2^52 / (p_top + 1)) never exceeds x / p, and
        # x - q p < place top / (p_top + 1) + place + p + p top / 2^52 (each floor loses less than one).
        limbs = self.normal()
        q = ring.multiply_add("h", splat(0), limbs[-1], splat((1 << RADIX) // (p_top + 1)))
        left = []
        for j, digit in enumerate(ring.digits(p)):
            value = b.sub(limbs[j], ring.multiply_add("l", splat(0), q, splat(digit)))
            if j:
                value = b.sub(value, ring.multiply_add("h", splat(0), q, splat(ring.digits(p)[j - 1])))
            left.append(value)
        bound = place * top // (p_top + 1) + place + p + p * top // (1 << RADIX) + 1
        if bound > limit:
            raise OverflowError(
                f"one reduction of {ring.field.name} from {self.limit / p:.1f} p leaves {bound / p:.2f} p"
            )
        return LaneElement(ring, ring.carry(left), bound, 1)

    def _reduced_by_table(self) -> LaneElement | None:
        """Subtract the multiple of p that a table has for the leading bits; None where the table would be long.

        It takes limbs as they are. With units of the top limb, x is within 1 unit of t = limb[n-1] + limb[n-2] / 2^52,
        as the limbs below are together less than MAX_TERMS units of limb[n-2]. With t + 1 >= 0 in place of t, the entry
        for [i step, (i+1) step) may meet an x two units below that, so its multiple of p is below i step less two
        units, and what is left is below p + step + 3 units.
        """
        ring, b = self.ring, self.ring.builder
        p, unit = ring.modulus, 1 << (RADIX * (ring.limbs - 1))
        step = 1 << (p.bit_length() - 1)
        entries = (self.limit + unit) // step + 1
        if entries > 2 * LANES or ring.limbs < 2:
            return None
        limbs = list(self._normal or self.limbs)
        top = b.add(b.add(limbs[-1], b.ashr(limbs[-2], splat(RADIX))), splat(1))
        index = b.lshr(top, splat((step // unit).bit_length() - 1))
        multiples = [max((i * step - 2 * unit) // p, 0) * p for i in range(2 * LANES if entries > LANES else LANES)]
        left = [
            b.sub(limb, ring.lookup([ring.digits(multiple)[j] for multiple in multiples], index))
            for j, limb in enumerate(limbs)
        ]
        return LaneElement(ring, ring.carry(left), p + step + 3 * unit, 1)

    def canonical(self) -> LaneElement:
        """Return the representatives below p."""
        ring, b = self.ring, self.ring.builder
        element = self.reduced(2 * ring.modulus)
        less = ring.carry(
            [b.sub(x, splat(d)) for x, d in zip(element.normal(), ring.digits(ring.modulus), strict=True)]
        )
        negative = b.icmp_signed("<", less[-1], splat(0))
        limbs = [b.select(negative, x, y) for x, y in zip(element.normal(), less, strict=True)]
        return LaneElement(ring, limbs, ring.modulus, 1)

    def __add__(self, other: LaneElement) -> LaneElement:
        ring = self.ring
        a, b = self._roomy(other)
        limbs = [ring.builder.add(x, y) for x, y in zip(a.limbs, b.limbs, strict=True)]
        return LaneElement(ring, limbs, a.limit + b.limit, a.terms + b.terms)

    def __sub__(self, other: LaneElement) -> LaneElement:
        ring, build = self.ring, self.ring.builder
        a, b = self._roomy(other)
        shift = -(-b.limit // ring.modulus) * ring.modulus  # k p >= b
        limbs = [
            build.add(build.sub(x, y), splat(d)) for x, y, d in zip(a.limbs, b.limbs, ring.digits(shift), strict=True)
        ]
        return LaneElement(ring, limbs, a.limit + shift, a.terms + b.terms + 1)

    def __neg__(self) -> LaneElement:
        ring = self.ring
        shift = -(-self.limit // ring.modulus) * ring.modulus
        limbs = [ring.builder.sub(splat(d), x) for x, d in zip(self.limbs, ring.digits(shift), strict=True)]
        return LaneElement(ring, limbs, shift + 1, self.terms + 1)

    def _roomy(self, other: LaneElement) -> tuple[LaneElement, LaneElement]:
        """Both operands, carried or reduced if a sum or difference of them could overflow a limb or reach R."""
        ring, a, b = self.ring, self, other
        if a.limit + b.limit + ring.modulus > ring.R:
            a, b = a.reduced(2 * ring.modulus), b.reduced(2 * ring.modulus)
        if a.terms + b.terms + 1 > MAX_TERMS:
            a, b = (LaneElement(ring, value.normal(), value.limit, 1) for value in (a, b))
        return a, b

    def __mul__(self, other: LaneElement) -> LaneElement:
        ring = self.ring
        a, b = self, other
        if a.limit * b.limit // ring.R > ring.modulus // 2:  # keep products below 1.5 p
            a, b = a.reduced(2 * ring.modulus), b.reduced(2 * ring.modulus)
        limit = a.limit * b.limit // ring.R + ring.modulus + 1
        limbs = ring.square_limbs(a.normal()) if a is b else ring.multiply_limbs(a.normal(), b.normal())
        return LaneElement(ring, limbs, limit, ring.product_terms + 2 * ring.limbs + 1)

    def square(self) -> LaneElement:
        """Return the squares."""
        return self * self

    def short_product(self, other: LaneElement) -> LaneElement:
        """Product over 2^(52 ring.short_limbs) in place of R: where there is room, a step of its reduction less.

        It may be R / 16, a factor for one more product and nothing else.
        """
        ring = self.ring
        a, b, steps = self, other, ring.short_limbs
        if steps == ring.limbs:
            return a * b
        limit = (a.limit * b.limit >> (RADIX * steps)) + ring.modulus + 1
        columns = ring.reduce_columns(ring.product_columns(a.normal(), b.normal(), ring.spare(steps)), steps)
        return LaneElement(ring, columns, limit, ring.product_terms + 2 * ring.limbs + 1)

    @staticmethod
    def quadratic_product(
        a: tuple[LaneElement, LaneElement], b: tuple[LaneElement, LaneElement], *, short: bool = False
    ) -> tuple[LaneElement, LaneElement]:
        """Product of c0 + c1 u with u^2 = -1: Karatsuba's three integer products, but one reduction a coordinate.

        With ``short`` as :meth:`short_product`.
        """
        ring, build = a[0].ring, a[0].ring.builder
        p, n = ring.modulus, ring.limbs
        steps = ring.short_limbs if short else n
        roomy = (a[0].limit + a[1].limit) * (b[0].limit + b[1].limit) // ring.R <= p // 2
        if not roomy:
            a = a[0].reduced(2 * p), a[1].reduced(2 * p)
            b = b[0].reduced(2 * p), b[1].reduced(2 * p)
        low = ring.product_columns(a[0].normal(), b[0].normal())
        high = ring.product_columns(a[1].normal(), b[1].normal())
        cross = ring.product_columns((a[0] + a[1]).normal(), (b[0] + b[1]).normal(), ring.spare(steps))
        # low - high + k p is not negative; a coordinate's columns are sums of three products' and two constants' terms.
        shift = -(-a[1].limit * b[1].limit // p) * p
        digits = [(shift >> (RADIX * j)) & MASK for j in range(2 * n - 1)] + [shift >> (RADIX * (2 * n - 1))]
        constants = [splat(x + y) for x, y in zip(digits, ring.spare(steps), strict=True)]
        real = [build.add(build.sub(x, y), c) for x, y, c in zip(low, high, constants, strict=True)]
        imaginary = [build.sub(build.sub(z, x), y) for x, y, z in zip(low, high, cross, strict=True)]
        terms = 3 * ring.product_terms + 2 + 2 * n + 1
        bounds = (
            a[0].limit * b[0].limit + shift,
            a[0].limit * b[1].limit + a[1].limit * b[0].limit,
        )
        c0, c1 = (
            LaneElement(ring, ring.reduce_columns(columns, steps), (bound >> (RADIX * steps)) + p + 1, terms)
            for columns, bound in zip((real, imaginary), bounds, strict=True)
        )
        return c0, c1

    def double(self) -> LaneElement:
        """Twice the elements."""
        return self + self


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
