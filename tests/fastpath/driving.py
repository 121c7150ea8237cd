"""A scheduler driven by hand: what the tests of its parts have in common."""

import math
import random

from fastpath.conflicts import Access
from fastpath.decisions import Outcome
from fastpath.scheduler import Scheduler
from fastpath.settings import SchedulerSettings
from fastpath.submission import Submission
from fastpath.workers import WorkerOffer

OK = Outcome(b"proof", b"inputs", None, 0.1)


class FaultError(Exception):
    retryable = True


def scheduler(workers=1, slots=1, seed=1, **settings):
    made = Scheduler(SchedulerSettings(**settings), random.Random(seed))
    for i in range(workers):
        made.add_worker(f"w{i}", WorkerOffer(slots))
    return made


def submit(target, now=0.0, count=1, batch_id="B", **fields):
    submission = Submission(**{"key_id": "k", "item_bytes": 10} | fields | {"count": count})
    return list(target.submit(now, batch_id, submission).job_ids)


def answer(target, now, dispatch, outcome=OK):
    target.completed(now, dispatch, [outcome] * len(dispatch.jobs))


def states(target, batch_id="B"):
    return [record.state.value for record in sorted(target.records(batch_id), key=lambda record: record.index)]


def finish_all(target, now):
    while target.unfinished:
        if dispatch := target.next_dispatch(now):
            answer(target, now + 0.01, dispatch)
        else:
            now = max(now, target.next_event() or math.nan)
    return now


def run_one_of(target, seconds):
    """Let the scheduler measure what a job costs."""
    submit(target, -seconds, batch_id="measured")
    target.completed(0.0, target.next_dispatch(-seconds), [Outcome(b"p", b"", None, seconds)])
    target.acknowledge("measured")


class CodedError(Exception):
    def __init__(self, code):
        super().__init__(code)
        self.code = code


def known(seconds=1.0, **options):
    """A scheduler whose key costs are known."""
    target = scheduler(**options)
    for i in range(3):
        submit(target, batch_id=f"measured{i}", deadline_s=None)
        answer(target, 0.0, target.next_dispatch(-seconds), Outcome(b"p", b"", None, seconds))
    return target


def writes(*names):
    return Access(writes=frozenset(names))
