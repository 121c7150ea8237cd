"""Values in 64 bits, and sums of them that cannot wrap around the field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prover.circuit_builder import CircuitBuilder
    from prover.linear_combination import LinearCombination

VALUE_BITS = 64


def constrain_value(builder: CircuitBuilder, value: LinearCombination, name: str) -> None:
    """Constrain 0 <= value < 2^64: 65 constraints."""
    builder.to_bits(value, VALUE_BITS, f"{name}.range")


def constrain_balance(
    builder: CircuitBuilder, left: Sequence[LinearCombination], right: Sequence[LinearCombination], name: str
) -> None:
    """Constrain sum(left) = sum(right) over the integers; every term must have passed :func:`constrain_value`.

    n terms stay below n 2^64, so that equality mod r is equality of integers as long as n 2^64 < r.
    """
    if max(len(left), len(right)) << VALUE_BITS >= builder.curve.fr.modulus:
        raise ValueError(f"{name}: too many terms for a sum that cannot wrap")
    builder.assert_equal(builder.sum((1, term) for term in left), builder.sum((1, term) for term in right), name)
