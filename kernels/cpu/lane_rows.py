"""Between points in rows and field elements in lanes.

A row holds one affine point: its base-field coordinates one after the other, each in 64-bit words, below 2p, in the
lanes' Montgomery form; infinity is exactly zero. Packed rows take a third less memory than 52-bit limbs, and the
shifts that unpack eight of them cost less than the memory they save.

Entries name rows: ``index << 2 | in_workspace << 1 | negative``, in uint32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from kernels.cpu.lane_field import LANES, MASK, RADIX, VECTOR, WORD, LaneElement, LaneField, splat
from kernels.cpu.operation import QuadraticRing, Spec
from kernels.formulas.quadratic import QuadraticElement

INDEX = ir.IntType(32)
MAX_ROWS = 1 << 30  # an entry has 30 bits for the index


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

    def _load(self, builder: ir.IRBuilder, rows: Sequence[ir.Value], base: LaneField, coordinate: int) -> LaneElement:
        # Eight words are loaded at once, never beyond the row's end.
        start = coordinate * self.words
        at = min(start, self.row_words - LANES)
        loaded = []
        for row in rows:
            value = builder.load(builder.bitcast(builder.gep(row, [WORD(at)]), VECTOR.as_pointer()))
            value.align = 8
            loaded.append(value)
        return unpack(base, transpose(builder, loaded)[start - at : start - at + self.words])

    def _rows(self, builder: ir.IRBuilder, table: ir.Value, workspace: ir.Value, first: ir.Value) -> list[ir.Value]:
        """Pointers to the rows that eight entries name."""
        rows = []
        for lane in range(LANES):
            entry = builder.load(builder.gep(first, [WORD(lane)]))
            in_workspace = builder.icmp_unsigned("!=", builder.and_(entry, INDEX(2)), INDEX(0))
            index = builder.zext(builder.lshr(entry, INDEX(2)), WORD)
            start = builder.select(in_workspace, workspace, table)
            rows.append(builder.gep(start, [builder.mul(index, WORD(self.row_words))]))
        return rows

    def prefetch(self) -> Any:
        """Make the intrinsic ``prefetch(table, workspace, entries, at)``: ask for the rows of eight entries."""

        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any]) -> ir.Value:
            table, workspace, entries = (
                context.make_array(signature.args[n])(context, builder, arguments[n]).data for n in range(3)
            )
            byte = ir.IntType(8).as_pointer()
            kind = ir.FunctionType(ir.VoidType(), [byte, INDEX, INDEX, INDEX])
            name = "llvm.prefetch.p0"
            function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
            for row in self._rows(builder, table, workspace, builder.gep(entries, [arguments[3]])):
                for word in [*range(0, self.row_words, 8), self.row_words - 1]:
                    builder.call(
                        function, [builder.bitcast(builder.gep(row, [WORD(word)]), byte), INDEX(0), INDEX(3), INDEX(1)]
                    )
            return context.get_dummy_value()

        def prefetch(_context: Any, table: Any, workspace: Any, entries: Any, _at: Any) -> Any:
            return types.void(table, workspace, entries, types.int64), generate

        return intrinsic(prefetch)

    def gather(self, y: bool) -> Any:
        """Make the intrinsic ``gather(out, i, table, workspace, entries, at)``.

        It loads x, or with ``y`` the y coordinate turned by the entries' signs, of the eight points that
        ``entries[at : at + 8]`` name, as operand i of the lane array ``out``.
        """

        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any]) -> ir.Value:
            ring = self.spec.emit(builder)
            base = ring.base if isinstance(ring, QuadraticRing) else ring
            out, table, workspace, entries = (
                context.make_array(signature.args[n])(context, builder, arguments[n]).data for n in (0, 2, 3, 4)
            )
            first = builder.gep(entries, [arguments[5]])
            rows = self._rows(builder, table, workspace, first)
            offset = self.degree if y else 0
            parts = [self._load(builder, rows, base, offset + part) for part in range(self.degree)]
            element: Any = parts[0] if self.degree == 1 else QuadraticElement(parts[0], parts[1])
            if y:
                kind = ir.VectorType(INDEX, LANES)
                signs = builder.load(builder.bitcast(first, kind.as_pointer()))
                signs.align = 4
                negative = builder.icmp_unsigned(
                    "!=", builder.and_(signs, ir.Constant(kind, [1] * LANES)), ir.Constant(kind, [0] * LANES)
                )
                element = ring.select(negative, -element, element)
            ring.store(element, builder.gep(out, [builder.mul(arguments[1], WORD(ring.words))]))
            return context.get_dummy_value()

        def gather(_context: Any, out: Any, _i: Any, table: Any, workspace: Any, entries: Any, _at: Any) -> Any:
            return types.void(out, types.int64, table, workspace, entries, types.int64), generate

        return intrinsic(gather)

    def scatter(self) -> Any:
        """Make the intrinsic ``scatter(workspace, row, points, i)``: lane points i to eight rows from ``row`` on."""

        def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any]) -> ir.Value:
            ring = self.spec.emit(builder)
            base = ring.base if isinstance(ring, QuadraticRing) else ring
            workspace, points = (
                context.make_array(signature.args[n])(context, builder, arguments[n]).data for n in (0, 2)
            )
            point = builder.gep(points, [builder.mul(arguments[3], WORD(2 * ring.words))])
            words = []
            for coordinate in range(2 * self.degree):
                element = base.load(builder.gep(point, [WORD(coordinate * base.words)]))
                words += pack(base, element, self.words)
            start = builder.gep(workspace, [builder.mul(arguments[1], WORD(self.row_words))])
            for at in [*range(0, self.row_words - LANES, LANES), self.row_words - LANES]:
                for lane, values in enumerate(transpose(builder, words[at : at + LANES])):
                    place = builder.gep(start, [WORD(lane * self.row_words + at)])
                    store = builder.store(values, builder.bitcast(place, VECTOR.as_pointer()))
                    store.align = 8
            return context.get_dummy_value()

        def scatter(_context: Any, workspace: Any, _row: Any, points: Any, _i: Any) -> Any:
            return types.void(workspace, types.int64, points, types.int64), generate

        return intrinsic(scatter)
