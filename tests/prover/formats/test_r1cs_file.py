"""Constraint systems of circom."""

import dataclasses
import struct

import numpy as np
import pytest

from kernels import get_backend
from prover.circuits import get_circuit
from prover.errors import BadInput, UnsatisfiedConstraint
from prover.formats import read_r1cs, read_r1cs_header, read_wtns, write_r1cs
from prover.formats.container import read_container
from prover.formats.r1cs_file import parse_r1cs


def same_matrix(left, right):
    return all(
        np.array_equal(getattr(left, part), getattr(right, part)) for part in ("indptr", "indices", "coefficients")
    )


def test_circoms_system_is_read_and_its_witness_satisfies_it(vectors, curve):
    read = read_r1cs(vectors / "circuit.r1cs")
    header = read.header
    assert (header.wires, header.outputs, header.inputs, header.private_inputs) == (7, 2, 1, 2)
    assert (header.labels, header.constraints, header.public) == (7, 3, 3)
    assert read.r1cs.curve is curve
    assert read.labels.tolist() == list(range(7))
    witness = read_wtns(vectors / "witness.wtns").witness
    read.r1cs.check(witness)
    read.r1cs.check(witness, get_backend())
    witness[2, 0] += 1  # s, the linear constraint
    with pytest.raises(UnsatisfiedConstraint) as refused:
        read.r1cs.check(witness)
    assert refused.value.index == 2


@pytest.mark.parametrize("name", ["bn254", "bls12_381"])
def test_a_system_written_is_read_back(name, tmp_path):
    circuit = get_circuit("ringct", name, depth=1, inputs=1, outputs=1)
    write_r1cs(tmp_path / "c.r1cs", circuit.r1cs, outputs=2, private_inputs=3)
    read = read_r1cs(tmp_path / "c.r1cs")
    assert all(same_matrix(getattr(read.r1cs, m), getattr(circuit.r1cs, m)) for m in "abc")
    header = read_r1cs_header(tmp_path / "c.r1cs")
    assert (header.outputs, header.inputs, header.private_inputs) == (2, circuit.r1cs.public - 2, 3)
    assert read.r1cs.check_batch(circuit.random_witnesses(2, seed=1), get_backend()) == [None, None]


def test_rows_may_be_empty(vectors, tmp_path):
    r1cs = read_r1cs(vectors / "circuit.r1cs").r1cs
    empty = dataclasses.replace(
        r1cs.a, indptr=np.zeros(4, np.int64), indices=np.empty(0, np.int32), coefficients=np.empty((0, 4), np.uint64)
    )
    write_r1cs(tmp_path / "c.r1cs", dataclasses.replace(r1cs, a=empty))
    read = read_r1cs(tmp_path / "c.r1cs").r1cs
    assert same_matrix(read.a, empty)
    assert same_matrix(read.b, r1cs.b)


def altered(content, at, change):
    return parse_r1cs(
        read_container(memoryview(content[:at] + change + content[at + len(change) :]), "c", b"r1cs", (1,))
    )


def place(content, kind):
    at = 12
    while True:
        found, length = struct.unpack_from("<IQ", content, at)
        if found == kind:
            return at + 12
        at += 12 + length


def test_what_is_wrong_is_named_with_its_place(vectors):
    content = (vectors / "circuit.r1cs").read_bytes()
    header, constraints = place(content, 1), place(content, 2)
    word = struct.Struct("<I").pack
    for at, change, why in (
        (header + 36, word(5), r"section 1 \(header\).* 5 wires are too few"),
        (header + 36, word(8), r"section 3 \(wire to label\).* 8 labels needs 64 bytes"),
        (header + 36, word(6), r"section 3 .* 8 bytes too many"),
        (header + 60, word(2), f"section 2 .*, offset {constraints}: .*|bytes behind the last constraint"),
        (header + 60, word(4), "it ends before constraint 3"),
        (header + 60, word(2**32 - 1), "4294967295 constraints do not fit"),
        (constraints, word(2**32 - 1), f"offset {constraints + 4}: constraint 0 claims 4294967295 terms"),
        (constraints + 4, word(7), f"offset {constraints + 4}: wire 7 of 7"),
        (constraints + 8, b"\xff" * 32, f"offset {constraints + 8}: coefficient 0 is not below r"),
    ):
        with pytest.raises(BadInput, match=why):
            altered(content, at, change)


def test_custom_gates_are_refused(vectors):
    content = (vectors / "circuit.r1cs").read_bytes()
    gates = content[:8] + struct.pack("<I", 4) + content[12:] + struct.pack("<IQI", 4, 4, 1)
    with pytest.raises(BadInput, match=r"section 4.*custom gates"):
        altered(gates, 0, b"")
    none = content[:8] + struct.pack("<I", 4) + content[12:] + struct.pack("<IQI", 4, 4, 0)
    assert altered(none, 0, b"").header.constraints == 3


def test_a_system_without_its_matrix_c_cannot_be_written(vectors, tmp_path):
    r1cs = dataclasses.replace(read_r1cs(vectors / "circuit.r1cs").r1cs, c=None)
    with pytest.raises(BadInput, match="matrix C"):
        write_r1cs(tmp_path / "c.r1cs", r1cs)
