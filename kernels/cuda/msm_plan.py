"""How a multi-scalar multiplication is cut on a device, and the memory that takes. Pure arithmetic.

See :mod:`kernels.cpu.msm_plan` for tables and bucket sets; the rest is of :file:`sources/msm.cu`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from kernels.cpu.msm_plan import window_count

MIXED_PRODUCTS = 10
FULL_PRODUCTS = 14
SEGMENT_BITS = 5
"""log2 of the entries that one thread adds: long enough that a binary search and a store are noise beside it."""
MERGE_BITS = 4
SLICE_BITS = 5
"""log2 of the buckets whose running sums one thread makes."""
LARGEST_WINDOW = 22
MOST_ENTRIES = 1 << 31
"""Places are 32-bit numbers, and an entry is twice a table index and a sign."""


@dataclass(frozen=True)
class MsmPlan:
    """Shape of multiplications over one set of bases.

    Attributes
    ----------
    tables
        Multiples of every point that are kept: 2^(window_bits sets t) times the point for t below ``tables``.
    sets
        Bucket sets of a row; ``tables * sets`` is at least ``windows``.
    segment_bits, merge_bits, slice_bits
        log2 of the work of one thread in ``accumulate``, ``merge_partials`` and ``sum_slices``.
    """

    window_bits: int
    windows: int
    tables: int
    sets: int
    segment_bits: int = SEGMENT_BITS
    merge_bits: int = MERGE_BITS
    slice_bits: int = SLICE_BITS

    @property
    def buckets(self) -> int:
        """Buckets of one set."""
        return 1 << (self.window_bits - 1)

    @property
    def row_buckets(self) -> int:
        """Buckets of a row of scalars."""
        return self.sets * self.buckets

    @property
    def set_slice_bits(self) -> int:
        """log2 of the buckets of a slice; a small set is one slice."""
        return min(self.slice_bits, self.window_bits - 1)

    def products(self, n: int) -> int:
        """Field products of one row of n scalars, doublings of the host excluded."""
        slices = self.row_buckets >> self.set_slice_bits
        offsets = slices * self.window_bits * (FULL_PRODUCTS + FULL_PRODUCTS // 2)
        return self.windows * n * MIXED_PRODUCTS + 2 * self.row_buckets * FULL_PRODUCTS + offsets

    def workspace_bytes(self, n: int, rows: int, xyzz_bytes: int) -> int:
        """Memory of one sequence of launches over n points and that many rows, scalars included; tables are not."""
        buckets, entries = rows * self.row_buckets, rows * self.windows * n
        partials, positions = 0, entries
        bits = self.segment_bits
        while True:
            positions = -(-positions >> bits)
            partials += positions
            bits = self.merge_bits
            if positions <= 1:
                break
        points = buckets + partials + (buckets >> self.set_slice_bits) + rows * self.sets
        scan = 2 * (buckets + 1) + 2 * -(-(buckets + 1) // 1024)
        return 32 * rows * n + 4 * (scan + entries) + xyzz_bytes * points + _ALLOCATIONS * _ALIGNMENT


_ALLOCATIONS = 24
_ALIGNMENT = 512
"""What an allocator rounds up to."""


@functools.lru_cache(maxsize=256)
def plan_msm(n: int, scalar_bits: int, max_tables: int) -> MsmPlan:
    """Return the plan of fewest products.

    Parameters
    ----------
    max_tables
        How many multiples of each point there is room for, itself included.
    """
    plans = []
    for c in range(4, LARGEST_WINDOW + 1):
        windows = window_count(scalar_bits, c)
        sets = -(-windows // min(max(max_tables, 1), windows))
        plan = MsmPlan(c, windows, -(-windows // sets), sets)
        if plan.tables * max(n, 1) * 2 < MOST_ENTRIES:
            plans.append(plan)
    if not plans:
        raise ValueError(f"{n} points are more than a device sorts at once; split the multiplication")
    return min(plans, key=lambda plan: plan.products(n))
