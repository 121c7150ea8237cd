"""What the binary formats share: primes, and checks of arrays of field elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from kernels.curves import CURVES
from prover.r1cs import values_at_or_above

if TYPE_CHECKING:
    from kernels.curves import Curve
    from kernels.encoding import Limbs
    from prover.formats.container import Section

ELEMENT_BYTES = 32
"""Of a scalar, on both curves."""


def read_scalar_field(section: Section) -> Curve:
    """Read the length of an element and the prime r, and return the curve that has it.

    Raises
    ------
    BadInput
        If it is none of ours.
    """
    at = section.at
    length = section.u32("the length of a field element")
    if length > 4096:
        section.refuse(f"field elements of {length} bytes", at)
    prime = section.number(length, "the prime")
    for curve in CURVES:
        if curve.fr.modulus == prime and length == ELEMENT_BYTES:
            return curve
    known = ", ".join(curve.name for curve in CURVES)
    raise section.fault(f"the prime is that of no curve known here ({known})", at)


def scalar_field_bytes(curve: Curve) -> bytes:
    """What :func:`read_scalar_field` reads."""
    return ELEMENT_BYTES.to_bytes(4, "little") + curve.fr.modulus.to_bytes(ELEMENT_BYTES, "little")


def check_below_r(section: Section, curve: Curve, values: Limbs, offset_of: Callable[[int], int], what: str) -> None:
    """Refuse values ``uint64[n, 4]`` at or above r, naming the offset in the file of the first."""
    too_large = values_at_or_above(values, curve.fr.modulus)
    if too_large.any():
        index = int(np.argmax(too_large))
        section.refuse(f"{what} {index} is not below r of {curve.name}", offset_of(index))
