"""How to cut a multi-scalar multiplication: window width, tables, bucket sets, tasks. Pure arithmetic.

With ``tables`` multiples 2^(c sets t) of every base at hand, window w = t sets + u shares bucket set u with all windows
of the same u. One table is the plain algorithm (a set a window); as many tables as windows leave a single set and no
doublings at all.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

BUCKET_COST = 2.6
"""Running sums of one bucket (23 products in lanes, plus 4 of 3b), measured in affine additions."""

TASK_ENTRIES = 1 << 17
"""Additions that a task of several bucket sets should have: some 10 ms, with a workspace near the cache's size."""

MAX_TASK_ENTRIES = 1 << 20
"""Additions that a task of one bucket set may have; bounds the workspace (100 MiB in BLS12-381's G1)."""


@dataclass(frozen=True)
class Tasks:
    """Division of one multiplication: ``slices`` of points, and ``sets_each`` bucket sets at a time."""

    slices: int
    sets_each: int


@dataclass(frozen=True)
class MsmPlan:
    """Shape of a multiplication over some bases."""

    window_bits: int
    windows: int
    tables: int
    sets: int

    @property
    def buckets(self) -> int:
        """Buckets of a set: magnitudes of a signed digit."""
        return 1 << (self.window_bits - 1)

    def tasks(self, n: int, threads: int) -> Tasks:
        """Cut the work so that every thread has some and no workspace grows without bound."""
        each = max(1, min(-(-self.sets // threads), TASK_ENTRIES // max(n * self.tables, 1)))
        sets_tasks = -(-self.sets // each)
        slices = max(-(-threads // sets_tasks) if n >= 1 << 10 else 1, -(-n * self.tables // MAX_TASK_ENTRIES))
        return Tasks(slices, each)


def window_count(scalar_bits: int, c: int) -> int:
    """Windows of c bits for scalars of that many bits, with room for the last signed carry."""
    return scalar_bits // c + 1


@functools.lru_cache(maxsize=256)
def plan_msm(n: int, scalar_bits: int, max_tables: int) -> MsmPlan:
    """Return the plan of least cost: n additions a window, and the running sums of every bucket set.

    Parameters
    ----------
    max_tables
        How many multiples of each base there is room for, itself included.
    """
    plans = []
    for c in range(4, 17):
        windows = window_count(scalar_bits, c)
        sets = -(-windows // min(max_tables, windows))
        tables = -(-windows // sets)
        plans.append(MsmPlan(c, windows, tables, sets))
    return min(plans, key=lambda plan: plan.windows * n + BUCKET_COST * plan.sets * plan.buckets)
