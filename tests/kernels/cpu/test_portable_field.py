"""The IR field element against Python integers, on edge operands of every field."""

import random
from itertools import product

import numpy as np
import pytest

from kernels import BLS12_381, BN254
from kernels.cpu.compilation import U64, U64_OUT, KernelSet
from kernels.cpu.operation import RingSpec, operation, predicate
from kernels.encoding import ints_from_montgomery, limbs_from_ints, montgomery_from_ints

FIELDS = [BLS12_381.fp, BLS12_381.fr, BN254.fp, BN254.fr]


def long_formula(a, b):
    """Mixes unreduced sums and differences so that the limits have to act."""
    c = a + b + a.double() + b.double()
    d = (-a - b) * c - (a - b).square()
    return (c * c - d) * (a + d) - c.double(), d - c - a - b, -(a * b)


def long_formula_of_ints(a, b, p):
    c = 3 * (a + b)
    d = (-a - b) * c - (a - b) ** 2
    return [v % p for v in ((c * c - d) * (a + d) - 2 * c, d - c - a - b, -a * b)]


def edge_values(field):
    p, raw = field.modulus, [0, 1, 2, field.modulus - 1, field.modulus - 2, (1 << (64 * field.limbs)) % field.modulus]
    all_ones_but_top = (1 << (64 * (field.limbs - 1))) - 1
    seeded = random.Random(7)
    return [*raw, all_ones_but_top, (p - 1) // 2, *(seeded.randrange(p) for _ in range(4))]


@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_formulas_equal_integer_arithmetic_on_edge_operands(field, inline):
    spec = RingSpec(field, inline=inline)
    formula = operation(spec, long_formula, (1, 1), 3)
    is_zero = predicate(spec, lambda ring, a, b: ring.is_zero(a - b), (1, 1))
    kernels = KernelSet(f"test.{field.name}.{inline}")

    @kernels.kernel(U64, U64, U64_OUT, U64_OUT)
    def run(left, right, out, same):
        for i in range(len(same)):
            formula(out, i, left, i, right, i)
            same[i] = is_zero(left, i, right, i)

    pairs = list(product(edge_values(field), repeat=2))
    # Raw limbs, so that the operands themselves are the edges, whatever integers they stand for.
    left, right = (limbs_from_ints([pair[side] for pair in pairs], field.limbs) for side in (0, 1))
    out, same = np.empty((len(pairs), 3, field.limbs), np.uint64), np.empty(len(pairs), np.uint64)
    run(left.reshape(-1), right.reshape(-1), out.reshape(-1), same)
    values = zip(ints_from_montgomery(field, left), ints_from_montgomery(field, right), strict=True)
    expected = [c for a, b in values for c in long_formula_of_ints(a, b, field.modulus)]
    assert np.array_equal(out.reshape(-1, field.limbs), montgomery_from_ints(field, expected))  # canonical, too
    assert same.tolist() == [int(a == b) for a, b in pairs]


def test_a_sum_without_room_is_refused_while_building(monkeypatch):
    from llvmlite import ir

    from kernels.cpu.portable_field import WORD, Element, PortableField

    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), []), "f")
    ring = PortableField(BLS12_381.fr, ir.IRBuilder(function.append_basic_block()))
    monkeypatch.setattr(Element, "canonical", lambda self: self)
    wide = Element(ring, [WORD(0)] * 4, ring.R)
    for attempt in (lambda: wide + wide, lambda: wide * wide, lambda: wide - wide):
        with pytest.raises(OverflowError, match="no room"):
            attempt()
