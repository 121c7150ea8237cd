"""``fastpath-prover groth16``: keys, proofs and verification from files, in this process, without Ray."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from cluster.exit_codes import ExitCode
from cluster.progress import compilation_shown, steps_shown
from cluster.rendering import Console, count, counted, duration
from cluster.settings import Settings, load_settings
from kernels import Backend, get_backend
from kernels.encoding import Limbs
from prover.errors import BadInput, InvalidProof
from prover.formats.snarkjs_json import (
    proof_from_json,
    proof_to_json,
    public_from_json,
    public_to_json,
    read_json,
    unchecked_proof_from_json,
    verifying_key_from_json,
    write_json,
)
from prover.formats.wtns import WitnessFile, read_wtns
from prover.formats.zkey import open_zkey, write_zkey
from prover.groth16.keys import ProvingKey
from prover.groth16.phases import Phase
from prover.groth16.prepare import prepare
from prover.groth16.prove import prove
from prover.groth16.verify import verify
from prover.r1cs import R1CS
from prover.trusted_keys import validate_once


def run(options: argparse.Namespace, console: Console) -> int:
    """Do what ``options.action`` says."""
    settings = load_settings(options.settings, config=options.config)
    actions = {
        "prove": _prove,
        "fullprove": _prove_inputs,
        "verify": _verify,
        "setup": _setup,
        "exportsoliditycalldata": _calldata,
    }
    with compilation_shown(console):
        return actions[options.action[1]](options, console, settings)


def _prove(options: argparse.Namespace, console: Console, settings: Settings) -> int:
    return _prove_witness(options, console, settings, read_wtns(options.witness))


def _prove_inputs(options: argparse.Namespace, console: Console, settings: Settings) -> int:
    from cluster.calculated_witness import calculated_witness  # noqa: PLC0415 - only here is WebAssembly needed

    return _prove_witness(options, console, settings, calculated_witness(options, console))


def _prove_witness(options: argparse.Namespace, console: Console, settings: Settings, given: WitnessFile) -> int:
    started = time.perf_counter()
    backend = get_backend(settings.backend)
    pk = trusted_key(options.key, console, settings, backend)
    if given.curve != pk.curve:
        raise BadInput(f"the witness is over the scalars of {given.curve.name}, the key on {pk.curve.name}")
    if len(given.witness) != pk.metadata.variables:
        raise BadInput(
            f"the witness has {count(len(given.witness))} elements, the key is for {count(pk.metadata.variables)}"
        )
    phases: dict[str, float] = {}
    with steps_shown(console, "proving") as show:

        def on_phase(phase: Phase, seconds: float) -> None:
            phases[phase] = seconds
            show(len(phases), len(Phase))

        prepare(pk, backend, table_bytes=0)  # for a single proof they do not pay
        proof = prove(pk, given.witness, backend, threads=settings.threads, on_phase=on_phase)
    public: Limbs = given.witness[1 : pk.metadata.public + 1]
    write_json(options.proof, proof_to_json(proof))
    write_json(options.public, public_to_json(public))
    elapsed_s = time.perf_counter() - started
    if options.verbose:
        for phase, seconds in phases.items():
            console.note(f"{phase}: {duration(seconds)}")
    document = {
        "proof": str(options.proof),
        "public": str(options.public),
        "curve": pk.curve.name,
        "constraints": pk.metadata.constraints,
        "key_id": pk.key_id,
        "elapsed_s": elapsed_s,
        "phases_s": phases,
    }
    constraints = counted(pk.metadata.constraints, "constraint")
    console.result(
        document,
        f"Proved and verified {constraints} in {duration(elapsed_s)}: {options.proof}, {options.public}.",
    )
    return ExitCode.OK


def trusted_key(path: str, console: Console, settings: Settings, backend: Backend) -> ProvingKey:
    """Map a ``.zkey``, validated when its contents are seen for the first time on this machine."""
    pk = open_zkey(path).proving_key(backend)
    with steps_shown(console, "checking the key's points, once") as show:
        validate_once(pk, settings.key_dir, backend, show)
    return pk


def _verify(options: argparse.Namespace, console: Console, settings: Settings) -> int:
    vk = verifying_key_from_json(read_json(options.verification_key))
    public = public_from_json(read_json(options.public))
    proof = unchecked_proof_from_json(read_json(options.proof))
    try:
        verify(vk, proof, public, get_backend(settings.backend))
    except InvalidProof as invalid:
        console.result({"valid": False, "reason": str(invalid)}, f"INVALID: {invalid}")
        return ExitCode.FAILED
    console.result({"valid": True}, "OK: the proof is valid for these public signals.")
    return ExitCode.OK


def _calldata(options: argparse.Namespace, console: Console, _: Settings) -> int:
    return print_calldata(options, console)


def print_calldata(options: argparse.Namespace, console: Console) -> int:
    """Print the arguments with which to call a verifier contract."""
    from prover.formats.solidity import solidity_calldata  # noqa: PLC0415 - proving does not need it

    proof = proof_from_json(read_json(options.proof))
    calldata = solidity_calldata(proof, public_from_json(read_json(options.public)))
    console.result({"calldata": calldata, "curve": proof.curve}, calldata)
    return ExitCode.OK


def _setup(options: argparse.Namespace, console: Console, settings: Settings) -> int:
    from prover.formats.r1cs_file import read_r1cs  # noqa: PLC0415 - proving does not need them
    from prover.groth16.setup import setup  # noqa: PLC0415 - likewise

    started = time.perf_counter()
    backend = get_backend(settings.backend)
    powers, path = _setup_files(options.files)
    read = read_r1cs(options.r1cs, backend)
    if powers is not None:
        console.note("this key is the start of a ceremony; until somebody contributes it is for development only")
        pk = _setup_from_powers(powers, path, read.r1cs, console, backend)
    else:
        console.note(
            "this key is for development only: whoever makes it could forge proofs; production needs a ceremony"
        )
        with steps_shown(console, "multiplying the generators") as show:
            pk = setup(read.r1cs, read.header.curve, backend=backend, threads=settings.threads, on_progress=show)
        write_zkey(path, pk, backend)
    elapsed_s = time.perf_counter() - started
    document = {
        "key": path,
        "powers": powers,
        "curve": pk.curve.name,
        "constraints": pk.metadata.constraints,
        "variables": pk.metadata.variables,
        "public": pk.metadata.public,
        "development": True,
        "elapsed_s": elapsed_s,
    }
    constraints = counted(pk.metadata.constraints, "constraint")
    console.result(
        document,
        f"Made a development key for {constraints} on {pk.curve.name} in {duration(elapsed_s)}: {path}, "
        f"{count(Path(path).stat().st_size)} bytes.",
    )
    return ExitCode.OK


def _setup_files(files: list[str]) -> tuple[str | None, str]:
    """The powers of tau, if any, and the key, by snarkjs' order and default."""
    if len(files) > 2:
        raise BadInput(f"groth16 setup takes CIRCUIT.r1cs [POWERS.ptau] KEY.zkey, not {' '.join(files[2:])!r} besides")
    if len(files) == 2:
        return files[0], files[1]
    if files and files[0].endswith(".ptau"):
        return files[0], "circuit_0000.zkey"
    return None, files[0] if files else "circuit_0000.zkey"


def _setup_from_powers(powers_path: str, path: str, r1cs: R1CS, console: Console, backend: Backend) -> ProvingKey:
    from prover.formats.circuit_hash import circuit_hash  # noqa: PLC0415 - proving does not need them
    from prover.formats.ptau import open_ptau  # noqa: PLC0415 - likewise
    from prover.groth16.setup_from_powers import setup_from_powers  # noqa: PLC0415 - likewise

    powers = open_ptau(powers_path)
    with steps_shown(console, "combining the powers of tau") as show:
        pk = setup_from_powers(r1cs, powers, backend, show)
    write_zkey(path, pk, backend, circuit_hash(pk, powers, backend))
    return pk
