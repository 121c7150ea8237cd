"""Keys of snarkjs."""

import struct

import numpy as np
import pytest

from kernels import get_backend
from kernels.encoding import ints_from_limbs
from prover import groth16
from prover.circuits import get_circuit
from prover.errors import BadInput
from prover.formats import (
    open_zkey,
    proof_from_json,
    public_from_json,
    read_json,
    read_r1cs,
    read_wtns,
    read_zkey,
    verifying_key_from_json,
    write_zkey,
)
from prover.formats.container import read_container
from prover.formats.zkey import parse_zkey


@pytest.fixture(scope="module")
def key(vectors):
    return read_zkey(vectors / "circuit.zkey")


def same_matrix(left, right):
    return all(
        np.array_equal(getattr(left, part), getattr(right, part)) for part in ("indptr", "indices", "coefficients")
    )


def test_snarkjs_key_holds_the_matrices_of_the_circuit(vectors, key, curve):
    assert key.curve is curve
    assert (key.metadata.constraints, key.metadata.variables, key.metadata.public) == (3, 7, 3)
    assert not key.metadata.development, "it has a contribution"
    groth16.validate_key(key)
    r1cs = read_r1cs(vectors / "circuit.r1cs").r1cs
    assert same_matrix(key.r1cs.a, r1cs.a)
    assert same_matrix(key.r1cs.b, r1cs.b)
    assert key.r1cs.c is None


def test_a_proof_with_snarkjs_key_verifies_against_snarkjs_verifying_key(vectors, key):
    witness = read_wtns(vectors / "witness.wtns").witness
    vk = verifying_key_from_json(read_json(vectors / "verification_key.json"))
    assert vk.fingerprint == key.verifying_key.fingerprint
    for backend in ("portable", "auto"):
        proof = groth16.prove(key, witness, get_backend(backend))
        groth16.verify(vk, proof, public_from_json(read_json(vectors / "public.json")))


def test_snarkjs_proof_verifies(vectors, key):
    proof = proof_from_json(read_json(vectors / "proof.json"))
    groth16.verify(key.verifying_key, proof, public_from_json(read_json(vectors / "public.json")))


def test_a_witness_that_does_not_satisfy_the_circuit_is_the_callers_fault(vectors, key):
    witness = read_wtns(vectors / "witness.wtns").witness
    witness[6, 0] += 1  # t; that s is wrong goes unseen by A and B, which are empty there, but not by the proof
    with pytest.raises(BadInput, match="does not satisfy the key's circuit"):
        groth16.prove(key, witness)


def test_opening_copies_no_query(vectors):
    opened = open_zkey(vectors / "circuit.zkey")
    for name in ("a_query", "b_g1_query", "b_g2_query", "l_query", "h_query"):
        assert not opened.points[name].flags.owndata
        assert not opened.points[name].flags.writeable
    key = opened.proving_key()
    assert np.shares_memory(key.h_query, opened.points["h_query"])
    # All over one mapping of the file.
    assert opened.points["h_query"].base is not None


@pytest.mark.parametrize("name", ["bn254", "bls12_381"])
def test_a_key_written_is_read_back(name, tmp_path):
    circuit = get_circuit("ringct", name, depth=1, inputs=1, outputs=1)
    pk = groth16.setup(circuit.r1cs, circuit.curve)
    write_zkey(tmp_path / "c.zkey", pk)
    again = read_zkey(tmp_path / "c.zkey")
    assert again.metadata.development, "no ceremony made it"
    assert again.verifying_key.fingerprint == pk.verifying_key.fingerprint
    for query in ("beta_g1", "delta_g1", "a_query", "b_g1_query", "b_g2_query", "h_query", "l_query"):
        assert np.array_equal(getattr(again, query), getattr(pk, query))
    assert same_matrix(again.r1cs.a, pk.r1cs.a)
    assert same_matrix(again.r1cs.b, pk.r1cs.b)
    witness = circuit.random_witnesses(1, seed=1)[0]
    proof = groth16.prove(again, witness)
    groth16.verify(pk.verifying_key, proof, ints_from_limbs(circuit.public_inputs(witness)))


def place(content, kind):
    at = 12
    while True:
        found, length = struct.unpack_from("<IQ", content, at)
        if found == kind:
            return at + 12
        at += 12 + length


def altered(content, at, change):
    changed = content[:at] + change + content[at + len(change) :]
    return parse_zkey(read_container(memoryview(changed), "k", b"zkey", (1,)))


