"""A batch of proofs as its submitter sees it, and its jobs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
from tqdm import tqdm

from cluster.calls import CALL_TIMEOUT_S, answer
from fastpath.decisions import BatchStatus, Cancellation, JobStatus
from fastpath.job import JobRecord, JobState
from kernels.encoding import Limbs
from prover.errors import BadInput
from prover.groth16 import Proof

_POLL_S: Final = 30.0


class Job:
    """One item of a batch. Its result arrives while the batch is iterated or waited for.

    Attributes
    ----------
    index
        Position in the batch.
    job_id
        Empty for an item that was refused before it was sent.
    """

    def __init__(self, index: int, job_id: str, status_of: Callable[[str], JobStatus]) -> None:
        self.index = index
        self.job_id = job_id
        self._status_of = status_of
        self._record: JobRecord | None = None

    def __repr__(self) -> str:
        state = self._record.state if self._record else "unfinished"
        return f"Job({self.index}, {self.job_id or 'not sent'}, {state})"

    @property
    def finished(self) -> bool:
        """Whether its result has arrived here."""
        return self._record is not None

    @property
    def status(self) -> str:
        """Its state, a value of :class:`fastpath.job.JobState`; asks the service unless it is finished."""
        return str(self._record.state) if self._record else str(self.look().state)

    def look(self) -> JobStatus:
        """Ask the service where it is: its state, the phase a worker is in, and the predicted time to its result.

        Raises
        ------
        UnknownJob
            If it was never sent, or its results were fetched already.
        """
        return self._status_of(self.job_id)

    @cached_property
    def proof(self) -> Proof | None:
        """The proof, which a worker has verified; None while there is none, and for a job that failed.

        Raises
        ------
        BadInput
            If what arrived is no proof.
        """
        return Proof.from_bytes(self._record.payload) if self._record and self._record.payload else None

    @property
    def public_inputs(self) -> Limbs | None:
        """``uint64[public, 4]``, standard form: the statement that the proof is for; None without a proof."""
        if self._record is None or not self._record.payload:
            return None
        return np.frombuffer(self._record.public_inputs, dtype="<u8").reshape(-1, 4)

    @property
    def error(self) -> Exception | None:
        """Why there is no proof."""
        return self._record.error if self._record else None

    @property
    def latency_s(self) -> float:
        """Seconds from submission to result; 0 while there is none."""
        return self._record.latency_s if self._record else 0.0

    @property
    def proving_s(self) -> float:
        """The part of it in which a thread worked on this item."""
        return self._record.service_s if self._record else 0.0

    @property
    def runs(self) -> int:
        """How often it was sent to a worker."""
        return self._record.starts if self._record else 0

    def finish(self, record: JobRecord) -> None:
        """Take the result."""
        self._record = record
        vars(self).pop("proof", None)  # None may be cached from before


class Batch:
    """The jobs of one :meth:`cluster.client.Client.prove_batch`, in the order of the witnesses.

    Safe to share between threads; several may iterate at once, and each sees every job.

    Parameters
    ----------
    count
        Items, refused ones included.
    refused
        Errors of items that were not sent, by index.
    batch_id, job_ids
        What FastPath named the others; empty when all were refused.
    """

    def __init__(
        self,
        fastpath: Any,  # noqa: ANN401 - Ray's handles have no static type
        count: int,
        refused: dict[int, BadInput],
        batch_id: str,
        job_ids: Sequence[str],
    ) -> None:
        self.batch_id = batch_id
        self._fastpath = fastpath
        sent = [index for index in range(count) if index not in refused]
        ids = dict(zip(sent, job_ids, strict=True))
        self.jobs = tuple(Job(index, ids.get(index, ""), self._status_of) for index in range(count))
        self._sent = [self.jobs[index] for index in sent]
        self._finished: list[Job] = []
        self._seen = 0
        self._polling = threading.Lock()
        for index, error in refused.items():
            self.jobs[index].finish(JobRecord("", batch_id, index, JobState.FAILED, error=error))
            self._finished.append(self.jobs[index])

    def __len__(self) -> int:
        return len(self.jobs)

    def __repr__(self) -> str:
        return f"Batch({self.batch_id or 'not sent'}, {len(self._finished)} of {len(self)} finished)"

    def as_completed(self, *, progress: bool = False) -> Iterator[Job]:
        """Yield every job once, as soon as it has finished, well or badly.

        Parameters
        ----------
        progress
            Show a bar on standard error.

        Raises
        ------
        Unavailable
            If the service is gone; its unfinished jobs are lost with it.
        """
        yielded = 0
        with tqdm(total=len(self), unit="proof", file=sys.stderr, disable=not progress) as bar:
            while yielded < len(self):
                if yielded == len(self._finished):
                    self._poll(yielded)
                for job in self._finished[yielded:]:
                    yielded += 1
                    bar.update()
                    yield job

    def results(self, *, return_exceptions: bool = False, progress: bool = False) -> list[Proof | Exception]:
        """Wait for all jobs and return their proofs in order.

        Parameters
        ----------
        return_exceptions
            Put the error of a failed job in the place of its proof, instead of raising the first.

        Raises
        ------
        Exception
            The error of the first item that failed, with a note that says which.
        """
        for _ in self.as_completed(progress=progress):
            pass
        for job in self.jobs:
            if job.error is not None and not return_exceptions:
                job.error.add_note(f"item {job.index} of the batch")
                raise job.error
        return [job.error or _present(job) for job in self.jobs]

    def cancel(self) -> Cancellation:
        """Cancel what has not finished; the jobs' errors are then :class:`fastpath.errors.Cancelled`."""
        if not self.batch_id or len(self._finished) == len(self):
            return Cancellation(0, 0, len(self))
        cancellation: Cancellation = answer(self._fastpath.cancel.remote(self.batch_id))
        return cancellation

    def status(self) -> BatchStatus | None:
        """The batch as the service sees it; None when nothing was sent, or all results were fetched."""
        if not self.batch_id or len(self._finished) == len(self):
            return None
        status: BatchStatus = answer(self._fastpath.status.remote(self.batch_id))
        return status

    def _status_of(self, job_id: str) -> JobStatus:
        status: JobStatus = answer(self._fastpath.status.remote(job_id))
        return status

    def _poll(self, have: int) -> None:
        """Wait until more than ``have`` jobs have finished, or for half a minute."""
        with self._polling:
            if len(self._finished) > have:  # another thread has fetched them
                return
            poll = self._fastpath.poll.remote(self.batch_id, self._seen, _POLL_S)
            records: list[JobRecord] = answer(poll, _POLL_S + CALL_TIMEOUT_S)
            self._seen += len(records)
            for record in records:
                self._sent[record.index].finish(record)
                self._finished.append(self._sent[record.index])
            if records and len(self._finished) == len(self):
                self._fastpath.acknowledge.remote(self.batch_id)


def _present(job: Job) -> Proof:
    proof = job.proof
    if proof is None:
        raise BadInput(f"item {job.index} arrived without a proof and without an error; please report this")
    return proof
