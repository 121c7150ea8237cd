"""Affine additions in lanes, eight pairs of points at a time, as many as share an inversion.

Two passes over the pairs do all of it. The first reads the points, from rows scattered in memory or from vectors of
points that earlier additions left, and multiplies the denominators up; :attr:`Additions.finish`, from the last pair to
the first, takes each denominator's inverse out of the product's and writes the sums. Six products an addition, one of
them a square. What passes between the two, and the sums themselves, stay in the second-level cache.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from kernels.cpu.lane_field import WORD, LaneElement
from kernels.cpu.lane_points import LanePointSpec
from kernels.cpu.lane_rows import RowLayout
from kernels.cpu.operation import QuadraticRing
from kernels.curves import Curve, Group
from kernels.formulas import weierstrass
from kernels.formulas.quadratic import QuadraticElement

FETCH_AHEAD = 4  # vectors of pairs: additions of 4 vectors take about as long as memory does
KEPT = 2  # coordinates kept of a pair besides its first point: x2 - x1 and y2 - y1


@dataclass(frozen=True)
class Additions:
    """Intrinsics over lane elements in a room; numbers are indices of elements, a point is two of them.

    Attributes
    ----------
    ask
        ``(table, workspace, entries, at)``: ask for the rows of eight entries.
    begin_rows
        ``(room, kept, product, table, workspace, left, right, at, point)``: read pair ``at`` .. ``at + 7`` of entries,
        write the first point to ``point``, keep the differences in elements ``kept`` and ``kept + 1``, and set element
        ``product + 1`` to element ``product`` times the denominators.
    begin_points
        ``(room, kept, product, first, second)``: the same of two vectors of points; the first stays where it is.
    finish
        ``(room, run, kept, product, point, table, workspace, left, right, ahead)``: with 1 / element ``product + 1`` in
        element ``run``, leave 1 / element ``product`` there and write the sums in place of the first point. Meanwhile
        ask for the rows of pair ``ahead`` .. ``ahead + 7`` of entries. Both inverses are over the factor that
        :attr:`LaneElement.short_product` leaves.
    """

    ask: Any
    begin_rows: Any
    begin_points: Any
    finish: Any


@functools.cache
def additions(curve: Curve, group: Group, native: bool) -> Additions:
    """Make the intrinsics of a group."""
    spec = LanePointSpec(curve, 1 if group == "g1" else 2, native)
    layout = RowLayout(spec, curve.fp.limbs, spec.degree)
    return Additions(
        ask=ask_for_rows(layout),
        begin_rows=_begin_rows(spec, layout),
        begin_points=_begin_points(spec),
        finish=_finish(spec, layout),
    )


Generate = Callable[..., ir.Value]


def _array(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any], number: int) -> ir.Value:
    return context.make_array(signature.args[number])(context, builder, arguments[number]).data


def ask_for_rows(layout: RowLayout) -> Any:
    """Make :attr:`Additions.ask`, which is the same for rows of any form."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any]) -> ir.Value:
        table, workspace, entries = (_array(context, builder, signature, arguments, n) for n in range(3))
        layout.ask_for(builder, layout.rows(builder, table, workspace, builder.gep(entries, [arguments[3]])))
        return context.get_dummy_value()

    def ask(_context: Any, table: Any, workspace: Any, entries: Any, _at: Any) -> Any:
        return types.void(table, workspace, entries, types.int64), generate

    return intrinsic(ask)


def _begin_rows(spec: LanePointSpec, layout: RowLayout) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any]) -> ir.Value:
        ring = spec.emit(builder)
        room, table, workspace, left, right = (
            _array(context, builder, signature, arguments, n) for n in (0, 3, 4, 5, 6)
        )
        first = layout.point(builder, ring, table, workspace, builder.gep(left, [arguments[7]]))
        second = layout.point(builder, ring, table, workspace, builder.gep(right, [arguments[7]]))
        point = _place(spec, builder, room, arguments[8])
        for number, element in enumerate(first):
            _store_limbs(element, builder.gep(point, [WORD(number * spec.words)]))
        _keep_differences(spec, builder, ring, first, second, (room, arguments[1], arguments[2]))
        return context.get_dummy_value()

    def begin_rows(
        _context: Any,
        room: Any,
        _kept: Any,
        _product: Any,
        table: Any,
        workspace: Any,
        left: Any,
        right: Any,
        _at: Any,
        _point: Any,
    ) -> Any:
        index = types.int64
        return types.void(room, index, index, table, workspace, left, right, index, index), generate

    return intrinsic(begin_rows)


