"""Slots: vectors of points between one level of a tree of additions and the next.

Where a field has the room, the sums of a level are neither reduced nor kept from being negative: a reduction of both
coordinates would cost an addition a fiftieth of its time, and only the root of a tree needs one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

from kernels.cpu.lane_element import LaneElement
from kernels.cpu.lane_field import LaneField, short_products
from kernels.cpu.lane_points import LanePointSpec
from kernels.cpu.lane_vectors import WORD, splat
from kernels.cpu.operation import QuadraticRing
from kernels.formulas import weierstrass
from kernels.formulas.quadratic import QuadraticElement

LEVELS = 6
"""Of the largest tree."""


def slots_of(spec: LanePointSpec) -> ReducedSlots:
    """Choose the form of a group's slots."""
    return UnreducedSlots(spec) if short_products(spec.curve.fp) else ReducedSlots(spec)


class ReducedSlots:
    """Slots of coordinates below 2p; y as a sum of two terms, for who read it from a row may have turned it.

    Attributes
    ----------
    limit
        Of a coordinate.
    difference_limit
        Of the difference of two coordinates.
    """

    def __init__(self, spec: LanePointSpec) -> None:
        self.spec = spec
        self.limit = 2 * spec.curve.fp.modulus
        self.difference_limit = 2 * self.limit

    def load(self, ring: Any, place: ir.Value) -> tuple[Any, Any]:
        """Read the points of a slot."""
        x, y = (place, ring.builder.gep(place, [WORD(self.spec.words)]))
        return load_limbs(ring, x, self.limit, 1), load_limbs(ring, y, self.limit, 2)

    def difference(self, a: Any, b: Any) -> Any:
        """Difference b - a, not negative and carried, of coordinates of slots or rows."""
        return _carried(b - a)

    def store_sum(self, ring: Any, point: tuple[Any, Any], dx: Any, slope: Any, place: ir.Value) -> None:
        """Write the sums of points and others whose x is larger by ``dx``."""
        for number, element in enumerate(weierstrass.chord(point, point[0] + dx, slope)):
            ring.store(element, ring.builder.gep(place, [WORD(number * self.spec.words)]))

    def root(self, ring: Any, place: ir.Value) -> tuple[Any, Any]:
        """Read the points of a slot for a row."""
        return self.load(ring, place)


class UnreducedSlots(ReducedSlots):
    """Slots of coordinates between -``most`` and ``most``: carried, the last limb signed.

    Products and squares of slopes are below 3p in each part. A leaf's coordinate is below 2p, and if those of a level
    are at most b, the next one's x = slope^2 - x1 - x2 is at most 2 b + 3p, its y = slope (x1 - x) - y1 at most b + 3p.
    After all levels that is less than 2^LEVELS (2p + 3p), 320 p.
    """

    def __init__(self, spec: LanePointSpec) -> None:
        super().__init__(spec)
        self.most = 512 * spec.curve.fp.modulus
        if 5 << LEVELS > 512:
            raise OverflowError(f"coordinates after {LEVELS} levels could exceed {self.most}")
        # With the limit that an element from 0 to 2 ``most`` has, a - b becomes a - b + 2 most: as large as that of
        # such elements, and not negative either.
        self.limit = 2 * self.most
        self.difference_limit = 2 * self.limit

    def difference(self, a: Any, b: Any) -> Any:
        """Difference b - a + 2 ``most``."""
        return _carried(_each(self._wide, b) - _each(self._wide, a))

    def store_sum(self, ring: Any, point: tuple[Any, Any], dx: Any, slope: Any, place: ir.Value) -> None:
        """Write the sums as they come, but for carries."""
        x1, y1 = point
        # dx is x2 - x1 + 2 most.
        x = _each(lambda square, x1, dx: _less(square, [x1, x1, dx], self.limit), slope.square(), x1, dx)
        x = _each(lambda part: LaneElement(part.ring, part.normal(), self.limit, 1), x)
        # Between -4 most and 4 most, so not negative with 4 most added.
        lever = _each(lambda x1, x: _less(x1, [x], 2 * self.limit), x1, x)
        y = _each(lambda product, y1: _less(product, [y1], 0), slope * lever, y1)
        for number, element in enumerate((x, _carried(y))):
            store_limbs(element, ring.builder.gep(place, [WORD(number * self.spec.words)]))

    def root(self, ring: Any, place: ir.Value) -> tuple[Any, Any]:
        """Read the points of a slot for a row: ``most`` added, so not negative."""
        x, y = self.load(ring, place)
        return _each(lambda part: _less(part, [], self.most), x), _each(lambda part: _less(part, [], self.most), y)

    def _wide(self, part: LaneElement) -> LaneElement:
        return LaneElement(part.ring, part.limbs, self.limit, part.terms)


def _less(element: LaneElement, others: Sequence[LaneElement], constant: int) -> LaneElement:
    """An element less others, plus a constant, limb by limb; the caller knows that it is below twice the constant."""
    ring: LaneField = element.ring
    b, digits = ring.builder, ring.digits(constant)
    limbs = []
    for j, digit in enumerate(digits):
        limb = element.limbs[j]
        for other in others:
            limb = b.sub(limb, other.limbs[j])
        limbs.append(b.add(limb, splat(digit)) if digit else limb)
    terms = sum(each.terms for each in (element, *others)) + 1
    return LaneElement(ring, limbs, 2 * constant, terms)


def parts_of(element: Any) -> tuple[LaneElement, ...]:
    """Base-field parts of an element."""
    return (element.c0, element.c1) if isinstance(element, QuadraticElement) else (element,)


def _each(function: Callable[..., LaneElement], *elements: Any) -> Any:
    """Apply a function to each part."""
    return _of([function(*parts) for parts in zip(*map(parts_of, elements), strict=True)])


def _of(parts: Sequence[LaneElement]) -> Any:
    return parts[0] if len(parts) == 1 else QuadraticElement(*parts)


def _carried(element: Any) -> Any:
    return _each(lambda part: LaneElement(part.ring, part.normal(), part.limit, 1), element)


def store_limbs(element: Any, place: ir.Value) -> None:
    """Write limbs as they are, neither carried nor reduced."""
    for number, part in enumerate(parts_of(element)):
        part.ring.store_limbs(part.limbs, part.ring.builder.gep(place, [WORD(number * part.ring.words)]))


def load_limbs(ring: Any, place: ir.Value, limit: int, terms: int) -> Any:
    """Read what :func:`store_limbs` wrote, with the bounds it had then."""
    base = ring.base if isinstance(ring, QuadraticRing) else ring
    parts = []
    for number in range(ring.words // base.words):
        limbs = base.load(base.builder.gep(place, [WORD(number * base.words)])).limbs
        parts.append(LaneElement(base, limbs, limit, terms))
    return _of(parts)
