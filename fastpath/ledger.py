"""Batches and the records of their finished jobs, kept until acknowledged, aged out, or too many."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from fastpath.decisions import BatchStatus, JobStatus
from fastpath.errors import UnknownJob
from fastpath.job import Job, JobRecord, split_id


@dataclass(slots=True, eq=False)
class Batch:
    """The jobs of one submission.

    Attributes
    ----------
    records
        Finished jobs, in the order in which they finished.
    acknowledged
        Its records are not wanted any more.
    """

    batch_id: str
    key_id: str
    submitter: str
    tenant: str
    byte_count: int
    deadline: float
    submitted_at: float
    jobs: list[Job]
    records: list[JobRecord] = field(default_factory=list)
    acknowledged: bool = False
    finished_at: float = math.inf

    @property
    def finished(self) -> bool:
        """Whether every job is."""
        return len(self.records) == len(self.jobs)


class Ledger:
    """Every batch that can still be asked for.

    Unfinished batches always stay. Finished ones go when they are acknowledged, ``ttl_s`` after they finished, or,
    oldest first, when more than ``max_records`` records of finished batches are held; the last to finish stays.
    """

    def __init__(self, ttl_s: float, max_records: int) -> None:
        self._ttl_s = ttl_s
        self._max_records = max_records
        self._batches: dict[str, Batch] = {}
        self._finished: OrderedDict[str, Batch] = OrderedDict()
        self._records = 0

    def __len__(self) -> int:
        return len(self._batches)

    def __contains__(self, batch_id: object) -> bool:
        return batch_id in self._batches

    def add(self, batch: Batch) -> None:
        """Keep a new batch."""
        self._batches[batch.batch_id] = batch

    def batch(self, batch_id: str) -> Batch:
        """Find a batch.

        Raises
        ------
        UnknownJob
            If there is none.
        """
        try:
            return self._batches[batch_id]
        except KeyError:
            raise UnknownJob(
                f"there is no batch {batch_id!r}: its results were acknowledged or aged out, or it was never submitted"
            ) from None

    def jobs(self, identifier: str) -> list[Job]:
        """Return the jobs of a batch id, or the one job of a job id.

        Raises
        ------
        UnknownJob
            If there is none.
        """
        batch_id, row = split_id(identifier)
        batch = self.batch(batch_id)
        if row is None:
            return batch.jobs
        if row >= len(batch.jobs):
            raise UnknownJob(f"batch {batch_id} has {len(batch.jobs)} jobs; there is no job {identifier!r}")
        return [batch.jobs[row]]

    def find_job(self, job_id: str) -> Job | None:
        """Return a job by its id; ``None`` if there is none (any more)."""
        batch_id, row = split_id(job_id)
        batch = self._batches.get(batch_id)
        return None if batch is None or row is None or row >= len(batch.jobs) else batch.jobs[row]

    def unfinished(self) -> list[Batch]:
        """Return the batches with jobs that have not finished."""
        return [batch for batch in self._batches.values() if not batch.finished]

    def status(self, now: float, identifier: str, remaining_s: Callable[[list[Job]], float]) -> BatchStatus | JobStatus:
        """Describe a batch or a job.

        Parameters
        ----------
        remaining_s
            Predicts the time until the last result of unfinished jobs of one batch.

        Raises
        ------
        UnknownJob
            If there is none.
        """
        batch_id, row = split_id(identifier)
        jobs = self.jobs(identifier)
        if row is not None:
            (job,) = jobs
            left_s = None if job.deadline == math.inf else job.deadline - now
            return JobStatus(
                job.job_id,
                batch_id,
                row,
                job.key_id,
                str(job.state),
                job.priority,
                job.starts,
                now - job.submitted_at,
                left_s,
                0.0 if job.state.final else remaining_s([job]),
            )
        batch = self.batch(batch_id)
        states = Counter(str(job.state) for job in jobs)
        unfinished = [job for job in jobs if not job.state.final]
        return BatchStatus(
            batch_id,
            batch.key_id,
            batch.submitter,
            len(jobs),
            dict(states),
            batch.finished,
            now - batch.submitted_at,
            remaining_s(unfinished) if unfinished else 0.0,
            batch.tenant,
        )

    def finish(self, batch: Batch, now: float) -> None:
        """Take note that the last job of a batch has finished."""
        batch.finished_at = now
        self._finished[batch.batch_id] = batch
        self._records += len(batch.records)
        if batch.acknowledged:
            self._drop(batch)
        while self._records > self._max_records and len(self._finished) > 1:
            self._drop(next(iter(self._finished.values())))

    def acknowledge(self, batch_id: str) -> None:
        """Drop a batch, at once or when it has finished.

        Raises
        ------
        UnknownJob
            If there is none.
        """
        batch = self.batch(batch_id)
        batch.acknowledged = True
        if batch.finished:
            self._drop(batch)

    def age_out(self, now: float) -> None:
        """Drop batches that finished ``ttl_s`` ago."""
        while (due := self.next_due()) is not None and due <= now:
            self._drop(next(iter(self._finished.values())))

    def next_due(self) -> float | None:
        """Return when the oldest finished batch ages out; ``None`` if there is none."""
        oldest = next(iter(self._finished.values()), None)
        return None if oldest is None else oldest.finished_at + self._ttl_s

    def _drop(self, batch: Batch) -> None:
        del self._batches[batch.batch_id]
        del self._finished[batch.batch_id]
        self._records -= len(batch.records)
