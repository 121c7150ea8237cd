"""The FastPath service: one async Ray actor around :class:`fastpath.scheduler.Scheduler`.

It passes references on and holds no key, no witness value and no policy. All its methods run on one event loop, so the
scheduler needs no lock.

A worker is any actor handle with these methods::

    run_group(key_id, witness_refs, rows, job_ids) -> list[dict]   # one per job, in order, with the fields
                                # status "ok" | "error", payload, public_inputs, error, seconds, maybe peak_bytes
    cancel(job_ids) -> None     # best effort; must answer while run_group works
    health() -> dict            # once it can work: its "pid", and anything else

One whose offer says that it ``reports`` calls :meth:`FastPath.report` before it touches the jobs of a call, and again
when it verifies their proofs. A worker may also have ``probe()``, which returns only after a task whose answer is known
has come out right (its health is asked otherwise), ``load_key(key_id)`` and ``release_key(key_id)``, and
``steps(job_ids) -> dict`` of where jobs are.

``witness_refs[i]`` is ``[reference to the batch's array]``, wrapped so that Ray does not resolve it, and ``rows[i]``
the row of job i in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import random
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final

import ray
from ray.exceptions import ActorDiedError, RayActorError, RayTaskError

from fastpath.decisions import BatchStatus, Cancellation, Dispatch, JobStatus, Outcome, Receipt
from fastpath.errors import BadRequest, Unavailable
from fastpath.job import BatchIds, JobRecord, JobState
from fastpath.quantiles import QuantileSketch
from fastpath.scheduler import Scheduler
from fastpath.settings import SchedulerSettings
from fastpath.statistics import Latency, ServiceStats
from fastpath.submission import Submission
from fastpath.worker_care import Driver, WorkerCare
from fastpath.workers import WorkerOffer

ACTOR_NAME: Final = "fastpath"
_LONGEST_POLL_S: Final = 60.0
_END_TIMEOUT_S: Final = 60.0
_STEP_TIMEOUT_S: Final = 2.0
_START_TIMEOUT_S: Final = 60.0
_REPORTED: Final = (str(JobState.RUNNING), str(JobState.VERIFYING))
_CONCURRENT_CALLS: Final = 10_000  # long polls each hold one

_log = logging.getLogger(__name__)


class FastPath:
    """Takes batches, sends them to workers in groups, keeps results until they are fetched. See :func:`start`.

    Parameters
    ----------
    namespace
        Ray namespace it lives in; shown in its name.
    settings
        Limits and targets.
    metrics_factory
        ``"module:function"``. The function is called with a zero-argument, thread-safe provider of
        :class:`ServiceStats` and with the namespace, serves metrics, and returns its address.
    """

    def __init__(
        self, namespace: str = "", settings: SchedulerSettings | None = None, metrics_factory: str | None = None
    ) -> None:
        self._namespace = namespace
        self._settings = settings or SchedulerSettings()
        self._scheduler = Scheduler(self._settings, random.SystemRandom(), time.monotonic())
        self._batch_ids = BatchIds(random.SystemRandom())
        self._handles: dict[str, Any] = {}
        self._witnesses: dict[str, Any] = {}
        self._waiters: dict[str, asyncio.Event] = {}
        self._idle = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._care = WorkerCare(
            self._scheduler,
            self._handles,
            Driver(self._advance, self._spawn, _restart, self.remove_worker, ActorDiedError),
        )
        self._timer: asyncio.TimerHandle | None = None
        self._deciding = QuantileSketch()
        self._metrics_factory = metrics_factory
        self._metrics_address: str | None = None

    def __repr__(self) -> str:
        return f"FastPath(namespace={self._namespace}, max_jobs={self._settings.max_jobs})"

    # --- workers

    async def register_worker(self, name: str, handle: Any, offer: WorkerOffer | None = None) -> None:  # noqa: ANN401
        """Send groups to a worker. A known name gets the new handle and offer.

        Raises
        ------
        BadRequest
            If name or offer are malformed, or the handle lacks a method of a worker.
        """
        missing = [method for method in ("run_group", "cancel", "health") if not hasattr(handle, method)]
        if missing:
            raise BadRequest(f"worker {name!r} lacks {', '.join(missing)}; see fastpath.actor for what a worker is")
        self._scheduler.add_worker(name, offer or WorkerOffer())
        self._handles[name] = handle
        self._advance()

    async def remove_worker(self, name: str) -> None:
        """Send a worker nothing more; what it has runs elsewhere. With the last worker, all jobs fail."""
        self._scheduler.remove_worker(time.monotonic(), name)
        self._handles.pop(name, None)
        self._advance()

    async def report(self, worker: str, job_ids: list[str], state: str) -> None:
        """Take in that a worker begins jobs (``"running"``), or that it checks their proofs (``"verifying"``).

        Raises
        ------
        BadRequest
            If it is neither.
        """
        if state not in _REPORTED:
            raise BadRequest(f"a worker reports {' or '.join(_REPORTED)}, not {state!r}")
        self._scheduler.reported(worker, job_ids, JobState(state))

    # --- batches

    async def submit_batch(
        self,
        key_id: str,
        witness: list[Any],
        count: int,
        item_bytes: int,
        **options: Any,  # noqa: ANN401 - typed by Submission, which checks them
    ) -> Receipt:
        """Queue a batch, whole or not at all.

        Parameters
        ----------
        witness
            ``[reference]`` to the array of ``count`` items, in a list so that Ray does not resolve it.
        options
            The other fields of :class:`fastpath.submission.Submission`.

        Raises
        ------
        BadRequest, Overloaded, DeadlineExceeded, Unavailable
            See :meth:`fastpath.scheduler.Scheduler.submit`.
        """
        began = time.monotonic()
        if not isinstance(witness, list) or len(witness) != 1 or not isinstance(witness[0], ray.ObjectRef):
            raise BadRequest("pass the witness batch as a list of one object reference: [ray.put(array)]")
        try:
            submission = Submission(key_id=key_id, count=count, item_bytes=item_bytes, **options)
        except TypeError as error:
            raise BadRequest(f"a submission has no such field: {error}") from None
        batch_id = self._batch_ids.next(time.time_ns() // 1_000_000)
        try:
            receipt = self._scheduler.submit(began, batch_id, submission)
        finally:
            self._deciding.add(time.monotonic() - began)
        if not receipt.repeated:
            self._witnesses[batch_id] = witness[0]
        self._advance()
        return receipt

    async def poll(self, batch_id: str, seen: int = 0, timeout_s: float = 30.0) -> list[JobRecord]:
        """Return the finished jobs of a batch after the first ``seen``; wait for one if there is none yet.

        Empty after ``timeout_s`` (at most a minute), or at once when all jobs of the batch were seen.

        Raises
        ------
        UnknownJob
            If there is no such batch (any more).
        """
        deadline = time.monotonic() + min(timeout_s, _LONGEST_POLL_S)
        while True:
            records = self._scheduler.records(batch_id, max(seen, 0))
            left_s = deadline - time.monotonic()
            if records or left_s <= 0 or self._scheduler.finished(batch_id):
                return records
            changed = self._waiters.setdefault(batch_id, asyncio.Event())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), left_s)

    async def acknowledge(self, batch_id: str) -> None:
        """Drop the results of a batch, at once or when it has finished.

        Raises
        ------
        UnknownJob
            If there is no such batch (any more).
        """
        self._scheduler.acknowledge(batch_id)

    async def cancel(self, identifier: str) -> Cancellation:
        """Cancel a batch or a job, waiting or running; finished jobs stay as they are.

        Raises
        ------
        UnknownJob
            If there is no such batch or job.
        """
        cancellation = self._scheduler.cancel(time.monotonic(), identifier)
        self._advance()
        return cancellation

    async def status(self, identifier: str) -> BatchStatus | JobStatus:
        """Describe a batch or a job.

        Raises
        ------
        UnknownJob
            If there is no such batch or job (any more).
        """
        status = self._scheduler.status(time.monotonic(), identifier)
        if isinstance(status, JobStatus) and (worker := self._scheduler.worker_of(identifier)) in self._handles:
            return replace(status, step=await self._step(self._handles[worker], identifier))
        return status

    async def _step(self, handle: Any, job_id: str) -> str:  # noqa: ANN401 - duck-typed
        """Ask a worker where a job is; empty when it does not tell in time."""
        if not hasattr(handle, "steps"):
            return ""
        try:
            steps = await asyncio.wait_for(asyncio.wrap_future(handle.steps.remote([job_id]).future()), _STEP_TIMEOUT_S)
        except Exception as error:  # noqa: BLE001 - the worker may be busy, or gone
            _log.info("no step of job %s: %s", job_id, type(error).__name__)
            return ""
        return str(steps.get(job_id, ""))

    # --- the service

    async def stats(self) -> ServiceStats:
        """Return what has happened so far."""
        return self._stats()

    def _stats(self) -> ServiceStats:
        return replace(self._scheduler.stats(time.monotonic()), deciding=Latency.of(self._deciding))

    async def metrics_address(self) -> str | None:
        """Return where the metrics are served; the first call starts to serve them. ``None`` without a factory."""
        if self._metrics_factory is not None and self._metrics_address is None:
            module, _, function = self._metrics_factory.partition(":")
            factory = getattr(importlib.import_module(module), function)
            self._metrics_address = factory(self._stats_provider(asyncio.get_running_loop()), self._namespace)
        return self._metrics_address

    def _stats_provider(self, loop: asyncio.AbstractEventLoop) -> Callable[[], ServiceStats]:
        home = threading.get_ident()

        def provide() -> ServiceStats:
            if threading.get_ident() == home:
                return self._stats()
            return asyncio.run_coroutine_threadsafe(self.stats(), loop).result(timeout=10)

        return provide

    async def drain(self, timeout_s: float = 60.0) -> int:
        """Refuse new batches, wait for those that are held, and return how many jobs have not finished by then."""
        self._scheduler.draining = True
        self._advance()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), timeout_s)
        return self._scheduler.unfinished

    # --- the shell

    def _advance(self) -> None:
        """Send what is ready, tell whoever waits, and set the alarm for the next time something is due."""
        decisions = self._scheduler.tick(time.monotonic())
        for dispatch in decisions.dispatches:
            witnesses = [[self._witnesses[job.batch_id]] for job in dispatch.jobs]
            self._spawn(self._run(dispatch, self._handles[dispatch.worker], witnesses))
        effects = decisions.effects
        for batch_id in effects.changed:
            if waiter := self._waiters.pop(batch_id, None):
                waiter.set()
        for batch_id in effects.finished:
            del self._witnesses[batch_id]
        for worker, job_ids in effects.stops.items():
            if worker in self._handles:
                self._handles[worker].cancel.remote(job_ids)
        self._care.carry_out(effects)
        if self._scheduler.unfinished:
            self._idle.clear()
        else:
            self._idle.set()
        if self._timer is not None:
            self._timer.cancel()
        due = decisions.next_event
        if due is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, due - time.monotonic()), self._advance)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # the loop itself holds tasks only weakly
        task.add_done_callback(self._tasks.discard)

    async def _run(self, dispatch: Dispatch, handle: Any, witnesses: list[list[Any]]) -> None:  # noqa: ANN401
        rows = [job.row for job in dispatch.jobs]
        job_ids = [job.job_id for job in dispatch.jobs]
        try:
            call = handle.run_group.remote(dispatch.key_id, witnesses, rows, job_ids)
            answer = asyncio.wrap_future(call.future())
            in_time, _ = await asyncio.wait({answer}, timeout=dispatch.timeout_s)
            if not in_time:
                self._mark_lost(dispatch, timed_out=True)
                _restart(handle)
                # Its health is asked only when the call has ended with the old process, which would answer for the
                # new one and then take other jobs with it. A result that comes before the end is still a result.
                await asyncio.wait({answer}, timeout=_END_TIMEOUT_S)
                self._care.watch(dispatch.worker, handle)
            outcomes = [_outcome(item) for item in await answer]
        except RayTaskError as error:  # first: with an actor's death as its cause it is a RayActorError as well
            self._scheduler.call_failed(time.monotonic(), dispatch, _plain(error))
        except RayActorError:
            self._lose(dispatch, handle)
        except Exception as error:  # noqa: BLE001 - whatever it is, the jobs must not hang on it
            self._scheduler.call_failed(time.monotonic(), dispatch, error)
        else:
            self._scheduler.completed(time.monotonic(), dispatch, outcomes)
        self._advance()

    def _lose(self, dispatch: Dispatch, handle: Any) -> None:  # noqa: ANN401 - duck-typed
        self._mark_lost(dispatch)
        self._care.watch(dispatch.worker, handle)

    def _mark_lost(self, dispatch: Dispatch, *, timed_out: bool = False) -> None:
        _log.warning("worker %s was lost with %d jobs; they run again", dispatch.worker, len(dispatch.jobs))
        self._scheduler.worker_lost(time.monotonic(), dispatch, timed_out=timed_out)
        self._advance()


def _restart(handle: Any) -> None:  # noqa: ANN401 - duck-typed
    """End a worker's process; Ray starts another."""
    ray.kill(handle, no_restart=False)


