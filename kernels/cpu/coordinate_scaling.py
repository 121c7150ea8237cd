"""Carry points from one Montgomery form to another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types

from kernels.backend import Array
from kernels.cpu.compilation import U64, U64_OUT, KernelSet, compiled_once
from kernels.cpu.operation import RingSpec, operation
from kernels.curves import Curve
from kernels.encoding import montgomery_from_ints
from kernels.formulas import weierstrass


@compiled_once
def coordinate_scaling(curve: Curve, factor: int) -> Callable[[Array], Array]:
    """Return a function that multiplies every coordinate of points by a constant of the base field."""
    kernels = KernelSet(f"{curve.name}.scaling")
    multiply = operation(RingSpec(curve.fp), weierstrass.product, (1, 1), 1)

    @kernels.kernel(U64, U64, types.int64, U64_OUT)
    def scale(values: Any, constant: Any, n: int, out: Any) -> None:
        for i in range(n):
            multiply(out, i, values, i, constant, 0)

    constant = montgomery_from_ints(curve.fp, [factor]).reshape(-1)

    def apply(points: Array) -> Array:
        out = np.empty(points.size, np.uint64)
        scale(points.reshape(-1), constant, points.size // curve.fp.limbs, out)
        return out

    return apply
