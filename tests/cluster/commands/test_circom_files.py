"""From circom's inputs to a proof and to a contract, in snarkjs' words."""

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cluster import cli
from cluster.exit_codes import ExitCode
from cluster.file_grammar import LIMIT_MIB, LIMIT_S
from prover.calculator_instance import CalculatorLimits
from prover.formats import open_zkey, verifier_contract

VECTORS = Path(__file__).parents[2] / "vectors" / "circom"


@pytest.fixture(params=["bn128", "bls12381"])
def folder(request, tmp_path, monkeypatch):
    """A folder with a circuit's files under snarkjs' default names; the current one."""
    for name, target in (
        ("circuit.zkey", "circuit_final.zkey"),
        ("circuit.wasm", "circuit_final.wasm"),
        ("circuit.wasm", "circuit.wasm"),
        ("circuit.r1cs", "circuit.r1cs"),
        ("verification_key.json", "verification_key.json"),
    ):
        shutil.copy(VECTORS / request.param / name, tmp_path / target)
    (tmp_path / "input.json").write_text(json.dumps({"x": 3, "y": "0x5", "unused": "1"}), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FASTPATH_PROVER_KEY_DIR", str(tmp_path / "keys"))
    return tmp_path


@pytest.fixture
def theirs(folder):
    curve = json.loads((folder / "verification_key.json").read_text(encoding="utf-8"))["curve"]
    return VECTORS / curve


@pytest.fixture
def run(capsys):
    def run(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return code, json.loads(printed.out) if "--json" in arguments else printed.out, printed.err

    return run


def test_a_witness_file_is_that_of_snarkjs(folder, theirs, run):
    code, document, _ = run("wtns", "calculate", "--json")
    assert (code, document["variables"], document["witness"]) == (ExitCode.OK, 7, "witness.wtns")
    assert (folder / "witness.wtns").read_bytes() == (theirs / "witness.wtns").read_bytes()
    assert stat.S_IMODE((folder / "witness.wtns").stat().st_mode) == 0o600
    assert run("wtns", "check")[0] == ExitCode.OK


def test_from_inputs_to_a_verified_proof(folder, theirs, run):
    code, document, _ = run("groth16", "fullprove", "-v", "--json")
    assert (code, document["constraints"]) == (ExitCode.OK, 3)
    assert json.loads((folder / "public.json").read_text(encoding="utf-8")) == json.loads(
        (theirs / "public.json").read_text(encoding="utf-8")
    )
    assert run("groth16", "verify")[0] == ExitCode.OK


def test_contract_and_calldata(folder, run):
    assert run("groth16", "fullprove")[0] == ExitCode.OK
    code, document, _ = run("zkey", "export", "solidityverifier", "--json")
    assert (code, document["public"], document["development"]) == (ExitCode.OK, 3, False)
    vk = open_zkey(folder / "circuit_final.zkey").verifying_key
    assert (folder / "verifier.sol").read_text(encoding="utf-8") == verifier_contract(vk)
    code, calldata, _ = run("groth16", "exportsoliditycalldata")
    assert code == ExitCode.OK
    arguments = json.loads(f"[{calldata}]")
    assert [int(word, 16) for word in arguments[3]] == [
        int(x) for x in json.loads(Path("public.json").read_text(encoding="utf-8"))
    ]
    assert run("zkey", "export", "soliditycalldata")[1] == calldata
    assert run("zkey", "export", "soliditycalldata", "--json")[1]["calldata"] == calldata.strip()


def test_the_contract_of_a_development_key_says_so(folder, run):
    assert run("groth16", "setup", "circuit.r1cs", "dev.zkey")[0] == ExitCode.OK
    code, out, _ = run("zkey", "export", "solidityverifier", "dev.zkey", "dev.sol")
    assert code == ExitCode.OK
    assert "anyone can forge proofs" in out
    assert "FOR DEVELOPMENT ONLY" in (folder / "dev.sol").read_text(encoding="utf-8")


def test_what_is_wrong_is_said(folder, run):
    (folder / "missing.json").write_text('{"x": 1, "y": 2}', encoding="utf-8")
    (folder / "extra.json").write_text('{"x": 1, "y": 2, "unused": 3, "z": 424242}', encoding="utf-8")
    (folder / "batch.json").write_text('[{"x": 1}, {"x": 2}]', encoding="utf-8")
    (folder / "alias.json").write_text(json.dumps(["52", str(1 << 255), "3"]), encoding="utf-8")
    assert run("groth16", "fullprove")[0] == ExitCode.OK
    for arguments, why in (
        (("wtns", "calculate", "circuit.wasm", "missing.json"), "hold 2 of 3 values"),
        (("groth16", "fullprove", "extra.json"), "no input signal 'z'"),
        (("wtns", "calculate", "circuit.wasm", "batch.json"), "holds inputs of 2 witnesses"),
        (("wtns", "calculate", "circuit.r1cs"), "circuit.r1cs: the file is no WebAssembly module"),
        (("wtns", "calculate", "none.wasm"), "none.wasm cannot be read"),
        (("wtns", "calculate", "--limit-s", "0"), "limit of time must be above 0"),
        (("wtns", "calculate", "--limit-s", "soon"), "limit-s"),
        (("groth16", "fullprove", "--limit-mib", "-1"), "limit of memory must be above 0"),
        (("groth16", "exportsoliditycalldata", "alias.json"), "public input 1 is not in 0 ... r - 1"),
        (("zkey", "export", "solidityverifier", "circuit_final.zkey", "none/v.sol"), "none/v.sol cannot be written"),
    ):
        code, _, err = run(*arguments)
        assert code == ExitCode.BAD_INPUT
        assert why in err
        assert "424242" not in err


def test_a_calculator_of_another_curve_is_refused(folder, theirs, run):
    other = next(path for path in VECTORS.iterdir() if path.is_dir() and path != theirs)
    shutil.copy(other / "circuit.wasm", folder / "other.wasm")
    code, _, err = run("groth16", "fullprove", "input.json", "other.wasm")
    assert code == ExitCode.BAD_INPUT
    assert "the witness is over the scalars of" in err


def test_the_grammar_has_the_limits_of_the_library():
    assert CalculatorLimits(time_s=LIMIT_S, memory_bytes=LIMIT_MIB << 20) == CalculatorLimits()


def test_calculating_waits_for_neither_ray_nor_numba(folder):
    program = (
        "import sys\n"
        "from cluster.cli import main\n"
        "assert main(['wtns', 'calculate']) == 0\n"
        "sys.exit(bool({'ray', 'numba'} & set(sys.modules)))\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, cwd=folder).returncode == 0
