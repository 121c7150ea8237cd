"""Images of points under an endomorphism."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types

from kernels.backend import Array
from kernels.cpu.compilation import U64, U64_OUT, KernelSet, compiled_once
from kernels.cpu.operation import operation
from kernels.cpu.points import ring_spec
from kernels.curves import Curve, Group
from kernels.encoding import montgomery_from_ints
from kernels.endomorphisms import Endomorphism
from kernels.formulas import miller


def point_images(curve: Curve, group: Group, endomorphism: Endomorphism, points: Array) -> Array:
    """E(P) of each affine point; coordinates canonical, in any multiple of the Montgomery form, of the same shape."""
    degree = 1 if group == "g1" else 2
    coordinates = [c for factor in endomorphism.factors for c in factor[:degree]]
    factors = montgomery_from_ints(curve.fp, coordinates).reshape(-1)
    out = np.empty(points.shape, np.uint64)
    _image_kernel(curve, group)(points.reshape(-1), len(points), factors, out.reshape(-1))
    return out


@compiled_once
def _image_kernel(curve: Curve, group: Group) -> Callable[[Any, int, Any, Any], None]:
    """Compile, or load, ``image(points, n, factors, out)``."""
    apply = operation(
        ring_spec(curve, group), _multiply_x if group == "g1" else miller.twisted_frobenius, (2, 2), 2, outline=True
    )

    @KernelSet(f"{curve.name}.{group}.images").kernel(U64, types.int64, U64, U64_OUT)
    def image(points: Any, n: int, factors: Any, out: Any) -> None:
        for k in range(n):
            apply(out, k, points, k, factors, 0)

    return image


def _multiply_x(point: tuple[Any, Any], factors: tuple[Any, Any]) -> tuple[Any, Any]:
    return point[0] * factors[0], point[1]
