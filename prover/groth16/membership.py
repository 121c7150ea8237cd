"""Whether points from outside belong to the groups they claim to be in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from kernels.backend import Backend
    from kernels.curves import Curve, Group
    from kernels.encoding import Limbs


def outside_group(backend: Backend, curve: Curve, group: Group, points: Limbs) -> npt.NDArray[np.bool_]:
    """Whether each point is off the curve, not reduced, or outside the subgroup of order r."""
    # Points in a mapped file may lie at any address; compiled code relies on that of a word.
    points = np.require(points, requirements=("C", "A"))
    outside: npt.NDArray[np.bool_] = ~backend.on_curve(curve, group, points)
    inside = np.flatnonzero(~outside)
    # The subgroup test presumes points on the curve.
    outside[inside] = ~backend.in_subgroup(curve, group, np.ascontiguousarray(points[inside]))
    return outside


def is_infinity(points: Limbs) -> npt.NDArray[np.bool_]:
    """Whether each of ``n`` points is the point at infinity."""
    return np.logical_not(points.any(axis=tuple(range(1, points.ndim))))
