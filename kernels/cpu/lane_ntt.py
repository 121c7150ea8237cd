"""Run the two passes of a transform in lanes: over a batch of vectors, or over slices of one large vector."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kernels.backend import Array, poll
from kernels.cpu.lane_transform import lane_transform_kernels
from kernels.cpu.lane_vectors import LANES
from kernels.cpu.scratch import borrow_scratch
from kernels.cpu.threads import for_each
from kernels.cpu.transform_plan import transform_plan
from kernels.curves import Curve

SLICES_PAY_FROM = 1 << 15
"""Elements from which half a transform takes longer than starting a thread for the other half."""


def lane_ntt(
    curve: Curve,
    values: Array,
    inverse: bool,
    coset: int | None,
    threads: int,
    should_stop: Callable[[], bool] | None = None,
    *,
    native: bool,
) -> Array:
    """Transform vectors of at least 2^6 elements; arguments and result as :meth:`kernels.backend.Backend.ntt`.

    As many vectors as fill all threads are done one a thread; those left over, if large, are each cut into slices.
    """
    n = values.shape[-2]
    out = np.empty(values.shape, np.uint64)
    pairs = list(zip(values.reshape(-1, 4 * n), out.reshape(-1, 4 * n), strict=True))
    whole = len(pairs) - (len(pairs) % threads if n >= SLICES_PAY_FROM else 0)
    columns, rows = _passes(curve, n.bit_length() - 1, inverse, coset, native)

    def run(pair: tuple[Array, Array]) -> None:
        with borrow_scratch() as scratch:
            middle = scratch.words("middle", 4 * n)
            poll(should_stop)
            columns(pair[0], middle, 0, 1)
            poll(should_stop)
            rows(middle, pair[1], 0, 1)

    for_each(run, pairs[:whole], threads)
    for source, target in pairs[whole:]:
        with borrow_scratch() as scratch:
            middle = scratch.words("middle", 4 * n)
            poll(should_stop)
            for_each(lambda part: columns(source, middle, part, threads), range(threads), threads)  # noqa: B023 - used now
            poll(should_stop)
            for_each(lambda part: rows(middle, target, part, threads), range(threads), threads)  # noqa: B023 - used now
    return out


Pass = Callable[[Array, Array, int, int], None]


def _passes(curve: Curve, log2_size: int, inverse: bool, coset: int | None, native: bool) -> tuple[Pass, Pass]:
    """Both passes as functions of source, target, number of the part and number of parts."""
    kernels = lane_transform_kernels(curve, native)
    plan = transform_plan(curve, log2_size, inverse, coset)
    column_blocks, row_blocks = (1 << plan.log2_n2) // LANES, (1 << plan.log2_n1) // LANES
    buffer_words = kernels.vector_words << max(plan.log2_n1, plan.log2_n2)
    shape = plan.log2_n1, plan.log2_n2

    def columns(source: Array, target: Array, part: int, parts: int) -> None:
        first, last = column_blocks * part // parts, column_blocks * (part + 1) // parts
        with borrow_scratch() as scratch:
            buffer = scratch.words("lanes", buffer_words)
            kernels.columns(source, plan.columns, *shape, first, last, buffer, target)

    def rows(source: Array, target: Array, part: int, parts: int) -> None:
        first, last = row_blocks * part // parts, row_blocks * (part + 1) // parts
        with borrow_scratch() as scratch:
            buffer = scratch.words("lanes", buffer_words)
            kernels.rows(source, plan.rows, plan.factors, plan.factor_step, *shape, first, last, buffer, target)

    return columns, rows
