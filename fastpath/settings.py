"""The limits and targets of one scheduler."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from fastpath.errors import BadRequest


@dataclass(frozen=True, kw_only=True)
class SchedulerSettings:
    """Limits and targets; every one is positive.

    Attributes
    ----------
    max_jobs
        Unfinished jobs held at once, waiting or running.
    max_bytes
        Bytes of unfinished batches: their inputs stay in the object store until the last job is finished.
    max_batch
        Jobs in one submission.
    max_group
        Jobs in one worker call.
    first_group
        Jobs in a call while the key's cost is unknown.
    group_target_s
        How long a call should last: long against the cost of a call (a millisecond), short against a deadline.
    call_timeout_s
        A worker that has not answered a call by then counts as lost.
    attempts
        Failed runs after which a job fails, retryable or not.
    result_ttl_s, max_results
        How long, and how many, finished records are kept for a submitter who does not acknowledge them.
    """

    max_jobs: int = 100_000
    max_bytes: int = 4 << 30
    max_batch: int = 10_000
    max_group: int = 256
    first_group: int = 4
    group_target_s: float = 2.0
    call_timeout_s: float = 600.0
    attempts: int = 5
    result_ttl_s: float = 3600.0
    max_results: int = 200_000

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            whole = isinstance(setting.default, int)
            right_type = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
            if not right_type or not 0 < value < math.inf:
                kind = "a positive whole number" if whole else "a positive number"
                raise BadRequest(f"{setting.name} is {value!r}; it must be {kind}")
