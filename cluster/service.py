"""Start the actors, find them, and stop what was started.

Embedded: :class:`LocalService`, on a Ray of this process, for :meth:`cluster.client.Client.local`. Long-lived:
:func:`start` runs a Ray head of its own with detached actors and writes how to find it into the state directory;
:func:`stop` ends exactly that head.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import ray

import fastpath.actor
import prover.worker
from cluster import key_vault, ray_head
from cluster.calls import CALL_TIMEOUT_S, answer
from cluster.offers import scheduler_settings, worker_offer
from cluster.settings import Settings
from cluster.topology import WorkerPlan, numa_nodes, plan_gpu_workers, plan_workers
from cluster.vault_calls import RayVaultCalls
from fastpath.errors import Unavailable
from prover.errors import BadInput

METRICS_FACTORY: Final = "cluster.metrics:serve"
_DESCRIPTION: Final = "service.json"
_HEAD_TIMEOUT_S: Final = 60.0
_PROGRESS_EVERY_S: Final = 0.5

_log = logging.getLogger(__name__)
_local_numbers = itertools.count()

OnProgress = Callable[[dict[str, Any]], None]
"""Called twice a second with :meth:`prover.worker.ProverWorker.progress` while a worker makes its kernels ready."""


@dataclass(frozen=True, kw_only=True)
class ServiceInfo:
    """How to find a service.

    Attributes
    ----------
    address
        Of the Ray head, ``host:port``.
    metrics_address, dashboard_address
        URLs; None where there is none.
    head
        The Ray head, when :func:`start` started it.
    """

    address: str
    namespace: str
    metrics_address: str | None = None
    dashboard_address: str | None = None
    head: ray_head.Head | None = None

    @property
    def pid(self) -> int:
        """Of the Ray head; 0 for one that belongs to another process."""
        return self.head.pid if self.head else 0

    @property
    def token_path(self) -> str:
        """File of the token that its Ray asks of clients and its dashboard of browsers; empty when not ours to know."""
        return self.head.token_path if self.head else ""


@dataclass(frozen=True)
class Actors:
    """Handles of a service's actors; of the workers by name."""

    fastpath: Any
    vault: Any
    workers: Mapping[str, Any]
    metrics_address: str | None = None

    @classmethod
    def start(
        cls, settings: Settings, namespace: str, *, detached: bool, on_progress: OnProgress | None = None
    ) -> Actors:
        """Start them on the connected Ray, and return when the workers can prove.

        Raises
        ------
        Unavailable
            If they are not ready within ``settings.start_timeout_s``.
        """
        resources: Any = ray.cluster_resources()  # type: ignore[no-untyped-call]
        limits = scheduler_settings(settings, resources.get("object_store_memory", 0))
        service = fastpath.actor.start(namespace, settings=limits, metrics_factory=METRICS_FACTORY)
        vault = key_vault.start(namespace, settings.key_dir, table_mib=settings.table_mib, detached=detached)
        workers: dict[str, Any] = {}
        actors = cls(service, vault, workers, answer(service.metrics_address.remote()))
        end = time.monotonic() + settings.start_timeout_s
        try:
            for plan in _plan(settings):  # one by one: the first compiles for all
                workers[plan.name] = worker = prover.worker.start(
                    plan.name,
                    namespace,
                    RayVaultCalls(key_vault.ACTOR_NAME, namespace),
                    threads=plan.threads,
                    key_directory=settings.key_dir,
                    backend=settings.backend,
                    cpus=plan.cpus,
                    gpus=plan.gpus,
                    control_name=fastpath.actor.ACTOR_NAME,
                    detached=detached,
                )
                health = _await_ready(worker, end, on_progress)
                offer = worker_offer(settings, plan.threads, health)
                answer(service.register_worker.remote(plan.name, worker, offer))
        except BaseException:
            actors.stop()
            raise
        return actors

    @classmethod
    def find(cls, namespace: str) -> Actors:
        """Find those of a running service on the connected Ray.

        Raises
        ------
        Unavailable
            If there is none in the namespace.
        """
        try:
            service, vault = (
                ray.get_actor(name, namespace=namespace) for name in (fastpath.actor.ACTOR_NAME, key_vault.ACTOR_NAME)
            )
            names = [worker.name for worker in answer(service.stats.remote()).workers]
            workers = {name: ray.get_actor(name, namespace=namespace) for name in names}
        except ValueError:
            raise Unavailable(
                f"no service runs in namespace {namespace!r} there; start one with `fastpath-prover up`"
            ) from None
        return cls(service, vault, workers, answer(service.metrics_address.remote()))

    def stop(self) -> None:
        """End them."""
        for actor in (self.fastpath, *self.workers.values(), self.vault):
            with contextlib.suppress(Exception):  # one that is gone already is as it should be
                ray.kill(actor)


def _plan(settings: Settings) -> list[WorkerPlan]:
    """Workers for the GPUs that Ray finds, and for the CPUs unless the GPU alone is wanted.

    Raises
    ------
    Unavailable
        If the GPU alone is wanted and there is none.
    """
    found: Any = ray.cluster_resources()  # type: ignore[no-untyped-call]
    gpus = int(found.get("GPU", 0)) if settings.backend in {"auto", "cuda"} else 0
    if settings.backend == "cuda" and not gpus:
        raise Unavailable("the backend is 'cuda' and Ray finds no GPU here; see `fastpath-prover doctor`")
    cpu_workers = [] if settings.backend == "cuda" else plan_workers(settings.threads, numa_nodes())
    return [*cpu_workers, *plan_gpu_workers(settings.threads, gpus)]


