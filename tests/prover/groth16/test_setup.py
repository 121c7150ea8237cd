import dataclasses

import numpy as np
import pytest
from py_ecc import optimized_bls12_381, optimized_bn128

from kernels import get_curve
from kernels.encoding import points_to_ints
from prover import groth16
from prover.errors import BadInput
from prover.groth16.setup import _draw, transposed

PY_ECC = {"bls12_381": optimized_bls12_381, "bn254": optimized_bn128}
TAU, ALPHA, BETA, GAMMA, DELTA = 0xABCDEF, 12345, 67890, 24680, 13579


class Scripted:
    """Gives the listed integers, where the setup adds one to exclude zero."""

    def __init__(self, *values):
        self.values = iter(values)

    def randbelow(self, _bound):
        return next(self.values) - 1


def lagrange(curve, log2_n, tau):
    r, n, w = curve.fr.modulus, 1 << log2_n, curve.root_of_unity(log2_n)
    vanishing = (pow(tau, n, r) - 1) * pow(n, -1, r)
    return [vanishing * pow(w, j, r) * pow(tau - pow(w, j, r), -1, r) % r for j in range(n)]


def multiples(curve, group, scalars):
    """Scalars times the generator, by py_ecc."""
    module = PY_ECC[curve.name]
    points = []
    for scalar in scalars:
        point = module.multiply(module.G1 if group == "g1" else module.G2, scalar)
        if module.is_inf(point):
            points.append(None)
            continue
        x, y = module.normalize(point)
        points.append((x.n, y.n) if group == "g1" else (tuple(map(int, x.coeffs)), tuple(map(int, y.coeffs))))
    return points


@pytest.fixture(scope="module")
def key(cubic, curve, backend):
    return groth16.setup(cubic, curve, Scripted(TAU, ALPHA, BETA, GAMMA, DELTA), backend)


@pytest.fixture(scope="module")
def qap(curve, rows):
    """u_i, v_i, w_i at tau, by the definition."""
    r, values = curve.fr.modulus, lagrange(curve, 3, TAU)
    columns = [
        [sum(row.get(i, 0) * values[j] for j, row in enumerate(matrix)) % r for i in range(6)] for matrix in rows
    ]
    for i in range(3):  # the rows that bind the constant and the two public signals
        columns[0][i] = (columns[0][i] + values[4 + i]) % r
    return columns


def test_queries_are_the_qap_at_tau(key, curve, qap):
    u, v, _ = qap
    assert points_to_ints(curve, "g1", key.a_query) == multiples(curve, "g1", u)
    assert points_to_ints(curve, "g1", key.b_g1_query) == multiples(curve, "g1", v)
    assert points_to_ints(curve, "g2", key.b_g2_query) == multiples(curve, "g2", v)


def test_statement_and_private_queries(key, curve, qap):
    r = curve.fr.modulus
    mixed = [(BETA * u + ALPHA * v + w) % r for u, v, w in zip(*qap, strict=True)]
    ic = [value * pow(GAMMA, -1, r) % r for value in mixed[:3]]
    private = [value * pow(DELTA, -1, r) % r for value in mixed[3:]]
    assert points_to_ints(curve, "g1", key.ic) == multiples(curve, "g1", ic)
    assert points_to_ints(curve, "g1", key.l_query) == multiples(curve, "g1", private)


def test_h_query_is_lagrange_at_the_odd_roots(key, curve):
    r = curve.fr.modulus
    expected = [value * pow(DELTA, -1, r) % r for value in lagrange(curve, 4, TAU)[1::2]]
    assert points_to_ints(curve, "g1", key.h_query) == multiples(curve, "g1", expected)


def test_single_elements(key, curve):
    for name, scalar in [("alpha_g1", ALPHA), ("beta_g1", BETA), ("delta_g1", DELTA)]:
        assert points_to_ints(curve, "g1", getattr(key, name)) == multiples(curve, "g1", [scalar])
    for name, scalar in [("beta_g2", BETA), ("gamma_g2", GAMMA), ("delta_g2", DELTA)]:
        assert points_to_ints(curve, "g2", getattr(key, name)) == multiples(curve, "g2", [scalar])


@pytest.mark.parametrize("power", [1, 2, 5])
def test_tau_on_the_domain_is_drawn_again(curve, power):
    root = pow(curve.root_of_unity(4), power, curve.fr.modulus)
    assert _draw(curve, 8, Scripted(root, 1, 1, 1, 1, 7, 2, 3, 4, 5)).tau == 7


def test_a_trapdoor_is_never_zero_nor_shown(curve):
    class Least:
        values = iter([5, 0, 0, 0, 0])

        def randbelow(self, _bound):
            return next(self.values)

    drawn = _draw(curve, 8, Least())
    assert all(value > 0 for value in dataclasses.astuple(drawn))
    assert repr(drawn) == "_Trapdoor()"


def test_metadata(pk, curve):
    assert dataclasses.asdict(pk.metadata) == {
        "circuit": "cubic",
        "parameters": {"degree": 3},
        "curve": curve.name,
        "constraints": 4,
        "variables": 6,
        "public": 2,
        "nonresidue": 5,
        "development": True,
    }


def test_two_setups_differ(cubic, curve, pk, backend):
    assert groth16.setup(cubic, curve, backend=backend).key_id != pk.key_id


def test_the_curve_must_be_the_systems(cubic, curve, backend):
    other = get_curve("bn254" if curve.name == "bls12_381" else "bls12_381")
    with pytest.raises(BadInput, match=f"over {curve.name}"):
        groth16.setup(cubic, other, backend=backend)


def test_a_system_without_constraints_is_refused(cubic, curve, backend):
    empty = dataclasses.replace(cubic.a, indptr=np.zeros(1, dtype=np.int64), indices=cubic.a.indices[:0])
    with pytest.raises(BadInput, match="without constraints"):
        groth16.setup(dataclasses.replace(cubic, a=empty, b=empty, c=empty), curve, backend=backend)


def test_transposing_twice_gives_the_matrix(cubic):
    once = transposed(cubic.a, cubic.variables)
    twice = transposed(once, cubic.a.rows)
    assert once.rows == cubic.variables
    for part in ("indptr", "indices", "coefficients"):
        assert (getattr(twice, part) == getattr(cubic.a, part)).all()
