import numpy as np
import pytest

from kernels.curves import BLS12_381, BN254
from kernels.encoding import ints_from_montgomery, limbs_from_ints
from prover.circuit_builder import CircuitBuilder
from prover.witness_program import SATISFIED

R = BN254.fr.modulus


def run(builder, *inputs, forced=None):
    """Witness as integers, and the name of the first constraint it violates (or None)."""
    values, violated = builder.program().run(inputs, forced)
    r1cs = builder.r1cs()
    (error,) = r1cs.check_batch(limbs_from_ints(values, 4)[np.newaxis])
    if not forced:
        assert violated == (SATISFIED if error is None else error.index)
    return values, error and error.name


def test_matrices_are_sorted_montgomery_rows():
    builder = CircuitBuilder(BLS12_381)
    out = builder.public_output("out")
    x, y = builder.private_input("x"), builder.private_input("y")
    builder.multiply(y * 3 + x - 5, y, "product", into=out)
    r1cs = builder.r1cs()
    assert r1cs.a.indptr.tolist() == [0, 3]
    assert r1cs.a.indptr.dtype == np.int64
    assert r1cs.a.indices.tolist() == [0, 2, 3]
    assert r1cs.a.indices.dtype == np.int32
    assert ints_from_montgomery(BLS12_381.fr, r1cs.a.coefficients) == [BLS12_381.fr.modulus - 5, 1, 3]
    assert r1cs.c.indices.tolist() == [1]
    assert (r1cs.variables, r1cs.public, r1cs.constraints) == (4, 1, 1)
    assert builder.signals == ["one", "out", "x", "y"]
    assert builder.inputs == ["x", "y"]
    assert builder.outputs == ["out"]


def test_public_signals_come_first():
    builder = CircuitBuilder(BN254)
    builder.private_input("x")
    for declare in (builder.public_input, builder.public_output):
        with pytest.raises(ValueError, match="before any private"):
            declare("late")


def test_products_and_outputs_are_computed():
    builder = CircuitBuilder(BN254)
    twice = builder.public_output("twice")
    x, y = builder.private_input("x"), builder.private_input("y")
    product = builder.multiply(x - y, y + 1, "product")
    builder.define(twice, 2 * product, "twice")
    values, violated = run(builder, 10, 4)
    assert violated is None
    assert values == [1, 60, 10, 4, 30]


@pytest.mark.parametrize("value", [2, R - 1, R // 2])
def test_booleans_are_zero_or_one(value):
    builder = CircuitBuilder(BN254)
    builder.assert_boolean(builder.private_input("bit"), "bit is boolean")
    assert run(builder, 0)[1] is None
    assert run(builder, 1)[1] is None
    assert run(builder, value)[1] == "bit is boolean"


@pytest.mark.parametrize("count", [1, 8, 64, 65, 200, 253])
def test_bits_of_every_edge_value(count):
    builder = CircuitBuilder(BN254)
    builder.to_bits(builder.private_input("x"), count, "range")
    top = (1 << count) - 1
    for value in {0, 1, top, top - 1, 1 << (count - 1)}:
        values, violated = run(builder, value)
        assert violated is None
        assert values[2:] == [value >> i & 1 for i in range(count)]
    for value in (top + 1, top + 2, R - 1):
        assert run(builder, value)[1] == "range"


def test_a_range_that_could_wrap_is_refused():
    builder = CircuitBuilder(BN254)
    x = builder.private_input("x")
    for count in (0, 254):
        with pytest.raises(ValueError, match="1 to 253 bits"):
            builder.to_bits(x, count, "range")


def test_forged_bits_fail():
    builder = CircuitBuilder(BN254)
    builder.to_bits(builder.private_input("x"), 4, "range")
    # 16 = 2 * 8: the sum of the bits is right, the top bit is not a bit.
    assert run(builder, 16, forced={5: 2})[1] == "range.bit[3].boolean"
    assert run(builder, 16, forced={5: 1})[1] == "range"


def test_equality():
    builder = CircuitBuilder(BN254)
    x, y = builder.private_input("x"), builder.private_input("y")
    builder.assert_equal(x + 1, 2 * y, "x + 1 = 2 y")
    assert run(builder, 7, 4)[1] is None
    assert run(builder, 7, 5)[1] == "x + 1 = 2 y"


def test_shortened_values_serve_the_program_and_never_a_constraint():
    builder = CircuitBuilder(BN254)
    x, y = builder.private_input("x"), builder.private_input("y")
    total = x + 2 * y + 3
    short = builder.shorten(total)
    builder.multiply(total, total, "square", values=(short, short))
    values, violated = run(builder, 5, 1)
    assert violated is None
    assert values == [1, 5, 1, 100]
    with pytest.raises(ValueError, match="scratch"):
        builder.multiply(short, x, "forged")
    with pytest.raises(ValueError, match="scratch"):
        builder.assert_equal(x, short + 1, "forged")
    assert builder.shorten(builder.constant(9)).constant == 9
