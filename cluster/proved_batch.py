"""A batch from submission to verification here, watched and timed: what ``demo`` and ``submit`` have in common."""

from __future__ import annotations

import time
from dataclasses import dataclass

from cluster.batch import Batch, Job
from cluster.progress import proofs_bar
from cluster.rendering import Console, count
from cluster.service_keys import Key
from kernels.encoding import Limbs
from prover.errors import BadInput, InvalidProof
from prover.groth16 import Proof, verify_batch

_ERRORS_SHOWN = 5


@dataclass(frozen=True)
class ProvedBatch:
    """What became of a batch.

    Attributes
    ----------
    invalid
        Positions of what arrived as a proof and does not verify here.
    elapsed_s, verify_s
        From submission to the last result; verification of all proofs in this process.
    """

    jobs: tuple[Job, ...]
    invalid: frozenset[int]
    elapsed_s: float
    verify_s: float

    @property
    def errors(self) -> dict[int, Exception]:
        """The errors of the jobs that failed, by position."""
        return {job.index: job.error for job in self.jobs if job.error is not None}

    @property
    def proofs(self) -> int:
        """Number of proofs that arrived."""
        return len(self.jobs) - len(self.errors)

    @property
    def verified(self) -> int:
        """Number of proofs that verify here, for the statements of this process' own witnesses."""
        return self.proofs - len(self.invalid)

    @property
    def proofs_per_s(self) -> float:
        """Proofs by time from submission to the last result."""
        return self.proofs / self.elapsed_s

    @property
    def complete(self) -> bool:
        """Whether every job gave a proof that verifies."""
        return self.verified == len(self.jobs)


def await_verified(
    console: Console, description: str, key: Key, statements: Limbs, batch: Batch, submitted: float
) -> ProvedBatch:
    """Show a batch's proofs as they arrive, verify them all again in this process, and say what is wrong.

    Parameters
    ----------
    statements
        ``uint64[batch, public, 4]``: what each proof must be for. Not taken from the service.
    submitted
        ``time.perf_counter()`` before the submission.
    """
    with proofs_bar(console, description, len(batch)) as bar:
        for _ in batch.as_completed():
            bar.update()
    arrived = time.perf_counter()
    invalid = _invalid(key, batch.jobs, statements)
    proved = ProvedBatch(batch.jobs, invalid, arrived - submitted, time.perf_counter() - arrived)
    for index, error in list(proved.errors.items())[:_ERRORS_SHOWN]:
        console.note(f"{description}: item {index}: {error}")
    if len(proved.errors) > _ERRORS_SHOWN:
        console.note(f"{description}: {count(len(proved.errors) - _ERRORS_SHOWN)} more failed")
    if invalid:
        console.note(f"{description}: these proofs do not verify: {', '.join(map(str, sorted(invalid)))}")
    return proved


def _invalid(key: Key, jobs: tuple[Job, ...], statements: Limbs) -> frozenset[int]:
    proofs: dict[int, Proof] = {}
    invalid = set()
    for job in jobs:
        if job.error is not None:
            continue
        try:
            proof = job.proof
        except BadInput:
            proof = None
        if proof is None:
            invalid.add(job.index)
        else:
            proofs[job.index] = proof
    if proofs:
        indices = list(proofs)
        try:
            verify_batch(key.verifying_key, list(proofs.values()), list(statements[indices]))
        except InvalidProof as error:
            invalid.update(indices[position] for position in error.indices)
    return frozenset(invalid)
