"""Between points in rows and field elements in lanes.

A row holds one affine point: its base-field coordinates one after the other, each in 64-bit words, below 2p, in the
lanes' Montgomery form; infinity is exactly zero. Packed rows take a third less memory than 52-bit limbs, and the
shifts that unpack eight of them cost less than the memory they save.
Entries (:mod:`kernels.cpu.buckets`) name rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from kernels.cpu.lane_element import LaneElement
from kernels.cpu.lane_field import LaneField
from kernels.cpu.lane_vectors import LANES, MASK, RADIX, WORD, splat
from kernels.cpu.operation import QuadraticRing, Spec
from kernels.formulas.quadratic import QuadraticElement

INDEX = ir.IntType(32)
GROUP = 4  # words loaded and stored together: rows of all groups are whole multiples of it
HALF = ir.VectorType(WORD, GROUP)
CACHE_LINE = 8  # words; tables and workspaces begin at the start of one


def transpose(builder: ir.IRBuilder, rows: Sequence[ir.Value]) -> list[ir.Value]:
    """Transpose eight vectors of eight words in three rounds of shuffles.

    Of four vectors, each half is transposed by itself, in two rounds.
    """

    def shuffle(x: ir.Value, y: ir.Value, places: list[int]) -> ir.Value:
        return builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(INDEX, LANES), places))

    values, half = list(rows), 1
    while half < len(values):
        # Exchange blocks of ``half`` words between vectors ``half`` apart.
        low = [i for i in range(len(values)) if not i & half]
        first = [i if not i & half else (i ^ half) + LANES for i in range(LANES)]
        second = [i | half if not i & half else i + LANES for i in range(LANES)]
        for i in low:
            x, y = values[i], values[i | half]
            values[i], values[i | half] = shuffle(x, y, first), shuffle(x, y, second)
        half *= 2
    return values


def transposed_group(builder: ir.IRBuilder, places: Sequence[ir.Value]) -> list[ir.Value]:
    """Four vectors, one a word, of the four words at each of eight places; half the shuffles of whole vectors."""
    quarters = []
    for place in places:
        quarter = builder.load(builder.bitcast(place, HALF.as_pointer()))
        quarter.align = 8
        quarters.append(quarter)
    join = ir.Constant(ir.VectorType(INDEX, LANES), list(range(LANES)))
    return transpose(builder, [builder.shuffle_vector(quarters[i], quarters[i + GROUP], join) for i in range(GROUP)])


def store_group(builder: ir.IRBuilder, words: Sequence[ir.Value], places: Sequence[ir.Value]) -> None:
    """Write the words of eight lanes, four vectors, to eight places."""
    for number, vector in enumerate(transpose(builder, words)):
        for half in range(2):
            part = ir.Constant(ir.VectorType(INDEX, GROUP), list(range(GROUP * half, GROUP * (half + 1))))
            value = builder.shuffle_vector(vector, vector, part)
            builder.store(value, builder.bitcast(places[number + GROUP * half], HALF.as_pointer())).align = 8


def unpack(ring: LaneField, words: Sequence[ir.Value]) -> LaneElement:
    """Split 64-bit words in lanes into 52-bit limbs."""
    b, limbs = ring.builder, []
    for j in range(ring.limbs):
        word, shift = divmod(RADIX * j, 64)
        value = b.lshr(words[word], splat(shift)) if shift else words[word]
        if 64 - shift < RADIX and word + 1 < len(words):
            value = b.or_(value, b.shl(words[word + 1], splat(64 - shift)))
        limbs.append(b.and_(value, splat(MASK)))
    return LaneElement(ring, limbs, ring.memory_limit, 1)


def pack(ring: LaneField, element: LaneElement, words: int) -> list[ir.Value]:
    """Join 52-bit limbs into 64-bit words, reduced below 2p."""
    b = ring.builder
    limbs, out = element.reduced(ring.memory_limit).normal(), []
    for word in range(words):
        first, shift = divmod(64 * word, RADIX)
        value = b.lshr(limbs[first], splat(shift)) if shift else limbs[first]
        place, limb = RADIX - shift, first + 1
        while place < 64 and limb < ring.limbs:
            value = b.or_(value, b.shl(limbs[limb], splat(place)))
            place, limb = place + RADIX, limb + 1
        out.append(value)
    return out


class RowLayout:
    """Where the coordinates of a point lie in its row.

    Parameters
    ----------
    spec
        Lane specification of the point's coordinate ring (degree 1 or 2).
    """

    def __init__(self, spec: Spec, words: int, degree: int) -> None:
        self.spec = spec
        self.words = words  # of one base-field coordinate
        self.degree = degree
        self.row_words = 2 * degree * words

    def load(
        self, builder: ir.IRBuilder, rows: Sequence[ir.Value], base: LaneField, first: int, count: int
    ) -> list[LaneElement]:
        """Coordinates ``first`` to ``first + count - 1`` of the points in eight rows."""
        start, stop = first * self.words, (first + count) * self.words
        words: list[ir.Value] = []
        for word in range(start - start % GROUP, stop, GROUP):
            words += transposed_group(builder, [builder.gep(row, [WORD(word)]) for row in rows])
        words = words[start % GROUP :]
        return [unpack(base, words[c * self.words : (c + 1) * self.words]) for c in range(count)]

    def point(
        self, builder: ir.IRBuilder, ring: Any, table: ir.Value, workspace: ir.Value, first: ir.Value, parts: str = "xy"
    ) -> list[Any]:
        """Coordinates of the points that eight entries name, y turned by their signs and not carried.

        ``parts`` is ``"x"``, ``"y"`` or ``"xy"``.
        """
        base = ring.base if isinstance(ring, QuadraticRing) else ring
        rows = self.rows(builder, table, workspace, first)
        loaded = self.load(builder, rows, base, 0 if parts[0] == "x" else self.degree, len(parts) * self.degree)
        if parts[-1] == "y":
            kind = ir.VectorType(INDEX, LANES)
            signs = builder.load(builder.bitcast(first, kind.as_pointer()))
            signs.align = 4
            negative = builder.icmp_unsigned(
                "!=", builder.and_(signs, ir.Constant(kind, [1] * LANES)), ir.Constant(kind, [0] * LANES)
            )
            turned = [base.negated_where(negative, element) for element in loaded[-self.degree :]]
            # y is not zero (the order is odd, infinity never has a sign), so 2p - y stays below 2p.
            loaded[-self.degree :] = [LaneElement(base, t.limbs, base.memory_limit, t.terms) for t in turned]
        if self.degree == 1:
            return list(loaded)
        return [QuadraticElement(c0, c1) for c0, c1 in zip(loaded[::2], loaded[1::2], strict=True)]

    def rows(self, builder: ir.IRBuilder, table: ir.Value, workspace: ir.Value, first: ir.Value) -> list[ir.Value]:
        """Pointers to the rows that eight entries name."""
        rows = []
        for lane in range(LANES):
            entry = builder.load(builder.gep(first, [WORD(lane)]))
            in_workspace = builder.icmp_unsigned("!=", builder.and_(entry, INDEX(2)), INDEX(0))
            index = builder.zext(builder.lshr(entry, INDEX(2)), WORD)
            start = builder.select(in_workspace, workspace, table)
            rows.append(builder.gep(start, [builder.mul(index, WORD(self.row_words))]))
        return rows

    def ask_for(self, builder: ir.IRBuilder, rows: Sequence[ir.Value], level: int = 1) -> None:
        """Prefetch rows, which need not exist, into the cache of a level."""
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, INDEX, INDEX, INDEX])
        name = "llvm.prefetch.p0"
        function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        for row in rows:
            for word in range(0, self.row_words, CACHE_LINE):
                place = builder.bitcast(builder.gep(row, [WORD(word)]), byte)
                builder.call(function, [place, INDEX(0), INDEX(4 - level), INDEX(1)])

    def gather(self, y: bool) -> Any:
        """Make the intrinsic ``gather(out, i, table, workspace, entries, at)``.

        It loads x, or with ``y`` the y coordinate turned by the entries' signs, of the eight points that
        ``entries[at : at + 8]`` name, as operand i of the lane array ``out``.
        """

        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any]) -> ir.Value:
            ring = self.spec.emit(builder)
            out, table, workspace, entries = (
                context.make_array(signature.args[n])(context, builder, arguments[n]).data for n in (0, 2, 3, 4)
            )
            first = builder.gep(entries, [arguments[5]])
            (element,) = self.point(builder, ring, table, workspace, first, "y" if y else "x")
            ring.store(element, builder.gep(out, [builder.mul(arguments[1], WORD(ring.words))]))
            return context.get_dummy_value()

        def gather(_context: Any, out: Any, _i: Any, table: Any, workspace: Any, entries: Any, _at: Any) -> Any:
            return types.void(out, types.int64, table, workspace, entries, types.int64), generate

        return intrinsic(gather)

    def store(self, builder: ir.IRBuilder, ring: Any, point: Sequence[Any], start: ir.Value) -> None:
        """Write eight points to the eight rows from ``start`` on."""
        base = ring.base if isinstance(ring, QuadraticRing) else ring
        words: list[ir.Value] = []
        for coordinate in point:
            for element in (coordinate,) if self.degree == 1 else (coordinate.c0, coordinate.c1):
                words += pack(base, element, self.words)
        for word in range(0, self.row_words, GROUP):
            places = [builder.gep(start, [WORD(lane * self.row_words + word)]) for lane in range(LANES)]
            store_group(builder, words[word : word + GROUP], places)

    def scatter(self) -> Any:
        """Make the intrinsic ``scatter(workspace, row, points, i)``: lane points i to eight rows from ``row`` on."""

        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any]) -> ir.Value:
            ring = self.spec.emit(builder)
            workspace, points = (
                context.make_array(signature.args[n])(context, builder, arguments[n]).data for n in (0, 2)
            )
            place = builder.gep(points, [builder.mul(arguments[3], WORD(2 * ring.words))])
            point = [ring.load(builder.gep(place, [WORD(coordinate * ring.words)])) for coordinate in range(2)]
            self.store(builder, ring, point, builder.gep(workspace, [builder.mul(arguments[1], WORD(self.row_words))]))
            return context.get_dummy_value()

        def scatter(_context: Any, workspace: Any, _row: Any, points: Any, _i: Any) -> Any:
            return types.void(workspace, types.int64, points, types.int64), generate

        return intrinsic(scatter)
