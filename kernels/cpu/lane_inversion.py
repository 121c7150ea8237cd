"""Inversion of eight lanes for the price of one inversion, and single lanes in and out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.cpu.compilation import KernelSet, copy_words
from kernels.cpu.inversion import inversion
from kernels.cpu.lane_field import limb_count, short_products
from kernels.cpu.lane_points import lane_points
from kernels.cpu.lane_vectors import LANES, MASK, RADIX
from kernels.cpu.operation import QuadraticRing, operation
from kernels.cpu.points import ring_spec
from kernels.curves import Curve, Group
from kernels.encoding import limbs_from_ints
from kernels.formulas import weierstrass
from kernels.formulas.quadratic import QuadraticElement


@dataclass(frozen=True)
class LaneInversion:
    """Functions for kernels, over lane elements and over coordinates in words (both Montgomery forms).

    Attributes
    ----------
    set_one
        ``(out, i)``: lane element i becomes one.
    from_lane
        ``(out, i, values, j, lane)``: coordinate i becomes one lane, canonical, in the lanes' Montgomery form; whether
        it is not zero.
    invert_lanes
        ``(values, j, short)``: element j becomes its inverses, with ``short`` over the factor by which short products
        are too large; false, with nothing changed, if a lane is zero.
    """

    set_one: Any
    from_lane: Any
    invert_lanes: Any


def lane_inversion(kernels: KernelSet, curve: Curve, group: Group, native: bool) -> LaneInversion:
    """Make the functions of a group's coordinates, for kernels of one set."""
    lanes, spec = lane_points(curve, group, native), ring_spec(curve, group)
    degree, narrow, wide, p = spec.degree, curve.fp.limbs, limb_count(curve.fp), curve.fp.modulus
    words, coordinate_words = lanes.spec.words, spec.words
    multiply, multiply_words = lanes.multiply, operation(spec, weierstrass.product, (1, 1), 1, outline=True)
    invert = inversion(spec)
    swap_4, swap_2, swap_1 = (operation(lanes.spec, _swap(d), (1,), 1, with_ring=True) for d in (4, 2, 1))

    radix, lane_radix = curve.fp.R, 1 << (RADIX * wide)
    # A raw v = x lane_radix, inverted as if it were x' radix, is radix^2 / v: this constant makes it lane_radix^2 / v.
    inverse_form = lane_radix**2 * pow(radix, -1, p)
    short_form = inverse_form * pow(1 << RADIX, -1, p) if short_products(curve.fp) else inverse_form
    padding = [0] * (degree - 1)
    inverse_forms = limbs_from_ints([inverse_form % p, *padding, short_form % p, *padding], narrow).reshape(-1)
    modulus = limbs_from_ints([p], narrow).reshape(-1)
    lane_one = np.repeat(np.array([(lane_radix % p >> (RADIX * j)) & MASK for j in range(wide)], np.uint64), LANES)

    @kernels.inner
    def set_one(out: Any, i: int) -> None:
        copy_words(out, i * words, lane_one, 0, wide * LANES)
        for w in range(wide * LANES, words):
            out[i * words + w] = 0

    @kernels.inner
    def canonical(out: Any, start: int) -> None:
        # One conditional subtraction: lane values are below 2p.
        for k in range(narrow - 1, -1, -1):
            if out[start + k] != modulus[k]:
                if out[start + k] < modulus[k]:
                    return
                break
        borrow = np.uint64(0)
        for k in range(narrow):
            value = out[start + k]
            less = value - modulus[k]
            out[start + k] = less - borrow
            borrow = np.uint64(value < modulus[k]) | (np.uint64(less < borrow) & np.uint64(1))

    @kernels.inner
    def from_lane(out: Any, i: int, values: Any, j: int, lane: int) -> bool:
        finite = False
        for c in range(degree):
            start = (i * degree + c) * narrow
            for k in range(narrow):
                bit = 64 * k
                limb, shift = bit // RADIX, bit % RADIX
                at = j * words + (c * wide + limb) * LANES + lane
                word = values[at] >> np.uint64(shift)
                place = RADIX - shift
                while place < 64 and limb + 1 < wide:
                    limb += 1
                    at += LANES
                    word |= values[at] << np.uint64(place)
                    place += RADIX
                out[start + k] = word
            canonical(out, start)
            for k in range(narrow):
                finite = finite or out[start + k] != 0
        return finite

    @kernels.inner
    def to_lanes(out: Any, j: int, values: Any, i: int) -> None:
        for c in range(degree):
            start = (i * degree + c) * narrow
            for limb in range(wide):
                bit = RADIX * limb
                k, shift = bit // 64, bit % 64
                word = values[start + k] >> np.uint64(shift)
                if shift > 64 - RADIX and k + 1 < narrow:
                    word |= values[start + k + 1] << np.uint64(64 - shift)
                for lane in range(LANES):
                    out[j * words + (c * wide + limb) * LANES + lane] = word & np.uint64(MASK)

    @kernels.inner
    def invert_lanes(values: Any, j: int, short: int) -> bool:
        # Lane l has v(l). Its product with lane l ^ 4, of that with lane l ^ 2, of that with lane l ^ 1 is the product
        # of all lanes; that inverse times those partners' values is 1 / v(l).
        by_4, two, by_2, four, by_1, all_lanes = 0, 1, 2, 3, 4, 5
        products = np.empty(6 * words, np.uint64)
        plain = np.empty(2 * coordinate_words, np.uint64)
        swap_4(products, by_4, values, j)
        multiply(products, two, values, j, products, by_4)
        swap_2(products, by_2, products, two)
        multiply(products, four, products, two, products, by_2)
        swap_1(products, by_1, products, four)
        multiply(products, all_lanes, products, four, products, by_1)
        if not from_lane(plain, 0, products, all_lanes, 0):
            return False
        invert(plain, 1, plain, 0)
        multiply_words(plain, 0, plain, 1, inverse_forms, short)
        to_lanes(products, all_lanes, plain, 0)
        multiply(products, by_1, products, by_1, products, all_lanes)
        multiply(products, by_2, products, by_2, products, by_1)
        multiply(values, j, products, by_4, products, by_2)
        return True

    return LaneInversion(set_one, from_lane, invert_lanes)


def _swap(distance: int) -> Callable[[Any, Any], Any]:
    """Formula that moves every lane l to lane l ^ distance."""
    order = [lane ^ distance for lane in range(LANES)]

    def swap(ring: Any, element: Any) -> Any:
        if isinstance(ring, QuadraticRing):
            return QuadraticElement(*(ring.base.shuffle(part, part, order) for part in (element.c0, element.c1)))
        return ring.shuffle(element, element, order)

    return swap
