"""The circuit of the whole-proof cases: x_(i+1) = x_i^2 + c, as often as wanted.

Every constraint multiplies two full-size values, so no column is empty and no scalar small: the hardest witness of its
size for a prover that skips what is trivial.
"""

from __future__ import annotations

import random

from kernels import Curve
from prover.circuit import Circuit, Inputs
from prover.circuit_builder import CircuitBuilder


def squaring_circuit(curve: Curve, log2_constraints: int) -> Circuit:
    """Build it so that the constraints, with the rows that bind the statement, fill a domain of 2^log2_constraints.

    Public: c and the last value. Private: the first value.
    """
    constraints = (1 << log2_constraints) - 3  # the constant and two public signals take a row of the domain each
    builder = CircuitBuilder(curve)
    c = builder.public_input("c")
    last = builder.public_output("last")
    value = builder.private_input("first")
    for i in range(constraints - 1):
        square = builder.multiply(value, value, f"square[{i}]")
        value = builder.sum([(1, square), (1, c)])
    builder.multiply(value, value, "last", into=last)
    return Circuit.from_builder("squaring", {"log2_constraints": log2_constraints}, builder, _sample)


def _sample(circuit: Circuit, batch: int, rng: random.Random) -> list[Inputs]:
    r = circuit.curve.fr.modulus
    return [{"c": rng.randrange(r), "first": rng.randrange(r)} for _ in range(batch)]
