"""Sums of buckets, whatever the arithmetic.

Every bucket is summed by trees of affine additions, a level of many buckets at once, so that hundreds of additions
share one inversion; short lists of buckets are weighed by running sums. A level takes the fast addition first. If the
product of its denominators is zero, it met equal or opposite points and is done again by the addition that treats every
case; from then on infinity may occur, and all later levels of these buckets use that one. A sum that ends as infinity
loses its entry, so the fast addition never meets infinity.

The additions come from :mod:`kernels.cpu.lane_buckets` or :mod:`kernels.cpu.portable_buckets`.

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

from kernels.cpu.compilation import I64, I64_OUT, U32_OUT, U64, U64_OUT, KernelSet, compiled_once, copy_words
from kernels.cpu.points import point_functions
from kernels.curves import Curve, Group

PIECE_ENTRIES = 1 << 14  # entries summed at a time by temporary rows, which stay in the second-level cache
MOST_LANES = 8
OWN_ROW = 2  # of an entry: its row is one of the workspace
INFINITY = 2  # entry of row 0 of the workspace, always infinity
FIRST_ROW = 1 + PIECE_ENTRIES + MOST_LANES * (PIECE_ENTRIES.bit_length() + 1)  # behind infinity and the temporary rows
INT = types.int64


@dataclass(frozen=True)
class BucketSums:
    """Compiled steps; arrays flat.

    Attributes
    ----------
    sum_buckets
        ``(table, entries, starts, buckets, progress, most, room, workspace)``: leaves one entry a bucket or none, the
        sums in workspace rows of their own; returns whether it is done, or has used up ``most`` entries and wants to be
        called again. ``progress`` starts as (0, starts[0], starts[0], row, 0), its fourth place is the next free row.
        ``room`` has :attr:`room_words` words, and :func:`most_sums` says how many rows may follow that one.
    weigh
        ``(table, workspace, entries, starts, lists, length, out)``: XYZZ sum of k bucket_k, k from 1, of each list.
    """

    room_words: int
    sum_buckets: Callable[..., bool]
    weigh: Callable[..., None]


@dataclass(frozen=True)
class PieceSums:
    """How pieces of buckets are summed.

    Attributes
    ----------
    batch_entries
        Entries handed over at a time, at most.
    shortest_cut, longest_piece, share
        A bucket is cut into pieces of a ``share`` of all entries, but no shorter and no longer than these.
    sum_pieces
        ``(table, workspace, pieces, ends, count, row, room)``: piece s ends at ends[s]; leaves pieces[s], a row of the
        workspace at ``row`` or behind, :data:`INFINITY`, or the piece's only entry. Returns the next free row.
    """

    batch_entries: int
    shortest_cut: int
    longest_piece: int
    share: int
    sum_pieces: Any


@dataclass(frozen=True)
class ChunkAdditions:
    """How a set of kernels adds ``lanes`` pairs of points at a time.

    Attributes
    ----------
    chunk_vectors
        Vectors of additions that share an inversion, at most.
    add_chunk
        ``(table, workspace, left, right, first, vectors, row, room)``: rows row .. of the workspace become
        left[first + i] + right[first + i]; false, with nothing written, if that met equal or opposite points.
    add_any_chunk
        The same for any points, without result.
    """

    row_words: int
    lanes: int
    chunk_vectors: int
    add_chunk: Any
    add_any_chunk: Any


def row_trees(kernels: KernelSet, additions: ChunkAdditions) -> Any:
    """Return :attr:`PieceSums.sum_pieces` by trees whose every level lies in temporary rows, for any points."""
    row_words, lanes, chunk_vectors = additions.row_words, additions.lanes, additions.chunk_vectors
    add_chunk, add_any_chunk = additions.add_chunk, additions.add_any_chunk

    @kernels.inner
    def is_infinity(rows: Any, at: Any) -> bool:
        union = np.uint64(0)
        for k in range(row_words):
            union |= rows[at + k]
        return bool(union == 0)

    @kernels.inner
    def sum_pieces(table: Any, workspace: Any, pieces: Any, ends: Any, count: int, free: int, room: Any) -> Any:
        left = np.empty(PIECE_ENTRIES // 2 + lanes, np.uint32)
        right = np.empty(PIECE_ENTRIES // 2 + lanes, np.uint32)
        row, fast = 1, True
        while True:
            additions, out, begin = 0, 0, 0
            for s in range(count):
                end = ends[s]
                at = begin
                while at + 1 < end:
                    left[additions] = pieces[at]
                    right[additions] = pieces[at + 1]
                    pieces[out] = ((row + additions) << 2) | OWN_ROW
                    additions += 1
                    out += 1
                    at += 2
                if at < end:
                    pieces[out] = pieces[at]
                    out += 1
                begin = end
                ends[s] = out
            if additions == 0:
                break
            while additions % lanes:  # repeat the last pair to fill the vector
                left[additions] = left[additions - 1]
                right[additions] = right[additions - 1]
                additions += 1
            for first in range(0, additions, chunk_vectors * lanes):
                vectors = min(chunk_vectors, (additions - first) // lanes)
                if not (fast and add_chunk(table, workspace, left, right, first, vectors, row + first, room)):
                    fast = False
                    add_any_chunk(table, workspace, left, right, first, vectors, row + first, room)
            row += additions
        for s in range(count):  # sums move from temporary rows to rows of their own
            entry = pieces[s]
            if entry & OWN_ROW and (entry >> 2) < FIRST_ROW:
                place = np.int64(entry >> 2) * row_words
                if is_infinity(workspace, place):
                    pieces[s] = INFINITY
                else:
                    copy_words(workspace, free * row_words, workspace, place, row_words)
                    pieces[s] = (free << 2) | OWN_ROW
                    free += 1
        return free

    return sum_pieces


def bucket_summer(kernels: KernelSet, sums: PieceSums) -> Callable[..., bool]:
    """Compile, or load, :attr:`BucketSums.sum_buckets` over sums of pieces."""
    batch_entries, shortest_cut, longest_piece = sums.batch_entries, sums.shortest_cut, sums.longest_piece
    share, sum_pieces = sums.share, sums.sum_pieces

    @kernels.kernel(U64, U32_OUT, I64_OUT, INT, I64_OUT, INT, U64_OUT, U64_OUT, returns=types.boolean)
    def sum_buckets(
        table: Any, entries: Any, starts: Any, buckets: int, progress: Any, most: int, room: Any, workspace: Any
    ) -> bool:
        # Buckets are taken some at a time, a large one in pieces. A pass leaves one entry a piece; if there was a
        # bucket of several pieces, there is another pass.
        bucket, begin, out, row, cut = progress[0], progress[1], progress[2], progress[3], progress[4]
        left = starts[buckets] - begin
        longest = min(max(left // share, shortest_cut), longest_piece)
        batch = max(min(starts[buckets] - starts[0], batch_entries, most), 1)
        pieces = np.empty(batch, np.uint32)
        ends = np.empty(batch, np.int64)
        owners = np.empty(batch, np.int64)
        done = 0
        while done < most:
            first, count, filled = bucket, 0, 0
            while bucket < buckets and filled < batch:
                end = starts[bucket + 1]
                taken = min(end - begin, longest, batch - filled)
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
            row = sum_pieces(table, workspace, pieces, ends, count, row, room)
            done += filled
            # Entries and starts close up behind the reading.
            piece = 0
            for b in range(first, min(bucket + 1, buckets)):
                while piece < count and owners[piece] == b:
                    if pieces[piece] != INFINITY:  # fast additions must not meet it
                        entries[out] = pieces[piece]
                        out += 1
                    piece += 1
                if b < bucket:
                    starts[b + 1] = out
            if bucket == buckets:
                if not cut:
                    break
                bucket, begin, out, cut = 0, starts[0], starts[0], 0
                longest = min(max((starts[buckets] - begin) // share, shortest_cut), longest_piece)
        progress[0], progress[1], progress[2], progress[3], progress[4] = bucket, begin, out, row, cut
        return bool(bucket == buckets)

    return sum_buckets


def most_sums(entries: int, buckets: int) -> int:
    """Rows that :attr:`BucketSums.sum_buckets` may need for its sums: a piece is short only where all are few."""
    return buckets + entries // 24 + 1024


@compiled_once
def combination(curve: Curve, group: Group) -> Callable[[Any, Any, Any, int, Any], None]:
    """Compile, or load, ``combine(sums, order, shifts, msms, out)``.

    Of each MSM's sums, XYZZ, as many as ``order`` has places, s = sums[order[0]], then s = 2^shifts[i] s +
    sums[order[i]]; affine points.
    """
    kernels = KernelSet(f"{curve.name}.{group}.buckets")
    points = point_functions(curve, group)
    add, double, to_affine, scratch_words = points.add, points.double, points.to_affine, points.scratch_words
    point_words = 4 * points.spec.words

    @kernels.kernel(U64, I64, I64, INT, U64_OUT)
    def combine(sums: Any, order: Any, shifts: Any, msms: int, out: Any) -> None:
        acc = np.zeros(point_words * msms, np.uint64)
        scratch = np.empty(scratch_words, np.uint64)
        for number in range(msms):
            for i in range(len(order)):
                for _ in range(shifts[i]):
                    double(acc, number)
                add(acc, number, sums, number * len(order) + order[i], scratch)
        to_affine(out, acc, msms, scratch)

    return combine
