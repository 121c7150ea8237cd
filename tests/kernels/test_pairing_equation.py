"""Pairing equations on every backend, by their logarithms and on hostile points."""

import pytest

from kernels import limbs_from_ints
from kernels.cpu.ifma import WINDOW_TABLES_UP_TO
from kernels.endomorphisms import cube_root_endomorphism
from kernels.reference import group_law

KNOWN = (3, (5, 7, 11))
"""Logarithms of P and of the three Q."""


@pytest.fixture
def equation(backend, curve, multiples_of):
    def of(bases):
        p, q = KNOWN
        known = multiples_of("g1", [p])[0], multiples_of("g2", q), multiples_of("g1", bases)
        return backend.load_equation(curve, *known)

    return of


@pytest.fixture
def solution(curve, rng):
    """Logarithms (a, b, c) that solve the equation for a given sum of multiples."""

    def of(total):
        r, (p, q) = curve.fr.modulus, KNOWN
        a, b = rng.randrange(1, r), rng.randrange(1, r)
        return a, b, -(a * b + p * q[0] + total * q[1]) * pow(q[2], -1, r) % r

    return of


@pytest.fixture
def check(backend, multiples_of):
    def of(equation, scalars, a, b, c):
        points = multiples_of("g1", [a])[0], multiples_of("g2", [b])[0], multiples_of("g1", [c])[0]
        return backend.check_equation(equation, limbs_from_ints(scalars, 4), *points)

    return of


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_it_holds_for_its_solutions_alone(curve, equation, solution, check, rng, n):
    r = curve.fr.modulus
    bases = [rng.randrange(r) for _ in range(n)]
    loaded, scalars = equation(bases), [rng.randrange(r) for _ in range(n)]
    a, b, c = solution(sum(map(int.__mul__, bases, scalars)))
    assert check(loaded, scalars, a, b, c) == (True, True)
    for wrong in ((a + 1, b, c), (a, b + 1, c), (a, b, c + 1), (-a, b, c), (a, b, -c), (c, b, a)):
        assert check(loaded, scalars, *wrong) == (True, False)
    if n:
        assert check(loaded, [*scalars[:-1], (scalars[-1] + 1) % r], a, b, c) == (True, False)


def test_many_bases(backend, equation, solution, check):
    if backend.name == "reference":
        pytest.skip("slow, and there is but one case of bases")
    n = WINDOW_TABLES_UP_TO + 1
    loaded = equation(range(1, n + 1))
    assert check(loaded, [1] * n, *solution(n * (n + 1) // 2)) == (True, True)
    assert check(loaded, [0] * n, *solution(0)) == (True, True)
    assert check(loaded, [0] * n, *solution(1)) == (True, False)


def test_points_and_sums_at_infinity(curve, equation, solution, check):
    r, (p, q) = curve.fr.modulus, KNOWN
    loaded = equation([1, 0, r - 1])
    for scalars in ([0, 0, 0], [4, 9, 4]):
        assert check(loaded, scalars, *solution(0)) == (True, True)
        assert check(loaded, scalars, *solution(1)) == (True, False)
    alone = -p * q[0] * pow(q[2], -1, r) % r  # of c
    for a, b in ((0, 1), (1, 0), (0, 0)):
        assert check(loaded, [0, 5, 0], a, b, alone) == (True, True)
        assert check(loaded, [0, 5, 0], a, b, alone + 1) == (True, False)
        assert check(loaded, [0, 0, 0], a, b, 0) == (True, False)
    assert check(loaded, [0, 0, 0], 1, -p * q[0], 0) == (True, True)


@pytest.fixture
def outside(curve, points_by_x, multiples_of):
    """Points of G2's curve outside its subgroup, one made of a member and a point of order prime to r."""
    by_x = points_by_x(1)
    (member,) = group_law.decode(curve, "g2", multiples_of("g2", [2]))
    shifted = group_law.add(group_law.multiply(by_x[0], curve.fr.modulus), member)
    return group_law.encode(curve, "g2", [*by_x, shifted])


@pytest.mark.parametrize("group", ["g2"])
def test_a_point_outside_the_subgroup_is_told(backend, curve, equation, outside, multiples_of, group):  # noqa: ARG001
    loaded, g1 = equation([1]), multiples_of("g1", [0, 2, 3])
    one = limbs_from_ints([1], 4)
    for b in outside:
        for a, c in ((g1[1], g1[2]), (g1[0], g1[2]), (g1[1], g1[0])):
            assert backend.check_equation(loaded, one, a, b, c) == (False, False)


@pytest.fixture
def combination(backend, curve, solution, multiples_of, rng):
    """Logarithms of n solutions for scalars of two bases, their weights, and a check of them."""
    r, bases = curve.fr.modulus, (1, 6)

    def of(equation, n, *, wrong=None, b_points=None, zero_a=()):
        eigenvalue = cube_root_endomorphism(curve).eigenvalue
        weights = [(rng.randrange(1, 1 << 64) + rng.randrange(1 << 64) * eigenvalue) % r for _ in range(n)]
        scalars = [[rng.randrange(r) for _ in bases] for _ in range(n)]
        solutions = [list(solution(sum(map(int.__mul__, bases, s)))) for s in scalars]
        for i in zero_a:
            a, b, c = solutions[i]
            solutions[i] = [0, b, (c + a * b * pow(KNOWN[1][2], -1, r)) % r]
        if wrong is not None:
            solutions[wrong[0]][wrong[1]] += 1
        a, b, c = (multiples_of(group, [s[k] for s in solutions]) for k, group in enumerate(("g1", "g2", "g1")))
        for i, point in (b_points or {}).items():
            b[i] = point
        combined = [sum(w * s[k] for w, s in zip(weights, scalars, strict=True)) % r for k in range(len(bases))]
        answer = backend.check_combination(
            equation(bases), limbs_from_ints(weights, 4), limbs_from_ints(combined, 4), a, b, c
        )
        return answer.b_in_subgroup.tolist(), answer.holds

    return of


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_a_combination_holds_if_all_its_equations_do(backend, equation, combination, n):
    if backend.name == "reference" and n > 2:
        pytest.skip("slow")
    assert combination(equation, n) == ([True] * n, True)
    for element in range(3):
        assert combination(equation, n, wrong=(n - 1, element)) == ([True] * n, False)
    assert combination(equation, n, zero_a=[0]) == ([True] * n, True)


@pytest.mark.parametrize("group", ["g2"])
def test_a_combination_names_what_lies_outside(backend, equation, combination, outside, group):  # noqa: ARG001
    if backend.name == "reference":
        pytest.skip("slow; the other backends' checks are compared with it elsewhere")
    for zero_a in ([], [1]):
        inside, holds = combination(equation, 9, b_points={1: outside[0], 8: outside[1]}, zero_a=zero_a)
        assert inside == [True, False, *[True] * 6, False]
        assert not holds
