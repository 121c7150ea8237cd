"""Figures of the real FastPath actor on a real Ray: what time it takes to be refused, and to submit.

Workers only pretend: they sleep. Times are those that the caller sees, the way through Ray included.
"""

from __future__ import annotations

import contextlib
import math
import random
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import ray

from benchmarks.fastpath import figures
from benchmarks.fastpath.figures import FASTPATH, Figure
from fastpath import actor
from fastpath.errors import Overloaded
from fastpath.scheduler import Scheduler
from fastpath.settings import SchedulerSettings
from fastpath.submission import Submission
from fastpath.workers import WorkerOffer

_HELD = 1000
_ROUND = 200
_TIMEOUT_S = 60.0


class PretendingWorker:
    """Sleeps for every job."""

    def __init__(self, job_s: float) -> None:
        self._job_s = job_s

    def run_group(self, key_id: str, witness_refs: list[Any], rows: list[int], job_ids: list[str]) -> list[Any]:
        """Sleep, then answer that all went well."""
        del witness_refs, rows
        time.sleep(self._job_s * len(job_ids))
        answer = {"status": "ok", "payload": key_id.encode(), "public_inputs": b"", "error": None}
        return [answer | {"seconds": self._job_s} for _ in job_ids]

    def cancel(self, job_ids: list[str]) -> None:
        """Go on."""

    def health(self) -> dict[str, Any]:
        """Work."""
        return {}


@contextlib.contextmanager
def _service(job_s: float, settings: SchedulerSettings) -> Iterator[Any]:
    """An actor of its own with one pretending worker, on the Ray this process is connected to."""
    here = sys.modules[__name__]
    ray.cloudpickle.register_pickle_by_value(here)  # type: ignore[no-untyped-call] # workers may not find this module
    name = f"fastpath-{uuid.uuid4()}"
    fastpath = actor.start("laboratory", name=name, settings=settings)
    worker: Any = ray.remote(PretendingWorker).options(num_cpus=0, max_concurrency=4).remote(job_s)
    try:
        ray.get(worker.health.remote(), timeout=_TIMEOUT_S)
        ray.get(fastpath.register_worker.remote("pretending", worker), timeout=_TIMEOUT_S)
        yield fastpath
    finally:
        for handle in (worker, fastpath):
            with contextlib.suppress(Exception):
                ray.kill(handle)


def refusals(seed: int, rounds: int) -> Iterator[Figure]:
    """How long a submission to a full queue takes to be refused: the best of several rounds, others use the machine."""
    quantiles: list[tuple[float, float]] = []
    with _service(10.0, SchedulerSettings(max_jobs=_HELD, max_batch=_HELD)) as fastpath:
        witness = [ray.put(b"witness")]
        ray.get(fastpath.submit_batch.remote("key", witness, _HELD, 1), timeout=_TIMEOUT_S)
        for _ in range(rounds):
            times_ms = sorted(_refusal_ms(fastpath, witness) for _ in range(_ROUND))
            quantiles.append((times_ms[math.floor(0.99 * (_ROUND - 1))], times_ms[_ROUND // 2]))
    p99_ms, p50_ms = min(quantiles)
    yield Figure(figures.REFUSAL_P99, FASTPATH, seed, p99_ms, "ms")
    yield Figure("refusal p50 of the actor", FASTPATH, seed, p50_ms, "ms")


def _refusal_ms(fastpath: Any, witness: list[Any]) -> float:  # noqa: ANN401 - a Ray handle
    began = time.perf_counter()
    try:
        ray.get(fastpath.submit_batch.remote("key", witness, 1, 1, deadline_s=1.0), timeout=_TIMEOUT_S)
    except Overloaded:
        return 1000 * (time.perf_counter() - began)
    raise AssertionError("the full queue took a job")


def submissions(seed: int, batches: int) -> Iterator[Figure]:
    """Jobs a second that one client can submit in batches of 100, without waiting for each answer."""
    with _service(0.0, SchedulerSettings()) as fastpath:
        witness = [ray.put(b"witness")]
        began = time.perf_counter()
        calls = [fastpath.submit_batch.remote("key", witness, 100, 1) for _ in range(batches)]
        ray.get(calls, timeout=10 * _TIMEOUT_S)
        seconds = time.perf_counter() - began
    yield Figure("jobs submitted to the actor in batches of 100", FASTPATH, seed, 100 * batches / seconds, "1/s")


def decisions(seed: int, lengths: tuple[int, ...], rounds: int = 200) -> Iterator[Figure]:
    """Time of the scheduler to take a job, send it and take its result, with so many jobs waiting."""
    for length in lengths:
        scheduler = Scheduler(SchedulerSettings(max_jobs=length + 1000), random.Random(seed))
        scheduler.add_worker("w", WorkerOffer(slots=1))
        for first in range(0, length, 1000):
            count = min(1000, length - first)
            scheduler.submit(0.0, f"fill{first}", Submission(key_id="key", count=count, item_bytes=1))
        scheduler.tick(0.0)
        times_us = []
        for number in range(rounds):
            submission = Submission(key_id=f"key-{number % 10}", count=1, item_bytes=1, tenant=f"tenant-{number % 5}")
            began = time.perf_counter()
            scheduler.submit(0.0, f"timed{number}", submission)
            scheduler.tick(0.0)
            times_us.append(1e6 * (time.perf_counter() - began))
        yield Figure("decision time of the scheduler", FASTPATH, seed, sorted(times_us)[rounds // 2], "us", length)
