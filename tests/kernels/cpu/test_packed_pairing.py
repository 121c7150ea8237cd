"""Packed pairings: every operation on integers, products of few pairs, membership told by the Miller loop."""

import functools
import random

import numpy as np
import pytest

from kernels import BLS12_381, get_backend, limbs_from_ints, points_from_ints
from kernels.cpu.features import has_ifma
from kernels.cpu.lane_field import limb_count
from kernels.cpu.lane_vectors import LANES, RADIX
from kernels.cpu.packed_pairing import lane_vector, packed_pairing
from kernels.cpu.pairing_program import Op, PairingProgram
from kernels.formulas import miller, tower
from kernels.reference import group_law
from kernels.reference.field_elements import Fp2Element, FpElement

WITH_IFMA = pytest.param(
    True, id="ifma", marks=pytest.mark.skipif(not has_ifma(), reason="this CPU has no AVX-512 IFMA instructions")
)


@pytest.fixture(params=[WITH_IFMA, pytest.param(False, id="emulated")])
def pairing(request, curve):
    if not request.param and curve is BLS12_381:
        pytest.skip("the definition is compared on BN254, where bounds are tight and compilation is quick")
    return packed_pairing(curve, request.param)


@pytest.fixture
def operands(curve):
    """Vectors of six elements of Fp2: zeros, ones, p - 1, then random ones."""
    rng, p = random.Random(4), curve.fp.modulus
    edges = [[(c, c)] * 6 for c in (0, 1, p - 1)] + [[(1, 0)] + [(0, 0)] * 5, [(p - 1, 1)] * 6]
    return edges + [[(rng.randrange(p), rng.randrange(p)) for _ in range(6)] for _ in range(4)]


def decoded(curve, vector):
    limbs, p = limb_count(curve.fp), curve.fp.modulus
    raw = vector.reshape(2, limbs, LANES).tolist()
    inverse = pow(1 << (RADIX * limbs), -1, p)
    values = [
        [sum(raw[c][j][i] << (RADIX * j) for j in range(limbs)) * inverse % p for c in range(2)] for i in range(8)
    ]
    return [tuple(value) for value in values]


@pytest.fixture
def apply(curve, pairing):
    """Run one operation on operands given as lists of elements."""

    def of(op, *vectors):
        program = PairingProgram(curve)
        registers = [program.new() for _ in vectors]
        encoded = program.encoded(program.step(op, *registers))
        (out,) = encoded.results
        words = len(pairing._constants) // 2
        memory = np.zeros(encoded.registers * words, np.uint64)
        packed = [lane_vector(curve, vector) for vector in vectors]
        start = np.concatenate([pairing._constants, *packed])
        memory[: len(start)] = start
        none = np.zeros(0, np.uint64)
        pairing._run(encoded.steps, 1, none, none, memory)
        return decoded(curve, memory[out * words : (out + 1) * words])

    return of


def by_step(formula):
    return lambda f, step: formula(f, step[3:])


FORMULAS = {
    Op.MULTIPLY: (tower.multiply12, 2),
    Op.SQUARE: (tower.square12, 1),
    Op.CYCLOTOMIC_SQUARE: (tower.cyclotomic_square, 1),
    Op.CONJUGATE: (tower.conjugate12, 1),
    Op.NORM: (tower.norm_to_fp2, 1),
}


@pytest.mark.parametrize("op", FORMULAS, ids=lambda op: op.name.lower())
def test_operations_in_fp12_are_those_on_integers(curve, apply, operands, op):
    formula, arity = FORMULAS[op]
    for number in range(len(operands)):
        given = [operands[number - k] for k in range(arity)]
        wanted = formula(*(tuple(Fp2Element(*value, curve) for value in vector) for vector in given))
        got = apply(op, *given)
        assert got[: len(wanted)] == [(e.c0, e.c1) for e in wanted]
        assert not any(c for value in got[len(wanted) :] for c in value)


