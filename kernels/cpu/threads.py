"""Spread jobs of a call over threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Job = TypeVar("Job")


def for_each(run: Callable[[Job], None], jobs: Sequence[Job], threads: int) -> None:
    """Call ``run`` for every job, on up to ``threads`` threads; compiled kernels run beside each other."""
    if threads == 1 or len(jobs) == 1:
        for job in jobs:
            run(job)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, jobs))
