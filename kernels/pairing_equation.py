"""Pairing equations as products of pairings: what backends do that have nothing better."""

from __future__ import annotations

import numpy as np

from kernels.backend import Array, Backend, CombinationAnswer, EquationAnswer, PairingEquation
from kernels.curves import Curve
from kernels.encoding import ints_from_limbs, limbs_from_ints


def load(backend: Backend, curve: Curve, p: Array, q: Array, bases: Array) -> PairingEquation:
    """Prepare no more than the bases."""
    return PairingEquation(curve, p, q, backend.load_bases(curve, "g1", bases))


def check(backend: Backend, equation: PairingEquation, scalars: Array, a: Array, b: Array, c: Array) -> EquationAnswer:
    """Check B's subgroup, then the product; see :meth:`kernels.backend.Backend.check_equation`."""
    if not backend.in_subgroup(equation.curve, "g2", b[np.newaxis])[0]:
        return EquationAnswer(b_in_subgroup=False, holds=False)
    g1 = np.stack([a, equation.p, backend.msm(equation.bases, scalars), c])
    g2 = np.concatenate([b[np.newaxis], equation.q])
    return EquationAnswer(b_in_subgroup=True, holds=backend.pairing_product_is_one(equation.curve, g1, g2))


def check_combined(
    backend: Backend, equation: PairingEquation, weights: Array, scalars: Array, a: Array, b: Array, c: Array
) -> CombinationAnswer:
    """Check the Bs' subgroup, then the product; see :meth:`kernels.backend.Backend.check_combination`."""
    curve = equation.curve
    inside = backend.in_subgroup(curve, "g2", b)
    if not inside.all():
        return CombinationAnswer(inside, holds=False)
    p = backend.msm(backend.load_bases(curve, "g1", equation.p[np.newaxis]), sum_of(curve, weights))
    sums = np.stack(
        [
            p,
            backend.msm(equation.bases, scalars),
            backend.msm(backend.load_bases(curve, "g1", c), weights),
        ]
    )
    g1 = np.concatenate([backend.multiply_points(curve, "g1", a, weights), sums])
    holds = backend.pairing_product_is_one(curve, g1, np.concatenate([b, equation.q]))
    return CombinationAnswer(inside, holds)


def sum_of(curve: Curve, weights: Array) -> Array:
    """Sum of scalars modulo r: ``uint64[1, 4]``."""
    return limbs_from_ints([sum(ints_from_limbs(weights)) % curve.fr.modulus], 4)
