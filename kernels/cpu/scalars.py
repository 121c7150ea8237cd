"""Whole-array arithmetic in Fr: pointwise operations, sparse matrix products, number-theoretic transforms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import types

from kernels.cpu.compilation import I32, I64, U64, U64_OUT, KernelSet, compiled_once
from kernels.cpu.operation import RingSpec, operation
from kernels.curves import Curve

LIMBS = 4  # both scalar fields have four limbs of 64 bits


@dataclass(frozen=True)
class ScalarKernels:
    """Compiled operations over flat arrays of Fr elements.

    ``step`` is 1, or 0 to use the single right element for every left one.
    """

    multiply: Callable[[Any, Any, int, int, Any], None]
    add: Callable[[Any, Any, int, int, Any], None]
    subtract: Callable[[Any, Any, int, int, Any], None]
    sparse_product: Callable[[Any, Any, Any, Any, int, int, int, Any], None]
    powers: Callable[[Any, int, Any], None]
    transform: Callable[[Any, Any, int], None]


@compiled_once
def scalar_kernels(curve: Curve) -> ScalarKernels:
    """Compile, or load, the scalar kernels of a curve."""
    kernels = KernelSet(f"{curve.name}.fr")
    spec = RingSpec(curve.fr)
    product = operation(spec, lambda a, b: a * b, (1, 1), 1)
    total = operation(spec, lambda a, b: a + b, (1, 1), 1)
    difference = operation(spec, lambda a, b: a - b, (1, 1), 1)
    set_one = operation(spec, lambda ring, _: ring.one(), (1,), 1, with_ring=True)
    butterfly = operation(spec, _butterfly, (1, 1, 1), 2)

    @kernels.kernel(U64, U64, types.int64, types.int64, U64_OUT)
    def multiply(left: Any, right: Any, n: int, step: int, out: Any) -> None:
        for i in range(n):
            product(out, i, left, i, right, i * step)

    @kernels.kernel(U64, U64, types.int64, types.int64, U64_OUT)
    def add(left: Any, right: Any, n: int, step: int, out: Any) -> None:
        for i in range(n):
            total(out, i, left, i, right, i * step)

    @kernels.kernel(U64, U64, types.int64, types.int64, U64_OUT)
    def subtract(left: Any, right: Any, n: int, step: int, out: Any) -> None:
        for i in range(n):
            difference(out, i, left, i, right, i * step)

    @kernels.inner
    def one_product(indptr: Any, indices: Any, coefficients: Any, vector: Any, first: int, last: int, out: Any) -> None:
        term = np.empty(LIMBS, np.uint64)
        for row in range(first, last):
            out[LIMBS * row : LIMBS * (row + 1)] = 0
            for entry in range(indptr[row], indptr[row + 1]):
                product(term, 0, coefficients, entry, vector, np.int64(indices[entry]))
                total(out, row, out, row, term, 0)

    @kernels.kernel(I64, I32, U64, U64, types.int64, types.int64, types.int64, U64_OUT)
    def sparse_product(
        indptr: Any, indices: Any, coefficients: Any, vectors: Any, count: int, first: int, last: int, out: Any
    ) -> None:
        columns, rows = len(vectors) // count, len(out) // count
        for number in range(count):
            vector = vectors[number * columns : (number + 1) * columns]
            one_product(indptr, indices, coefficients, vector, first, last, out[number * rows : (number + 1) * rows])

    @kernels.kernel(U64, types.int64, U64_OUT)
    def powers(base: Any, n: int, out: Any) -> None:
        if n:
            set_one(out, 0, base, 0)
        for i in range(1, n):
            product(out, i, out, i - 1, base, 0)

    @kernels.inner
    def transform_one(values: Any, twiddles: Any, log2_n: int) -> None:
        n = 1 << log2_n
        pair = np.empty(2 * LIMBS, np.uint64)
        j = 0
        for i in range(1, n):
            bit = n >> 1
            while j & bit:
                j ^= bit
                bit >>= 1
            j ^= bit
            if i < j:
                for w in range(LIMBS):
                    swap = values[LIMBS * i + w]
                    values[LIMBS * i + w] = values[LIMBS * j + w]
                    values[LIMBS * j + w] = swap
        half = 1
        while half < n:
            stride = n // (2 * half)
            for block in range(0, n, 2 * half):
                for k in range(half):
                    low, high = block + k, block + k + half
                    butterfly(pair, 0, values, low, values, high, twiddles, k * stride)
                    for w in range(LIMBS):
                        values[LIMBS * low + w] = pair[w]
                        values[LIMBS * high + w] = pair[LIMBS + w]
            half *= 2

    @kernels.kernel(U64_OUT, U64, types.int64)
    def transform(values: Any, twiddles: Any, log2_n: int) -> None:
        # One transform after the other; decimation in time after a bit reversal: natural order in, natural order out.
        n = 1 << log2_n
        for first in range(0, len(values), LIMBS * n):
            transform_one(values[first : first + LIMBS * n], twiddles, log2_n)

    return ScalarKernels(multiply, add, subtract, sparse_product, powers, transform)


def _butterfly(low: Any, high: Any, twiddle: Any) -> tuple[Any, Any]:
    """Radix-2 butterfly of Cooley and Tukey."""
    turned = high * twiddle
    return low + turned, low - turned
