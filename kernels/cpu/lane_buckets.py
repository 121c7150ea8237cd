"""Sums of buckets in lanes.

Every bucket is summed by a tree of affine additions, a level of all buckets at once, so that thousands of additions
share one inversion; short lists of buckets are weighed by running sums, a list a lane. A level takes the fast addition
first. If the product of its denominators is zero, it met equal or opposite points and is done again by the addition
that treats every case; from then on infinity may occur, and all later levels of these buckets use that one. A sum that
ends as infinity loses its entry, so the fast addition never meets infinity.

References
----------
D. J. Bernstein et al., "Faster batch forgery identification", 2012, section 4 (buckets).
P. L. Montgomery, "Speeding the Pollard and elliptic curve methods of factorization", 1987, section 10.3.1 (shared
inversions).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import types

from kernels.cpu.compilation import I64, I64_OUT, U32, U32_OUT, U64, U64_OUT, KernelSet, compiled_once, copy_words
from kernels.cpu.inversion import inversion
from kernels.cpu.lane_additions import FETCH_AHEAD, KEPT, additions
from kernels.cpu.lane_field import LANES, MASK, RADIX, limb_count
from kernels.cpu.lane_points import lane_points
from kernels.cpu.operation import operation
from kernels.cpu.points import point_functions
from kernels.curves import Curve, Group
from kernels.encoding import limbs_from_ints
from kernels.formulas import weierstrass

CHUNK_BYTES = 600 << 10  # of a room: what passes between the two passes of a chunk stays in the second-level cache
LARGEST_CHUNK = 256  # vectors of eight additions that share an inversion
PIECE_ENTRIES = 1 << 14  # entries summed at a time, in temporary rows that stay in the second-level cache
FIRST_ROW = 1 + PIECE_ENTRIES + LANES * (PIECE_ENTRIES.bit_length() + 1)  # behind infinity and the temporary rows
INT = types.int64
ZERO_ROW = np.uint32(2)  # row 0 of the workspace, always infinity


@dataclass(frozen=True)
class LaneBucketKernels:
    """Compiled steps; arrays flat.

    Attributes
    ----------
    sum_buckets
        ``(table, entries, starts, buckets, progress, most, room, workspace)``: leaves one entry a bucket or none, the
        sums in workspace rows of their own; returns whether it is done, or has used up ``most`` entries and wants to be
        called again. ``progress`` starts as (0, starts[0], starts[0], row, 0), its fourth place is the next free row.
        ``room`` has :attr:`room_words` words.
    weigh
        ``(table, workspace, entries, starts, lists, length, out)``: XYZZ sum of k bucket_k, k from 1, of each list.
    combine
        ``(sums, order, shifts, msms, out)``: of each MSM's sums, as many as ``order`` has places, s = sums[order[0]],
        then s = 2^shifts[i] s + sums[order[i]]; affine points.
    """

    room_words: int
    sum_buckets: Callable[..., bool]
    weigh: Callable[..., None]
    combine: Callable[[Any, Any, Any, int, Any], None]


@compiled_once
def lane_bucket_kernels(curve: Curve, group: Group, native: bool) -> LaneBucketKernels:
    """Compile, or load, the kernels of a group."""
    kernels = KernelSet(f"{curve.name}.{group}.lane_buckets{'' if native else '_emulated'}")
    lanes = lane_points(curve, group, native)
    scalar = point_functions(curve, group)
    spec = scalar.spec
    degree, narrow, wide, p = spec.degree, curve.fp.limbs, limb_count(curve.fp), curve.fp.modulus
    words, coordinate_words, row_words = lanes.spec.words, spec.words, 2 * spec.words
    gather_x, gather_y, scatter = lanes.gather_x, lanes.gather_y, lanes.scatter
    any_difference, add_any = lanes.any_difference, lanes.add_any
    affine = additions(curve, group, native)
    chunk_vectors = min(LARGEST_CHUNK, CHUNK_BYTES // (8 * (KEPT + 1) * words) // 32 * 32)
    ask, begin, finish = affine.ask, affine.begin, affine.finish
    step, multiply = lanes.step, lanes.multiply
    scalar_add, scalar_double, to_affine = scalar.add, scalar.double, scalar.to_affine
    scratch_words = scalar.scratch_words
    multiply_words = operation(spec, weierstrass.product, (1, 1), 1, outline=True)
    from_projective = operation(spec, weierstrass.xyzz_from_projective, (3,), 4, outline=True)
    invert = inversion(spec)

    radix, lane_radix = curve.fp.R, 1 << (RADIX * wide)
    zeros = [0] * (degree - 1)
    # A raw v = x lane_radix, inverted as if it were x' radix, is radix^2 / v: this constant makes it lane_radix^2 / v.
    inverse_form = limbs_from_ints([lane_radix**2 * pow(radix, -1, p) % p, *zeros], narrow).reshape(-1)
    scalar_form = limbs_from_ints([radix**2 * pow(lane_radix, -1, p) % p, *zeros], narrow).reshape(-1)
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
        # Coordinate i of out, canonical, from one lane of lane coordinate j; whether it is not zero.
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
    def to_lane(out: Any, j: int, lane: int, values: Any, i: int) -> None:
        for c in range(degree):
            start = (i * degree + c) * narrow
            for limb in range(wide):
                bit = RADIX * limb
                k, shift = bit // 64, bit % 64
                word = values[start + k] >> np.uint64(shift)
                if shift > 64 - RADIX and k + 1 < narrow:
                    word |= values[start + k + 1] << np.uint64(64 - shift)
                out[j * words + (c * wide + limb) * LANES + lane] = word & np.uint64(MASK)

    @kernels.inner
    def invert_lanes(values: Any, j: int) -> bool:
        # Eight inverses for one inversion; false, with nothing changed, if a lane is zero.
        plain = np.empty(LANES * coordinate_words, np.uint64)
        prefix = np.empty((LANES + 1) * coordinate_words, np.uint64)
        scratch = np.empty(2 * coordinate_words, np.uint64)
        for lane in range(LANES):
            if not from_lane(plain, lane, values, j, lane):
                return False
        copy_words(prefix, coordinate_words, plain, 0, coordinate_words)
        for lane in range(1, LANES):
            multiply_words(prefix, lane + 1, prefix, lane, plain, lane)
        invert(scratch, 0, prefix, LANES)
        for lane in range(LANES - 1, -1, -1):
            if lane:
                multiply_words(scratch, 1, scratch, 0, prefix, lane)
                multiply_words(scratch, 0, scratch, 0, plain, lane)
            else:
                copy_words(scratch, coordinate_words, scratch, 0, coordinate_words)
            multiply_words(scratch, 1, scratch, 1, inverse_form, 0)
            to_lane(values, j, lane, scratch, 1)
        return True

    # A room holds a sum, an inverse, a denominator and the running product; the products of the denominators so far,
    # first one; then what is kept of each pair, at a multiple of its length.
    inverse, denominator, run, prefix = 2, 3, 4, 5
    pairs = -(-(prefix + chunk_vectors + 1) // KEPT)

    @kernels.inner
    def add_chunk(
        table: Any, workspace: Any, left: Any, right: Any, first: int, vectors: int, row: int, room: Any
    ) -> bool:
        # Rows row .. of the workspace become left[first + i] + right[first + i]; false, with nothing written, if that
        # met equal or opposite points.
        set_one(room, prefix)
        last = first + LANES * (vectors - 1)
        for k in range(vectors):
            at = first + LANES * k
            ahead = min(at + FETCH_AHEAD * LANES, last)
            ask(table, workspace, left, ahead)
            ask(table, workspace, right, ahead)
            begin(room, KEPT * (pairs + k), prefix + k, table, workspace, left, right, at)
        copy_words(room, run * words, room, (prefix + vectors) * words, words)
        if not invert_lanes(room, run):
            return False
        for k in range(vectors - 1, -1, -1):
            finish(room, run, KEPT * (pairs + k), prefix + k, workspace, row + LANES * k)
        return True

    @kernels.inner
    def add_any_chunk(
        table: Any, workspace: Any, left: Any, right: Any, first: int, vectors: int, row: int, room: Any
    ) -> None:
        # The same for any points.
        set_one(room, prefix)
        for k in range(vectors):
            at, point = first + LANES * k, KEPT * (pairs + k)
            gather_x(room, point, table, workspace, left, at)
            gather_y(room, point + 1, table, workspace, left, at)
            gather_x(room, point + 2, table, workspace, right, at)
            gather_y(room, point + 3, table, workspace, right, at)
            any_difference(room, denominator, room, pairs + k)
            multiply(room, prefix + k + 1, room, prefix + k, room, denominator)
        copy_words(room, run * words, room, (prefix + vectors) * words, words)
        invert_lanes(room, run)
        for k in range(vectors - 1, -1, -1):
            multiply(room, inverse, room, run, room, prefix + k)
            any_difference(room, denominator, room, pairs + k)
            add_any(room, 0, room, pairs + k, room, inverse)
            multiply(room, run, room, run, room, denominator)
            scatter(workspace, row + LANES * k, room, 0)

    @kernels.inner
    def is_infinity(rows: Any, at: Any) -> bool:
        union = np.uint64(0)
        for k in range(row_words):
            union |= rows[at + k]
        return bool(union == 0)

    @kernels.inner
    def sum_pieces(
        table: Any, workspace: Any, pieces: Any, ends: Any, count: int, pair_entries: Any, room: Any
    ) -> None:
        # Leaves one entry of each piece; piece s ends at ends[s]. Sums lie in the temporary rows.
        half = len(pair_entries) // 2
        left, right = pair_entries[:half], pair_entries[half:]
        row, fast = 1, True
        while True:
            additions, out, begin = 0, 0, 0
            for s in range(count):
                end = ends[s]
                at = begin
                while at + 1 < end:
                    left[additions] = pieces[at]
                    right[additions] = pieces[at + 1]
                    pieces[out] = ((row + additions) << 2) | 2
                    additions += 1
                    out += 1
                    at += 2
                if at < end:
                    pieces[out] = pieces[at]
                    out += 1
                begin = end
                ends[s] = out
            if additions == 0:
                return
            while additions % LANES:  # repeat the last pair to fill the vector
                left[additions] = left[additions - 1]
                right[additions] = right[additions - 1]
                additions += 1
            for first in range(0, additions, chunk_vectors * LANES):
                vectors = min(chunk_vectors, (additions - first) // LANES)
                if not (fast and add_chunk(table, workspace, left, right, first, vectors, row + first, room)):
                    fast = False
                    add_any_chunk(table, workspace, left, right, first, vectors, row + first, room)
            row += additions

    @kernels.kernel(U64, U32_OUT, I64_OUT, INT, I64_OUT, INT, U64_OUT, U64_OUT, returns=types.boolean)
    def sum_buckets(
        table: Any, entries: Any, starts: Any, buckets: int, progress: Any, most: int, room: Any, workspace: Any
    ) -> bool:
        # Buckets go through the temporary rows some at a time, a large one in pieces. A pass leaves one entry a piece;
        # if there was a bucket of several pieces, there is another pass.
        pieces = np.empty(PIECE_ENTRIES, np.uint32)
        pair_entries = np.empty(PIECE_ENTRIES + 2 * LANES, np.uint32)
        ends = np.empty(PIECE_ENTRIES, np.int64)
        owners = np.empty(PIECE_ENTRIES, np.int64)
        bucket, begin, out, row, cut = progress[0], progress[1], progress[2], progress[3], progress[4]
        done = 0
        while done < most:
            first, count, filled = bucket, 0, 0
            while bucket < buckets and filled < PIECE_ENTRIES:
                end = starts[bucket + 1]
                taken = min(end - begin, PIECE_ENTRIES - filled)
                if taken:
                    for i in range(taken):
                        pieces[filled + i] = entries[begin + i]
                    filled += taken
                    begin += taken
                    ends[count] = filled
                    owners[count] = bucket
                    count += 1
                if begin < end:
                    cut = 1
                else:
                    bucket += 1
            sum_pieces(table, workspace, pieces, ends, count, pair_entries, room)
            done += filled
            # Sums move from temporary rows to rows of their own; entries and starts close up behind the reading.
            piece = 0
            for b in range(first, min(bucket + 1, buckets)):
                while piece < count and owners[piece] == b:
                    entry = pieces[piece]
                    piece += 1
                    if entry & 2 and (entry >> 2) < FIRST_ROW:
                        at = np.int64(entry >> 2) * row_words
                        if is_infinity(workspace, at):
                            continue  # a sum of zero has no entry: fast additions must not meet infinity
                        copy_words(workspace, row * row_words, workspace, at, row_words)
                        entry = np.uint32((row << 2) | 2)
                        row += 1
                    entries[out] = entry
                    out += 1
                if b < bucket:
                    starts[b + 1] = out
            if bucket == buckets:
                if not cut:
                    break
                bucket, begin, out, cut = 0, starts[0], starts[0], 0
        progress[0], progress[1], progress[2], progress[3], progress[4] = bucket, begin, out, row, cut
        return bool(bucket == buckets)

    @kernels.kernel(U64, U64, U32, I64, INT, INT, U64_OUT)
    def weigh(table: Any, workspace: Any, entries: Any, starts: Any, lists: int, length: int, out: Any) -> None:
        # Lane l runs down list first + l. T is the sum of its buckets so far, S that of all T: of k bucket_k.
        codes = np.empty(LANES, np.uint32)
        sums = np.empty(6 * words, np.uint64)
        bucket = np.empty(2 * words, np.uint64)
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
                step(sums, 0, sums, 0, bucket, 0)
            for lane in range(min(LANES, lists - first)):
                for c in range(3):
                    from_lane(plain, c, sums, 3 + c, lane)
                    multiply_words(plain, c, plain, c, scalar_form, 0)
                from_projective(out, first + lane, plain, 0)

    @kernels.kernel(U64, I64, I64, INT, U64_OUT)
    def combine(sums: Any, order: Any, shifts: Any, msms: int, out: Any) -> None:
        acc = np.zeros(4 * coordinate_words * msms, np.uint64)
        scratch = np.empty(scratch_words, np.uint64)
        for number in range(msms):
            for i in range(len(order)):
                for _ in range(shifts[i]):
                    scalar_double(acc, number)
                scalar_add(acc, number, sums, number * len(order) + order[i], scratch)
        to_affine(out, acc, msms, scratch)

    return LaneBucketKernels(KEPT * (pairs + chunk_vectors) * words, sum_buckets, weigh, combine)
