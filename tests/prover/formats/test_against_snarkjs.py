"""Keys and proofs exchanged with snarkjs, on both curves: about a minute where node is there.

Circuits with 0, 1 and 64 public signals, signals that nothing uses, constraints with empty A or B, and a constraint of
constants alone.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from kernels import SparseMatrix, get_backend, get_curve
from kernels.encoding import limbs_from_ints, montgomery_from_ints
from prover import groth16
from prover.formats import (
    proof_from_json,
    proof_to_json,
    public_from_json,
    public_to_json,
    read_json,
    read_r1cs,
    read_wtns,
    read_zkey,
    verifying_key_from_json,
    verifying_key_to_json,
    write_json,
    write_r1cs,
    write_wtns,
    write_zkey,
)
from prover.formats.circuit_hash import circuit_hash
from prover.formats.ptau import open_ptau
from prover.groth16.key_consistency import check_key_for
from prover.groth16.setup_from_powers import setup_from_powers
from prover.r1cs import R1CS
from tests.npm_tools import compile_circom, snarkjs

CURVES = {"bn128": "bn254", "bls12381": "bls12_381"}

# One public signal, an output. At --O0 linear constraints stay, whose A and B are empty.
ONE = """
pragma circom 2.0.0;
include "circomlib/circuits/comparators.circom";
include "circomlib/circuits/mimc.circom";
template One() {
    signal input a;
    signal input b;
    signal input unused[3];
    signal output digest;
    component less = LessThan(16);
    less.in[0] <== a;
    less.in[1] <== b;
    less.out === 1;
    component hash = MiMC7(5);
    hash.x_in <== a + 7 * b;
    hash.k <== less.out;
    digest <== hash.out;
}
component main = One();
"""
ONE_INPUT = {"a": 5, "b": 77, "unused": [1, 2, 3]}

MANY = """
pragma circom 2.0.0;
template Many() {
    signal input x[64];
    signal running[33];
    running[0] <== 1;
    for (var i = 0; i < 32; i++) { running[i + 1] <== running[i] * x[2 * i] + x[2 * i + 1]; }
}
component main {public [x]} = Many();
"""
MANY_INPUT = {"x": [3 + i for i in range(64)]}


@dataclass(frozen=True)
class Project:
    """A circuit compiled and set up by snarkjs, with its witness and snarkjs' proof."""

    folder: Path
    public: int

    def path(self, name):
        return self.folder / name

    @property
    def zkey(self):
        return self.folder / "circuit.zkey"


@pytest.fixture(scope="module", params=CURVES)
def prime(request):
    return request.param


@pytest.fixture(scope="module")
def ceremony(prime, tmp_path_factory):
    """Powers of tau for 128 constraints: no more than the largest circuit takes."""
    folder = tmp_path_factory.mktemp(f"ptau-{prime}")
    snarkjs("powersoftau", "new", prime, "7", "0.ptau", cwd=folder)
    snarkjs("powersoftau", "contribute", "0.ptau", "1.ptau", "-e=tests", cwd=folder)
    snarkjs("powersoftau", "prepare", "phase2", "1.ptau", "2.ptau", cwd=folder)
    return folder / "2.ptau"


def constants_only(folder, prime):
    """No public signal: 2 * 3 = 6, x * y = z, 0 = 0, and a variable that nothing uses; written by us."""
    curve = get_curve(prime)

    def matrix(*rows):
        entries = [(column, value) for row in rows for column, value in row.items()]
        return SparseMatrix(
            np.cumsum([0, *map(len, rows)]).astype(np.int64),
            np.array([column for column, _ in entries], np.int32),
            montgomery_from_ints(curve.fr, [value for _, value in entries]),
        )

    a, b, c = matrix({0: 2}, {1: 1}, {}), matrix({0: 3}, {2: 1}, {}), matrix({0: 6}, {3: 1}, {})
    write_r1cs(folder / "circuit.r1cs", R1CS(curve, a, b, c, variables=5, public=0))
    write_wtns(folder / "witness.wtns", curve, limbs_from_ints([1, 4, 5, 20, 99], 4))
    return 0


def compiled(source, inputs, public):
    def make(folder, prime):
        (folder / "circuit.circom").write_text(source, encoding="utf-8")
        (folder / "input.json").write_text(json.dumps(inputs), encoding="utf-8")
        compile_circom(folder / "circuit.circom", folder, prime)
        snarkjs("wtns", "calculate", "circuit_js/circuit.wasm", "input.json", "witness.wtns", cwd=folder)
        return public

    return make


