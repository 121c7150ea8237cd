"""Sums of buckets with one lane; see :mod:`kernels.cpu.bucket_sums`. Rows are affine points in Montgomery form."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numba import types

from kernels.cpu import affine_cases
from kernels.cpu.bucket_msm import Arithmetic
from kernels.cpu.bucket_sums import PIECE_ENTRIES, BucketSums, ChunkAdditions, PieceSums, bucket_summer, row_trees
from kernels.cpu.compilation import I64, U32, U64, U64_OUT, KernelSet, compiled_once, copy_words
from kernels.cpu.inversion import inversion
from kernels.cpu.lane_additions import ask_for_rows
from kernels.cpu.lane_rows import RowLayout
from kernels.cpu.lane_vectors import LANES
from kernels.cpu.operation import operation, predicate
from kernels.cpu.points import point_functions
from kernels.curves import Curve, Group
from kernels.encoding import montgomery_from_ints
from kernels.formulas import weierstrass

CHUNK = 1024  # additions that share an inversion, which costs as much as fifteen of them
WORDS_BETWEEN_POLLS = 1 << 18
INT = types.int64


def one_lane(curve: Curve, group: Group) -> Arithmetic:
    """Multiplications with one lane."""
    return Arithmetic(curve, group, functools.partial(_bucket_sums, curve, group), 1, WORDS_BETWEEN_POLLS)


@compiled_once
def _bucket_sums(curve: Curve, group: Group) -> BucketSums:
    """Compile, or load, the kernels of a group."""
    kernels = KernelSet(f"{curve.name}.{group}.portable_buckets")
    points = point_functions(curve, group)
    spec, words, row_words = points.spec, points.spec.words, 2 * points.spec.words
    add, add_mixed, clear, point_scratch_words = points.add, points.add_mixed, points.clear, points.scratch_words
    copy_point = operation(spec, _same, (2,), 2)
    copy_negated = operation(spec, _negated, (2,), 2)
    multiply = operation(spec, weierstrass.product, (1, 1), 1, outline=True)
    multiply_difference = operation(spec, _times_difference, (1, 4), 1, outline=True)
    add_affine = operation(spec, _add_affine, (4, 1), 2, outline=True)
    any_difference = operation(spec, affine_cases.any_difference, (4,), 1, with_ring=True, outline=True)
    add_any = operation(spec, affine_cases.add_any, (4, 1), 2, with_ring=True, outline=True)
    is_zero = predicate(spec, _is_zero, (1,))
    invert = inversion(spec)
    ask = ask_for_rows(RowLayout(spec, curve.fp.limbs, spec.degree))  # of eight entries, lanes or not
    one = np.zeros(words, np.uint64)
    one[: curve.fp.limbs] = montgomery_from_ints(curve.fp, [1])[0]

    # A room holds an inverse, a denominator and the running product; the products of the denominators so far, first
    # one; then the pairs.
    inverse, denominator, run, prefix = 0, 1, 2, 3
    pairs = -(-(prefix + CHUNK + 1) // 4)

    @kernels.inner
    def gather(out: Any, i: int, table: Any, workspace: Any, entry: Any) -> None:
        row = np.int64(entry >> 2)
        if entry & 2:
            if entry & 1:
                copy_negated(out, i, workspace, row)
            else:
                copy_point(out, i, workspace, row)
        elif entry & 1:
            copy_negated(out, i, table, row)
        else:
            copy_point(out, i, table, row)

    @kernels.inner
    def add_chunk(
        table: Any, workspace: Any, left: Any, right: Any, first: int, count: int, row: int, room: Any
    ) -> bool:
        copy_words(room, prefix * words, one, 0, words)
        for k in range(count):
            if k % LANES == 0 and count >= LANES:
                ahead = first + min(k + LANES, count - LANES)
                ask(table, workspace, left, ahead)
                ask(table, workspace, right, ahead)
            gather(room, 2 * (pairs + k), table, workspace, left[first + k])
            gather(room, 2 * (pairs + k) + 1, table, workspace, right[first + k])
            multiply_difference(room, prefix + k + 1, room, prefix + k, room, pairs + k)
        if is_zero(room, prefix + count):
            return False
        invert(room, run, room, prefix + count)
        for k in range(count - 1, -1, -1):
            multiply(room, inverse, room, run, room, prefix + k)
            multiply_difference(room, run, room, run, room, pairs + k)
            add_affine(workspace, row + k, room, pairs + k, room, inverse)
        return True

    @kernels.inner
    def add_any_chunk(
        table: Any, workspace: Any, left: Any, right: Any, first: int, count: int, row: int, room: Any
    ) -> None:
        copy_words(room, prefix * words, one, 0, words)
        for k in range(count):
            gather(room, 2 * (pairs + k), table, workspace, left[first + k])
            gather(room, 2 * (pairs + k) + 1, table, workspace, right[first + k])
            any_difference(room, denominator, room, pairs + k)
            multiply(room, prefix + k + 1, room, prefix + k, room, denominator)
        invert(room, run, room, prefix + count)
        for k in range(count - 1, -1, -1):
            multiply(room, inverse, room, run, room, prefix + k)
            any_difference(room, denominator, room, pairs + k)
            multiply(room, run, room, run, room, denominator)
            add_any(workspace, row + k, room, pairs + k, room, inverse)

    sum_pieces = row_trees(kernels, ChunkAdditions(row_words, 1, CHUNK, add_chunk, add_any_chunk))
    sum_buckets = bucket_summer(kernels, PieceSums(PIECE_ENTRIES, PIECE_ENTRIES, PIECE_ENTRIES, 1, sum_pieces))

    @kernels.kernel(U64, U64, U32, I64, INT, INT, U64_OUT)
    def weigh(table: Any, workspace: Any, entries: Any, starts: Any, lists: int, length: int, out: Any) -> None:
        # T is the sum of a list's buckets so far, the output that of all T: of k bucket_k.
        running = np.empty(2 * row_words, np.uint64)
        bucket = np.empty(row_words, np.uint64)
        scratch = np.empty(point_scratch_words, np.uint64)
        for number in range(lists):
            clear(running, 0)
            clear(out, number)
            for b in range((number + 1) * length - 1, number * length - 1, -1):
                if starts[b + 1] > starts[b]:
                    gather(bucket, 0, table, workspace, entries[starts[b]])
                    add_mixed(running, 0, bucket, 0, False, scratch)
                add(out, number, running, 0, scratch)

    return BucketSums(words * 4 * (pairs + CHUNK), sum_buckets, weigh)


def _same(point: tuple[Any, Any]) -> tuple[Any, Any]:
    return point


def _negated(point: tuple[Any, Any]) -> tuple[Any, Any]:
    return point[0], -point[1]


def _is_zero(ring: Any, a: Any) -> Any:
    return ring.is_zero(a)


def _times_difference(factor: Any, pair: affine_cases.Pair) -> Any:
    return factor * (pair[2] - pair[0])


def _add_affine(pair: affine_cases.Pair, inverse: Any) -> tuple[Any, Any]:
    x1, y1, x2, y2 = pair
    return weierstrass.chord((x1, y1), x2, (y2 - y1) * inverse)
