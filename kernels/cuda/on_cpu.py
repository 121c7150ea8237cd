"""What every backend with a device leaves to the CPU: pairings, their equations, and membership of points.

There are no kernels for these, and verification must not depend on the device.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.backend import Array, Backend, CombinationAnswer, EquationAnswer, PairingEquation
from kernels.curves import Curve, Group


class OnCpu:
    """The part of :class:`kernels.backend.Backend` that ``cpu`` does; the documentation is there."""

    cpu: Backend

    def on_curve(self, curve: Curve, group: Group, points: Array) -> npt.NDArray[np.bool_]:
        """Whether each point has coordinates below p and lies on the curve."""
        return self.cpu.on_curve(curve, group, points)

    def in_subgroup(self, curve: Curve, group: Group, points: Array) -> npt.NDArray[np.bool_]:
        """Whether each point on the curve has order dividing r."""
        return self.cpu.in_subgroup(curve, group, points)

    def pairing_product_is_one(self, curve: Curve, g1_points: Array, g2_points: Array) -> bool:
        """Whether the product of e(P_i, Q_i) is one."""
        return self.cpu.pairing_product_is_one(curve, g1_points, g2_points)

    def load_equation(self, curve: Curve, p: Array, q: Array, bases: Array) -> PairingEquation:
        """Prepare a pairing equation to be checked many times."""
        return self.cpu.load_equation(curve, p, q, bases)

    def check_equation(self, equation: PairingEquation, scalars: Array, a: Array, b: Array, c: Array) -> EquationAnswer:
        """Check a pairing equation."""
        return self.cpu.check_equation(equation, scalars, a, b, c)

    def check_combination(
        self, equation: PairingEquation, weights: Array, scalars: Array, a: Array, b: Array, c: Array
    ) -> CombinationAnswer:
        """Check equations at once."""
        return self.cpu.check_combination(equation, weights, scalars, a, b, c)