PROJECTS = {"none": constants_only, "one": compiled(ONE, ONE_INPUT, 1), "many": compiled(MANY, MANY_INPUT, 64)}


@pytest.fixture(scope="module", params=PROJECTS)
def project(request, prime, ceremony, tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"{request.param}-{prime}")
    public = PROJECTS[request.param](folder, prime)
    snarkjs("groth16", "setup", "circuit.r1cs", ceremony, "circuit.zkey", cwd=folder)
    if request.param == "one":
        (folder / "circuit.zkey").rename(folder / "0.zkey")
        snarkjs("zkey", "contribute", "0.zkey", "circuit.zkey", "-e=tests", cwd=folder)
    snarkjs("zkey", "export", "verificationkey", "circuit.zkey", "verification_key.json", cwd=folder)
    snarkjs("groth16", "prove", "circuit.zkey", "witness.wtns", "proof.json", "public.json", cwd=folder)
    return Project(folder, public)


def test_we_read_what_snarkjs_made(project, prime):
    key, system = read_zkey(project.zkey), read_r1cs(project.path("circuit.r1cs"))
    assert key.curve is system.header.curve is get_curve(prime)
    assert key.metadata.public == system.header.public == project.public
    groth16.validate_key(key)
    check_key_for(key, system.r1cs)
    system.r1cs.check(read_wtns(project.path("witness.wtns")).witness, get_backend())


def test_we_begin_a_ceremony_as_snarkjs_does(project, ceremony):
    powers, system = open_ptau(ceremony), read_r1cs(project.path("circuit.r1cs")).r1cs
    key = setup_from_powers(system, powers)
    write_zkey(project.path("first.zkey"), key, circuit_hash=circuit_hash(key, powers))
    theirs = project.path("0.zkey") if project.public == 1 else project.zkey
    assert project.path("first.zkey").read_bytes() == theirs.read_bytes()
    if project.public == 1:
        snarkjs("zkey", "verify", "circuit.r1cs", ceremony, "first.zkey", cwd=project.folder)


def test_snarkjs_verifies_our_proofs(project):
    key, witness = read_zkey(project.zkey), read_wtns(project.path("witness.wtns")).witness
    proof = groth16.prove(key, witness)
    write_json(project.path("ours.json"), proof_to_json(proof))
    write_json(project.path("ours_public.json"), public_to_json(witness[1 : project.public + 1]))
    assert read_json(project.path("ours_public.json")) == read_json(project.path("public.json"))
    snarkjs("groth16", "verify", "verification_key.json", "ours_public.json", "ours.json", cwd=project.folder)
    if project.public != 1:
        return
    tampered = proof_to_json(proof)
    tampered["pi_a"], tampered["pi_c"] = tampered["pi_c"], tampered["pi_a"]
    write_json(project.path("tampered.json"), tampered)
    arguments = ("groth16", "verify", "verification_key.json", "ours_public.json", "tampered.json")
    assert snarkjs(*arguments, cwd=project.folder, check=False).returncode


def test_we_verify_snarkjs_proofs_and_write_its_verifying_key(project):
    vk = verifying_key_from_json(read_json(project.path("verification_key.json")))
    proof = proof_from_json(read_json(project.path("proof.json")))
    groth16.verify(vk, proof, public_from_json(read_json(project.path("public.json"))))
    write_json(project.path("ours_vk.json"), verifying_key_to_json(read_zkey(project.zkey).verifying_key))
    assert project.path("ours_vk.json").read_bytes() == project.path("verification_key.json").read_bytes()


def test_snarkjs_proves_with_our_key(project):
    system = read_r1cs(project.path("circuit.r1cs"))
    pk = groth16.setup(system.r1cs, system.header.curve)
    write_zkey(project.path("dev.zkey"), pk)
    write_json(project.path("dev_vk.json"), verifying_key_to_json(pk.verifying_key))
    snarkjs("groth16", "prove", "dev.zkey", "witness.wtns", "dev_proof.json", "dev_public.json", cwd=project.folder)
    proof = proof_from_json(read_json(project.path("dev_proof.json")))
    groth16.verify(pk.verifying_key, proof, public_from_json(read_json(project.path("dev_public.json"))))
    if project.public != 1:
        return
    snarkjs("groth16", "verify", "dev_vk.json", "dev_public.json", "dev_proof.json", cwd=project.folder)
    snarkjs("zkey", "export", "verificationkey", "dev.zkey", "dev_vk_snarkjs.json", cwd=project.folder)
    assert project.path("dev_vk_snarkjs.json").read_bytes() == project.path("dev_vk.json").read_bytes()
