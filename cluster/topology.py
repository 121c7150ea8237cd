"""The workers of a machine: one for each NUMA node, on its cores and next to its memory, and one for each GPU."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Final

_NODES: Final = Path("/sys/devices/system/node")


@dataclass(frozen=True)
class WorkerPlan:
    """One worker.

    Attributes
    ----------
    cpus
        Those it is pinned to; empty where there is only one node, so nothing to gain.
    gpus
        GPUs that it has to itself: 0 or 1.
    """

    name: str
    threads: int
    cpus: tuple[int, ...] = ()
    gpus: int = 0


GPU_WORKER_THREADS: Final = 4
"""Threads beside a GPU: they check and verify proofs, and sum up what the GPU leaves."""


def plan_gpu_workers(threads: int, gpus: int) -> list[WorkerPlan]:
    """One worker for each GPU, not pinned: its threads are few and mostly wait."""
    return [WorkerPlan(f"gpu-worker-{i}", min(threads, GPU_WORKER_THREADS), gpus=1) for i in range(gpus)]


def plan_workers(threads: int, nodes: Sequence[Collection[int]]) -> list[WorkerPlan]:
    """Share the threads among the nodes in proportion to their CPUs; a node without a thread has no worker.

    Examples
    --------
    >>> [(plan.threads, plan.cpus) for plan in plan_workers(3, [{0, 1}, {2, 3}])]
    [(2, (0, 1)), (1, (2, 3))]
    """
    if len(nodes) == 1:
        return [WorkerPlan("prover-worker-0", threads)]
    total = sum(map(len, nodes))
    # The first k nodes together get the ceiling of their share, so nothing is lost to rounding.
    bounds = accumulate(map(len, nodes), initial=0)
    shares = [-(-last * threads // total) + (-first * threads // total) for first, last in pairwise(bounds)]
    busy = [(share, node) for share, node in zip(shares, nodes, strict=True) if share]
    return [WorkerPlan(f"prover-worker-{i}", share, tuple(sorted(node))) for i, (share, node) in enumerate(busy)]


def numa_nodes(folder: Path = _NODES, usable: Collection[int] | None = None) -> list[frozenset[int]]:
    """CPUs this process may use, by NUMA node; all in one where the kernel does not tell."""
    if usable is None:
        usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    lists = sorted(folder.glob("node[0-9]*/cpulist"), key=lambda file: int(file.parent.name.removeprefix("node")))
    nodes = [_cpus(file.read_text(encoding="ascii")).intersection(usable) for file in lists]
    return [node for node in nodes if node] or [frozenset(usable)]


def _cpus(ranges: str) -> frozenset[int]:
    """Read the kernel's notation, ``0-3,8,10-11``."""
    cpus: set[int] = set()
    for part in ranges.strip().split(","):
        first, _, last = part.partition("-")
        if first:
            cpus.update(range(int(first), int(last or first) + 1))
    return frozenset(cpus)
