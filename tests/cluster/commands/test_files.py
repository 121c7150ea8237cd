"""The commands that work on files: snarkjs' words, order and defaults."""

import json
import shutil
from pathlib import Path

import pytest

from cluster import cli
from cluster.exit_codes import ExitCode
from cluster.file_grammar import COMMANDS
from prover.formats.container import open_container

VECTORS = Path(__file__).parents[2] / "vectors" / "circom"


@pytest.fixture(params=["bn128", "bls12381"])
def folder(request, tmp_path, monkeypatch):
    """A folder with snarkjs' files under their default names; the current one."""
    for file in (VECTORS / request.param).iterdir():
        name = "circuit_final.zkey" if file.suffix == ".zkey" else file.name
        shutil.copy(file, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FASTPATH_PROVER_KEY_DIR", str(tmp_path / "keys"))
    return tmp_path


@pytest.fixture
def run(capsys):
    """Run a command line; give its exit code, and what it printed, as JSON where that was asked for."""

    def run(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return code, json.loads(printed.out) if "--json" in arguments else printed.out, printed.err

    return run


def snarkjs_copy(folder):
    kept = folder / "snarkjs"
    kept.mkdir()
    for name in ("proof.json", "public.json", "verification_key.json"):
        (folder / name).rename(kept / name)
    return kept


def test_a_script_for_snarkjs_runs_unchanged(folder, run):
    theirs = snarkjs_copy(folder)
    assert run("groth16", "prove")[0] == ExitCode.OK
    assert (folder / "public.json").read_bytes() == (theirs / "public.json").read_bytes()
    assert run("zkey", "export", "verificationkey")[0] == ExitCode.OK
    assert (folder / "verification_key.json").read_bytes() == (theirs / "verification_key.json").read_bytes()
    assert run("groth16", "verify")[0] == ExitCode.OK
    vk, public, proof = (theirs / name for name in ("verification_key.json", "public.json", "proof.json"))
    assert run("groth16", "verify", vk, public, folder / "proof.json")[0] == ExitCode.OK
    assert run("groth16", "verify", folder / "verification_key.json", public, proof)[0] == ExitCode.OK


def test_a_key_is_validated_once(folder, run, monkeypatch):
    assert run("groth16", "prove")[0] == ExitCode.OK
    (record,) = (folder / "keys" / "validated").iterdir()
    monkeypatch.setattr("prover.trusted_keys.validate_key", lambda *_: pytest.fail("validated again"))
    code, document, _ = run("groth16", "prove", "--json")
    assert (code, document["key_id"]) == (ExitCode.OK, record.name)


def test_a_damaged_key_is_not_trusted(folder, run):
    content = bytearray((folder / "circuit_final.zkey").read_bytes())
    content[open_container(folder / "circuit_final.zkey", b"zkey", (1,)).sections[9].start] ^= 1  # a point
    (folder / "circuit_final.zkey").write_bytes(content)
    for _ in range(2):
        code, _, err = run("groth16", "prove")
        assert code == ExitCode.BAD_INPUT
        assert "off the curve" in err
    assert not (folder / "keys" / "validated").exists()


def test_verification_says_what_it_found(folder, run):
    public = json.loads((folder / "public.json").read_text(encoding="utf-8"))
    (folder / "other.json").write_text(json.dumps(["53", *public[1:]]), encoding="utf-8")
    code, document, _ = run("groth16", "verify", "verification_key.json", "other.json", "proof.json", "--json")
    assert (code, document["valid"]) == (ExitCode.FAILED, False)
    proof = json.loads((folder / "proof.json").read_text(encoding="utf-8"))
    (folder / "off.json").write_text(json.dumps({**proof, "pi_a": ["5", "5", "1"]}), encoding="utf-8")
    code, out, _ = run("groth16", "verify", "verification_key.json", "public.json", "off.json")
    assert code == ExitCode.FAILED
    assert "INVALID: element a of the proof is off the curve" in out
    (folder / "short.json").write_text(json.dumps(public[1:]), encoding="utf-8")
    code, _, err = run("groth16", "verify", "verification_key.json", "short.json", "proof.json")
    assert code == ExitCode.BAD_INPUT
    assert "takes 3 public inputs, not 2" in err


@pytest.mark.usefixtures("folder")
def test_a_development_key_goes_the_whole_way(run):
    code, document, err = run("groth16", "setup", "circuit.r1cs", "dev.zkey", "--json")
    assert (code, document["development"], document["constraints"]) == (ExitCode.OK, True, 3)
    assert "development only" in err
    code, document, _ = run("groth16", "prove", "dev.zkey", "witness.wtns", "p.json", "s.json", "--json", "-v")
    assert code == ExitCode.OK
    assert set(document["phases_s"]) >= {"witness_map", "msm_a", "verify"}
    assert run("zkey", "export", "verificationkey", "dev.zkey", "vk.json")[0] == ExitCode.OK
    assert run("groth16", "verify", "vk.json", "s.json", "p.json")[0] == ExitCode.OK
    assert run("groth16", "verify", "verification_key.json", "s.json", "p.json")[0] == ExitCode.FAILED
    code, document, _ = run("zkey", "verify", "circuit.r1cs", "dev.zkey", "--json")
    assert (code, document["development"], document["contributions"]) == (ExitCode.OK, True, 0)


@pytest.mark.usefixtures("folder")
def test_a_key_from_powers_of_tau_begins_a_ceremony(run):
    code, document, err = run("groth16", "setup", "circuit.r1cs", "powers.ptau", "first.zkey", "--json")
    assert (code, document["powers"], document["key"]) == (ExitCode.OK, "powers.ptau", "first.zkey")
    assert "until somebody contributes" in err
    assert run("groth16", "setup", "circuit.r1cs", "powers.ptau")[0] == ExitCode.OK
    assert Path("circuit_0000.zkey").read_bytes() == Path("first.zkey").read_bytes()
    assert run("groth16", "prove", "first.zkey")[0] == ExitCode.OK
    code, _, err = run("groth16", "setup", "circuit.r1cs", "powers.ptau", "first.zkey", "and", "more")
    assert code == ExitCode.BAD_INPUT
    assert "'and more'" in err


@pytest.mark.usefixtures("folder")
def test_a_key_is_compared_with_its_circuit(run, tmp_path):
    from prover.circuits import get_circuit
    from prover.formats import write_r1cs

    code, document, _ = run("zkey", "verify", "circuit.r1cs", "circuit_final.zkey", "--json")
    assert (code, document["contributions"], document["development"]) == (ExitCode.OK, 1, False)
    write_r1cs(tmp_path / "other.r1cs", get_circuit("multiply", document["curve"]).r1cs)
    code, _, err = run("zkey", "verify", "other.r1cs", "circuit_final.zkey")
    assert code == ExitCode.BAD_INPUT
    assert "the key is for 3 constraints, the circuit has 1" in err


def test_the_witness_is_checked_against_every_constraint(folder, run):
    code, document, _ = run("wtns", "check", "--json")
    assert (code, document) == (ExitCode.OK, {"satisfied": True, "constraints": 3})
    content = bytearray((folder / "witness.wtns").read_bytes())
    content[76 + 32 * 2] += 1
    (folder / "wrong.wtns").write_bytes(content)
    code, document, _ = run("wtns", "check", "circuit.r1cs", "wrong.wtns", "--json")
    assert (code, document) == (ExitCode.FAILED, {"satisfied": False, "constraint": 2})
    code, _, err = run("groth16", "prove", "circuit_final.zkey", "wrong.wtns", "no.json", "nothing.json")
    assert code == ExitCode.BAD_INPUT
    assert "wtns check" in err
    assert not (folder / "no.json").exists()


def test_the_numbers_of_a_system(folder, run):
    code, document, _ = run("r1cs", "info", "--json")
    assert code == ExitCode.OK
    del document["curve"]
    wanted = {"constraints": 3, "wires": 7, "outputs": 2, "public_inputs": 1, "private_inputs": 2, "labels": 7}
    assert document == wanted
    assert "private inputs   2" in run("r1cs", "info", folder / "circuit.r1cs")[1]


def test_every_number_of_a_key(folder, run):
    assert run("zkey", "export", "json", "circuit_final.zkey", "key.json")[0] == ExitCode.OK
    document = json.loads((folder / "key.json").read_text(encoding="utf-8"))
    vk = json.loads((folder / "verification_key.json").read_text(encoding="utf-8"))
    assert all(document[name] == vk[name] for name in ("protocol", "IC", "vk_alpha_1", "vk_beta_2", "vk_delta_2"))
    assert (document["nVars"], document["domainSize"], document["power"], len(document["hExps"])) == (7, 8, 3, 8)
    assert document["C"][:4] == [None] * 4
    assert {"matrix": 1, "constraint": 0, "signal": 4, "value": "1"} in document["ccoefs"]


def test_files_of_two_curves_do_not_mix(folder, run, tmp_path):
    other = (
        "bls12381" if json.loads((folder / "proof.json").read_text(encoding="utf-8"))["curve"] == "bn128" else "bn128"
    )
    shutil.copy(VECTORS / other / "witness.wtns", tmp_path / "other.wtns")
    for arguments in (("groth16", "prove", "circuit_final.zkey"), ("wtns", "check", "circuit.r1cs")):
        code, _, err = run(*arguments, "other.wtns")
        assert code == ExitCode.BAD_INPUT
        assert "the witness is over the scalars of" in err


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_help_and_a_module(path, capsys):
    from importlib import import_module

    for length in range(1, len(path) + 1):
        with pytest.raises(SystemExit) as left:
            cli.main([*path[:length], "--help"])
        assert left.value.code == 0
        shown = capsys.readouterr().out
    assert "--json" in shown
    assert callable(import_module(f"cluster.commands.{path[0]}").run)


def test_missing_files_and_words_are_named(folder, run):
    for arguments, why in (
        (("groth16", "prove", "none.zkey"), "none.zkey cannot be read: No such file"),
        (("groth16", "fly"), "fly"),
        (("groth16",), "ACTION"),
        (("zkey", "export"), "ACTION"),
        (("r1cs", "info", folder), "no regular file"),
        (("groth16", "prove", "a", "b", "c", "d", "e"), "unrecognized arguments: e"),
    ):
        code, _, err = run(*arguments)
        assert code == ExitCode.BAD_INPUT
        assert why in err


def test_proving_from_files_waits_for_no_ray(folder):
    import subprocess
    import sys

    program = (
        "import sys\n"
        "from cluster.cli import main\n"
        "assert main(['groth16', 'prove']) == 0\n"
        "sys.exit(bool({'ray', 'prometheus_client'} & set(sys.modules)))\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, cwd=folder).returncode == 0
