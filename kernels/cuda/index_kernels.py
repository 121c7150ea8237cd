"""Kernels that only count and move indices, in Numba CUDA: the sort by buckets of a multi-scalar multiplication.

:mod:`kernels.cuda.numba_compiler` compiles them. The fields, curves and transforms are CUDA C++ (``sources/``): what
they need, carry chains and control over registers, Python cannot say. These four need neither.

Every number here is unsigned and 64 bits wide, literals included: Numba makes floating point of a signed and an
unsigned number together, which the tests' device refuses.

Notes
-----
Scalars are cut into windows of c bits with signed digits in [-2^(c-1), 2^(c-1)]. Window w belongs to bucket set
w % sets and takes point w / sets of the point's table. Bucket numbers run over (row, set, magnitude - 1); an entry is
twice a table index plus a sign. See :file:`sources/msm.cu`, which adds up what is sorted here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda, types, uint32, uint64, void

Words = Any
"""``uint32[n]`` on the device."""
Number = Any
"""``uint64``."""

SCALAR_WORDS = np.uint64(8)
SCAN_THREADS = np.uint64(256)
SCAN_ITEMS = np.uint64(8)
_0, _1, _2, _5, _31, _32 = (np.uint64(k) for k in (0, 1, 2, 5, 31, 32))


@cuda.jit(device=True, inline="always")
def thread_number() -> Number:
    """Number of the thread in the grid."""
    return uint64(cuda.blockIdx.x) * uint64(cuda.blockDim.x) + uint64(cuda.threadIdx.x)


@cuda.jit(device=True, inline="always")
def window_value(scalars: Words, scalar: Number, window: Number, window_bits: Number) -> Number:
    """The bits of one window of a scalar, which is 8 words in standard form; it begins below bit 256."""
    bit = window * window_bits
    word = bit >> _5
    pair = uint64(scalars[SCALAR_WORDS * scalar + word])
    if word + _1 < SCALAR_WORDS:
        pair |= uint64(scalars[SCALAR_WORDS * scalar + word + _1]) << _32
    return (pair >> (bit & _31)) & ((_1 << window_bits) - _1)


@cuda.jit(device=True, inline="always")
def place_of(row: Number, chosen: Number, magnitude: Number, sets: Number, buckets: Number) -> Number:
    """Number of the bucket of a digit that is not 0, in the set that is chosen."""
    return (row * sets + chosen) * buckets + magnitude - _1


def count_digits(
    scalars: Words, n: Number, total: Number, window_bits: Number, windows: Number, sets: Number, counts: Words
) -> None:
    """``counts[bucket]`` += entries of the bucket. One thread a scalar; scalars are ``uint32[rows, n, 8]``."""
    i = thread_number()
    if i >= total:
        return
    row, buckets = i // n, _1 << (window_bits - _1)
    carry = _0
    chosen = _0
    for window in range(windows):
        value = window_value(scalars, i, window, window_bits) + carry
        carry = _1 if value > buckets else _0
        magnitude = _2 * buckets - value if value > buckets else value
        if magnitude != _0:
            cuda.atomic.add(counts, place_of(row, chosen, magnitude, sets, buckets), uint32(1))
        chosen += _1
        if chosen == sets:
            chosen = _0


def scatter_digits(
    scalars: Words,
    n: Number,
    total: Number,
    window_bits: Number,
    windows: Number,
    sets: Number,
    stride: Number,
    cursors: Words,
    entries: Words,
) -> None:
    """Put every entry into its bucket's range.

    ``cursors[bucket]`` begins as the start of the range and ends as its end; the order within a bucket is whatever the
    atomics make it, which no sum depends on. Tables are ``stride`` points apart.
    """
    i = thread_number()
    if i >= total:
        return
    row, buckets = i // n, _1 << (window_bits - _1)
    point = i - row * n
    carry = _0
    chosen = _0
    for window in range(windows):
        value = window_value(scalars, i, window, window_bits) + carry
        carry = _1 if value > buckets else _0
        magnitude = _2 * buckets - value if value > buckets else value
        if magnitude != _0:
            at = cuda.atomic.add(cursors, place_of(row, chosen, magnitude, sets, buckets), uint32(1))
            entries[uint64(at)] = uint32(_2 * point + carry)
        chosen += _1
        if chosen == sets:
            chosen = _0
            point += stride


def scan_blocks(values: Words, totals: Words, n: Number) -> None:
    """Exclusive prefix sums within blocks of 2048, in place; ``totals[block]`` = sum of the block."""
    sums = cuda.shared.array(256, uint32)
    t = uint64(cuda.threadIdx.x)
    first = (uint64(cuda.blockIdx.x) * SCAN_THREADS + t) * SCAN_ITEMS
    own = uint32(0)
    for k in range(SCAN_ITEMS):
        if first + k < n:
            own += values[first + k]
    sums[t] = own
    cuda.syncthreads()
    distance = _1
    while distance < SCAN_THREADS:
        left = uint32(0)
        if t >= distance:
            left = sums[t - distance]
        cuda.syncthreads()
        sums[t] += left
        cuda.syncthreads()
        distance *= _2
    before = uint32(sums[t] - own)
    for k in range(SCAN_ITEMS):
        if first + k < n:
            item = values[first + k]
            values[first + k] = before
            before += item
    if t == SCAN_THREADS - _1:
        totals[uint64(cuda.blockIdx.x)] = before


def add_offsets(values: Words, offsets: Words, n: Number) -> None:
    """``values[i]`` += ``offsets[block of i]``, in blocks of 2048."""
    block = uint64(cuda.blockIdx.x)
    first = block * SCAN_THREADS * SCAN_ITEMS + uint64(cuda.threadIdx.x)
    for k in range(SCAN_ITEMS):
        i = first + k * SCAN_THREADS
        if i < n:
            values[i] += offsets[block]


_WORDS = types.Array(uint32, 1, "C")
_U = uint64

SIGNATURES = {
    "count_digits": void(_WORDS, _U, _U, _U, _U, _U, _WORDS),
    "scatter_digits": void(_WORDS, _U, _U, _U, _U, _U, _U, _WORDS, _WORDS),
    "scan_blocks": void(_WORDS, _WORDS, _U),
    "add_offsets": void(_WORDS, _WORDS, _U),
}
"""Every kernel, by its name."""

THREADS = 256
"""Most threads of a block of each."""
