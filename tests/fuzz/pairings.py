"""Products of pairings, and pairing equations."""

from __future__ import annotations

from kernels import Backend, limbs_from_ints
from tests.fuzz import hostile
from tests.fuzz.case import Case


def check_pairing_product(case: Case) -> None:
    """The product of e(a_i G, b_i H) is one exactly if the sum of a_i b_i is zero; half the cases are made so."""
    rng, curve, r = case.rng, case.curve, case.curve.fr.modulus
    n = hostile.size(rng, rng.choice((12, 12, 12, 12, 280)))
    (left, a), (right, b) = hostile.logarithms(rng, r, n), hostile.logarithms(rng, r, n)
    if n and rng.random() < 0.6:
        b[-1] = b[-1] or 1
        rest = sum(x * y for x, y in zip(a[:-1], b[:-1], strict=True))
        a[-1] = (-rest * pow(b[-1], -1, r) + rng.choice((0, 0, 0, 1))) % r
    wanted = sum(x * y for x, y in zip(a, b, strict=True)) % r == 0
    case.note(n=n, g1=left, g2=right, is_one=wanted)
    g1, g2 = hostile.multiples(curve, "g1", a), hostile.multiples(curve, "g2", b)
    case.agree(lambda backend: backend.pairing_product_is_one(curve, g1, g2), wanted, emulate=False)


def check_pairing_equation(case: Case) -> None:
    """An equation, and several combined, hold exactly if the logarithms cancel; at most one of them does not."""
    rng, curve, r = case.rng, case.curve, case.curve.fr.modulus
    n = rng.choice((1, 1, 2, 3, 9))
    pattern, bases = hostile.logarithms(rng, r, hostile.size(rng, 36))
    (left, a), (right, b) = hostile.logarithms(rng, r, n), hostile.logarithms(rng, r, n)
    scalars = [hostile.scalars(rng, r, len(bases))[1] for _ in range(n)]
    p, *q = (rng.randrange(1, r) for _ in range(4))
    totals = [sum(x * y for x, y in zip(bases, vector, strict=True)) for vector in scalars]
    c = [-(x * y + p * q[0] + t * q[1]) * pow(q[2], -1, r) % r for x, y, t in zip(a, b, totals, strict=True)]
    wrong = rng.choice((None, rng.randrange(n)))
    if wrong is not None:
        c[wrong] = rng.choice((0, c[wrong] + 1, -c[wrong])) % r
    residues = [x * y + p * q[0] + t * q[1] + z * q[2] for x, y, t, z in zip(a, b, totals, c, strict=True)]
    weights = [rng.randrange(1, r) for _ in range(n)]
    combined = [sum(w * vector[i] for w, vector in zip(weights, scalars, strict=True)) % r for i in range(len(bases))]
    case.note(n=n, bases=pattern, a=left, b=right, wrong=wrong)
    points = [hostile.multiples(curve, group, k) for group, k in (("g1", a), ("g2", b), ("g1", c))]
    known = (
        hostile.multiples(curve, "g1", [p])[0],
        hostile.multiples(curve, "g2", q),
        hostile.multiples(curve, "g1", bases),
    )

    def answers(backend: Backend) -> list[bool]:
        equation = backend.load_equation(curve, *known)
        one_by_one = [
            backend.check_equation(equation, limbs_from_ints(vector, 4), *(group[i] for group in points))
            for i, vector in enumerate(scalars)
        ]
        together = backend.check_combination(
            equation, limbs_from_ints(weights, 4), limbs_from_ints(combined, 4), *points
        )
        inside = [answer.b_in_subgroup for answer in one_by_one] + together.b_in_subgroup.tolist()
        return [all(inside), together.holds, *(answer.holds for answer in one_by_one)]

    holds = [residue % r == 0 for residue in residues]
    all_hold = sum(w * residue for w, residue in zip(weights, residues, strict=True)) % r == 0
    case.agree(answers, [True, all_hold, *holds], emulate=False)
