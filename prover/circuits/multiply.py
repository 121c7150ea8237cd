"""``multiply``: knowledge of a factorisation a b = c of the public c. One constraint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prover.circuit import Circuit, Inputs
from prover.circuit_builder import CircuitBuilder

if TYPE_CHECKING:
    import random

    from kernels.curves import Curve


def build(curve: Curve) -> Circuit:
    """Build the circuit. Public: c (computed). Private: a, b."""
    builder = CircuitBuilder(curve)
    c = builder.public_output("c")
    a = builder.private_input("a")
    b = builder.private_input("b")
    builder.multiply(a, b, "product", into=c)
    return Circuit.from_builder("multiply", {}, builder, sample)


def random_inputs(curve: Curve, batch: int, rng: random.Random) -> list[Inputs]:
    """Random factors."""
    r = curve.fr.modulus
    return [{"a": rng.randrange(r), "b": rng.randrange(r)} for _ in range(batch)]


def sample(circuit: Circuit, batch: int, rng: random.Random) -> list[Inputs]:
    """Inputs for :meth:`prover.circuit.Circuit.random_witnesses`."""
    return random_inputs(circuit.curve, batch, rng)
