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

from kernels.cpu.lane_points import LanePointSpec
from kernels.cpu.lane_rows import RowLayout
from kernels.cpu.lane_slots import ReducedSlots, load_limbs, slots_of, store_limbs
from kernels.cpu.lane_vectors import WORD
from kernels.curves import Curve, Group

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
    store
        ``(workspace, row, room, point)``: eight rows from ``row`` on become the points at ``point``.
    """

    ask: Any
    begin_rows: Any
    begin_points: Any
    finish: Any
    store: Any


@functools.cache
def additions(curve: Curve, group: Group, native: bool) -> Additions:
    """Make the intrinsics of a group."""
    spec = LanePointSpec(curve, 1 if group == "g1" else 2, native)
    layout, slots = RowLayout(spec, curve.fp.limbs, spec.degree), slots_of(spec)
    return Additions(
        ask=ask_for_rows(layout),
        begin_rows=_begin_rows(slots, layout),
        begin_points=_begin_points(slots),
        finish=_finish(slots, layout),
        store=_store(slots, layout),
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


def _begin_rows(slots: ReducedSlots, layout: RowLayout) -> Any:
    spec = slots.spec

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any]) -> ir.Value:
        ring = spec.emit(builder)
        room, table, workspace, left, right = (
            _array(context, builder, signature, arguments, n) for n in (0, 3, 4, 5, 6)
        )
        first = layout.point(builder, ring, table, workspace, builder.gep(left, [arguments[7]]))
        second = layout.point(builder, ring, table, workspace, builder.gep(right, [arguments[7]]))
        point = _place(spec, builder, room, arguments[8])
        for number, element in enumerate(first):
            store_limbs(element, builder.gep(point, [WORD(number * spec.words)]))
        _keep_differences(slots, builder, ring, first, second, (room, arguments[1], arguments[2]))
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


def _begin_points(slots: ReducedSlots) -> Any:
    spec = slots.spec

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any]) -> ir.Value:
        ring = spec.emit(builder)
        room = _array(context, builder, signature, arguments, 0)
        first, second = (slots.load(ring, _place(spec, builder, room, arguments[n])) for n in (3, 4))
        _keep_differences(slots, builder, ring, first, second, (room, arguments[1], arguments[2]))
        return context.get_dummy_value()

    def begin_points(_context: Any, room: Any, _kept: Any, _product: Any, _first: Any, _second: Any) -> Any:
        return types.void(room, *[types.int64] * 4), generate

    return intrinsic(begin_points)


def _finish(slots: ReducedSlots, layout: RowLayout) -> Any:
    spec = slots.spec

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

        dx, dy = (
            load_limbs(ring, builder.gep(kept, [WORD(number * spec.words)]), slots.difference_limit, 1)
            for number in range(KEPT)
        )
        first = slots.load(ring, point)
        running = ring.load(run)
        ask(0)
        inverse = running.short_product(ring.load(product))
        ask(1)
        ring.store(running * dx, run)
        ask(2)
        slope = dy * inverse
        ask(3)
        slots.store_sum(ring, first, dx, slope, point)
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


def _store(slots: ReducedSlots, layout: RowLayout) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any]) -> ir.Value:
        ring = slots.spec.emit(builder)
        workspace, room = (_array(context, builder, signature, arguments, n) for n in (0, 2))
        point = slots.root(ring, _place(slots.spec, builder, room, arguments[3]))
        layout.store(builder, ring, point, builder.gep(workspace, [builder.mul(arguments[1], WORD(layout.row_words))]))
        return context.get_dummy_value()

    def store(_context: Any, workspace: Any, _row: Any, room: Any, _point: Any) -> Any:
        return types.void(workspace, types.int64, room, types.int64), generate

    return intrinsic(store)


def _keep_differences(
    slots: ReducedSlots,
    builder: ir.IRBuilder,
    ring: Any,
    first: Sequence[Any],
    second: Sequence[Any],
    places: tuple[ir.Value, ir.Value, ir.Value],
) -> None:
    """Write the differences and the next product of denominators."""
    room, kept, product = places
    spec = slots.spec
    dx, dy = (slots.difference(a, b) for a, b in zip(first, second, strict=True))
    for number, element in enumerate((dx, dy)):
        store_limbs(element, builder.gep(_place(spec, builder, room, kept), [WORD(number * spec.words)]))
    before = _place(spec, builder, room, product)
    ring.store(ring.load(before) * dx, builder.gep(before, [WORD(spec.words)]))
