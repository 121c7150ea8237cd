import dataclasses

import pytest

from kernels.curves import BN254, PrimeField
from prover.circuit_builder import CircuitBuilder
from prover.circuits.range_check import constrain_balance, constrain_value


@pytest.mark.parametrize(
    ("value", "fits"), [(0, True), ((1 << 64) - 1, True), (1 << 64, False), (BN254.fr.modulus - 1, False)]
)
def test_values_have_64_bits(value, fits):
    builder = CircuitBuilder(BN254)
    constrain_value(builder, builder.private_input("v"), "v")
    assert builder.r1cs().constraints == 65
    _, violated = builder.program().run([value])
    assert (violated == -1) is fits


def test_balance():
    builder = CircuitBuilder(BN254)
    terms = [builder.private_input(name) for name in "abc"]
    constrain_balance(builder, terms[:1], terms[1:], "balance")
    program = builder.program()
    assert program.run([9, 4, 5])[1] == -1
    assert program.run([9, 4, 6])[1] == 0


def test_a_sum_that_could_wrap_is_refused():
    tiny = dataclasses.replace(BN254, fr=PrimeField("tiny", (1 << 66) - 5))
    builder = CircuitBuilder(tiny)
    terms = [builder.constant(1)] * 4
    constrain_balance(builder, terms[:3], terms[:3], "balance")
    with pytest.raises(ValueError, match="cannot wrap"):
        constrain_balance(builder, terms[:1], terms, "balance")
