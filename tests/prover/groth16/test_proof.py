import dataclasses
import pickle

import numpy as np
import pytest

from kernels.encoding import limbs_from_ints, points_to_ints
from prover import groth16
from prover.errors import BadInput
from prover.groth16 import Proof


def test_bytes_round_trip(proven, backend, curve):
    encoded = proven[0][0].to_bytes()
    assert len(encoded) == 64 * curve.fp.limbs
    assert Proof.from_bytes(encoded, backend) == proven[0][0]


def test_the_encoding_is_standard_form_little_endian(proven, curve):
    width = 8 * curve.fp.limbs
    ((x, y),) = points_to_ints(curve, "g1", proven[0][0].a)
    ((bx, _),) = points_to_ints(curve, "g2", proven[0][0].b)
    expected = b"".join(value.to_bytes(width, "little") for value in (x, y, *bx))
    assert proven[0][0].to_bytes().startswith(expected)


def test_a_decoded_proof_verifies(vk, proven, backend):
    groth16.verify(vk, Proof.from_bytes(proven[0][0].to_bytes(), backend), proven[1][0], backend)


@pytest.mark.parametrize("length", [0, 1, 255, 257, 383, 385])
def test_a_wrong_length_is_refused(length, backend):
    with pytest.raises(BadInput, match="bytes long"):
        Proof.from_bytes(bytes(length), backend)


@pytest.mark.parametrize("coordinate", range(8))
def test_every_coordinate_is_checked(proven, backend, curve, coordinate):
    width = 8 * curve.fp.limbs
    encoded = bytearray(proven[0][0].to_bytes())
    encoded[coordinate * width] ^= 1
    with pytest.raises(BadInput, match="off the curve"):
        Proof.from_bytes(bytes(encoded), backend)
    encoded[coordinate * width : (coordinate + 1) * width] = curve.fp.modulus.to_bytes(width, "little")
    with pytest.raises(BadInput, match=f"coordinate {coordinate} .* not below p"):
        Proof.from_bytes(bytes(encoded), backend)


@pytest.mark.parametrize("element", ["a", "b", "c"])
def test_the_subgroup_is_checked(proven, backend, outside_subgroup, element):
    group = "g2" if element == "b" else "g1"
    if group not in outside_subgroup:
        pytest.skip("this group has no cofactor")
    encoded = dataclasses.replace(proven[0][0], **{element: outside_subgroup[group]}).to_bytes()
    with pytest.raises(BadInput, match=f"element {element}"):
        Proof.from_bytes(encoded, backend)


def test_elements_must_have_their_shape_and_type(proven, curve):
    proof = proven[0][0]
    for wrong in (proof.a[:1], proof.a.astype(np.int64), proof.a.tolist(), limbs_from_ints([1, 2], 5)):
        with pytest.raises(BadInput, match=f"element a of a proof on {curve.name}"):
            dataclasses.replace(proof, a=wrong)


def test_a_proof_is_a_value(proven):
    proof, other = proven[0][:2]
    assert proof == pickle.loads(pickle.dumps(proof))  # noqa: S301 - our own bytes
    assert proof != other
    assert len({proof, other, dataclasses.replace(proof)}) == 2


def test_a_proof_cannot_change(proven):
    source = proven[0][0].a.copy()
    proof = dataclasses.replace(proven[0][0], a=source)
    source[:] = 0
    assert proof.a.any()
    with pytest.raises(ValueError, match="read-only"):
        proof.a[0, 0] = 1


def test_rows_are_proofs_like_any_other(proven, curve):
    proofs = proven[0]
    a, b, c = (np.stack([getattr(proof, name) for proof in proofs]) for name in "abc")
    rows = Proof.of_rows(curve, a, b, c)
    a[:] = 0
    assert rows == list(proofs)
    assert pickle.loads(pickle.dumps(rows[0])) == proofs[0]  # noqa: S301 - our own bytes
    with pytest.raises(ValueError, match="read-only"):
        rows[0].a[0] = 0
    with pytest.raises(ValueError, match="WRITEABLE"):
        rows[0].b.flags.writeable = True


def test_rows_must_have_their_shape_and_type(proven, curve):
    a, b, c = (np.stack([getattr(proof, name) for proof in proven[0]]) for name in "abc")
    for arrays in ((a, b, c[1:]), (a, b[:, 0], c), (a.astype(np.int64), b, c), (a.tolist(), b, c)):
        with pytest.raises(BadInput, match=r"element [abc] of a proof"):
            Proof.of_rows(curve, *arrays)
