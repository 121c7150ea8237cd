import random

import pytest

from kernels.curves import BLS12_381, BN254
from kernels.encoding import ints_from_limbs, limbs_from_ints
from prover.circuit_builder import CircuitBuilder
from prover.witness_program import SATISFIED

CURVES = pytest.mark.parametrize("curve", [BLS12_381, BN254], ids=lambda curve: curve.name)


def every_kind_of_step(curve):
    builder = CircuitBuilder(curve)
    out = builder.public_output("out")
    x, y = builder.private_input("x"), builder.private_input("y")
    bits = builder.to_bits(x, 130, "range")
    short = builder.shorten(x * 5 - y + 1)
    product = builder.multiply(x * 5 - y + 1, y - 7, "product", values=(short, y - 7))
    square = builder.multiply(product, product, "square")
    builder.assert_product(bits[0], y, y * 1, "x is odd, or y is 0")
    builder.define(out, square + bits[129] * 3 - bits[64] + 11, "out")
    return builder.program()


@CURVES
def test_compiled_evaluation_agrees_with_integers(curve):
    program, rng, r = every_kind_of_step(curve), random.Random(1), curve.fr.modulus
    edges = [0, 1, 2, r - 1, r - 2, (1 << 130) - 1, 1 << 130, 1 << 64, (1 << 64) - 1, r // 2]
    pairs = [(x, y) for x in edges for y in edges] + [(rng.randrange(r), rng.randrange(r)) for _ in range(30)]
    pairs += [(rng.randrange(1 << 130) | 1, rng.randrange(r)) for _ in range(30)]
    inputs = limbs_from_ints([value for pair in pairs for value in pair], 4).reshape(-1, 2, 4)
    witnesses, violated = program.run_batch(inputs)
    assert witnesses.shape == (len(pairs), program.variables, 4)
    assert witnesses.flags.c_contiguous
    for pair, witness, check in zip(pairs, witnesses, violated, strict=True):
        expected, expected_check = program.run(pair)
        assert ints_from_limbs(witness) == expected
        assert check == expected_check
    assert len(set(violated.tolist())) == 3  # range, parity, satisfied


def test_forced_values_reach_what_depends_on_them():
    builder = CircuitBuilder(BN254)
    x = builder.private_input("x")
    square = builder.multiply(x, x, "square")
    builder.multiply(square, x, "cube")
    program = builder.program()
    assert program.run([3], {2: 10}) == ([1, 3, 10, 30], SATISFIED)
    assert program.run([3], {1: 2}) == ([1, 2, 4, 8], SATISFIED)
