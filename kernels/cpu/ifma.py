"""The ``ifma`` backend: multiplications of points in eight lanes, on CPUs with AVX-512 IFMA."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from kernels import pairing_equation
from kernels.backend import Array, Bases, CombinationAnswer, EquationAnswer, PairingEquation
from kernels.cpu import lane_membership
from kernels.cpu import msm as msm_algorithm
from kernels.cpu.bucket_msm import Arithmetic
from kernels.cpu.features import has_ifma
from kernels.cpu.lane_buckets import eight_lanes
from kernels.cpu.lane_multiples import LaneMultiples
from kernels.cpu.lane_ntt import lane_ntt
from kernels.cpu.lane_pairing import PAIRS_PAY_FROM, miller_values
from kernels.cpu.lane_products import lane_multiply
from kernels.cpu.lane_sparse import lane_sparse_product
from kernels.cpu.lane_vectors import LANES
from kernels.cpu.lane_window_sum import WindowTables, affine_from_projective
from kernels.cpu.packed_pairing import packed_pairing
from kernels.cpu.portable import PortableBackend
from kernels.cpu.transform_plan import SMALLEST
from kernels.curves import Curve, Group
from kernels.encoding import montgomery_from_ints
from kernels.operands import (
    check_domain,
    check_equation_points,
    check_multiples,
    check_pairs,
    check_points,
    check_scalars,
)

LANES_PAY_FROM = 48
"""Points from which lanes beat one lane without tables; with tables they always do."""

WINDOW_TABLES_UP_TO = 32
"""Bases of a pairing equation that get tables of every window's multiples, of 48 KiB each on BLS12-381."""


