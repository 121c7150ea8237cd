"""Multi-scalar multiplication of few points by buckets (Pippenger), and multiples of one fixed point.

Scalars are cut into windows of ``c`` bits with signed digits in [-2^(c-1), 2^(c-1)], so a window needs 2^(c-1)
buckets. Windows are independent: threads and cancellation both work on whole windows.

References
----------
D. J. Bernstein, J. Doumen, T. Lange, J.-J. Oosterwijk, "Faster batch forgery identification", 2012, section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from kernels.backend import Array, Bases, poll
from kernels.cpu.bucket_sums import combination
from kernels.cpu.compilation import I32, I32_OUT, U64, U64_OUT, KernelSet, compiled_once
from kernels.cpu.msm_plan import window_count
from kernels.cpu.points import point_functions
from kernels.cpu.threads import for_each
from kernels.curves import Curve, Group

SCALAR_LIMBS = 4
FULL_ADDITION = 1.4  # cost of an XYZZ addition (14 products) in mixed additions (10 products)


@dataclass(frozen=True)
class FixedBaseKernels:
    """Compiled steps of multiples of one point; all arrays flat."""

    window_table: Callable[[Any, int, int, Any], None]
    multiply_base: Callable[[Any, Any, int, int, int, Any], None]


@compiled_once
def recoding() -> Callable[[Any, int, int, int, Any], None]:
    """Compile, or load, ``recode(scalars, n, c, windows, digits)``."""

    @KernelSet("msm").kernel(U64, types.int64, types.int64, types.int64, I32_OUT)
    def recode(scalars: Any, n: int, c: int, windows: int, digits: Any) -> None:
        # digits[w n + i] of scalar i; a digit above 2^(c-1) borrows 2^c from the next window. The last window has
        # at least one spare bit (see window_count), so the final carry is absorbed.
        half, mask = 1 << (c - 1), (1 << c) - 1
        for i in range(n):
            carry = 0
            for w in range(windows):
                bit = w * c
                limb, shift = bit // 64, bit % 64
                value = np.uint64(0)
                if limb < SCALAR_LIMBS:
                    value = scalars[SCALAR_LIMBS * i + limb] >> np.uint64(shift)
                    if shift + c > 64 and limb + 1 < SCALAR_LIMBS:
                        value |= scalars[SCALAR_LIMBS * i + limb + 1] << np.uint64(64 - shift)
                digit = np.int64(value & np.uint64(mask)) + carry
                carry = 0
                if digit > half:
                    digit -= 1 << c
                    carry = 1
                digits[w * n + i] = digit

    return recode


@compiled_once
def window_sum(curve: Curve, group: Group) -> Callable[[Any, Any, int, int, Any], None]:
    """Compile, or load, ``sum_window(bases, digits, n, c, out)``."""
    kernels = KernelSet(f"{curve.name}.{group}.msm")
    points = point_functions(curve, group)
    add, add_mixed, clear, scratch_words = points.add, points.add_mixed, points.clear, points.scratch_words
    point_words = 4 * points.spec.words

    @kernels.kernel(U64, I32, types.int64, types.int64, U64_OUT)
    def sum_window(bases: Any, digits: Any, n: int, c: int, out: Any) -> None:
        # out = sum of digit_i P_i: one bucket a magnitude, then sum of k bucket_k by running sums.
        buckets = np.zeros((1 << (c - 1)) * point_words, np.uint64)
        scratch = np.empty(scratch_words, np.uint64)
        running = np.zeros(point_words, np.uint64)
        highest: Any = 0
        for i in range(n):
            digit = np.int64(digits[i])
            if digit > 0:
                add_mixed(buckets, digit - 1, bases, i, False, scratch)
            elif digit < 0:
                add_mixed(buckets, -digit - 1, bases, i, True, scratch)
            highest = max(highest, abs(digit))
        clear(out, 0)
        for k in range(highest - 1, -1, -1):
            add(running, 0, buckets, k, scratch)
            add(out, 0, running, 0, scratch)

    return sum_window


@compiled_once
def fixed_base_kernels(curve: Curve, group: Group) -> FixedBaseKernels:
    """Compile, or load, the kernels for multiples of one point of a group."""
    kernels = KernelSet(f"{curve.name}.{group}.msm")
    points = point_functions(curve, group)
    add, add_mixed, double = points.add, points.add_mixed, points.double
    copy, to_affine, scratch_words = points.copy, points.to_affine, points.scratch_words
    point_words = 4 * points.spec.words

    @kernels.kernel(U64, types.int64, types.int64, U64_OUT)
    def window_table(base: Any, c: int, windows: int, table: Any) -> None:
        # table[w (2^(c-1) + 1) + d] = d 2^(c w) base, affine, for d = 0 .. 2^(c-1).
        size = (1 << (c - 1)) + 1
        entries = np.zeros(windows * size * point_words, np.uint64)
        power = np.zeros(point_words, np.uint64)
        scratch = np.empty(scratch_words, np.uint64)
        add_mixed(power, 0, base, 0, False, scratch)
        for w in range(windows):
            for d in range(1, size):
                at = w * size + d
                copy(entries, at, entries, at - 1)
                add(entries, at, power, 0, scratch)
            for _ in range(c):
                double(power, 0)
        to_affine(table, entries, windows * size, scratch)

    @kernels.kernel(U64, I32, types.int64, types.int64, types.int64, U64_OUT)
    def multiply_base(table: Any, digits: Any, n: int, c: int, windows: int, out: Any) -> None:
        size = (1 << (c - 1)) + 1
        acc = np.zeros(n * point_words, np.uint64)
        scratch = np.empty(scratch_words, np.uint64)
        for i in range(n):
            for w in range(windows):
                digit = np.int64(digits[w * n + i])
                if digit:
                    add_mixed(acc, i, table, w * size + abs(digit), digit < 0, scratch)
        to_affine(out, acc, n, scratch)

    return FixedBaseKernels(window_table, multiply_base)


def best_window(n: int, scalar_bits: int) -> int:
    """Window width c that minimises n mixed additions and 2 * 2^(c-1) full ones for each window."""

    def cost(c: int) -> float:
        return window_count(scalar_bits, c) * (n + FULL_ADDITION * (1 << c))

    return min(range(2, 17), key=cost)


def msm(bases: Bases, scalars: Array, threads: int, should_stop: Callable[[], bool] | None) -> Array:
    """One MSM: ``uint64[n, 4]`` scalars to one affine point. See :meth:`kernels.backend.Backend.msm`."""
    curve, group, n = bases.curve, bases.group, len(bases)
    sum_window = window_sum(curve, group)
    bits = curve.fr.modulus.bit_length()
    c = best_window(n, bits)
    windows = window_count(bits, c)
    digits = np.empty((windows, n), np.int32)
    recoding()(scalars.reshape(-1), n, c, windows, digits.reshape(-1))
    sums = np.empty((windows, 4, curve.coordinate_limbs(group)), np.uint64)
    flat = bases.points.reshape(-1)

    def run(window: int) -> None:
        poll(should_stop)
        sum_window(flat, digits[window], n, c, sums[window].reshape(-1))

    for_each(run, range(windows), threads)
    result = np.empty(curve.point_shape(group), np.uint64)
    combine_windows(curve, group, sums, c, result)
    return result


def combine_windows(curve: Curve, group: Group, sums: Array, window_bits: int, out: Array) -> None:
    """Sum of 2^(window_bits w) sums[w], XYZZ ``uint64[windows, 4, coordinate words]``, as one affine point."""
    windows = len(sums)
    order, shifts = np.arange(windows - 1, -1, -1), np.full(windows, window_bits)
    combination(curve, group)(sums.reshape(-1), order, shifts, 1, out.reshape(-1))


FIXED_BASE_WINDOW = 8  # table of 129 points a window: 4,257 points at 33 windows, built in some milliseconds


def multiply_base(curve: Curve, group: Group, point: Array, scalars: npt.NDArray[np.uint64], threads: int) -> Array:
    """Multiples of one point. See :meth:`kernels.backend.Backend.multiply_base`."""
    kernels = fixed_base_kernels(curve, group)
    c, n = FIXED_BASE_WINDOW, len(scalars)
    windows = window_count(curve.fr.modulus.bit_length(), c)
    table = np.empty((windows * ((1 << (c - 1)) + 1), *curve.point_shape(group)), np.uint64)
    kernels.window_table(np.ascontiguousarray(point).reshape(-1), c, windows, table.reshape(-1))
    out = np.empty((n, *curve.point_shape(group)), np.uint64)

    def run(chunk: slice) -> None:
        part = np.ascontiguousarray(scalars[chunk])
        digits = np.empty((windows, len(part)), np.int32)
        recoding()(part.reshape(-1), len(part), c, windows, digits.reshape(-1))
        kernels.multiply_base(table.reshape(-1), digits.reshape(-1), len(part), c, windows, out[chunk].reshape(-1))

    size = 4096  # bounds the XYZZ accumulators and keeps several threads busy
    chunks = [slice(start, min(start + size, n)) for start in range(0, n, size)]
    for_each(run, chunks, threads)
    return out
