import json
from pathlib import Path

import numpy as np
import py_arkworks_bls12381
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernels import get_backend, get_curve
from kernels.encoding import limbs_from_ints, points_from_ints, points_to_ints
from prover import groth16
from prover.errors import BadInput
from prover.formats import arkworks
from prover.formats.square_roots import negated_coordinate, y_coordinate
from tests.prover.formats.statements import proven

CURVES = ("bls12_381", "bn254")
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "arkworks_bn254_keys.json").read_text(encoding="utf-8"))


def multiples(curve, group, scalars):
    generator = curve.g1_generator if group == "g1" else curve.g2_generator
    base = points_from_ints(curve, group, [generator])[0]
    return get_backend().multiply_base(curve, group, base, limbs_from_ints(scalars, 4))


def decode_ic(curve, encoded, *, compressed):
    """Decode points of G1 as the statement's query of a verifying key, the only sequence of points there is."""
    vk = proven(curve.name, 1).vk
    whole = arkworks.encode_verifying_key(vk, compressed=compressed)
    width = len(arkworks.encode_points(curve, "g1", vk.ic[:1], compressed=compressed))
    count = (len(encoded) // width).to_bytes(8, "little")
    changed = whole[: -2 * width - 8] + count + encoded
    return arkworks.decode_verifying_key(curve, changed, compressed=compressed).ic


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("name", CURVES)
def test_proofs_and_keys_round_trip_and_still_verify(name, compressed):
    it = proven(name, 1)
    encoded = arkworks.encode_proof(it.proof, compressed=compressed)
    assert len(encoded) == 32 * it.curve.fp.limbs * (1 if compressed else 2)
    proof = arkworks.decode_proof(it.curve, encoded, compressed=compressed)
    assert proof == it.proof
    key = arkworks.encode_verifying_key(it.vk, compressed=compressed)
    vk = arkworks.decode_verifying_key(it.curve, key, compressed=compressed)
    assert vk.fingerprint == it.vk.fingerprint
    groth16.verify(vk, proof, it.public_inputs)


@pytest.mark.parametrize("group", ["g1", "g2"])
def test_bls12_381_points_are_written_as_arkworks_writes_them(group):
    curve = get_curve("bls12_381")
    peer = {"g1": py_arkworks_bls12381.G1Point, "g2": py_arkworks_bls12381.G2Point}[group]
    scalars = [0, 1, 2, 3, 5, 1 << 200, curve.fr.modulus - 1]
    points = multiples(curve, group, scalars)
    for index, scalar in enumerate(scalars):
        theirs = peer() * py_arkworks_bls12381.Scalar.from_le_bytes(scalar.to_bytes(32, "little"))
        assert arkworks.encode_points(curve, group, points[index : index + 1]) == bytes(theirs.to_compressed_bytes())


@pytest.mark.parametrize("vector", VECTORS["keys"])
def test_bn254_keys_are_written_as_arkworks_writes_them(vector):
    curve = get_curve("bn254")
    encoded = bytes.fromhex(vector["uncompressed"])
    vk = arkworks.decode_verifying_key(curve, encoded, compressed=False)
    assert points_to_ints(curve, "g1", vk.alpha_g1[np.newaxis]) == [pair(vector["vk_alpha_1"])]
    assert points_to_ints(curve, "g1", vk.ic) == [pair(point) for point in vector["IC"]]
    g2 = np.stack([vk.beta_g2, vk.gamma_g2, vk.delta_g2])
    assert points_to_ints(curve, "g2", g2) == [
        tuple(tuple(map(int, coordinate)) for coordinate in vector[f"vk_{name}_2"][:2])
        for name in ("beta", "gamma", "delta")
    ]
    assert arkworks.encode_verifying_key(vk, compressed=False) == encoded
    # The compressed form keeps x and moves the flag of y to it.
    short = arkworks.encode_verifying_key(vk)
    assert short[:32] == encoded[:31] + bytes([encoded[31] | encoded[63] & 0xC0])
    assert short[32:96] == encoded[64:127] + bytes([encoded[127] | encoded[191] & 0xC0])


def pair(point):
    return int(point[0]), int(point[1])


def test_both_signs_of_y_are_among_the_vectors():
    flags = {bytes.fromhex(vector["uncompressed"])[63] & 0x80 for vector in VECTORS["keys"]}
    assert flags == {0, 0x80}


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("name", CURVES)
def test_infinity_and_both_signs_round_trip(name, compressed):
    curve = get_curve(name)
    points = multiples(curve, "g1", [0, 1, curve.fr.modulus - 1, 12345])
    encoded = arkworks.encode_points(curve, "g1", points, compressed=compressed)
    np.testing.assert_array_equal(decode_ic(curve, encoded, compressed=compressed), points)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("name", CURVES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=3))
