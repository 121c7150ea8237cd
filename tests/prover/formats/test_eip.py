import numpy as np
import pytest
from eth.precompiles.bls12_381.bls12_381_g1 import bytes_to_g1_optimized_point3D
from eth.precompiles.bls12_381.bls12_381_g2 import bytes_to_g2_optimized_point3D
from py_ecc.optimized_bls12_381 import normalize

from kernels import get_curve
from kernels.encoding import limbs_from_ints, points_from_ints, points_to_ints
from prover import groth16
from prover.errors import BadInput
from prover.formats import eip
from tests.prover.formats.statements import proven

CURVES = ("bls12_381", "bn254")


@pytest.mark.parametrize("name", CURVES)
def test_proofs_and_keys_round_trip_and_still_verify(name):
    it = proven(name, 1)
    encoded = eip.encode_proof(it.proof)
    assert len(encoded) == {"bn254": 256, "bls12_381": 512}[name]
    key = eip.encode_verifying_key(it.vk)
    assert len(key) == {"bn254": 448 + 2 * 64, "bls12_381": 896 + 2 * 128}[name]
    proof, vk = eip.decode_proof(it.curve, encoded), eip.decode_verifying_key(it.curve, key)
    assert proof == it.proof
    assert vk.fingerprint == it.vk.fingerprint
    words = eip.encode_public_inputs(it.curve, it.public_inputs)
    groth16.verify(vk, proof, eip.decode_public_inputs(it.curve, words))
    groth16.verify(vk, proof, [words])


def test_bn254_points_are_those_of_eip_197():
    """The generators as EIP-197 prints them: (imaginary, real) in G2."""
    curve = get_curve("bn254")
    g1, g2 = (points_from_ints(curve, group, [getattr(curve, f"{group}_generator")]) for group in ("g1", "g2"))
    assert eip.encode_points(curve, "g1", g1) == (1).to_bytes(32, "big") + (2).to_bytes(32, "big")
    printed = (
        11559732032986387107991004021392285783925812861821192530917403151452391805634,
        10857046999023057135944570762232829481370756359578518086990519993285655852781,
        4082367875863433681332203403145435568316851327593401208105741076214120093531,
        8495653923123431417604973247489272438418190587263600148770280649306958101930,
    )
    assert eip.encode_points(curve, "g2", g2) == b"".join(value.to_bytes(32, "big") for value in printed)
    assert eip.encode_points(curve, "g2", np.zeros_like(g2)) == bytes(128)


def test_bls12_381_points_are_read_by_the_precompiles_of_another_implementation():
    it = proven("bls12_381", 1)
    encoded = eip.encode_proof(it.proof)
    x, y = normalize(bytes_to_g1_optimized_point3D(encoded[:128]))
    assert points_to_ints(it.curve, "g1", it.proof.a[np.newaxis]) == [(x.n, y.n)]
    x, y = normalize(bytes_to_g2_optimized_point3D(encoded[128:384]))
    expected = [(tuple(map(int, x.coeffs)), tuple(map(int, y.coeffs)))]
    assert points_to_ints(it.curve, "g2", it.proof.b[np.newaxis]) == expected


@pytest.mark.parametrize("name", CURVES)
def test_bad_encodings_are_refused(name):
    it = proven(name, 1)
    width = eip.field_bytes(it.curve)
    encoded, key = eip.encode_proof(it.proof), eip.encode_verifying_key(it.vk)
    for length in (0, 1, len(encoded) - 1, len(encoded) + 1):
        with pytest.raises(BadInput, match="bytes in this encoding"):
            eip.decode_proof(it.curve, (encoded + b"\0")[:length])
    for coordinate in range(8):
        at = coordinate * width
        value = int.from_bytes(encoded[at : at + width], "big")
        alias = encoded[:at] + (value + it.curve.fp.modulus).to_bytes(width, "big") + encoded[at + width :]
        with pytest.raises(BadInput, match="not below p"):
            eip.decode_proof(it.curve, alias)
        off = encoded[:at] + (value ^ 1).to_bytes(width, "big") + encoded[at + width :]
        with pytest.raises(BadInput, match="off the curve"):
            eip.decode_proof(it.curve, off)
    for cut in (10, len(key) - 1, len(key) - 4 * width):
        with pytest.raises(BadInput, match="truncated"):
            eip.decode_verifying_key(it.curve, key[:cut])
    with pytest.raises(BadInput, match="infinity"):
        eip.decode_verifying_key(it.curve, bytes(2 * width) + key[2 * width :])


@pytest.mark.parametrize("name", CURVES)
def test_public_inputs_are_words_below_r(name):
    curve = get_curve(name)
    r = curve.fr.modulus
    encoded = eip.encode_public_inputs(curve, limbs_from_ints([1, r - 1], 4))
    assert encoded == (1).to_bytes(32, "big") + (r - 1).to_bytes(32, "big")
    assert eip.decode_public_inputs(curve, encoded) == [1, r - 1]
    with pytest.raises(BadInput, match=r"public input 0 .* aliases"):
        eip.decode_public_inputs(curve, r.to_bytes(32, "big"))


@pytest.mark.parametrize("name", CURVES)
def test_verify_takes_words_and_refuses_their_aliases(name):
    it = proven(name, 1)
    (value,) = it.public_inputs
    groth16.verify(it.vk, it.proof, [value.to_bytes(32, "big")])
    for bad, match in (
        ([(value + it.curve.fr.modulus).to_bytes(32, "big")], "public input 0 is not in"),
        ([value.to_bytes(33, "big")], "33 bytes"),
        ([b""], "0 bytes"),
        (value.to_bytes(32, "big"), "sequence with one element each"),
        ("1", "sequence with one element each"),
        ([None], "integers"),
    ):
        with pytest.raises(BadInput, match=match):
            groth16.verify(it.vk, it.proof, bad)
