"""Points and scalars of the cases, the same in every run."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kernels import Array, Backend, Curve, Group, limbs_from_ints, points_from_ints


@dataclass(frozen=True)
class MsmOperands:
    """Scalars and distinct points of an MSM of 2^log2_n points.

    Point (i, j) is (a_i + b_j) G for random a_i, b_j: cheap to make in any library, with sums that do not collide as
    those of consecutive multiples do.
    """

    curve: Curve
    group: Group
    log2_n: int

    @property
    def n(self) -> int:
        """Number of points."""
        return 1 << self.log2_n

    @cached_property
    def _drawn(self) -> tuple[list[int], list[int], list[int]]:
        rng = random.Random(self.log2_n)
        lengths = (1 << self.log2_n // 2, 1 << (self.log2_n + 1) // 2, self.n)
        a, b, scalars = ([rng.randrange(self.curve.fr.modulus) for _ in range(length)] for length in lengths)
        return a, b, scalars

    @property
    def grid(self) -> tuple[list[int], list[int]]:
        """The a_i and the b_j."""
        return self._drawn[:2]

    @property
    def scalars(self) -> list[int]:
        """Uniform below r."""
        return self._drawn[2]

    def scalar_limbs(self) -> Array:
        """The scalars as our kernels take them."""
        return limbs_from_ints(self.scalars, 4)

    def points(self, backend: Backend) -> Array:
        """The points as our kernels take them."""
        rows, columns = self.grid
        multiples = [(a + b) % self.curve.fr.modulus for a in rows for b in columns]
        return backend.multiply_base(
            self.curve, self.group, generator(self.curve, self.group), limbs_from_ints(multiples, 4)
        )


def generator(curve: Curve, group: Group) -> Array:
    """The group's generator, affine."""
    (point,) = points_from_ints(curve, group, [curve.g1_generator if group == "g1" else curve.g2_generator])
    return np.asarray(point, np.uint64)
