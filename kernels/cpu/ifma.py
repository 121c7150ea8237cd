"""The ``ifma`` backend: multiplications of points in eight lanes, on CPUs with AVX-512 IFMA."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.backend import Array, Bases, Interrupted
from kernels.cpu.coordinate_scaling import coordinate_scaling
from kernels.cpu.features import has_ifma
from kernels.cpu.lane_field import LANES, RADIX, limb_count
from kernels.cpu.lane_msm import lane_msm_kernels
from kernels.cpu.lane_multiples import LaneMultiples
from kernels.cpu.lane_ntt import lane_ntt
from kernels.cpu.lane_pairing import PAIRS_PAY_FROM, miller_values
from kernels.cpu.lane_products import lane_multiply
from kernels.cpu.lane_rows import MAX_ROWS
from kernels.cpu.lane_sparse import lane_sparse_product
from kernels.cpu.msm import msm_kernels
from kernels.cpu.msm_plan import MsmPlan, plan_msm
from kernels.cpu.pairing import pairing_kernels
from kernels.cpu.portable import PortableBackend
from kernels.cpu.scratch import aligned_words, borrow_scratch
from kernels.cpu.threads import for_each
from kernels.cpu.transform_plan import SMALLEST
from kernels.curves import Curve, Group
from kernels.encoding import ints_from_limbs
from kernels.endomorphisms import membership_endomorphism
from kernels.operands import check_domain, check_multiples, check_pairs, check_points, check_scalars

LANES_PAY_FROM = 48
"""Points from which lanes beat one lane without tables; with tables they always do."""


@dataclass(frozen=True)
class LaneBases:
    """Bases as rows in the lanes' form.

    Attributes
    ----------
    rows
        ``uint64[tables * stride, row words]``: row t stride + i is 2^(c sets t) times point i.
    infinite
        Indices of points at infinity.
    """

    plan: MsmPlan
    stride: int
    rows: Array
    infinite: npt.NDArray[np.intp]


class IfmaBackend(PortableBackend):
    """Implements :class:`kernels.backend.Backend`; what has no lane kernel runs as in ``portable``.

    Parameters
    ----------
    native
        False replaces the IFMA instructions by their definition: right on any CPU, and slow. For tests.

    Raises
    ------
    ValueError
        If ``native`` and the CPU lacks the instructions.
    """

    name = "ifma"

    def __init__(self, *, native: bool = True) -> None:
        if native and not has_ifma():
            raise ValueError("this CPU has no AVX-512 IFMA instructions; use the backend 'portable'")
        self._native = native

    def load_bases(self, curve: Curve, group: Group, points: Array, table_bytes: int = 0) -> Bases:
        """Convert points to rows and precompute multiples of them in at most ``table_bytes``.

        Tables pay when a key is used more often than a few times: they save the doublings and all but a few of the
        bucket sets.
        """
        points = check_points(curve, group, points)
        n = len(points)
        stride = -(-n // LANES) * LANES
        row_words = 2 * curve.coordinate_limbs(group)
        plan = plan_msm(n, curve.fr.modulus.bit_length(), table_bytes // max(8 * row_words * stride, 1) + 1)
        if plan.tables * stride > MAX_ROWS:
            raise ValueError(f"{n} points with {plan.tables} tables exceed {MAX_ROWS} rows; split the multiplication")
        rows = aligned_words(plan.tables * stride * row_words).reshape(plan.tables * stride, row_words)
        rows[n:] = 0
        to_lanes = (1 << (RADIX * limb_count(curve.fp))) * curve.fp.R_inverse % curve.fp.modulus
        rows[:n] = coordinate_scaling(curve, to_lanes)(points).reshape(n, row_words)
        for table in range(1, plan.tables):
            block = rows[(table - 1) * stride : table * stride]
            for _ in range(plan.window_bits * plan.sets):
                block = self._doubled(curve, group, block)
            rows[table * stride : (table + 1) * stride] = block
        infinite = np.flatnonzero(~rows[:n].any(axis=1))
        return Bases(curve, group, points, LaneBases(plan, stride, rows, infinite))

    def _doubled(self, curve: Curve, group: Group, rows: Array) -> Array:
        """Twice every row: the sums of buckets that hold a row two times. A multiple of eight rows."""
        kernels, n, row_words = lane_msm_kernels(curve, group, self._native), *rows.shape
        entries = np.repeat(np.arange(n, dtype=np.uint32) << np.uint32(2), 2)
        starts = np.arange(0, 2 * n + 1, 2, dtype=np.int64)
        with borrow_scratch() as scratch:
            workspace = scratch.words("workspace", workspace_rows(2 * n) * row_words)
            pair_entries = scratch.words("pairs", n + LANES).view(np.uint32)
            room = scratch.words("room", kernels.room_words)
            kernels.sum_buckets(rows.reshape(-1), entries, starts, n, pair_entries, room, workspace)
            return workspace[row_words : (n + 1) * row_words].reshape(n, row_words).copy()

    def msm(
        self, bases: Bases, scalars: Array, threads: int = 1, should_stop: Callable[[], bool] | None = None
    ) -> Array:
        """Sum of scalars[i] * points[i]; a leading batch dimension gives one sum each."""
        scalars = check_scalars(bases, scalars)
        if bases.prepared.plan.tables == 1 and len(bases) < LANES_PAY_FROM:
            return super().msm(bases, scalars, threads, should_stop)
        if scalars.ndim == 2:
            return self._msm(bases, scalars, threads, should_stop)
        sums = [self._msm(bases, vector, threads, should_stop) for vector in scalars]
        return np.array(sums, np.uint64).reshape(len(scalars), *bases.curve.point_shape(bases.group))

    def _msm(self, bases: Bases, scalars: Array, threads: int, should_stop: Callable[[], bool] | None) -> Array:
        curve, group, n = bases.curve, bases.group, len(bases)
        prepared: LaneBases = bases.prepared
        plan = prepared.plan
        kernels, shared = lane_msm_kernels(curve, group, self._native), msm_kernels(curve, group)
        digits = np.empty((plan.windows, n), np.int32)
        shared.recode(scalars.reshape(-1), n, plan.window_bits, plan.windows, digits.reshape(-1))
        digits[:, prepared.infinite] = 0
        coordinate_words = curve.coordinate_limbs(group)
        tasks = plan.tasks(n, threads)
        sums = np.zeros((tasks.slices, plan.sets, 4, coordinate_words), np.uint64)

        def run(task: tuple[int, int]) -> None:
            if should_stop is not None and should_stop():
                raise Interrupted("the multiplication was cancelled")
            number, first_set = task
            count = min(tasks.sets_each, plan.sets - first_set)
            first, last = n * number // tasks.slices, n * (number + 1) // tasks.slices
            most = (last - first) * count * plan.tables
            starts = np.empty(count * plan.buckets + 1, np.int64)
            with borrow_scratch() as scratch:
                entries = scratch.words("entries", most // 2 + 1).view(np.uint32)
                kernels.sort(
                    digits.reshape(-1), n, plan.windows, plan.sets, prepared.stride, first_set, count, first, last,
                    plan.buckets, starts, entries,
                )  # fmt: skip
                total = int(starts[-1])
                pair_entries = scratch.words("pairs", total // 2 + LANES).view(np.uint32)
                room = scratch.words("room", kernels.room_words)
                row_words = 2 * coordinate_words
                workspace = scratch.words("workspace", workspace_rows(total) * row_words)
                workspace[:row_words] = 0
                rows = prepared.rows.reshape(-1)
                kernels.sum_buckets(rows, entries, starts, count * plan.buckets, pair_entries, room, workspace)
                out = sums[number, first_set : first_set + count].reshape(-1)
                kernels.weigh(rows, workspace, entries, starts, count, plan.buckets, out)

        jobs = [(number, u) for number in range(tasks.slices) for u in range(0, plan.sets, tasks.sets_each)]
        for_each(run, jobs, threads)
        kernels.add_sums(sums.reshape(-1), tasks.slices, plan.sets)
        result = np.empty(curve.point_shape(group), np.uint64)
        shared.combine(sums[0].reshape(-1), plan.sets, plan.window_bits, result.reshape(-1))
        return result

    def ntt(
        self, curve: Curve, values: Array, inverse: bool = False, coset: int | None = None, threads: int = 1
    ) -> Array:
        """Evaluate on, or with ``inverse`` interpolate from, the 2^k-th roots of unity (times ``coset``)."""
        values, log2_size = check_domain(curve, values, coset)
        if log2_size < SMALLEST:
            return super().ntt(curve, values, inverse, coset, threads)
        return lane_ntt(curve, values, inverse, coset, threads, native=self._native)

    def multiply_points(self, curve: Curve, group: Group, points: Array, scalars: Array) -> Array:
        """Multiples scalars[i] * points[i]."""
        points, scalars = check_multiples(curve, group, points, scalars)
        if group == "g2" or len(points) < LANES:
            return super().multiply_points(curve, group, points, scalars)
        return LaneMultiples(curve, group, native=self._native).multiply(points, ints_from_limbs(scalars))

    def in_subgroup(self, curve: Curve, group: Group, points: Array) -> npt.NDArray[np.bool_]:
        """Whether each point on the curve has order dividing r."""
        points = check_points(curve, group, points)
        if membership_endomorphism(curve, group) is None or len(points) < LANES:
            return super().in_subgroup(curve, group, points)
        return LaneMultiples(curve, group, native=self._native).in_subgroup(points)

    def _product_kernel(self, curve: Curve) -> Callable[..., None]:
        return lane_multiply(curve, self._native)

    def _sparse_kernel(self, curve: Curve) -> Callable[..., None]:
        return lane_sparse_product(curve, self._native)

    def pairing_product_is_one(self, curve: Curve, g1_points: Array, g2_points: Array) -> bool:
        """Whether the product of e(P_i, Q_i) is one."""
        g1_points, g2_points = check_pairs(curve, g1_points, g2_points)
        if len(g1_points) < PAIRS_PAY_FROM:
            return super().pairing_product_is_one(curve, g1_points, g2_points)
        values = miller_values(curve, self._native, g1_points, g2_points)
        return bool(pairing_kernels(curve).exponentiates_to_one(values.reshape(-1), len(values)))


def workspace_rows(entries: int) -> int:
    """Rows that the tree of additions may write: infinity, one a sum, and up to a vector more for each level."""
    return 1 + entries + LANES * (entries.bit_length() + 1)
