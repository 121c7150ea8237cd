"""What the scheduler expects: what jobs cost, how fast work is done, when new work would be done.

The pool serves one prover-second a second for every slot. The cost of a job in prover-seconds is the harmonic mean over
all slots of what it takes there, since slots that are faster take more of the jobs.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from fastpath.cost import UNKNOWN_S, CostModel
from fastpath.decisions import Dispatch
from fastpath.fair_queue import FairQueue, FlowId, WorkBefore
from fastpath.job import Job, JobState
from fastpath.quantiles import QuantileSketch
from fastpath.workers import Worker, Workers

NO_WORKER_S: Final = 5.0
"""Until there is room while no worker is alive: Ray restarts one in about 2 s."""
_WEIGHT: Final = 0.02  # of one job in a learned factor: steady over the jobs of some calls
_DEVIATIONS: Final = 2.0  # mean absolute ones beyond its mean: nineteen jobs in twenty take no longer
_NEWS: Final = 0.05  # a change of a cost by less is not worth valuing the queue anew
_KEYS: Final = 1024
_MOST_OFF: Final = 2.0
_LEAST_MEANT_S: Final = 0.05  # shorter waits say nothing of the queue
LEAST_KNOWN: Final = 3
"""Measurements from which a cost is relied on."""


class Forecast:
    """Predictions from measured cost, and from queue and workers as they are when it is asked."""

    def __init__(self, queue: FairQueue, workers: Workers) -> None:
        self._queue = queue
        self._workers = workers
        self._ends: dict[int, tuple[str, float]] = {}
        self._factors: dict[int, float] = {}
        self._told: OrderedDict[str, float] = OrderedDict()
        self.costs = CostModel()
        self.errors = QuantileSketch()

    # --- costs

    def cost_s(self, key_id: str) -> float:
        """Prover-seconds of a job."""
        kinds = self._workers.kinds()
        slots = sum(kinds.values())
        if not slots:
            return self.costs.overall_s or UNKNOWN_S
        rate = sum(count / max(self.costs.predict(key_id, *kind).seconds, 1e-9) for kind, count in kinds.items())
        return slots / rate

    def is_known(self, key_id: str) -> bool:
        """Whether the cost of a key is measured wherever it could run."""
        kinds = self._workers.kinds()
        return bool(kinds) and all(self.costs.predict(key_id, *kind).measurements >= LEAST_KNOWN for kind in kinds)

    def allotted_s(self, worker: Worker, key_id: str) -> float:
        """Seconds that a job is to be given on a worker at least; 0 while its cost is not well known.

        Given its mean only, every other job that is started last would not end in time.
        """
        cost = self.costs.predict(key_id, worker.offer.device, worker.offer.backend)
        return cost.seconds + _DEVIATIONS * cost.deviation_s if cost.measurements >= LEAST_KNOWN else 0.0

    def spread_s(self, key_id: str) -> float:
        """Seconds beyond its mean that a job is to be given, wherever it runs."""
        costs = (self.costs.predict(key_id, *kind) for kind in self._workers.kinds())
        return max((_DEVIATIONS * cost.deviation_s for cost in costs if cost.measurements >= LEAST_KNOWN), default=0.0)

    def part_of_a_slot(self, worker: Worker, key_id: str) -> float:
        """Share of a key's jobs that one slot of a worker does while all slots work on them."""
        own = (worker.offer.device, worker.offer.backend)
        rates = {
            kind: 1 / max(self.costs.predict(key_id, *kind).seconds, 1e-9) for kind in {*self._workers.kinds(), own}
        }
        everyone = sum(count * rates[kind] for kind, count in self._workers.kinds().items())
        return rates[own] / max(everyone, rates[own])

    def done_by_faster_s(self, now: float, key_id: str, seconds: float, jobs: int, workers: Iterable[Worker]) -> float:
        """Predict when those workers that take at most ``seconds`` for a job of a key will have done so many of them.

        They end the calls that they have first. Infinite when none is known to be so fast.
        """
        rate, left_s = 0.0, {}
        for worker in workers:
            cost = self.costs.predict(key_id, worker.offer.device, worker.offer.backend)
            if worker.fit and cost.measurements >= LEAST_KNOWN and cost.seconds <= seconds:
                rate += worker.guard.limit / max(cost.seconds, 1e-9)
                left_s[worker.name] = 0.0
        if not left_s:
            return math.inf
        for name, end in self._ends.values():
            if name in left_s:
                left_s[name] = max(left_s[name], end - now)
        return max(left_s.values()) + jobs / rate

    # --- the pool

    @property
    def rate(self) -> float:
        """Prover-seconds a second."""
        return float(self._workers.working_slots)

    @property
    def full_rate(self) -> float:
        """Prover-seconds a second when all workers are well."""
        return float(self._workers.slots)

    def call_started(self, dispatch_id: int, worker: str, end: float) -> None:
        """Take in when a call is expected to end."""
        self._ends[dispatch_id] = worker, end

    def call_ended(self, dispatch_id: int) -> None:
        """Take in that a call has ended."""
        self._ends.pop(dispatch_id, None)

    def starts_in_s(self, now: float, work_s: float) -> float:
        """Predict when a slot is free for what comes after ``work_s`` prover-seconds of other new work.

        Slots become free when the calls they have end, after r_1, r_2, ... seconds, and then do the new work: it is the
        time t at which sum max(0, t - r_i) reaches ``work_s``.
        """
        free = self._workers.free_slots
        busy = sorted(max(0.0, end - now) for _, end in self._ends.values())
        if not free and not busy:
            return NO_WORKER_S + work_s
        slots, spent = free, 0.0  # spent: the sum of r_i over slots that are free by then
        for residual in busy:
            if slots and work_s <= slots * residual - spent:
                break
            slots += 1
            spent += residual
        return (work_s + spent) / slots

    def remaining_s(self, now: float, jobs: Iterable[Job]) -> float:
        """Predict the time until the last result of unfinished jobs of one batch."""
        last_s, queued = 0.0, None
        for job in jobs:
            call = self._ends.get(job.dispatch_id) if job.state is not JobState.QUEUED else None
            if call is None:
                queued = job
            else:
                last_s = max(last_s, call[1] - now)
        if queued is not None:
            cost_s = self.cost_s(queued.key_id)
            # What is queued counts itself among the work before it.
            work = self.work_before(now, FlowId(queued.tenant, queued.size_class), queued.deadline, -cost_s)
            last_s = max(last_s, self.end_in_s(now, work, cost_s, queued.size_class))
        return last_s

    def work_before(self, now: float, flow_id: FlowId, deadline: float, own_s: float) -> WorkBefore:
        """See :meth:`fastpath.fair_queue.FairQueue.work_before`."""
        return self._queue.work_before(now, flow_id, deadline, own_s, self.rate)

    def end_in_s(self, now: float, work: WorkBefore, last_s: float, size: int = 0) -> float:
        """Predict when a job of a size class ends that takes ``last_s`` and starts after other work."""
        return self.wait_factor(size) * self.starts_in_s(now, work.total_s) + last_s

    def wait_factor(self, size: int) -> float:
        """Return by what the predicted waits of a size class are corrected, from what such waits turned out to be."""
        return self._factors.get(size, 1.0)

    @property
    def mean_queued_s(self) -> float:
        """Prover-seconds of an average job that waits; 0 when none does."""
        return self._queue.backlog_s / max(1, len(self._queue))

    def measured(self, dispatch: Dispatch, worker: Worker, seconds: float, peak_bytes: int) -> None:
        """Learn from an answered call what its jobs cost, and value the jobs that wait by it."""
        self.costs.measured(dispatch.key_id, worker.offer.device, worker.offer.backend, seconds, peak_bytes)
        cost_s = self.cost_s(dispatch.key_id)
        told_s = self._told.get(dispatch.key_id)
        if told_s is None or abs(cost_s - told_s) > _NEWS * told_s:
            self._queue.recost(dispatch.key_id, cost_s)
            self._told[dispatch.key_id] = cost_s
            self._told.move_to_end(dispatch.key_id)
            if len(self._told) > _KEYS:
                self._told.popitem(last=False)

    def waited(self, job: Job, wait_s: float) -> None:
        """Learn from how long a job waited for its first start by how much such predictions are off."""
        if job.starts or job.expected_wait_s < _LEAST_MEANT_S:
            return
        # Against the prediction before its correction: the mean of these ratios is steady, where a correction of the
        # correction would swing, since each wait answers to what the factor was when it began.
        off = min(wait_s * job.wait_factor / job.expected_wait_s, _MOST_OFF)
        factor = self.wait_factor(job.size_class)
        self._factors[job.size_class] = max(1 / _MOST_OFF, factor + _WEIGHT * (off - factor))

    def finished(self, job: Job, latency_s: float) -> None:
        """Keep by which share of itself the time to a result was predicted wrongly."""
        expected_s = job.expected_wait_s + job.cost_s
        if latency_s > 0:
            self.errors.add(abs(latency_s - expected_s) / latency_s)

    @property
    def queue_delay_s(self) -> float:
        """Wait of a job that goes to the end of the queue now."""
        known = self.costs.overall_s is not None
        return self._queue.backlog_s / max(1.0, self.rate) if known else 0.0