def _await_ready(worker: Any, end: float, on_progress: OnProgress | None) -> dict[str, Any]:  # noqa: ANN401
    ready = worker.health.remote()
    while time.monotonic() < end:
        done, _ = ray.wait([ready], timeout=_PROGRESS_EVERY_S)
        if on_progress is not None:
            on_progress(answer(worker.progress.remote()))
        if done:
            health: dict[str, Any] = answer(ready)
            return health
    raise Unavailable(
        "a prover worker was not ready in time; give it more with start_timeout_s if it is compiling kernels"
    )


# --- embedded


class LocalService:
    """A service that lives as long as this object, on a Ray of this process.

    Joins the Ray that the process has, in a namespace of its own; starts one when there is none.
    """

    def __init__(self, settings: Settings, on_progress: OnProgress | None = None) -> None:
        self._owns_ray = not ray.is_initialized()
        namespace = settings.namespace
        if self._owns_ray:
            connect("local", namespace, object_store_mib=settings.object_store_mib)
        else:
            namespace = f"{namespace}-{os.getpid()}-{next(_local_numbers)}"
        try:
            self.actors = Actors.start(settings, namespace, detached=False, on_progress=on_progress)
        except BaseException:
            self._end_ray()
            raise
        self.info = ServiceInfo(
            address=ray.get_runtime_context().gcs_address,
            namespace=namespace,
            metrics_address=self.actors.metrics_address,
        )

    def stop(self) -> None:
        """End the actors, and Ray if it was started here."""
        if ray.is_initialized():
            self.actors.stop()
        self._end_ray()

    def _end_ray(self) -> None:
        if self._owns_ray:
            ray.shutdown()


def connect(address: str, namespace: str, *, token_path: str = "", object_store_mib: int = 0) -> None:
    """Connect this process to a Ray, or start one with the address ``"local"``.

    Parameters
    ----------
    token_path
        File of the token it asks for; without one Ray's own environment variables count.

    Raises
    ------
    Unavailable
        If there is none at the address.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    own: dict[str, Any] = {}
    if token_path:
        ray_head.authorise(token_path)
    if address == "local":
        own = {"include_dashboard": False, "object_store_memory": object_store_mib << 20 or None}
    try:
        ray.init(address=address, namespace=namespace, log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise Unavailable(f"cannot reach Ray at {address}: {error}; is a service up there?") from None


# --- long-lived


def start(settings: Settings, on_progress: OnProgress | None = None) -> ServiceInfo:
    """Start a service that outlives this process: a Ray head on loopback with its dashboard, and detached actors.

    Raises
    ------
    BadInput
        If a service runs already.
    Unavailable
        If it does not start in time; nothing is left behind.
    """
    if (running := discover(settings)) is not None:
        raise BadInput(f"a service runs already at {running.address}; stop it with `fastpath-prover down`")
    head = ray_head.start(settings, _HEAD_TIMEOUT_S)
    info = ServiceInfo(
        address=head.address,
        namespace=settings.namespace,
        dashboard_address=f"http://127.0.0.1:{settings.dashboard_port}",
        head=head,
    )
    try:
        _describe(settings, info)
        with connected(info):
            actors = Actors.start(settings, info.namespace, detached=True, on_progress=on_progress)
        info = replace(info, metrics_address=actors.metrics_address)
        _describe(settings, info)
    except BaseException:
        stop(settings)
        raise
    return info


@contextlib.contextmanager
def connected(info: ServiceInfo) -> Iterator[None]:
    """Be connected to a service's Ray inside the ``with`` block."""
    connect(info.address, info.namespace, token_path=info.token_path)
    try:
        yield
    finally:
        ray.shutdown()


def discover(settings: Settings) -> ServiceInfo | None:
    """Find the service that :func:`start` runs on this machine; None when there is none."""
    try:
        described = json.loads(_description(settings).read_text(encoding="utf-8"))
        head = ray_head.Head(**described.pop("head"))
        info = ServiceInfo(**described, head=head)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return info if ray_head.runs(head) else None


def drain(info: ServiceInfo, timeout_s: float) -> int:
    """Let a service take no new batches and wait for those it has; return how many jobs have not finished by then.

    Raises
    ------
    Unavailable
        If its actors do not answer.
    """
    with connected(info):
        actors = Actors.find(info.namespace)
        unfinished: int = answer(actors.fastpath.drain.remote(timeout_s), timeout_s + CALL_TIMEOUT_S)
    return unfinished


def stop(settings: Settings) -> ServiceInfo | None:
    """Stop the service that :func:`start` runs, and nothing else; return what was stopped, None if there was none.

    What it still proves is lost: :func:`drain` it first.
    """
    info = discover(settings)
    if info is not None and info.head is not None:
        ray_head.stop(info.head)
    _description(settings).unlink(missing_ok=True)
    return info


def _description(settings: Settings) -> Path:
    return settings.state_dir / _DESCRIPTION


def _describe(settings: Settings, info: ServiceInfo) -> None:
    settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    written = _description(settings).with_suffix(".new")
    written.write_text(json.dumps(asdict(info)), encoding="utf-8")
    written.replace(_description(settings))
