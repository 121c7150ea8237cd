"""A constraint system small enough to check by hand, keys and proofs for it, and points that must be refused."""

import random

import numpy as np
import pytest

from kernels import get_backend, get_curve
from kernels.backend import SparseMatrix
from kernels.encoding import limbs_from_ints, montgomery_from_ints, points_from_ints
from prover import groth16
from prover.r1cs import R1CS


class SeededRandomness:
    def __init__(self, seed):
        self._random = random.Random(seed)

    def randbelow(self, bound):
        return self._random.randrange(bound)


@pytest.fixture(scope="session")
def backend():
    return get_backend()


@pytest.fixture(scope="session", params=["bls12_381", "bn254"])
def curve(request):
    return get_curve(request.param)


def sparse(curve, rows):
    entries = [(column, value) for row in rows for column, value in sorted(row.items())]
    return SparseMatrix(
        indptr=np.cumsum([0, *(len(row) for row in rows)], dtype=np.int64),
        indices=np.array([column for column, _ in entries], dtype=np.int32),
        coefficients=montgomery_from_ints(curve.fr, [value for _, value in entries]),
    )


# x^3 + x + 5 = y and y^2 = z, with y and z public; variables 1, y, z, x, x^2, x^3.
ROWS = (
    ([{3: 1}, {4: 1}, {0: 5, 3: 1, 5: 1}, {1: 1}]),
    ([{3: 1}, {3: 1}, {0: 1}, {1: 1}]),
    ([{4: 1}, {5: 1}, {1: 1}, {2: 1}]),
)


def cubic_system(curve):
    a, b, c = (sparse(curve, rows) for rows in ROWS)
    return R1CS(curve, a, b, c, variables=6, public=2, constraint_names=("square", "cube", "value", "value squared"))


def cubic_witness(curve, x):
    r = curve.fr.modulus
    y = (x**3 + x + 5) % r
    return limbs_from_ints([1, y, y * y % r, x, x * x % r, x**3 % r], 4)


@pytest.fixture(scope="session")
def cubic(curve):
    return cubic_system(curve)


@pytest.fixture(scope="session")
def witness_of(curve):
    return lambda x: cubic_witness(curve, x)


@pytest.fixture(scope="session")
def rows():
    return ROWS


@pytest.fixture(scope="session")
def seeded():
    return SeededRandomness


@pytest.fixture(scope="session")
def pk(cubic, curve, backend):
    return groth16.setup(cubic, curve, SeededRandomness(1), backend, circuit="cubic", parameters={"degree": 3})


@pytest.fixture(scope="session")
def vk(pk):
    return pk.verifying_key


@pytest.fixture(scope="session")
def proven(pk, witness_of, backend):
    """Seven proofs and their public inputs."""
    witnesses = [witness_of(x) for x in range(3, 10)]
    return [groth16.prove(pk, w, backend) for w in witnesses], [w[1:3] for w in witnesses]


def square_root(p, value):
    """A square root in Fp for p = 3 mod 4, or None."""
    root = pow(value, (p + 1) // 4, p)
    return root if root * root % p == value % p else None


def square_root_fp2(p, c0, c1):
    """A square root of c0 + c1 u in Fp[u]/(u^2 + 1), or None."""
    norm = square_root(p, c0 * c0 + c1 * c1)
    if norm is None:
        return None
    for sign in (1, -1):
        x = square_root(p, (c0 + sign * norm) * pow(2, -1, p) % p)
        if x:
            return x, c1 * pow(2 * x, -1, p) % p
    return None


def on_curve_point(curve, group, x):
    """A point whose x is the next possible one; where there is a cofactor, almost surely outside the subgroup."""
    p = curve.fp.modulus
    while True:
        if group == "g1":
            y = square_root(p, (x**3 + curve.b) % p)
            if y is not None:
                return (x, y)
        else:
            b0, b1 = curve.g2_b
            y = square_root_fp2(p, (x**3 + b0) % p, b1)
            if y is not None:
                return ((x, 0), y)
        x += 1


@pytest.fixture(scope="session")
def outside_subgroup(curve):
    """Points on the curve but outside the subgroup, for the groups that have a cofactor."""
    groups = ["g2"] if curve.g1_cofactor == 1 else ["g1", "g2"]
    return {group: points_from_ints(curve, group, [on_curve_point(curve, group, 5)])[0] for group in groups}


@pytest.fixture(scope="session")
def another_point(curve, backend):
    """A valid point of each group that nothing else uses."""

    def multiple(group):
        generator = curve.g1_generator if group == "g1" else curve.g2_generator
        base = points_from_ints(curve, group, [generator])[0]
        return backend.multiply_base(curve, group, base, limbs_from_ints([0xC0FFEE], 4))[0]

    return {"g1": multiple("g1"), "g2": multiple("g2")}
