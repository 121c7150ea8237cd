"""Proofs and keys in the encodings of other software: whole, damaged, and against a peer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import py_arkworks_bls12381 as peer

from prover.errors import BadInput
from prover.formats import arkworks, eip
from prover.groth16 import Proof, VerifyingKey
from tests.fuzz import hostile
from tests.fuzz.case import Case, Difference

Codec = tuple[Callable[[Proof], bytes], Callable[[bytes], Proof]]


def check_encodings(case: Case) -> None:
    """What is encoded comes back; what is damaged is refused or is the one encoding of something else."""
    rng, curve = case.rng, case.curve
    scalars = [rng.choice((0, 1, curve.fr.modulus - 1, rng.randrange(curve.fr.modulus))) for _ in range(5)]
    g1, g2 = (hostile.multiples(curve, group, scalars) for group in ("g1", "g2"))
    proof = Proof(curve.name, g1[0], g2[1], g1[2])
    key_points = hostile.multiples(curve, "g2", [rng.randrange(1, curve.fr.modulus) for _ in range(3)])
    alpha = hostile.multiples(curve, "g1", [rng.randrange(1, curve.fr.modulus)])[0]
    key = VerifyingKey(curve, alpha, *key_points, g1)
    backend = case.backends["portable"]
    form = rng.choice(("compressed", "uncompressed", "eip"))
    case.note(form=form, scalars=[scalar if scalar < 2 else "large" for scalar in scalars])
    if form == "eip":
        encode, decode = eip.encode_proof, partial(eip.decode_proof, curve, backend=backend)
        encode_key, decode_key = eip.encode_verifying_key, partial(eip.decode_verifying_key, curve, backend=backend)
    else:
        compressed = form == "compressed"
        encode = partial(arkworks.encode_proof, compressed=compressed)
        decode = partial(arkworks.decode_proof, curve, compressed=compressed, backend=backend)
        encode_key = partial(arkworks.encode_verifying_key, compressed=compressed)
        decode_key = partial(arkworks.decode_verifying_key, curve, compressed=compressed, backend=backend)
        if curve.name == "bls12_381" and compressed:
            _check_peer(scalars, arkworks.encode_points(curve, "g1", g1))
    if decode(encode(proof)) != proof:
        raise Difference("a proof does not come back")
    if decode_key(encode_key(key)).fingerprint != key.fingerprint:
        raise Difference("a verifying key does not come back")
    for codec, whole in (((encode, decode), encode(proof)), ((encode_key, decode_key), encode_key(key))):
        for _ in range(6):
            _check_damaged(case, codec, whole)


def _check_damaged(case: Case, codec: Codec, whole: bytes) -> None:
    encode, decode = codec
    damaged = bytearray(whole)
    for _ in range(case.rng.choice((1, 1, 2, 4))):
        place = case.rng.choice((0, len(damaged) - 1, case.rng.randrange(len(damaged))))
        damaged[place] = case.rng.choice(
            (0, 0xFF, damaged[place] ^ 1 << case.rng.randrange(8), case.rng.randrange(256))
        )
    if case.rng.random() < 0.2:
        damaged = damaged[: case.rng.randrange(len(damaged) + 1)]
    try:
        read = decode(bytes(damaged))
    except BadInput:
        return
    if encode(read) != bytes(damaged):
        raise Difference("two encodings of one thing")


def _check_peer(scalars: list[int], encoded: bytes) -> None:
    for index, scalar in enumerate(scalars):
        theirs = peer.G1Point() * peer.Scalar.from_le_bytes(scalar.to_bytes(32, "little"))
        if bytes(theirs.to_compressed_bytes()) != encoded[48 * index : 48 * index + 48]:
            raise Difference("arkworks writes a point in another way")
