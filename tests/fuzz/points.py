"""Points: multi-scalar multiplication, multiples, membership."""

from __future__ import annotations

import numpy as np

from kernels import Group, limbs_from_ints
from kernels.reference import ReferenceBackend
from tests.fuzz import hostile
from tests.fuzz.case import Case

MOST = {"g1": 3000, "g2": 1200}
EMULATED_MOST = 64
REFERENCE_MOST = 9
LARGE = 1 << 16


def check_msm(case: Case) -> None:
    """Sums against the multiple of the generator by the inner product of scalars and logarithms."""
    group = case.rng.choice(("g1", "g2"))
    _msm(case, group, hostile.size(case.rng, MOST[group]))


def check_large_msm(case: Case) -> None:
    """Sizes at which a multiplication is cut into slices of points and parts of the buckets."""
    _msm(case, "g1", LARGE + case.rng.randrange(-1, 5000))


def _msm(case: Case, group: Group, n: int) -> None:
    rng, curve, r = case.rng, case.curve, case.curve.fr.modulus
    pattern, few = hostile.logarithms(rng, r, min(n, 512))
    logarithms = few if n <= 512 else [few[i % 512] for i in range(n)]
    rows = rng.choice((1, 1, 1, 2, 3)) if n < LARGE // 2 else 1
    drawn = [hostile.scalars(rng, r, n) for _ in range(rows)]
    if n and rng.random() < 0.2 and logarithms[-1]:  # the sum is infinity
        name, row = drawn[0]
        rest = sum(a * k for a, k in zip(row[:-1], logarithms[:-1], strict=True))
        drawn[0] = f"{name}, sum zero", [*row[:-1], -rest * pow(logarithms[-1], -1, r) % r]
    table_bytes, threads = rng.choice((0, 1 << 14, 1 << 20, 1 << 27)), rng.choice((1, 1, 2, 3))
    case.note(group=group, n=n, logarithms=pattern, scalars=[name for name, _ in drawn])
    case.note(table_bytes=table_bytes, threads=threads)
    points = hostile.multiples(curve, group, logarithms)
    scalars = limbs_from_ints([k for _, row in drawn for k in row], 4).reshape(rows, n, 4)
    given = scalars[0] if rows == 1 else scalars
    sums = [sum(a * k for a, k in zip(row, logarithms, strict=True)) for _, row in drawn]
    wanted = hostile.oracle_multiples(curve, group, sums)
    case.agree(
        lambda backend: backend.msm(backend.load_bases(curve, group, points, table_bytes), given, threads),
        wanted[0] if rows == 1 else wanted,
        emulate=n <= EMULATED_MOST,
    )
    if n <= REFERENCE_MOST:
        reference = ReferenceBackend()
        case.agree(lambda backend: backend.msm(backend.load_bases(curve, group, points, table_bytes), scalars),
                   reference.msm(reference.load_bases(curve, group, points), scalars))  # fmt: skip


def check_multiply_base(case: Case) -> None:
    """Multiples of one point against the oracle's, for the first few, and one another."""
    rng, curve, r = case.rng, case.curve, case.curve.fr.modulus
    group: Group = rng.choice(("g1", "g2"))
    n, k = hostile.size(rng, 600), rng.choice((0, 1, r - 1, rng.randrange(r)))
    pattern, scalars = hostile.scalars(rng, r, n)
    threads = rng.choice((1, 2))
    case.note(group=group, n=n, scalars=pattern, threads=threads, logarithm_is=("zero" if k == 0 else "any"))
    base = hostile.oracle_multiples(curve, group, [k])[0]
    got = case.agree(
        lambda backend: backend.multiply_base(curve, group, base, limbs_from_ints(scalars, 4).reshape(-1, 4), threads)
    )
    wanted = hostile.oracle_multiples(curve, group, [k * s for s in scalars[:8]])
    case.agree(lambda _: got[:8], wanted)


def check_multiply_points(case: Case) -> None:
    """A multiple of each point against the multiple of the generator by the product."""
    rng, curve, r = case.rng, case.curve, case.curve.fr.modulus
    group: Group = rng.choice(("g1", "g2"))
    n = hostile.size(rng, 100 if group == "g1" else 24)
    pattern, logarithms = hostile.logarithms(rng, r, n)
    name, scalars = hostile.scalars(rng, r, n)
    case.note(group=group, n=n, logarithms=pattern, scalars=name)
    points = hostile.multiples(curve, group, logarithms)
    products = [a * k for a, k in zip(logarithms, scalars, strict=True)]
    case.agree(
        lambda backend: backend.multiply_points(curve, group, points, limbs_from_ints(scalars, 4).reshape(-1, 4)),
        hostile.oracle_multiples(curve, group, products).reshape(points.shape),
        emulate=group == "g1",
    )


def check_in_subgroup(case: Case) -> None:
    """Points of the curve, some of them outside the subgroup or of small order."""
    rng, curve = case.rng, case.curve
    group: Group = rng.choice(("g1", "g2"))
    known, inside = hostile.points_of_the_curve(curve, group)
    n = hostile.size(rng, 40)
    chosen = [rng.randrange(len(known)) for _ in range(n)]
    case.note(group=group, n=n, chosen=chosen)
    points = np.ascontiguousarray(known[chosen].reshape(n, *curve.point_shape(group)))
    wanted = np.array([inside[i] for i in chosen], np.bool_)
    case.agree(lambda backend: backend.in_subgroup(curve, group, points), wanted)


def check_on_curve(case: Case) -> None:
    """Points of the curve, and words that are none: a flipped bit, a coordinate too large, anything."""
    rng, curve = case.rng, case.curve
    group: Group = rng.choice(("g1", "g2"))
    known, _ = hostile.points_of_the_curve(curve, group)
    n = hostile.size(rng, 60)
    points = np.ascontiguousarray(known[[rng.randrange(len(known)) for _ in range(n)]])
    points = points.reshape(n, *curve.point_shape(group))
    words, limbs = points.reshape(n, 2 * curve.coordinate_limbs(group)), curve.fp.limbs
    for row in words:
        at = rng.randrange(len(row))
        change = rng.choice(("none", "bit", "plus p", "ones", "anything", "swap"))
        if change == "bit":
            row[at] ^= np.uint64(1 << rng.randrange(64))
        elif change == "plus p":  # the same coordinate, no longer below p
            start = at // limbs * limbs
            value = int.from_bytes(row[start : start + limbs].tobytes(), "little") + curve.fp.modulus
            if value >> (64 * limbs) == 0:
                row[start : start + limbs] = limbs_from_ints([value], limbs)[0]
        elif change == "ones":
            row[:] = np.uint64(2**64 - 1)
        elif change == "anything":
            row[:] = np.frombuffer(rng.randbytes(8 * len(row)), "<u8")
        elif change == "swap":
            row[:] = np.roll(row, len(row) // 2)
    case.note(group=group, n=n)
    case.agree(
        lambda backend: backend.on_curve(curve, group, points), ReferenceBackend().on_curve(curve, group, points)
    )