def test_steps_of_the_miller_loop_are_those_on_integers(curve, apply, operands):
    m_twist = curve.twist == "M"
    double = miller.double_step_m if m_twist else miller.double_step_d
    add = miller.add_step_m if m_twist else miller.add_step_d
    by_line = tower.multiply12_by_014 if m_twist else tower.multiply12_by_034
    elements = [[Fp2Element(*value, curve) for value in vector] for vector in operands]
    b, p = Fp2Element(*curve.g2_b, curve), curve.fp.modulus
    for number, vector in enumerate(elements):
        other, point = elements[number - 1], [(number % p, 0), ((p - 3) % p, 0)]
        xy = tuple(FpElement(value[0], p) for value in point)
        wanted = double(tuple(vector[:3]), xy, b)
        assert apply(Op.DOUBLE_STEP, operands[number], point)[:6] == [(e.c0, e.c1) for e in wanted]
        wanted = add(tuple(vector[:3]), xy, tuple(other[:2]))
        assert apply(Op.ADD_STEP, operands[number], point, operands[number - 1])[:6] == [(e.c0, e.c1) for e in wanted]
        wanted = by_line(tuple(vector), tuple(other[3:]))
        assert apply(Op.BY_LINE, operands[number], operands[number - 1])[:6] == [(e.c0, e.c1) for e in wanted]
        wanted = by_line(tuple(vector), tuple(other[:3]))
        assert apply(Op.BY_FIRST_LINE, operands[number], operands[number - 1])[:6] == [(e.c0, e.c1) for e in wanted]


@pytest.fixture
def points(curve):
    def of(group, logarithms):
        base = points_from_ints(curve, group, [curve.g1_generator if group == "g1" else curve.g2_generator])[0]
        reduced = limbs_from_ints([k % curve.fr.modulus for k in logarithms], 4)
        return get_backend("portable").multiply_base(curve, group, base, reduced)

    return of


@pytest.mark.parametrize("logarithms", [[(1, 1)], [(3, 4), (-6, 2)], [(5, 1), (7, 1), (1, -12)]], ids=len)
def test_a_product_is_one_exactly_when_the_logarithms_cancel(pairing, points, logarithms):
    g1, g2 = points("g1", [a for a, _ in logarithms]), points("g2", [b for _, b in logarithms])
    value, inside = pairing.miller_value(g1, g2)
    assert inside.all()
    assert pairing.is_one([], [value]) == (len(logarithms) > 1)
    other, _ = pairing.miller_value(g1[:1], g2[:1])
    assert not pairing.is_one([], [value, other])


def test_the_loop_tells_points_outside_the_subgroup(pairing, points, points_outside):
    wanted = [True, *[False] * len(points_outside), True]
    g2 = np.concatenate([points("g2", [1]), points_outside, points("g2", [-5])])
    for start in range(0, len(g2), 4):
        part = g2[start : start + 4]
        _, inside = pairing.miller_value(points("g1", range(1, len(part) + 1)), part)
        assert inside.tolist() == wanted[start : start + 4]


@pytest.fixture
def points_outside(curve, outside_g2):
    return group_law.encode(curve, "g2", outside_g2)


@pytest.fixture
def outside_g2(curve):
    """Points of the twist by x, their multiples of small order or of order prime to r, and these shifted."""
    return _outside_g2(curve)


@functools.cache
def _outside_g2(curve):
    r, cofactor = curve.fr.modulus, curve.g2_cofactor
    found, x = [], 1
    while len(found) < 2:
        y2 = Fp2Element(x**3, 0, curve) + Fp2Element(*curve.g2_b, curve)
        y = _square_root(y2)
        if y.square() == y2:
            found.append((Fp2Element(x, 0, curve), y))
        x += 1
    orders = [q for q in range(2, 12000) if cofactor % q == 0 and all(q % d for d in range(2, q))]
    small = [group_law.multiply(found[0], r * cofactor // q) for q in orders[:4]]
    outside = [*found, group_law.multiply(found[0], r), *(point for point in small if point is not None)]
    (member,) = group_law.decode(curve, "g2", points_from_ints(curve, "g2", [curve.g2_generator]))
    return [*outside, *(group_law.add(point, member) for point in outside)]


def _square_root(a):
    p, one, u = a.curve.fp.modulus, Fp2Element(1, 0, a.curve), Fp2Element(0, 1, a.curve)
    power = a ** ((p - 3) // 4)
    alpha, root = power.square() * a, power * a
    return u * root if alpha == -one else (one + alpha) ** ((p - 1) // 2) * root
