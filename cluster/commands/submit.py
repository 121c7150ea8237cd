"""``fastpath-prover submit``: prove a batch on the running service, verify it here, keep the proofs."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from cluster.client import Client
from cluster.exit_codes import ExitCode, error_document
from cluster.progress import compilation_shown
from cluster.proved_batch import ProvedBatch, await_verified
from cluster.rendering import Console, count, duration, rate
from cluster.settings import load_settings
from kernels.encoding import Limbs
from prover.circuit import Circuit
from prover.circuits import get_circuit
from prover.errors import BadInput


def run(options: argparse.Namespace, console: Console) -> int:
    """Prove and verify; return 1 if a job failed or a proof does not verify."""
    settings = load_settings(options.settings, config=options.config)
    if (options.batch is None) == (options.witnesses is None):
        raise BadInput("say either --batch N for random witnesses, or --witnesses FILE")
    parameters = _parameters(options)
    circuit = get_circuit(options.circuit, options.curve, **parameters)
    out = _output_folder(options.out)
    with compilation_shown(console), Client.connect(settings=settings) as client:
        witnesses = _read(options.witnesses, circuit) if options.witnesses else circuit.random_witnesses(options.batch)
        key = client.circuit(options.circuit, options.curve, **parameters)
        submitted = time.perf_counter()
        batch = client.prove_batch(
            key, witnesses, deadline_s=options.deadline, priority=options.priority, submitter="fastpath-prover submit"
        )
        proved = await_verified(console, options.circuit, key, circuit.public_inputs(witnesses), batch, submitted)
    if out is not None:
        _write(out, proved)
    document = {
        "circuit": options.circuit,
        "parameters": parameters,
        "curve": circuit.curve.name,
        "key_id": key.key_id,
        "batch_id": batch.batch_id,
        "proofs": proved.proofs,
        "verified": proved.verified,
        "invalid": sorted(proved.invalid),
        "errors": [{"item": index, **error_document(error)} for index, error in proved.errors.items()],
        "elapsed_s": proved.elapsed_s,
        "proofs_per_s": proved.proofs_per_s,
        "out": str(out) if out else None,
    }
    console.result(document, _text(console, proved, out))
    return ExitCode.OK if proved.complete else ExitCode.FAILED


def _parameters(options: argparse.Namespace) -> dict[str, int]:
    return (
        {name: getattr(options, name) for name in ("depth", "inputs", "outputs")} if options.circuit == "ringct" else {}
    )


def _read(file: str, circuit: Circuit) -> Limbs:
    try:
        witnesses: Any = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BadInput(f"--witnesses {file} cannot be read as .npy ({type(error).__name__})") from None
    shape = (circuit.r1cs.variables, 4)
    if not isinstance(witnesses, np.ndarray) or witnesses.dtype != np.uint64 or witnesses.shape[1:] != shape:
        raise BadInput(f"--witnesses {file} must hold uint64[batch, {shape[0]}, 4] for this circuit")
    return np.ascontiguousarray(witnesses)


def _output_folder(given: str | None) -> Path | None:
    """Make the folder before anything is proven for it."""
    if given is None:
        return None
    folder = Path(given)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"--out {given} cannot be made: {error.strerror}") from None
    return folder


def _write(folder: Path, proved: ProvedBatch) -> None:
    """Write ``<item>.proof`` (see :meth:`prover.groth16.Proof.to_bytes`) and ``<item>.public`` (32 bytes a signal)."""
    for job in proved.jobs:
        if job.error is None and job.index not in proved.invalid and job.proof is not None:
            assert job.public_inputs is not None, "a proof comes with its statement"
            (folder / f"{job.index:06}.proof").write_bytes(job.proof.to_bytes())
            (folder / f"{job.index:06}.public").write_bytes(job.public_inputs.tobytes())


def _text(console: Console, proved: ProvedBatch, out: Path | None) -> str:
    made = f"{count(proved.verified)} of {count(len(proved.jobs))} proofs made and verified"
    colours = ("bold", "green") if proved.complete else ("bold", "red")
    lines = [
        console.styled(made, *colours) + f", in {duration(proved.elapsed_s)}: {rate(proved.proofs_per_s)} a second."
    ]
    if out is not None:
        lines.append(f"They are in {out}: NNNNNN.proof and NNNNNN.public for each item.")
    return "\n".join(lines)
