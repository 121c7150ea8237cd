"""Steps of a multi-scalar multiplication in lanes.

Digits are sorted by bucket; every bucket is summed by a tree of affine additions, a level of all buckets at once, so
that thousands of additions share one inversion; then running sums in eight slices give the weighted sum of the
buckets. A level takes the fast addition first. If the product of its denominators is zero, it met equal or opposite
points and is done again by the addition that treats every case; from then on infinity may occur, and all later
levels use that one.

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

from kernels.cpu.compilation import I32, I64, I64_OUT, U32, U32_OUT, U64, U64_OUT, KernelSet, compiled_once, copy_words
from kernels.cpu.inversion import inversion
from kernels.cpu.lane_additions import FETCH_AHEAD, KEPT, additions
from kernels.cpu.lane_field import LANES, MASK, RADIX, limb_count
from kernels.cpu.lane_points import lane_points
from kernels.cpu.operation import operation
from kernels.cpu.points import point_functions
from kernels.curves import Curve, Group
from kernels.encoding import limbs_from_ints
from kernels.formulas import weierstrass

CHUNK = 256  # vectors of eight additions that share an inversion
INT = types.int64
ZERO_ROW = np.uint32(2)  # row 0 of the workspace, always infinity


@dataclass(frozen=True)
class LaneMsmKernels:
    """Compiled steps; arrays flat.

    Attributes
    ----------
    sort
        ``(digits, n, windows, sets, stride, first_set, set_count, first, last, buckets, starts, entries)``: the
        entries of points first .. last in some bucket sets, sorted by bucket; ``starts`` has one place more than there
        are buckets.
    sum_buckets
        ``(table, entries, starts, buckets, pair_entries, room, workspace)``: leaves one entry a bucket or none.
        ``pair_entries`` has room for an entry each, and a vector more; ``room`` has :attr:`room_words` words.
    weigh
        ``(table, workspace, entries, starts, sets, buckets, out)``: XYZZ sums of k bucket_k for each set.
    add_sums
        ``(sums, slices, sets)``: adds the XYZZ sums of all slices to those of the first.
    """

    room_words: int
    sort: Callable[..., None]
    sum_buckets: Callable[..., None]
    weigh: Callable[..., None]
    add_sums: Callable[[Any, int, int], None]


@compiled_once
def lane_msm_kernels(curve: Curve, group: Group, native: bool) -> LaneMsmKernels:
    """Compile, or load, the lane kernels of a group."""
    kernels = KernelSet(f"{curve.name}.{group}.lane_msm{'' if native else '_emulated'}")
    lanes = lane_points(curve, group, native)
    scalar = point_functions(curve, group, "lane_msm")
    spec = scalar.spec
    degree, narrow, wide, p = spec.degree, curve.fp.limbs, limb_count(curve.fp), curve.fp.modulus
    words, coordinate_words = lanes.spec.words, spec.words
    gather_x, gather_y, scatter = lanes.gather_x, lanes.gather_y, lanes.scatter
    any_difference, add_any = lanes.any_difference, lanes.add_any
    affine = additions(curve, group, native)
    ask, begin, finish = affine.ask, affine.begin, affine.finish
    step, multiply = lanes.step, lanes.multiply
    scalar_add, scalar_double, clear = scalar.add, scalar.double, scalar.clear
    scratch_words = scalar.scratch_words
    multiply_words = operation(spec, weierstrass.product, (1, 1), 1, outline=True)
    from_projective = operation(spec, weierstrass.xyzz_from_projective, (3,), 4, outline=True)
    invert = inversion(kernels, spec)

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
    pairs = -(-(prefix + CHUNK + 1) // KEPT)

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

    @kernels.kernel(I32, INT, INT, INT, INT, INT, INT, INT, INT, INT, I64_OUT, U32_OUT)
    def sort(
        digits: Any,
        n: int,
        windows: int,
        sets: int,
        stride: int,
        first_set: int,
        set_count: int,
        first: int,
        last: int,
        buckets: int,
        starts: Any,
        entries: Any,
    ) -> None:
        # Window w = t sets + u takes its points from table t and its buckets from set u.
        for b in range(set_count * buckets + 1):
            starts[b] = 0
        for u in range(set_count):
            for w in range(first_set + u, windows, sets):
                for i in range(first, last):
                    digit = np.int64(digits[w * n + i])
                    if digit:
                        starts[u * buckets + abs(digit)] += 1
        for b in range(1, set_count * buckets + 1):
            starts[b] += starts[b - 1]
        # Shifted by one bucket, every start is advanced by its own entries to where the next bucket begins.
        for b in range(set_count * buckets, 0, -1):
            starts[b] = starts[b - 1]
        for u in range(set_count):
            for w in range(first_set + u, windows, sets):
                row = w // sets * stride
                for i in range(first, last):
                    digit = np.int64(digits[w * n + i])
                    if digit:
                        bucket = u * buckets + abs(digit)
                        entries[starts[bucket]] = ((row + i) << 2) | (digit < 0)
                        starts[bucket] += 1

    @kernels.kernel(U64, U32_OUT, I64_OUT, INT, U32_OUT, U64_OUT, U64_OUT)
    def sum_buckets(
        table: Any, entries: Any, starts: Any, buckets: int, pair_entries: Any, room: Any, workspace: Any
    ) -> None:
        half = len(pair_entries) // 2
        left, right = pair_entries[:half], pair_entries[half:]
        row, fast = 1, True
        while True:
            count, out, begin = 0, 0, starts[0]
            for b in range(buckets):
                end = starts[b + 1]
                at = begin
                while at + 1 < end:
                    left[count] = entries[at]
                    right[count] = entries[at + 1]
                    entries[out] = ((row + count) << 2) | 2
                    count += 1
                    out += 1
                    at += 2
                if at < end:
                    entries[out] = entries[at]
                    out += 1
                begin = end
                starts[b + 1] = out
            if count == 0:
                return
            while count % LANES:  # repeat the last pair to fill the vector
                left[count] = left[count - 1]
                right[count] = right[count - 1]
                count += 1
            for first in range(0, count, CHUNK * LANES):
                vectors = min(CHUNK, (count - first) // LANES)
                if not (fast and add_chunk(table, workspace, left, right, first, vectors, row + first, room)):
                    fast = False
                    add_any_chunk(table, workspace, left, right, first, vectors, row + first, room)
            row += count

    @kernels.kernel(U64, U64, U32, I64, INT, INT, U64_OUT)
    def weigh(table: Any, workspace: Any, entries: Any, starts: Any, sets: int, buckets: int, out: Any) -> None:
        # Lane l runs down slice l of the buckets; S is then the sum of (k mod slice) bucket_k, T that of bucket_k.
        slice_length = buckets // LANES
        codes = np.empty(LANES, np.uint32)
        sums = np.empty(6 * words, np.uint64)
        bucket = np.empty(2 * words, np.uint64)
        plain = np.empty(3 * coordinate_words, np.uint64)
        slices = np.empty(2 * LANES * 4 * coordinate_words, np.uint64)
        running = np.empty(4 * coordinate_words, np.uint64)
        scratch = np.empty(scratch_words, np.uint64)
        for w in range(sets):
            for i in range(6):
                for k in range(words):
                    sums[i * words + k] = 0
            set_one(sums, 1)
            set_one(sums, 4)
            for place in range(slice_length - 1, -1, -1):
                for lane in range(LANES):
                    b = w * buckets + lane * slice_length + place
                    codes[lane] = entries[starts[b]] if starts[b + 1] > starts[b] else ZERO_ROW
                gather_x(bucket, 0, table, workspace, codes, 0)
                gather_y(bucket, 1, table, workspace, codes, 0)
                step(sums, 0, sums, 0, bucket, 0)
            for i in range(2 * LANES):
                for c in range(3):
                    from_lane(plain, c, sums, 3 * (i // LANES) + c, i % LANES)
                    multiply_words(plain, c, plain, c, scalar_form, 0)
                from_projective(slices, i, plain, 0)
            # sum over l of S_l + l slice_length T_l
            clear(running, 0)
            clear(out, w)
            for lane in range(LANES - 1, 0, -1):
                scalar_add(running, 0, slices, lane, scratch)
                scalar_add(out, w, running, 0, scratch)
            length = slice_length
            while length > 1:
                scalar_double(out, w)
                length //= 2
            for lane in range(LANES):
                scalar_add(out, w, slices, LANES + lane, scratch)

    @kernels.kernel(U64_OUT, INT, INT)
    def add_sums(sums: Any, slices: int, sets: int) -> None:
        scratch = np.empty(scratch_words, np.uint64)
        for k in range(sets, slices * sets):
            scalar_add(sums, k % sets, sums, k, scratch)

    return LaneMsmKernels(KEPT * (pairs + CHUNK) * words, sort, sum_buckets, weigh, add_sums)
