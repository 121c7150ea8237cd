"""``fastpath-prover submit``: prove a batch on the running service, verify it here, keep the proofs."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from cluster.client import Client
from cluster.exit_codes import ExitCode, error_document
from cluster.progress import compilation_shown
from cluster.proved_batch import ProvedBatch, await_verified
from cluster.rendering import Console, count, duration, rate
from cluster.settings import load_settings
from cluster.submission import check_sources, read_submission
from prover.errors import BadInput
from prover.formats.snarkjs_json import proof_to_json, public_to_json, write_json


def run(options: argparse.Namespace, console: Console) -> int:
    """Prove and verify; return 1 if a job failed or a proof does not verify."""
    settings = load_settings(options.settings, config=options.config)
    check_sources(options)
    out = _output_folder(options.out)
    with compilation_shown(console), Client.connect(settings=settings) as client:
        sent = read_submission(options, console, client, settings.threads)
        submitted = time.perf_counter()
        batch = client.prove_batch(
            sent.key,
            sent.witnesses,
            deadline_s=options.deadline,
            priority=options.priority,
            submitter="fastpath-prover submit",
            retry_for_s=options.retry_for,
        )
        proved = await_verified(console, sent.name, sent.key, sent.statements, batch, submitted)
    if out is not None:
        _write(out, proved, options.format)
    document = {
        "circuit": sent.key.metadata.circuit,
        "parameters": sent.parameters,
        "curve": sent.key.metadata.curve,
        "key_id": sent.key.key_id,
        "batch_id": batch.batch_id,
        "proofs": proved.proofs,
        "verified": proved.verified,
        "invalid": sorted(proved.invalid),
        "errors": [{"item": index, **error_document(error)} for index, error in proved.errors.items()],
        "elapsed_s": proved.elapsed_s,
        "proofs_per_s": proved.proofs_per_s,
        "out": str(out) if out else None,
    }
    console.result(document, _text(console, proved, out, options.format))
    return ExitCode.OK if proved.complete else ExitCode.FAILED


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


def _write(folder: Path, proved: ProvedBatch, form: str) -> None:
    """Write each proof and its public signals.

    As ``<item>.proof`` (see :meth:`prover.groth16.Proof.to_bytes`) and ``<item>.public`` (32 bytes a signal), or as
    ``<item>.proof.json`` and ``<item>.public.json``.
    """
    for job in proved.jobs:
        if job.error is None and job.index not in proved.invalid and job.proof is not None:
            assert job.public_inputs is not None, "a proof comes with its statement"
            name = f"{job.index:06}"
            if form == "snarkjs":
                write_json(folder / f"{name}.proof.json", proof_to_json(job.proof))
                write_json(folder / f"{name}.public.json", public_to_json(job.public_inputs))
            else:
                (folder / f"{name}.proof").write_bytes(job.proof.to_bytes())
                (folder / f"{name}.public").write_bytes(job.public_inputs.tobytes())


def _text(console: Console, proved: ProvedBatch, out: Path | None, form: str) -> str:
    made = f"{count(proved.verified)} of {count(len(proved.jobs))} proofs made and verified"
    colours = ("bold", "green") if proved.complete else ("bold", "red")
    lines = [
        console.styled(made, *colours) + f", in {duration(proved.elapsed_s)}: {rate(proved.proofs_per_s)} a second."
    ]
    if out is not None:
        end = ".json" if form == "snarkjs" else ""
        lines.append(f"They are in {out}: NNNNNN.proof{end} and NNNNNN.public{end} for each item.")
    return "\n".join(lines)
