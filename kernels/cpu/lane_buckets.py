"""Sums of buckets in lanes, eight additions at a time; see :mod:`kernels.cpu.bucket_sums`."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numba import types

from kernels.cpu.bucket_msm import Arithmetic
from kernels.cpu.bucket_sums import BucketSums, ChunkAdditions, bucket_summer
from kernels.cpu.compilation import I64, U32, U64, U64_OUT, KernelSet, compiled_once, copy_words
from kernels.cpu.inversion import inversion
from kernels.cpu.lane_additions import FETCH_AHEAD, KEPT, additions
from kernels.cpu.lane_field import LANES, MASK, RADIX, limb_count
from kernels.cpu.lane_points import lane_points
from kernels.cpu.operation import operation
from kernels.cpu.points import ring_spec
from kernels.curves import Curve, Group
from kernels.encoding import limbs_from_ints
from kernels.formulas import weierstrass

CHUNK_BYTES = 600 << 10  # of a room: what passes between the two passes of a chunk stays in the second-level cache
LARGEST_CHUNK = 256  # vectors of eight additions that share an inversion
WORDS_BETWEEN_POLLS = 1 << 20
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
    degree, narrow, wide, p = spec.degree, curve.fp.limbs, limb_count(curve.fp), curve.fp.modulus
    words, coordinate_words = lanes.spec.words, spec.words
    gather_x, gather_y, scatter = lanes.gather_x, lanes.gather_y, lanes.scatter
    any_difference, add_any = lanes.any_difference, lanes.add_any
    affine = additions(curve, group, native)
    chunk_vectors = min(LARGEST_CHUNK, CHUNK_BYTES // (8 * (KEPT + 1) * words) // 32 * 32)
    ask, begin, finish = affine.ask, affine.begin, affine.finish
    step, multiply = lanes.step, lanes.multiply
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

    sum_buckets = bucket_summer(kernels, ChunkAdditions(2 * spec.words, LANES, chunk_vectors, add_chunk, add_any_chunk))
    return BucketSums(KEPT * (pairs + chunk_vectors) * words, sum_buckets, weigh)
