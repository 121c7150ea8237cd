"""Elements of a prime field in eight lanes, under construction.

A :class:`LaneElement` is a tuple of vectors (limb j of all eight lanes), a ``limit`` its values stay below, and the
number of 52-bit ``terms`` each limb may have gathered. Sums and differences touch no carry; a product or a store
normalises the limbs first, once. Values are never negative: a difference adds a multiple of p.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kernels.cpu.lane_vectors import LANES, MASK, RADIX, splat

if TYPE_CHECKING:
    from kernels.cpu.lane_field import LaneField

MAX_TERMS = 1 << 10  # signed 64-bit limbs hold 2^11 terms of 52 bits; half of that leaves room for carries


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
