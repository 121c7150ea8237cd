"""The limits and targets of one scheduler."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from fastpath.errors import BadRequest


@dataclass(frozen=True, kw_only=True)
class SchedulerSettings:
    """Limits and targets; every number is positive.

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
        A worker that has not answered a call by then counts as lost; sooner where the cost is known.
    attempts
        Failed runs after which a job fails, retryable or not.
    result_ttl_s, max_results
        How long, and how many, finished records are kept for a submitter who does not acknowledge them.
    tenants
        Weights of the tenants that may submit; empty for any tenant, all of equal weight.
    max_tenants
        Tenants that have jobs at once.
    max_conflict_keys
        Names in the declared accesses of one job.
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
    tenants: Mapping[str, float] = field(default_factory=dict)
    max_tenants: int = 1000
    max_conflict_keys: int = 64

    def __post_init__(self) -> None:
        for setting in fields(self):
            if setting.name != "tenants":
                _check_positive(setting.name, getattr(self, setting.name), whole=isinstance(setting.default, int))
        for tenant, weight in self.tenants.items():
            _check_positive(f"the weight of tenant {tenant!r}", weight, whole=False)


def _check_positive(name: str, value: Any, *, whole: bool) -> None:  # noqa: ANN401 - it is what is checked
    kind = "a positive whole number" if whole else "a positive number"
    number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:
        raise BadRequest(f"{name} is {value!r}; it must be {kind}")
