"""Products of pairings."""

from __future__ import annotations

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
