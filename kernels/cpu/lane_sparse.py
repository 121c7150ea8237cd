"""Sparse matrix products with eight entries at a time in lanes.

The products of eight entries, of whatever rows, are independent; only their sums by row are done one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from kernels.cpu.compilation import I32, I64, U64, U64_OUT, KernelSet, compiled_once
from kernels.cpu.lane_field import LaneSpec
from kernels.cpu.lane_vectors import LANES, WORD
from kernels.cpu.lane_words import WORDS, load_words, pointers_to, store_words, words_product
from kernels.cpu.operation import RingSpec, operation
from kernels.curves import Curve

CHUNK = 256  # products that wait for their sums in the L1 cache; a multiple of the lanes
INT = types.int64


@compiled_once
def lane_sparse_product(curve: Curve, native: bool) -> Callable[..., None]:
    """Compile, or load, ``(indptr, indices, coefficients, vectors, count, first, last, out)``.

    It computes rows first .. last of the product with each of ``count`` vectors.
    """
    kernels = KernelSet(f"{curve.name}.fr.lane_sparse{'' if native else '_emulated'}")
    scalar = RingSpec(curve.fr)
    product = operation(scalar, lambda a, b: a * b, (1, 1), 1)
    total = operation(scalar, lambda a, b: a + b, (1, 1), 1)
    eight_products = _eight_products(LaneSpec(curve.fr, native))

    @kernels.inner
    def one_product(indptr: Any, indices: Any, coefficients: Any, vector: Any, first: int, last: int, out: Any) -> None:
        products = np.empty(WORDS * CHUNK, np.uint64)
        for word in range(WORDS * first, WORDS * last):
            out[word] = 0
        row = first
        for start in range(indptr[first], indptr[last], CHUNK):
            end = min(start + CHUNK, indptr[last])
            entry = start
            while entry + LANES <= end:
                eight_products(products, entry - start, coefficients, vector, indices, entry)
                entry += LANES
            while entry < end:
                product(products, entry - start, coefficients, entry, vector, np.int64(indices[entry]))
                entry += 1
            for entry in range(start, end):
                while entry >= indptr[row + 1]:
                    row += 1
                total(out, row, out, row, products, entry - start)

    @kernels.kernel(I64, I32, U64, U64, INT, INT, INT, U64_OUT)
    def sparse_product(
        indptr: Any, indices: Any, coefficients: Any, vectors: Any, count: int, first: int, last: int, out: Any
    ) -> None:
        columns, rows = len(vectors) // count, len(out) // count
        for number in range(count):
            vector = vectors[number * columns : (number + 1) * columns]
            one_product(indptr, indices, coefficients, vector, first, last, out[number * rows : (number + 1) * rows])

    return sparse_product


def _eight_products(spec: LaneSpec) -> Any:
    """Make the intrinsic ``(products, i, coefficients, vector, indices, entry)``: products of eight entries from i on.

    Coefficients are in the Montgomery form of R = 2^256.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Sequence[Any]) -> ir.Value:
        ring = spec.emit(builder)
        products, coefficients, vector, indices = (
            context.make_array(signature.args[n])(context, builder, arguments[n]).data for n in (0, 2, 3, 4)
        )
        i, entry = arguments[1], arguments[5]
        entries = [builder.add(entry, WORD(lane)) for lane in range(LANES)]
        columns = [builder.zext(builder.load(builder.gep(indices, [place])), WORD) for place in entries]
        value = load_words(ring, pointers_to(builder, vector, columns))
        coefficient = load_words(ring, pointers_to(builder, coefficients, entries))
        places = [builder.add(i, WORD(lane)) for lane in range(LANES)]
        store_words(ring, words_product(coefficient, value), pointers_to(builder, products, places))
        return context.get_dummy_value()

    def eight_products(
        _context: Any, products: Any, _i: Any, coefficients: Any, vector: Any, indices: Any, _entry: Any
    ) -> Any:
        return types.void(products, INT, coefficients, vector, indices, INT), generate

    return intrinsic(eight_products)
