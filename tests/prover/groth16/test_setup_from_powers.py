"""The first key of a ceremony's second phase, beside the one that snarkjs made from the same powers of tau."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from kernels import get_backend, get_curve
from prover import groth16
from prover.circuits import get_circuit
from prover.errors import BadInput
from prover.formats import open_zkey, read_r1cs, read_wtns, read_zkey, write_zkey
from prover.formats.circuit_hash import circuit_hash
from prover.formats.container import open_container
from prover.formats.ptau import open_ptau
from prover.groth16.setup_from_powers import setup_from_powers

VECTORS = Path(__file__).parents[2] / "vectors" / "circom"


@pytest.fixture(scope="module", params=["bn128", "bls12381"])
def vectors(request):
    return VECTORS / request.param


@pytest.fixture(scope="module")
def powers(vectors):
    return open_ptau(vectors / "powers.ptau")


@pytest.fixture(scope="module")
def system(vectors):
    return read_r1cs(vectors / "circuit.r1cs").r1cs


@pytest.fixture(scope="module")
def key(system, powers):
    return setup_from_powers(system, powers)


def test_it_has_snarkjs_points(vectors, key):
    theirs = open_zkey(vectors / "circuit.zkey")  # its one contribution changed delta, l_query and h_query
    for name in ("alpha_g1", "beta_g1", "beta_g2", "gamma_g2", "ic", "a_query", "b_g1_query", "b_g2_query"):
        assert np.array_equal(getattr(key, name), theirs.points[name]), name


def test_it_has_snarkjs_hash(vectors, key, powers, tmp_path):
    contributions = open_container(vectors / "circuit.zkey", b"zkey", (1,)).section(10, "contributions")
    ours = circuit_hash(key, powers)
    assert ours == bytes(contributions.take(64, "the hash"))
    write_zkey(tmp_path / "first.zkey", key, circuit_hash=ours)
    assert ours in (tmp_path / "first.zkey").read_bytes()
    assert open_zkey(tmp_path / "first.zkey").contributions == 0


@pytest.mark.parametrize("backend", ["portable", "auto"])
def test_it_proves(vectors, system, powers, backend):
    seen = []
    key = setup_from_powers(system, powers, get_backend(backend), lambda *counts: seen.append(counts))
    assert seen[-1] == (4 * 7, 4 * 7)
    assert key.metadata.development
    groth16.validate_key(key)
    witness = read_wtns(vectors / "witness.wtns").witness
    groth16.verify(key.verifying_key, groth16.prove(key, witness), witness[1:4])


def test_systems_that_do_not_fit_are_refused(system, powers):
    other = "bls12_381" if powers.curve.name == "bn254" else "bn254"
    with pytest.raises(BadInput, match="the powers of tau on"):
        setup_from_powers(get_circuit("multiply", other).r1cs, powers)
    with pytest.raises(BadInput, match="needs a domain of 2048, the powers of tau serve up to 16"):
        setup_from_powers(get_circuit("ringct", powers.curve.name, depth=1, inputs=1, outputs=1).r1cs, powers)
    with pytest.raises(BadInput, match="matrix C is not known"):
        setup_from_powers(dataclasses.replace(system, c=None), powers)


def test_a_point_off_the_curve_is_refused(vectors, system, tmp_path):
    content = bytearray((vectors / "powers.ptau").read_bytes())
    words = 16 * get_curve(vectors.name).fp.limbs
    section = open_container(vectors / "powers.ptau", b"ptau", (1,)).sections[12]
    content[section.start + 7 * words + 1] ^= 1  # the first point of the domain of 8
    (tmp_path / "off.ptau").write_bytes(content)
    with pytest.raises(BadInput, match="point 0 of the powers of tau is off the curve"):
        setup_from_powers(system, open_ptau(tmp_path / "off.ptau"))


def test_a_key_of_snarkjs_is_read_back_as_it_would_be_written(vectors, tmp_path):
    write_zkey(tmp_path / "again.zkey", read_zkey(vectors / "circuit.zkey"))
    ours, theirs = (open_container(path, b"zkey", (1,)) for path in (tmp_path / "again.zkey", vectors / "circuit.zkey"))
    for kind in range(1, 10):
        left, right = ours.section(kind, ""), theirs.section(kind, "")
        assert left.take(len(left), "") == right.take(len(right), ""), kind
