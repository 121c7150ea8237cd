"""Affine additions in lanes, eight pairs of points at a time, as many as share an inversion.

Two passes over the pairs do all of it. :attr:`Additions.begin` fetches the points from their scattered rows, keeps
what the second pass needs of them and multiplies the denominators up; :attr:`Additions.finish`, from the last pair to
the first, takes each denominator's inverse out of the product's and writes the sums. Six products an addition, one of
them a square. What passes between the two stays in the second-level cache.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from kernels.cpu.lane_field import LANES, WORD, LaneElement
from kernels.cpu.lane_points import LanePointSpec
from kernels.cpu.lane_rows import RowLayout
from kernels.cpu.operation import QuadraticRing
from kernels.curves import Curve, Group
from kernels.formulas import weierstrass
from kernels.formulas.quadratic import QuadraticElement

FETCH_AHEAD = 4  # vectors of pairs: additions of 4 vectors take about as long as memory does
KEPT = 4  # coordinates kept of a pair: x1, y1, x2 - x1, y2 - y1


@dataclass(frozen=True)
class Additions:
    """Intrinsics over a room of lane elements; numbers are indices of elements.

    Attributes
    ----------
    ask
        ``(table, workspace, entries, at)``: ask for the rows of eight entries.
    begin
        ``(room, kept, product, table, workspace, left, right, at)``: keep pair ``at`` .. ``at + 7`` in elements
        ``kept`` .. ``kept + 3``, and set element ``product + 1`` to element ``product`` times their denominators.
    finish
        ``(room, run, kept, product, workspace, row)``: with 1 / element ``product + 1`` in element ``run``, leave
        1 / element ``product`` there and write the sums to eight rows from ``row`` on.
    """

    ask: Any
    begin: Any
    finish: Any


@functools.cache
def additions(curve: Curve, group: Group, native: bool) -> Additions:
    """Make the intrinsics of a group."""
    spec = LanePointSpec(curve, 1 if group == "g1" else 2, native)
    layout = RowLayout(spec, curve.fp.limbs, spec.degree)
    return Additions(ask_for_rows(layout), _begin(spec, layout), _finish(spec, layout))


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


def _begin(spec: LanePointSpec, layout: RowLayout) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any]) -> ir.Value:
        ring = spec.emit(builder)
        room, table, workspace, left, right = (
            _array(context, builder, signature, arguments, n) for n in (0, 3, 4, 5, 6)
        )
        x1, y1 = layout.point(builder, ring, table, workspace, builder.gep(left, [arguments[7]]))
        x2, y2 = layout.point(builder, ring, table, workspace, builder.gep(right, [arguments[7]]))
        dx, dy = _carried(x2 - x1), _carried(y2 - y1)
        kept = builder.gep(room, [builder.mul(arguments[1], WORD(spec.words))])
        for number, element in enumerate((x1, y1, dx, dy)):
            _store_limbs(element, builder.gep(kept, [WORD(number * spec.words)]))
        product = builder.gep(room, [builder.mul(arguments[2], WORD(spec.words))])
        ring.store(ring.load(product) * dx, builder.gep(product, [WORD(spec.words)]))
        return context.get_dummy_value()

    def begin(
        _context: Any, room: Any, _kept: Any, _product: Any, table: Any, workspace: Any, left: Any, right: Any, _at: Any
    ) -> Any:
        return types.void(room, types.int64, types.int64, table, workspace, left, right, types.int64), generate

    return intrinsic(begin)


def _finish(spec: LanePointSpec, layout: RowLayout) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any]) -> ir.Value:
        ring = spec.emit(builder)
        room, workspace = (_array(context, builder, signature, arguments, n) for n in (0, 4))
        run, kept, product = (builder.gep(room, [builder.mul(arguments[n], WORD(spec.words))]) for n in (1, 2, 3))
        first = builder.gep(workspace, [builder.mul(arguments[5], WORD(layout.row_words))])
        ahead = [builder.gep(first, [WORD((lane - FETCH_AHEAD * LANES) * layout.row_words)]) for lane in range(LANES)]
        layout.ask_for(builder, ahead, write=True)
        p = spec.curve.fp.modulus
        places = [builder.gep(kept, [WORD(number * spec.words)]) for number in range(KEPT)]
        x1, y1 = ring.load(places[0]), _load_limbs(ring, places[1], 2 * p, 2)
        dx, dy = (_load_limbs(ring, place, 4 * p, 1) for place in places[2:])
        running = ring.load(run)
        inverse = running * ring.load(product)
        ring.store(running * dx, run)
        layout.store(builder, ring, weierstrass.add_affine((x1, y1), (dx, dy), inverse), first)
        return context.get_dummy_value()

    def finish(_context: Any, room: Any, _run: Any, _kept: Any, _product: Any, workspace: Any, _row: Any) -> Any:
        return types.void(room, types.int64, types.int64, types.int64, workspace, types.int64), generate

    return intrinsic(finish)


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
