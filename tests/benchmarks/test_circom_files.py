"""The files that peers read."""

import struct

from benchmarks.circom_files import write_r1cs, write_wtns
from prover.circuits import get_circuit


def sections(path):
    content = path.read_bytes()
    magic, version, count = struct.unpack_from("<4sII", content)
    found, at = {}, 12
    for _ in range(count):
        kind, length = struct.unpack_from("<IQ", content, at)
        found[kind] = content[at + 12 : at + 12 + length]
        at += 12 + length
    assert at == len(content)
    return magic, version, found


def test_a_constraint_system_has_its_counts_and_rows(tmp_path):
    circuit = get_circuit("multiply", "bn254")
    write_r1cs(tmp_path / "c.r1cs", circuit.r1cs, outputs=1)
    magic, version, found = sections(tmp_path / "c.r1cs")
    assert (magic, version) == (b"r1cs", 1)
    assert found[1][:36] == struct.pack("<I", 32) + circuit.curve.fr.modulus.to_bytes(32, "little")
    assert struct.unpack("<IIIIQI", found[1][36:]) == (4, 1, 0, 2, 4, 1)
    one = (1).to_bytes(32, "little")
    assert found[2] == b"".join(struct.pack("<II", 1, signal) + one for signal in (2, 3, 1))  # a * b = c
    assert struct.unpack("<4Q", found[3]) == (0, 1, 2, 3)


def test_a_witness_is_in_standard_form(tmp_path):
    circuit = get_circuit("multiply", "bn254")
    write_wtns(tmp_path / "w.wtns", circuit.curve, circuit.witnesses([{"a": 5, "b": 7}])[0])
    magic, version, found = sections(tmp_path / "w.wtns")
    assert (magic, version) == (b"wtns", 2)
    assert found[1][36:] == struct.pack("<I", 4)
    assert [int.from_bytes(found[2][i : i + 32], "little") for i in range(0, 128, 32)] == [1, 35, 5, 7]
