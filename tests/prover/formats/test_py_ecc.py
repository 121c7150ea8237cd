from importlib import import_module

import numpy as np
import pytest

from prover import groth16
from prover.errors import BadInput
from prover.formats import py_ecc
from prover.groth16 import Proof
from tests.prover.formats.statements import proven

CURVES = ("bls12_381", "bn254")
MODULES = {"bn254": "bn128", "bls12_381": "bls12_381"}


@pytest.mark.parametrize("optimized", [False, True])
@pytest.mark.parametrize("name", CURVES)
def test_proofs_and_keys_come_back(name, optimized):
    it = proven(name, 1)
    proof = py_ecc.proof_from_py_ecc(*py_ecc.proof_to_py_ecc(it.proof, optimized=optimized))
    vk = py_ecc.verifying_key_from_py_ecc(*py_ecc.verifying_key_to_py_ecc(it.vk, optimized=optimized))
    assert proof == it.proof
    assert vk.fingerprint == it.vk.fingerprint
    groth16.verify(vk, proof, it.public_inputs)


@pytest.mark.parametrize("name", CURVES)
def test_py_ecc_finds_that_the_proof_verifies(name):
    it = proven(name, 1)
    peer = import_module(f"py_ecc.optimized_{MODULES[name]}")
    a, b, c = py_ecc.proof_to_py_ecc(it.proof, optimized=True)
    alpha, beta, gamma, delta, ic = py_ecc.verifying_key_to_py_ecc(it.vk, optimized=True)
    statement = peer.add(ic[0], peer.multiply(ic[1], it.public_inputs[0]))

    left, right = peer.pairing(b, a), peer.pairing(beta, alpha) * peer.pairing(delta, c)
    assert left == right * peer.pairing(gamma, statement)
    assert left != right * peer.pairing(gamma, ic[0])


@pytest.mark.parametrize("name", CURVES)
def test_points_need_not_be_normalized(name):
    it = proven(name, 1)
    a, b, c = py_ecc.proof_to_py_ecc(it.proof, optimized=True)
    scaled = [tuple(coordinate * factor for coordinate in point) for point, factor in ((a, 3), (b, 5), (c, 7))]
    assert scaled[0] != a
    assert py_ecc.proof_from_py_ecc(*scaled) == it.proof


@pytest.mark.parametrize("optimized", [False, True])
@pytest.mark.parametrize("name", CURVES)
def test_infinity_comes_back(name, optimized):
    it = proven(name, 1)
    proof = Proof(name, np.zeros_like(it.proof.a), it.proof.b, it.proof.c)
    points = py_ecc.proof_to_py_ecc(proof, optimized=optimized)
    assert optimized or points[0] is None
    assert py_ecc.proof_from_py_ecc(*points) == proof


@pytest.mark.parametrize("name", CURVES)
def test_what_is_no_proof_is_refused(name):
    it = proven(name, 1)
    (other,) = (proven(other, 1) for other in CURVES if other != name)
    a, b, c = py_ecc.proof_to_py_ecc(it.proof)
    field = type(a[0])
    for bad, match in (
        ((b, a, c), "not in G1"),
        ((a, a, c), "not in G2"),
        ((a, b, py_ecc.proof_to_py_ecc(other.proof)[2]), "all of one"),
        ((None, None, None), "all of one"),
        ((a, b, (1, 2)), "all of one"),
        ((a, b, 7), "a tuple"),
        ((a, b, (a[0],)), "a tuple"),
        ((a, b, (c[0], c[1] + 1)), "element c .* off the curve"),
        (((field(0), field(0)), b, c), r"\(0, 0\) is not on it"),
    ):
        with pytest.raises(BadInput, match=match):
            py_ecc.proof_from_py_ecc(*bad)
    alpha, beta, gamma, delta, ic = py_ecc.verifying_key_to_py_ecc(it.vk)
    with pytest.raises(BadInput, match="infinity"):
        py_ecc.verifying_key_from_py_ecc(None, beta, gamma, delta, ic)
    with pytest.raises(BadInput, match="needs at least"):
        py_ecc.verifying_key_from_py_ecc(alpha, beta, gamma, delta, [])
