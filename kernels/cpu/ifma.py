"""The ``ifma`` backend: multiplications of points in eight lanes, on CPUs with AVX-512 IFMA."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from kernels.backend import Array, Bases
from kernels.cpu.features import has_ifma
from kernels.cpu.lane_field import LANES
from kernels.cpu.lane_msm import lane_bases, lane_msm
from kernels.cpu.lane_multiples import LaneMultiples
from kernels.cpu.lane_ntt import lane_ntt
from kernels.cpu.lane_pairing import PAIRS_PAY_FROM, miller_values
from kernels.cpu.lane_products import lane_multiply
from kernels.cpu.lane_sparse import lane_sparse_product
from kernels.cpu.pairing import pairing_kernels
from kernels.cpu.portable import PortableBackend
from kernels.cpu.transform_plan import SMALLEST
from kernels.curves import Curve, Group
from kernels.encoding import ints_from_limbs
from kernels.endomorphisms import membership_endomorphism
from kernels.operands import check_domain, check_multiples, check_pairs, check_points, check_scalars

LANES_PAY_FROM = 48
"""Points from which lanes beat one lane without tables; with tables they always do."""


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
        return Bases(curve, group, points, lane_bases(curve, group, points, table_bytes, self._native))

    def msm(
        self, bases: Bases, scalars: Array, threads: int = 1, should_stop: Callable[[], bool] | None = None
    ) -> Array:
        """Sum of scalars[i] * points[i]; a leading batch dimension gives one sum each."""
        scalars = check_scalars(bases, scalars)
        if bases.prepared.plan.tables == 1 and len(bases) < LANES_PAY_FROM:
            return super().msm(bases, scalars, threads, should_stop)
        batch = scalars if scalars.ndim == 3 else scalars[np.newaxis]
        sums = lane_msm(bases, batch, threads, should_stop, self._native)
        return sums.reshape(*scalars.shape[:-2], *bases.curve.point_shape(bases.group))

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
