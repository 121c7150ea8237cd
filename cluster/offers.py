"""What a service tells FastPath of its workers and of its own memory."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any, Final

from cluster.memory import usable_memory_bytes
from cluster.settings import Settings
from fastpath.settings import SchedulerSettings
from fastpath.workers import WorkerOffer

_PROVING_SHARE: Final = 0.5
"""Of the host's memory that jobs may take; the rest is for the object store, the keys and the processes themselves."""
_MOST_TOGETHER: Final = SchedulerSettings().max_group
_FEWEST_TOGETHER: Final = 32
"""On a GPU: what a call costs whatever its size is then a small part of it, by the model in docs/gpu.md."""
_WITNESS_SHARE: Final = 0.5
"""Of the object store that waiting witnesses may take; the rest is for keys. Beyond its size Ray spills to disk."""


def worker_offer(settings: Settings, threads: int, health: Mapping[str, Any]) -> WorkerOffer:
    """Describe a worker by its :meth:`prover.worker.ProverWorker.health`."""
    gpu = health.get("gpu")
    device_bytes = gpu["work_bytes"] if gpu else 0  # none where it could not be opened: the CPU does all its work
    return WorkerOffer(
        slots=settings.worker_calls,
        # A GPU proves all jobs of a call together, as many at a time as its memory holds.
        parallel=_MOST_TOGETHER if device_bytes else threads,
        fewest=_FEWEST_TOGETHER if device_bytes else threads,
        device="gpu" if device_bytes else "cpu",
        backend=str(health["backend"]),
        device_bytes=device_bytes,
        threads=threads,
        cpus=len(health.get("cpus", ())),
        thread_rates=tuple(sorted(health.get("thread_rates", {}).items())),
        host=socket.gethostname(),
        host_bytes=int(_PROVING_SHARE * usable_memory_bytes()),
        reports=True,
    )


def scheduler_settings(settings: Settings, object_store_bytes: float) -> SchedulerSettings:
    """Derive the limits of the queue; its witnesses lie in the object store, which is shared memory."""
    byte_limit = settings.max_mib << 20
    if object_store_bytes:
        byte_limit = min(byte_limit, max(1, int(_WITNESS_SHARE * object_store_bytes)))
    return SchedulerSettings(
        max_jobs=settings.max_jobs,
        max_bytes=byte_limit,
        max_batch=settings.max_batch,
        tenants=dict(settings.tenants),
    )
