"""The workers as metrics: their work, threads and keys, and whether their devices are trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client.core import Metric

from cluster.metric_families import counters, gauges
from fastpath.statistics import WorkerStats

_GAUGES: Final[tuple[tuple[str, str, Callable[[WorkerStats], float | None]], ...]] = (
    ("fastpath_worker_up", "1 while the worker answers.", lambda worker: worker.alive),
    ("fastpath_worker_slots", "Calls the worker takes at once.", lambda worker: worker.slots),
    ("fastpath_worker_in_flight_jobs", "Jobs the worker has.", lambda worker: worker.jobs_in_flight),
    ("fastpath_worker_call_limit", "Calls its guard allows at once.", lambda worker: worker.limit),
    ("fastpath_worker_threads", "Threads it works with.", lambda worker: worker.threads or None),
    ("fastpath_worker_wanted_threads", "Threads it should have, by advice.", lambda w: w.wanted_threads or None),
    ("fastpath_worker_quarantined", "1 until it has given a known answer.", lambda w: w.breaker != "closed"),
    ("fastpath_worker_keys", "Proving keys it has at hand.", lambda worker: worker.keys),
)
_COUNTERS: Final[tuple[tuple[str, str, Callable[[WorkerStats], float]], ...]] = (
    ("fastpath_worker_proofs", "Proofs accepted from the worker.", lambda worker: worker.completed),
    ("fastpath_worker_quarantines", "Times its device was taken out.", lambda worker: worker.breaker_opened),
)


def worker_metrics(workers: tuple[WorkerStats, ...]) -> Iterator[Metric]:
    """Yield every metric family of the workers; of what one does not say there is no sample."""
    for name, documentation, value in _GAUGES:
        values = {worker.name: value(worker) for worker in workers}
        yield gauges(name, documentation, "worker", {name: said for name, said in values.items() if said is not None})
    for name, documentation, total in _COUNTERS:
        yield counters(name, documentation, "worker", {worker.name: total(worker) for worker in workers})
    uses = {
        (worker.name, at_hand): uses
        for worker in workers
        for at_hand, uses in (("yes", worker.key_hits), ("no", worker.key_misses))
    }
    yield counters("fastpath_worker_key_uses", "Calls by whether their key was at hand.", ("worker", "at_hand"), uses)