def _outcome(item: dict[str, Any]) -> Outcome:
    if item["status"] == "ok":
        return Outcome(item["payload"], item["public_inputs"], None, item["seconds"], item.get("peak_bytes", 0))
    return Outcome(error=_plain(item["error"]), seconds=item["seconds"])


def _plain(error: Exception) -> Exception:
    """Return what was raised, without the traceback that Ray prints into its message."""
    return error.cause if isinstance(error, RayTaskError) else error


def start(
    namespace: str,
    *,
    name: str = ACTOR_NAME,
    settings: SchedulerSettings | None = None,
    metrics_factory: str | None = None,
) -> Any:  # noqa: ANN401 - Ray's handles have no static type
    """Start the service as a named, detached actor, wait until it answers, and return its handle.

    It is not restarted when it dies: its queue would be empty, and submitters must hear of that.

    Raises
    ------
    ValueError
        If the namespace has an actor of that name already.
    Unavailable
        If it does not answer within a minute, or its metrics cannot be served.
    """
    actor: Any = (
        ray.remote(FastPath)
        .options(
            name=name,
            namespace=namespace,
            lifetime="detached",
            num_cpus=0,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=_CONCURRENT_CALLS,
        )
        .remote(namespace, settings, metrics_factory)
    )
    try:
        ray.get(actor.metrics_address.remote(), timeout=_START_TIMEOUT_S)
    except Exception as error:
        ray.kill(actor)
        raise Unavailable(f"the FastPath actor did not start; look at its log: {error}") from error
    return actor