def test_sizes_that_contradict_each_other_are_named_with_their_place(vectors, curve):
    content = (vectors / "circuit.zkey").read_bytes()
    header = place(content, 2)
    sizes = header + 8 + 8 * curve.fp.limbs + 32
    word = struct.Struct("<I").pack
    for at, change, why in (
        (place(content, 1), word(2), "PLONK"),
        (place(content, 1), word(77), "number 77"),
        (header + 4, b"\0", f"section 2 .header., offset {header}: the base field is that of no curve"),
        (header, word(31), "no curve"),
        (header + 8 + 8 * curve.fp.limbs, b"\0", "the scalar field is not that of"),
        (sizes, word(2**32 - 1), "section 5 .a_query., .*4294967295 points needs"),
        (sizes, word(3), f"offset {sizes}: 3 public signals and the constant do not fit"),
        (sizes, word(6), "section 5 .a_query..*too many"),
        (sizes + 4, word(2), "section 3 .ic..*too many"),
        (sizes + 8, word(16), "section 9 .h_query., offset .*16 points needs"),
        (sizes + 8, word(7), f"offset {sizes + 8}: the domain size 7 is no power of two"),
        (sizes + 8, word(0), "the domain size 0"),
        (sizes + 8, word(2**31), f"offset {sizes + 8}: .* no roots of unity"),
        (place(content, 4), word(1000), "section 4 .coefficients., .*1000 entries needs"),
    ):
        if curve.two_adicity > 31 and change == word(2**31):
            continue
        with pytest.raises(BadInput, match=why):
            altered(content, at, change)


def test_entries_out_of_range_are_named_with_their_place(vectors):
    content = (vectors / "circuit.zkey").read_bytes()
    entries = place(content, 4) + 4
    count = struct.unpack_from("<I", content, entries - 4)[0]
    last = entries + 44 * (count - 1)
    word = struct.Struct("<I").pack
    for at, change, why in (
        (entries, word(2), f"offset {entries}: entry 0: the matrix is neither"),
        (entries + 4, word(8), f"offset {entries}: entry 0: the constraint is not below 8"),
        (entries + 8, word(7), f"offset {entries}: entry 0: the signal is not below 7"),
        (entries + 12, b"\xff" * 32, f"offset {entries + 12}: value 0 is not below r"),
        (last, word(1), "do(es)? not end with 4 rows that bind|is not below"),
        (last + 8, word(2), "does not end with 4 rows that bind"),
        (last + 12, word(7), "does not end with 4 rows that bind"),
    ):
        opened = altered(content, at, change)
        with pytest.raises(BadInput, match=why):
            opened.proving_key()


def test_a_point_off_the_curve_is_found_before_the_key_is_trusted(vectors):
    content = (vectors / "circuit.zkey").read_bytes()
    start = place(content, 9)
    key = altered(content, start, bytes([content[start] ^ 1])).proving_key()
    with pytest.raises(BadInput, match="point 0 of h_query of the key is off the curve"):
        groth16.validate_key(key)


def test_a_key_without_contributions_is_for_development(vectors):
    content = (vectors / "circuit.zkey").read_bytes()
    key = altered(content, place(content, 10) + 64, bytes(4)).proving_key()
    assert key.metadata.development


def test_opening_a_key_of_a_gigabyte_takes_milliseconds(vectors, curve, tmp_path):
    """Its points are all infinity: the file is full of holes and takes no room."""
    import time
    import tracemalloc

    content = (vectors / "circuit.zkey").read_bytes()
    header, log2_n, g1 = place(content, 2), 21, 16 * curve.fp.limbs
    sizes_at = header + 8 + 8 * curve.fp.limbs + 32
    n = 1 << log2_n
    small = content[header:sizes_at] + struct.pack("<III", n, 3, n)
    start = bytes(small) + content[sizes_at + 12 : sizes_at + 12 + 3 * g1 + 6 * g1]
    lengths = {3: 4 * g1, 5: n * g1, 6: n * g1, 7: 2 * n * g1, 8: (n - 4) * g1, 9: n * g1, 4: 4}
    with (tmp_path / "large.zkey").open("wb") as file:
        file.write(struct.pack("<4sII", b"zkey", 1, 2 + len(lengths)) + struct.pack("<IQI", 1, 4, 1))
        file.write(struct.pack("<IQ", 2, len(start)) + start)
        for kind, length in lengths.items():
            file.write(struct.pack("<IQ", kind, length))
            file.seek(length, 1)
        file.truncate()
    assert (tmp_path / "large.zkey").stat().st_size > 800_000_000
    tracemalloc.start()
    started = time.process_time()
    opened = open_zkey(tmp_path / "large.zkey")
    elapsed_s, (_, peak) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (opened.variables, opened.domain_size, len(opened.points["b_g2_query"])) == (n, n, n)
    assert elapsed_s < 0.05
    assert peak < 1 << 20
