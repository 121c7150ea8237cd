"""Which rows go into which bucket: the index work of a multi-scalar multiplication, the same for every group.

An *entry* names a row and a sign: ``index << 2 | in_workspace << 1 | negative``, in uint32. Entries lie sorted by
bucket: those of bucket b at ``starts[b]`` to ``starts[b + 1]``.

A bucket of magnitude k counts k times. Instead of running through all of them, :attr:`BucketKernels.regroup` makes two
short lists of each long one: with k = hi 2^h + lo, the sum of k bucket_k is 2^h times that of hi row_hi, plus that of
lo column_lo, where row_hi is the sum of all buckets with that hi and column_lo of those with that lo. Rows and columns
are buckets again, summed by the same additions, two for each bucket of the long list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import types

from kernels.cpu.compilation import I64, I64_OUT, U8, U32, U32_OUT, U64, KernelSet, compiled_once

INT = types.int64
MAX_ROWS = 1 << 30  # an entry has 30 bits for the index
CHUNK = 1024  # digits at a time, in the first-level cache
ODD_VALUATION = 0x2AAAAAAA  # bits 1, 3, ..., 29


@dataclass(frozen=True)
class BucketKernels:
    """Compiled steps; arrays flat. Bucket b of a list holds magnitude b + 1.

    Attributes
    ----------
    sort
        ``(words, negative, msms, parts, word_count, window_bits, windows, sets, multiples, stride, first_set,
        set_count, first, last, buckets, starts, entries)``: the entries of parts first .. last of each MSM in some
        bucket sets, ``set_count`` lists of ``buckets`` an MSM: window w = t sets + u takes its rows from table t and
        its buckets from set u. See :class:`kernels.cpu.msm_plan.MsmPlan` for tables of two multiples.
    regroup
        ``(entries, starts, lists, log2_length, h, out_entries, out_starts)``: a list of rows and one of columns of each
        list whose buckets have an entry or none, of 2^(log2_length - h) buckets each.
    """

    sort: Callable[..., None]
    regroup: Callable[[Any, Any, int, int, int, Any, Any], None]


@compiled_once
def bucket_kernels() -> BucketKernels:
    """Compile, or load, the kernels."""
    kernels = KernelSet("buckets")

    @kernels.inner
    def read_digits(
        words: Any, negative: Any, parts: int, word_count: int, c: int, windows: int, w: int, first: int, n: int,
        halved: int, digits: Any,
    ) -> None:  # fmt: skip
        # Digits of window w of parts first .. first + n - 1 (see kernels.cpu.digits), as bucket << 2 | twice << 1 |
        # negative, where bucket 0 is none. A magnitude is halved if its lowest bit that is set is one of ``halved``.
        # Straight-line, for the vectoriser.
        word, shift, mask = (c * w) >> 6, np.uint64((c * w) & 63), np.uint64((1 << c) - 1)
        half = np.int32(0 if w == windows - 1 else 1 << (c - 1))
        low = words[word * parts + first : word * parts + first + n]
        spills = ((c * w) & 63) + c > 64 and word + 1 < word_count
        high = words[(word + 1) * parts + first : (word + 1) * parts + first + n] if spills else low
        up, high_mask = np.uint64(64) - shift, mask if spills else np.uint64(0)
        signs = negative[first : first + n]
        for i in range(n):
            value = (low[i] >> shift) | ((high[i] << (up & np.uint64(63))) & high_mask)
            digit = np.int32(value & mask) - half
            magnitude = np.int32(abs(digit))
            twice = np.int32((magnitude & -magnitude & halved) != 0)
            minus = np.int32(digit < 0) ^ np.int32(signs[i])
            digits[i] = np.uint32((magnitude >> twice << np.int32(2)) | (twice << np.int32(1)) | minus)

    @kernels.inner
    def sort_one(
        words: Any, negative: Any, parts: int, word_count: int, window_bits: int, windows: int, sets: int,
        multiples: int, stride: int, first_set: int, set_count: int, first: int, last: int, base: int, buckets: int,
        starts: Any, entries: Any,
    ) -> None:  # fmt: skip
        size = set_count * buckets
        begin = starts[base]
        counts = np.zeros(size + 1, np.uint32)
        digits = np.empty(CHUNK, np.uint32)
        halved = ODD_VALUATION if multiples == 2 else 0
        for u in range(set_count):
            for w in range(first_set + u, windows, sets):
                for start in range(first, last, CHUNK):
                    n = min(CHUNK, last - start)
                    read_digits(words, negative, parts, word_count, window_bits, windows, w, start, n, halved, digits)
                    for i in range(n):
                        bucket = np.int64(digits[i] >> np.uint32(2))
                        if bucket:
                            counts[u * buckets + bucket] += np.uint32(1)
        for b in range(size):
            counts[b + 1] += counts[b]
        for u in range(set_count):
            for w in range(first_set + u, windows, sets):
                for start in range(first, last, CHUNK):
                    n, row = min(CHUNK, last - start), w // sets * multiples * stride + start
                    read_digits(words, negative, parts, word_count, window_bits, windows, w, start, n, halved, digits)
                    for i in range(n):
                        bucket = np.int64(digits[i] >> np.uint32(2))
                        if bucket:
                            at = u * buckets + bucket - 1
                            of_row = row + i + np.int64((digits[i] >> np.uint32(1)) & np.uint32(1)) * stride
                            entries[begin + np.int64(counts[at])] = np.uint32(of_row << 2) | (digits[i] & np.uint32(1))
                            counts[at] += np.uint32(1)
        # Every count has moved to where its bucket ends.
        for b in range(size):
            starts[base + b + 1] = begin + counts[b]

    @kernels.kernel(U64, U8, *[INT] * 13, I64_OUT, U32_OUT)
    def sort(
        words: Any,
        negative: Any,
        msms: int,
        parts: int,
        word_count: int,
        window_bits: int,
        windows: int,
        sets: int,
        multiples: int,
        stride: int,
        first_set: int,
        set_count: int,
        first: int,
        last: int,
        buckets: int,
        starts: Any,
        entries: Any,
    ) -> None:
        starts[0] = 0
        for number in range(msms):
            of_msm = words[number * word_count * parts : (number + 1) * word_count * parts]
            signs = negative[number * parts : (number + 1) * parts]
            sort_one(
                of_msm, signs, parts, word_count, window_bits, windows, sets, multiples, stride, first_set, set_count,
                first, last, number * set_count * buckets, buckets, starts, entries,
            )  # fmt: skip

    @kernels.kernel(U32, I64, INT, INT, INT, U32_OUT, I64_OUT)
    def regroup(
        entries: Any, starts: Any, lists: int, log2_length: int, h: int, out_entries: Any, out_starts: Any
    ) -> None:
        rows, columns = 1 << (log2_length - h), 1 << h
        length, place, out = rows * columns, 0, 0
        out_starts[0] = 0
        for number in range(lists):
            base = number * length
            # Buckets 0 .. length - 1 hold magnitudes 1 .. length: hi 2^h + lo + 1, so lo + 1 of the columns is never 0.
            for hi in range(1, rows + 1):
                if hi < rows:  # row hi is bucket hi - 1; row 0 counts nothing, and so the last bucket stays empty
                    for bucket in range(base + hi * columns, base + (hi + 1) * columns):
                        if starts[bucket + 1] > starts[bucket]:
                            out_entries[place] = entries[starts[bucket]]
                            place += 1
                out += 1
                out_starts[out] = place
            for lo in range(rows):
                if lo < columns:
                    for bucket in range(base + lo, base + length, columns):
                        if starts[bucket + 1] > starts[bucket]:
                            out_entries[place] = entries[starts[bucket]]
                            place += 1
                out += 1
                out_starts[out] = place

    return BucketKernels(sort, regroup)
