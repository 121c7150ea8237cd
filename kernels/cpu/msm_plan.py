"""How to cut a multi-scalar multiplication: parts of scalars, window width, tables, bucket sets, tasks.

Scalars are cut into ``images`` parts, one for each image of a point under an endomorphism, and each part into windows.
With ``tables`` multiples 2^(c sets t) of every image at hand, window w = t sets + u shares bucket set u with all
windows of the same u. One table is the plain algorithm (a set a window); as many tables as windows leave a single set
and no doublings at all. With ``multiples`` 2 every table holds its points once and twice: a digit of odd 2-adic
valuation is then twice one of even valuation, so a third of the buckets stay empty, and windows may be wider. Pure
arithmetic.

References
----------
G. Luo, S. Fu, G. Gong, "Speeding up multi-scalar multiplication over fixed points towards efficient zkSNARKs", TCHES
2023(2), pp. 358-380 (buckets for some digits only, the others by multiples of the points).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

BUCKET_COST = 2.1
"""Additions that weigh a bucket: into the sums of a row and of a column (see :mod:`kernels.cpu.buckets`)."""

SET_COST = 150
"""Additions that a set costs besides: its short lists, and its doublings."""

DOUBLED_COST = 1.03
"""An addition whose row is one of twice as many: more misses."""

DOUBLED_SET_COST = 1500
"""Additions that a set of doubled rows costs besides: buckets of two lengths leave more lanes without a piece."""

SHORT_LIST = 4
"""Binary logarithm of the longest list that is weighed by running sums."""

NARROWEST, WIDEST = 3, 17
"""Windows, in bits: counts of wider ones would leave the second-level cache."""

TASK_ENTRIES = 1 << 17
"""Additions that a task of several bucket sets or several multiplications should have: some 10 ms."""


@dataclass(frozen=True)
class Tasks:
    """Division of a batch: ``msms_each`` multiplications, ``sets_each`` bucket sets, ``slices`` of the points."""

    msms_each: int
    sets_each: int
    slices: int


@dataclass(frozen=True)
class MsmPlan:
    """Shape of a multiplication over some bases.

    Attributes
    ----------
    multiples
        2 if every table holds its points once and twice, else 1.
    """

    images: int
    window_bits: int
    windows: int
    tables: int
    sets: int
    multiples: int

    @property
    def blocks(self) -> int:
        """Blocks of rows, a row an image in each: one for each multiple of each table."""
        return self.tables * self.multiples

    @property
    def buckets(self) -> int:
        """Buckets of a set: magnitudes of a signed digit."""
        return 1 << (self.window_bits - 1)

    @property
    def used_buckets(self) -> int:
        """How many of them there are entries for: with two multiples, those of even 2-adic valuation."""
        return self.buckets if self.multiples == 1 else (2 * self.buckets + 1) // 3

    @property
    def regroupings(self) -> list[int]:
        """Width h of the columns each time the lists of a set are halved, until they are short."""
        log2_length, widths = self.window_bits - 1, []
        while log2_length > SHORT_LIST:
            widths.append(log2_length // 2)
            log2_length -= widths[-1]
        return widths

    @property
    def list_exponents(self) -> list[int]:
        """List i of a set counts 2^exponent times."""
        exponents = [0]
        for h in self.regroupings:
            exponents = [e for exponent in exponents for e in (exponent + h, exponent)]
        return exponents

    @property
    def list_length(self) -> int:
        """Buckets of a short list."""
        return self.buckets >> sum(self.regroupings)

    def tasks(self, n: int, msms: int, threads: int) -> Tasks:
        """Cut a batch so that every thread has some work, and no task takes long."""
        entries = self.windows * self.images * max(n, 1)
        if 2 * entries <= TASK_ENTRIES:
            return Tasks(min(-(-msms // threads), TASK_ENTRIES // entries), self.sets, 1)
        each = max(1, min(-(-self.sets * msms // threads), TASK_ENTRIES * self.sets // entries, self.sets))
        tasks = -(-self.sets // each) * msms
        return Tasks(1, each, -(-threads // tasks))


def window_count(scalar_bits: int, c: int) -> int:
    """Windows of c bits for scalars of that many bits, with room for the last signed carry."""
    return scalar_bits // c + 1


@functools.lru_cache(maxsize=256)
def plan_msm(n: int, cuts: Sequence[tuple[int, int]], max_rows: int, most_multiples: int) -> MsmPlan:
    """Return the plan of least cost; of equal ones, that of the fewest rows.

    Parameters
    ----------
    cuts
        Ways to cut a scalar: number of parts, and their bits.
    max_rows
        How many rows there is room for to each base: blocks times images. Images without tables always have room.
    most_multiples
        1 or 2.
    """
    plans = []
    for images, bits in cuts:
        for c in range(NARROWEST, WIDEST + 1):
            windows = window_count(bits, c)
            for multiples in range(1, most_multiples + 1):
                if multiples > 1 and multiples * images > max_rows:
                    continue
                sets = -(-windows // max(1, min(max_rows // (multiples * images), windows)))
                plans.append(MsmPlan(images, c, windows, -(-windows // sets), sets, multiples))
    return min(plans, key=lambda plan: (additions(plan, n), plan.blocks * plan.images))


def additions(plan: MsmPlan, n: int) -> float:
    """Cost of a multiplication of n points in additions: one an entry, and the weighing of every bucket set."""
    each, besides = (1, SET_COST) if plan.multiples == 1 else (DOUBLED_COST, SET_COST + DOUBLED_SET_COST)
    return each * plan.windows * plan.images * n + plan.sets * (BUCKET_COST * plan.used_buckets + besides)