def test_a_changed_encoding_is_refused_or_means_another_proof(name, compressed, flips):
    it = proven(name, 1)
    encoded = bytearray(arkworks.encode_proof(it.proof, compressed=compressed))
    for place, mask in flips:
        encoded[place % len(encoded)] ^= mask
    try:
        proof = arkworks.decode_proof(it.curve, bytes(encoded), compressed=compressed)
    except BadInput:
        return
    assert arkworks.encode_proof(proof, compressed=compressed) == bytes(encoded), "two encodings of one proof"


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("name", CURVES)
def test_bad_keys_are_refused(name, compressed):
    it = proven(name, 1)
    encoded = arkworks.encode_verifying_key(it.vk, compressed=compressed)
    width = len(arkworks.encode_points(it.curve, "g1", it.vk.ic[:1], compressed=compressed))
    at = len(encoded) - 2 * width - 8

    def refused(changed, match):
        with pytest.raises(BadInput, match=match):
            arkworks.decode_verifying_key(it.curve, changed, compressed=compressed)

    refused(b"", "ends within alpha_g1")
    refused(encoded[:at], "before the length of ic")
    refused(encoded[: at + 4], "before the length of ic")
    refused(encoded[:-1], "truncated")
    refused(encoded + b"\0", "truncated")
    refused(encoded[:at] + bytes(8), "truncated")
    refused(encoded[:at] + (1 << 60).to_bytes(8, "little") + encoded[at + 8 :], "claims")
    infinity = arkworks.encode_points(it.curve, "g1", it.vk.ic[:1] * np.uint64(0), compressed=compressed)
    refused(infinity + encoded[width:], "infinity")


@pytest.mark.parametrize("name", CURVES)
def test_flags_must_be_those_of_the_form(name):
    it = proven(name, 1)
    short, long = (bytearray(arkworks.encode_proof(it.proof, compressed=form)) for form in (True, False))
    flag = (0, 0x20) if name == "bls12_381" else (16 * it.curve.fp.limbs - 1, 0x80)
    long[flag[0]] ^= flag[1]
    with pytest.raises(BadInput, match="flag"):
        arkworks.decode_proof(it.curve, bytes(long), compressed=False)
    infinity_flag = (0, 0x40) if name == "bls12_381" else (8 * it.curve.fp.limbs - 1, 0x40)
    short[infinity_flag[0]] |= infinity_flag[1]
    with pytest.raises(BadInput, match="infinity"):
        arkworks.decode_proof(it.curve, bytes(short))
    short[infinity_flag[0]] ^= infinity_flag[1]
    if name == "bls12_381":
        short[0] ^= 0x80
        with pytest.raises(BadInput, match="compressed form"):
            arkworks.decode_proof(it.curve, bytes(short))


@pytest.mark.parametrize("name", CURVES)
def test_infinity_must_be_marked(name):
    it = proven(name, 1)
    encoded = arkworks.encode_proof(it.proof, compressed=False)
    width = 16 * it.curve.fp.limbs
    with pytest.raises(BadInput, match=r"element a of the proof is off the curve: \(0, 0\)"):
        arkworks.decode_proof(it.curve, bytes(width) + encoded[width:], compressed=False)


@pytest.mark.parametrize("name", CURVES)
def test_points_outside_the_subgroup_are_refused(name):
    curve = get_curve(name)
    x = next(x for x in range(1, 100) if y_coordinate(curve, "g2", (x, 0)) is not None)
    y = y_coordinate(curve, "g2", (x, 0))
    outside = points_from_ints(curve, "g2", [((x, 0), y)])
    proof = proven(name, 1).proof
    for compressed in (True, False):
        encoded = arkworks.encode_proof(proof, compressed=compressed)
        width = len(encoded) // 4
        changed = (
            encoded[:width] + arkworks.encode_points(curve, "g2", outside, compressed=compressed) + encoded[-width:]
        )
        with pytest.raises(BadInput, match=r"element b .* subgroup"):
            arkworks.decode_proof(curve, changed, compressed=compressed)


@pytest.mark.parametrize("name", CURVES)
def test_square_roots_match_the_curve_equation(name):
    curve = get_curve(name)
    p = curve.fp.modulus
    for group in ("g1", "g2"):
        for x, y in points_to_ints(curve, group, multiples(curve, group, [1, 2, 3, 4, 5])):
            xs, ys = ((x,), (y,)) if group == "g1" else (x, y)
            found = y_coordinate(curve, group, xs)
            assert found in (ys, negated_coordinate(curve, ys))
    found = [y_coordinate(curve, "g2", (c0, c1)) for c0 in range(12) for c1 in range(12)]
    assert 40 < sum(y is not None for y in found) < 104, "about half of the x belong to a point"
    # c1 = 0 makes x^3 real: roots without a real or without an imaginary part are among these on the twist M.
    for x in range(40):
        y = y_coordinate(curve, "g1", (x,))
        assert y is None or y[0] ** 2 % p == (x**3 + curve.b) % p


@pytest.mark.parametrize("name", CURVES)
def test_public_inputs_are_little_endian_and_below_r(name):
    curve = get_curve(name)
    r = curve.fr.modulus
    values = [0, 1, r - 1]
    encoded = arkworks.encode_public_inputs(curve, values)
    assert encoded[32:64] == (1).to_bytes(32, "little")
    assert arkworks.decode_public_inputs(curve, encoded) == values
    assert arkworks.encode_public_inputs(curve, limbs_from_ints(values, 4)) == encoded
    with pytest.raises(BadInput, match=r"public input 1 .* aliases"):
        arkworks.decode_public_inputs(curve, bytes(32) + r.to_bytes(32, "little"))
    with pytest.raises(BadInput, match="multiple"):
        arkworks.decode_public_inputs(curve, bytes(33))
    for bad in (-1, r):
        with pytest.raises(BadInput, match="public input 0"):
            arkworks.encode_public_inputs(curve, [bad])