@dataclass(frozen=True)
class PackedEquation:
    """What :mod:`kernels.cpu.packed_pairing` prepares of a pairing equation, and tables of the bases if few."""

    constant: Array
    lines: Array
    tables: WindowTables | None
    p: WindowTables


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
        """Convert points to rows and precompute multiples of them; see :meth:`PortableBackend.load_bases`."""
        bases = super().load_bases(curve, group, points, table_bytes)
        return replace(bases, points=np.ascontiguousarray(points)) if len(points) < LANES_PAY_FROM else bases

    def msm(
        self, bases: Bases, scalars: Array, threads: int = 1, should_stop: Callable[[], bool] | None = None
    ) -> Array:
        """Sum of scalars[i] * points[i]; a leading batch dimension gives one sum each."""
        attached = not len(bases.points)  # over a table, which stands for the points
        if bases.prepared.plan.blocks > 1 or len(bases) >= LANES_PAY_FROM or attached:
            return super().msm(bases, scalars, threads, should_stop)
        scalars = check_scalars(bases, scalars)
        batch = scalars if scalars.ndim == 3 else scalars[np.newaxis]
        sums = np.array([msm_algorithm.msm(bases, vector, threads, should_stop) for vector in batch], np.uint64)
        return sums.reshape(*scalars.shape[:-2], *bases.curve.point_shape(bases.group))

    def ntt(
        self,
        curve: Curve,
        values: Array,
        inverse: bool = False,
        coset: int | None = None,
        threads: int = 1,
        should_stop: Callable[[], bool] | None = None,
    ) -> Array:
        """Evaluate on, or with ``inverse`` interpolate from, the 2^k-th roots of unity (times ``coset``)."""
        values, log2_size = check_domain(curve, values, coset)
        if log2_size < SMALLEST:
            return super().ntt(curve, values, inverse, coset, threads, should_stop)
        return lane_ntt(curve, values, inverse, coset, threads, should_stop, native=self._native)

    def multiply_points(self, curve: Curve, group: Group, points: Array, scalars: Array) -> Array:
        """Multiples scalars[i] * points[i]."""
        points, scalars = check_multiples(curve, group, points, scalars)
        if group == "g2" or len(points) < LANES:
            return super().multiply_points(curve, group, points, scalars)
        return LaneMultiples(curve, group, native=self._native).multiply(points, scalars)

    def in_subgroup(self, curve: Curve, group: Group, points: Array) -> npt.NDArray[np.bool_]:
        """Whether each point on the curve has order dividing r."""
        points = check_points(curve, group, points)
        if group == "g1":
            return lane_membership.in_subgroup(curve, points, native=self._native)
        return LaneMultiples(curve, group, native=self._native).in_subgroup(points)

    def _arithmetic(self, curve: Curve, group: Group) -> Arithmetic:
        return eight_lanes(curve, group, self._native)

    def _product_kernel(self, curve: Curve) -> Callable[..., None]:
        return lane_multiply(curve, self._native)

    def _sparse_kernel(self, curve: Curve) -> Callable[..., None]:
        return lane_sparse_product(curve, self._native)

    def pairing_product_is_one(self, curve: Curve, g1_points: Array, g2_points: Array) -> bool:
        """Whether the product of e(P_i, Q_i) is one."""
        g1_points, g2_points = check_pairs(curve, g1_points, g2_points)
        finite = g1_points.any(axis=(1, 2)) & g2_points.any(axis=(1, 2, 3))
        if not finite.all():
            g1_points, g2_points = g1_points[finite], g2_points[finite]
        pairing = packed_pairing(curve, self._native)
        if len(g1_points) < PAIRS_PAY_FROM:
            value, _ = pairing.miller_value(g1_points, g2_points)
            return pairing.is_one([], [value])
        values, _ = miller_values(curve, self._native, g1_points, g2_points)
        return pairing.is_one(values, [])

    def load_equation(self, curve: Curve, p: Array, q: Array, bases: Array) -> PairingEquation:
        """Prepare a pairing equation: the value of (P, Q_0), the lines of Q_1 and Q_2, and tables of few bases."""
        p, q = check_equation_points(curve, p, q)
        loaded = self.load_bases(curve, "g1", bases)
        pairing = packed_pairing(curve, self._native)
        constant, _ = pairing.miller_value(p[np.newaxis], q[:1])
        few = len(loaded) <= WINDOW_TABLES_UP_TO
        tables = WindowTables(curve, loaded.points, native=self._native) if few else None
        table_of_p = WindowTables(curve, p[np.newaxis], native=self._native)
        prepared = PackedEquation(constant, pairing.lines(q[1], q[2]), tables, table_of_p)
        return PairingEquation(curve, p, q, loaded, prepared)

    def check_equation(self, equation: PairingEquation, scalars: Array, a: Array, b: Array, c: Array) -> EquationAnswer:
        """Check a pairing equation for A, B, C and scalars."""
        curve, prepared, scalars = equation.curve, equation.prepared, check_scalars(equation.bases, scalars)
        a, c = check_points(curve, "g1", np.stack([a, c]))
        (b,) = check_points(curve, "g2", b[np.newaxis])
        one = montgomery_from_ints(curve.fp, [1])
        if prepared.tables is None:
            total = np.concatenate([self.msm(equation.bases, scalars), one])
            infinite = not total[:2].any()
        else:
            total = prepared.tables.sum(scalars)
            infinite = not total[2].any()
        if infinite or not (a.any() and b.any() and c.any()):
            return super().check_equation(equation, scalars, a, b, c)
        fixed = np.stack([total, np.concatenate([c, one])])
        pairing = packed_pairing(curve, self._native)
        is_one, inside = pairing.prepared_is_one(prepared.constant, prepared.lines, fixed, a, b)
        return EquationAnswer(b_in_subgroup=inside, holds=inside and is_one)

    def check_combination(
        self, equation: PairingEquation, weights: Array, scalars: Array, a: Array, b: Array, c: Array
    ) -> CombinationAnswer:
        """Check equations at once, each raised to its weight."""
        curve, prepared, scalars = equation.curve, equation.prepared, check_scalars(equation.bases, scalars)
        a, b = check_pairs(curve, a, b)
        a = self.multiply_points(curve, "g1", a, weights)
        p = affine_from_projective(curve, prepared.p.sum(pairing_equation.sum_of(curve, weights)))
        total = (
            self.msm(equation.bases, scalars)
            if prepared.tables is None
            else affine_from_projective(curve, prepared.tables.sum(scalars))
        )
        sums = np.stack([p, total, self.msm(self.load_bases(curve, "g1", c), weights)])
        g1, g2 = np.concatenate([a, sums]), np.concatenate([b, equation.q])
        values, inside = miller_values(curve, self._native, g1, g2)
        inside = inside[: len(b)]
        lonely = ~a.any(axis=(1, 2))  # no pair, so no Miller loop has told
        if lonely.any():
            inside[lonely] = self.in_subgroup(curve, "g2", b[lonely])
        holds = bool(inside.all()) and packed_pairing(curve, self._native).is_one(values, [])
        return CombinationAnswer(inside, holds)