def _begin_points(spec: LanePointSpec) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any]) -> ir.Value:
        ring = spec.emit(builder)
        room = _array(context, builder, signature, arguments, 0)
        first, second = (_load_point(spec, builder, ring, room, arguments[n]) for n in (3, 4))
        _keep_differences(spec, builder, ring, first, second, (room, arguments[1], arguments[2]))
        return context.get_dummy_value()

    def begin_points(_context: Any, room: Any, _kept: Any, _product: Any, _first: Any, _second: Any) -> Any:
        return types.void(room, *[types.int64] * 4), generate

    return intrinsic(begin_points)


def _finish(spec: LanePointSpec, layout: RowLayout) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any]) -> ir.Value:
        ring = spec.emit(builder)
        room, table, workspace, left, right = (
            _array(context, builder, signature, arguments, n) for n in (0, 5, 6, 7, 8)
        )
        run, kept, product, point = (_place(spec, builder, room, arguments[n]) for n in range(1, 5))
        rows = [
            row
            for entries in (left, right)
            for row in layout.rows(builder, table, workspace, builder.gep(entries, [arguments[9]]))
        ]

        def ask(part: int) -> None:  # a burst for all rows would wait for memory
            layout.ask_for(builder, rows[part::4], level=2)

        limit = 4 * spec.curve.fp.modulus
        dx, dy = (_load_limbs(ring, builder.gep(kept, [WORD(number * spec.words)]), limit, 1) for number in range(KEPT))
        first = _load_point(spec, builder, ring, room, arguments[4])
        running = ring.load(run)
        ask(0)
        inverse = running.short_product(ring.load(product))
        ask(1)
        ring.store(running * dx, run)
        ask(2)
        slope = dy * inverse
        ask(3)
        for number, element in enumerate(weierstrass.chord(first, first[0] + dx, slope)):
            ring.store(element, builder.gep(point, [WORD(number * spec.words)]))
        return context.get_dummy_value()

    def finish(
        _context: Any,
        room: Any,
        _run: Any,
        _kept: Any,
        _product: Any,
        _point: Any,
        table: Any,
        workspace: Any,
        left: Any,
        right: Any,
        _ahead: Any,
    ) -> Any:
        return types.void(room, *[types.int64] * 4, table, workspace, left, right, types.int64), generate

    return intrinsic(finish)


def _place(spec: LanePointSpec, builder: ir.IRBuilder, room: ir.Value, number: ir.Value) -> ir.Value:
    return builder.gep(room, [builder.mul(number, WORD(spec.words))])


def _load_point(spec: LanePointSpec, builder: ir.IRBuilder, ring: Any, room: ir.Value, number: ir.Value) -> Any:
    """Coordinates of a vector of points; y as a sum of two terms, for :func:`_begin_rows` may have turned it."""
    place = _place(spec, builder, room, number)
    y = _load_limbs(ring, builder.gep(place, [WORD(spec.words)]), 2 * spec.curve.fp.modulus, 2)
    return ring.load(place), y


def _keep_differences(
    spec: LanePointSpec,
    builder: ir.IRBuilder,
    ring: Any,
    first: Sequence[Any],
    second: Sequence[Any],
    places: tuple[ir.Value, ir.Value, ir.Value],
) -> None:
    """Write the differences, below 4p and carried, and the next product of denominators."""
    room, kept, product = places
    dx, dy = (_carried(b - a) for a, b in zip(first, second, strict=True))
    for number, element in enumerate((dx, dy)):
        _store_limbs(element, builder.gep(_place(spec, builder, room, kept), [WORD(number * spec.words)]))
    before = _place(spec, builder, room, product)
    ring.store(ring.load(before) * dx, builder.gep(before, [WORD(spec.words)]))


def _parts(element: Any) -> tuple[LaneElement, ...]:
    return (element.c0, element.c1) if isinstance(element, QuadraticElement) else (element,)


def _of(parts: Sequence[LaneElement]) -> Any:
    return parts[0] if len(parts) == 1 else QuadraticElement(*parts)


def _carried(element: Any) -> Any:
    return _of([LaneElement(part.ring, part.normal(), part.limit, 1) for part in _parts(element)])


def _store_limbs(element: Any, place: ir.Value) -> None:
    """Write limbs as they are, neither carried nor reduced."""
    for number, part in enumerate(_parts(element)):
        part.ring.store_limbs(part.limbs, part.ring.builder.gep(place, [WORD(number * part.ring.words)]))


def _load_limbs(ring: Any, place: ir.Value, limit: int, terms: int) -> Any:
    """Read what :func:`_store_limbs` wrote, with the bounds it had then."""
    base = ring.base if isinstance(ring, QuadraticRing) else ring
    parts = []
    for number in range(ring.words // base.words):
        limbs = base.load(base.builder.gep(place, [WORD(number * base.words)])).limbs
        parts.append(LaneElement(base, limbs, limit, terms))
    return _of(parts)
