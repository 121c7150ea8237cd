"""Sums of buckets in lanes, eight additions at a time; see :mod:`kernels.cpu.bucket_sums`."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numba import types

from kernels.cpu.bucket_msm import Arithmetic
from kernels.cpu.bucket_sums import PIECE_ENTRIES, BucketSums, ChunkAdditions, PieceSums, bucket_summer, row_trees
from kernels.cpu.compilation import I64, U32, U64, U64_OUT, KernelSet, compiled_once, copy_words
from kernels.cpu.lane_additions import FETCH_AHEAD, KEPT, additions
from kernels.cpu.lane_complete_additions import complete_additions
from kernels.cpu.lane_field import limb_count
from kernels.cpu.lane_inversion import lane_inversion
from kernels.cpu.lane_points import lane_points
from kernels.cpu.lane_trees import LONGEST_PIECE, Leaves, TreeAdditions, tree_summer
from kernels.cpu.lane_vectors import LANES, RADIX
from kernels.cpu.operation import operation
from kernels.cpu.points import ring_spec
from kernels.curves import Curve, Group
from kernels.encoding import limbs_from_ints
from kernels.formulas import weierstrass

# Sums, and what passes between the two passes of a chunk: the second-level cache holds these, and most of those.
SLOT_BYTES = 512 << 10
CHUNK_BYTES = 192 << 10
LARGEST_CHUNK = 256  # vectors of eight additions that share an inversion
BATCH_ENTRIES = 1 << 18  # the more, the fewer vectors of trees have spare lanes
WORDS_BETWEEN_POLLS = 1 << 21
INT = types.int64
ZERO_ROW = np.uint32(2)  # row 0 of the workspace, always infinity


def eight_lanes(curve: Curve, group: Group, native: bool) -> Arithmetic:
    """Multiplications with eight lanes."""
    to_lanes = (1 << (RADIX * limb_count(curve.fp))) * curve.fp.R_inverse % curve.fp.modulus
    sums = functools.partial(_bucket_sums, curve, group, native)
    return Arithmetic(curve, group, sums, to_lanes, WORDS_BETWEEN_POLLS)


@compiled_once
def _bucket_sums(curve: Curve, group: Group, native: bool) -> BucketSums:
    """Compile, or load, the kernels of a group."""
    kernels = KernelSet(f"{curve.name}.{group}.lane_buckets{'' if native else '_emulated'}")
    lanes = lane_points(curve, group, native)
    spec = ring_spec(curve, group)
    words, coordinate_words = lanes.spec.words, spec.words
    gather_x, gather_y, scatter = lanes.gather_x, lanes.gather_y, lanes.scatter
    any_difference, add_any = lanes.any_difference, lanes.add_any
    affine = additions(curve, group, native)
    chunk_vectors = min(LARGEST_CHUNK, CHUNK_BYTES // (8 * (KEPT + 1) * words) // 32 * 32)
    slots = min(SLOT_BYTES // (8 * 2 * words), PIECE_ENTRIES // (2 * LANES))
    ask, begin_rows, begin_points, finish = affine.ask, affine.begin_rows, affine.begin_points, affine.finish
    store_point = affine.store
    unless_infinity, multiply = lanes.unless_infinity, lanes.multiply
    complete = complete_additions(curve, group, native)
    add_complete, add_mixed, three_b = complete.add, complete.add_mixed, complete.three_b
    multiply_words = operation(spec, weierstrass.product, (1, 1), 1, outline=True)
    from_projective = operation(spec, weierstrass.xyzz_from_projective, (3,), 4, outline=True)
    inverses = lane_inversion(kernels, curve, group, native)
    set_one, from_lane, invert_lanes = inverses.set_one, inverses.from_lane, inverses.invert_lanes

    radix, lane_radix, p = curve.fp.R, 1 << (RADIX * limb_count(curve.fp)), curve.fp.modulus
    # From the lanes' Montgomery form to that of words.
    scalar_form = limbs_from_ints(
        [radix**2 * pow(lane_radix, -1, p) % p, *([0] * (spec.degree - 1))], curve.fp.limbs
    ).reshape(-1)

    # A room holds a sum, an inverse, a denominator and the running product; the products of the denominators so far,
    # first one; then what is kept of each pair, and the slots, or pairs of any points in place of both.
    inverse, denominator, run, prefix = 2, 3, 4, 5
    pairs = -(-(prefix + chunk_vectors + 1) // 4)
    kept = 4 * pairs
    slot = (kept + KEPT * chunk_vectors) // 2
    room_words = 2 * (slot + max(slots, chunk_vectors)) * words

    @kernels.inner
    def finish_chunk(leaves: Leaves, ahead: int, targets: Any, first: int, vectors: int, room: Any) -> bool:
        # Asks for the rows of so many pairs from vector ``ahead`` on.
        table, workspace, left, right = leaves
        copy_words(room, run * words, room, (prefix + vectors) * words, words)
        if not invert_lanes(room, run, 1):
            return False
        last = len(left) - LANES
        for k in range(vectors - 1, -1, -1):
            at, point = min(LANES * ahead, last), 2 * (slot + targets[first + k])
            finish(room, run, kept + KEPT * k, prefix + k, point, table, workspace, left, right, at)
            ahead += 1
        return True

    @kernels.inner
    def add_rows(leaves: Leaves, pair: int, targets: Any, first: int, vectors: int, room: Any) -> bool:
        table, workspace, left, right = leaves
        set_one(room, prefix)
        last = len(left) - LANES
        for k in range(vectors):
            at = LANES * (pair + k)
            ahead = min(at + FETCH_AHEAD * LANES, last)
            ask(table, workspace, left, ahead)
            ask(table, workspace, right, ahead)
            point = 2 * (slot + targets[first + k])
            begin_rows(room, kept + KEPT * k, prefix + k, table, workspace, left, right, at, point)
        return bool(finish_chunk(leaves, pair + vectors + FETCH_AHEAD, targets, first, vectors, room))

    @kernels.inner
    def add_slots(leaves: Leaves, pair: int, targets: Any, distance: int, first: int, vectors: int, room: Any) -> bool:
        set_one(room, prefix)
        for k in range(vectors):
            point = 2 * (slot + targets[first + k])
            begin_points(room, kept + KEPT * k, prefix + k, point, point + 2 * distance)
        return bool(finish_chunk(leaves, pair, targets, first, vectors, room))

    @kernels.inner
    def load(number: int, table: Any, workspace: Any, entries: Any, at: int, room: Any) -> None:
        gather_x(room, 2 * (slot + number), table, workspace, entries, at)
        gather_y(room, 2 * (slot + number) + 1, table, workspace, entries, at)

    @kernels.inner
    def store(workspace: Any, row: int, number: int, room: Any) -> None:
        store_point(workspace, row, room, 2 * (slot + number))

    @kernels.inner
    def add_none(
        _table: Any, _workspace: Any, _left: Any, _right: Any, _first: int, _vectors: int, _row: int, _room: Any
    ) -> bool:
        return False  # rows are added only where trees met what fast additions cannot treat

    @kernels.inner
    def add_any_chunk(
        table: Any, workspace: Any, left: Any, right: Any, first: int, vectors: int, row: int, room: Any
    ) -> None:
        set_one(room, prefix)
        for k in range(vectors):
            at, point = first + LANES * k, 4 * (pairs + k)
            gather_x(room, point, table, workspace, left, at)
            gather_y(room, point + 1, table, workspace, left, at)
            gather_x(room, point + 2, table, workspace, right, at)
            gather_y(room, point + 3, table, workspace, right, at)
            any_difference(room, denominator, room, pairs + k)
            multiply(room, prefix + k + 1, room, prefix + k, room, denominator)
        copy_words(room, run * words, room, (prefix + vectors) * words, words)
        invert_lanes(room, run, 0)
        for k in range(vectors - 1, -1, -1):
            multiply(room, inverse, room, run, room, prefix + k)
            any_difference(room, denominator, room, pairs + k)
            add_any(room, 0, room, pairs + k, room, inverse)
            multiply(room, run, room, run, room, denominator)
            scatter(workspace, row + LANES * k, room, 0)

    @kernels.kernel(U64, U64, U32, I64, INT, INT, U64_OUT)
    def weigh(table: Any, workspace: Any, entries: Any, starts: Any, lists: int, length: int, out: Any) -> None:
        # Lane l runs down list first + l. T is the sum of its buckets so far, S that of all T: of k bucket_k.
        codes = np.empty(LANES, np.uint32)
        sums = np.empty(6 * words, np.uint64)
        bucket = np.empty(2 * words, np.uint64)
        added = np.empty(3 * words, np.uint64)
        plain = np.empty(3 * coordinate_words, np.uint64)
        for first in range(0, lists, LANES):
            for i in range(6):
                for k in range(words):
                    sums[i * words + k] = 0
            set_one(sums, 1)
            set_one(sums, 4)
            for place in range(length - 1, -1, -1):
                for lane in range(LANES):
                    codes[lane] = ZERO_ROW
                    if first + lane < lists:
                        b = (first + lane) * length + place
                        if starts[b + 1] > starts[b]:
                            codes[lane] = entries[starts[b]]
                gather_x(bucket, 0, table, workspace, codes, 0)
                gather_y(bucket, 1, table, workspace, codes, 0)
                add_mixed(added, 0, sums, 0, bucket, 0, three_b, 0)
                unless_infinity(sums, 0, sums, 0, bucket, 0, added, 0)
                add_complete(sums, 1, sums, 1, sums, 0, three_b, 0)
            for lane in range(min(LANES, lists - first)):
                for c in range(3):
                    from_lane(plain, c, sums, 3 + c, lane)
                    multiply_words(plain, c, plain, c, scalar_form, 0)
                from_projective(out, first + lane, plain, 0)

    any_additions = ChunkAdditions(2 * spec.words, LANES, chunk_vectors, add_none, add_any_chunk)
    trees = TreeAdditions(
        slots, chunk_vectors, add_rows, add_slots, ask, load, store, row_trees(kernels, any_additions)
    )
    sum_pieces = tree_summer(kernels, trees)
    share = LANES * LANES  # eight pieces of a lone bucket fill a vector's lanes
    sums = PieceSums(BATCH_ENTRIES, LANES, LONGEST_PIECE, share, sum_pieces)
    return BucketSums(room_words, bucket_summer(kernels, sums), weigh)
