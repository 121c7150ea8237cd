"""Whether a lost worker speaks against the jobs that were sent to it.

A worker may have died before it began a call: while it was idle, unnoticed until the next call. Workers that report
(:attr:`fastpath.workers.WorkerOffer.reports`) say that they begin before they touch a job, so a job that is still
``admitted`` when its worker is lost has done nothing, and nothing is held against it: it is queued again as it was.

That must not last for ever, since the report itself may be lost with the worker. A job counts as begun

- when its worker said so, or does not report at all,
- or when more than :data:`MOST_UNBEGUN` workers were lost with it that had said nothing: so often it is no accident.

Of the losses that count, :data:`LONE_LOSSES` of a job that was alone in its call make it a dead letter.
"""

from __future__ import annotations

from typing import Final

from fastpath.job import Job, JobState

LONE_LOSSES: Final = 2
MOST_UNBEGUN: Final = 8


def may_have_begun(job: Job) -> bool:
    """Whether the worker that was lost may have begun the job that was sent to it."""
    return job.state is not JobState.ADMITTED or job.unbegun >= MOST_UNBEGUN
