"""Which jobs go to which worker next.

The queue says whose turn it is; the workers say what they can take. A flow's first job goes first, except that

- a job is preferred whose key a free worker has at hand, at most :data:`MOST_SKIPS` times past the same first job and
  never past one that is in a hurry;
- a job that fits in nobody's free memory is passed by those that do (backfill), at most :data:`MOST_BACKFILLS` times;
  then the memory of one worker is kept until it fits;
- a job that could not end before its deadline is dropped instead of started.

Among the workers that can take it, those that have the key, and are not much slower than the fastest, draw two lots;
the less loaded of the two gets it. It gets as much of what waits as its slot does of what all slots do in the same
time, by what the key's jobs were seen to take on each kind of device; so groups shrink towards the end of a batch, and
the last ones end together. A job that a busy, faster worker would have done sooner is left for that one.

References
----------
Mitzenmacher: The power of two choices in randomized load balancing. IEEE TPDS, 2001.
Polychronopoulos, Kuck: Guided self-scheduling. IEEE Transactions on Computers, 1987.
Hummel, Schmidt, Uma, Wein: Load-sharing in heterogeneous systems via weighted factoring. SPAA, 1996.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from fastpath.cost import Cost
from fastpath.fair_queue import FairQueue, FlowId
from fastpath.forecast import LEAST_KNOWN, Forecast
from fastpath.job import Job
from fastpath.settings import SchedulerSettings
from fastpath.workers import Worker, Workers

MOST_SKIPS: Final = 4
MOST_BACKFILLS: Final = 16
_CANDIDATES: Final = 4  # first jobs of a flow that are looked at
_FLOWS: Final = 8  # that are looked at for one dispatch
_HURRY: Final = 4.0  # a job in a hurry has less than so many of its own costs left to wait
_SLOWER: Final = 2.0  # than the fastest free worker, at most
_ROUNDING: Final = 1e-9  # what a quotient of floats may be too large by
_TIMEOUT_COSTS: Final = 8.0
_LEAST_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A group to be taken from the queue for a worker.

    Attributes
    ----------
    most
        Jobs to take.
    cost
        Predicted for one job there.
    """

    flow_id: FlowId
    first: Job
    worker: Worker
    most: int
    cost: Cost

    def demand(self, jobs: int) -> dict[str, float]:
        """Return the memory that so many of the jobs take."""
        return self.worker.demand(self.cost.peak_bytes, jobs)

    def timeout_s(self, jobs: int, longest_s: float) -> float:
        """Return by when an answer must have come."""
        if not self.cost.measurements:
            return longest_s
        predicted_s = jobs * (self.cost.seconds + 4 * self.cost.deviation_s)
        return min(longest_s, max(_LEAST_TIMEOUT_S, _TIMEOUT_COSTS * predicted_s))


class Dispatcher:
    """Matches waiting jobs with free workers.

    Parameters
    ----------
    drop
        Called with a queued job that cannot end before its deadline any more; must take it out of the queue.
    """

    def __init__(
        self,
        settings: SchedulerSettings,
        queue: FairQueue,
        workers: Workers,
        forecast: Forecast,
        rng: Random,
        drop: Callable[[float, Job], None],
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._workers = workers
        self._forecast = forecast
        self._rng = rng
        self._drop = drop

    def plan(self, now: float) -> Plan | None:
        """Decide the next group; ``None`` when no free worker can take anything."""
        free = [worker for worker in self._workers if worker.free]
        while free:
            hopeless, plan = self._search(now, free)
            if not hopeless:
                return plan
            for job in hopeless:
                self._drop(now, job)
        return None

    def _search(self, now: float, free: list[Worker]) -> tuple[list[Job], Plan | None]:
        blocked: list[Job] = []
        kept: set[str] = set()
        for number, flow_id in enumerate(self._queue.flows_in_turn()):
            if number == _FLOWS:
                break
            firsts = self._queue.flow(flow_id).firsts(now, _CANDIDATES)
            hopeless = [job for job in firsts if self._is_hopeless(now, job, free)]
            if hopeless:
                return hopeless, None
            for job in self._by_affinity(now, firsts, free):
                if self._is_better_left(now, flow_id, job, free):
                    continue
                worker = self._choose(now, job, [worker for worker in free if worker.pool not in kept])
                if worker is not None:
                    for passed in {*blocked, *([firsts[0]] if job is not firsts[0] else [])}:
                        passed.skips += 1
                    return [], self._plan(now, flow_id, job, worker)
                blocked.append(job)
                if job.skips >= MOST_BACKFILLS:
                    kept.add(self._roomiest_pool(free))
        return [], None

    def _is_hopeless(self, now: float, job: Job, free: list[Worker]) -> bool:
        if job.deadline == math.inf or job.trial:
            return False
        return now + min(self._forecast.allotted_s(worker, job.key_id) for worker in free) > job.deadline

    def _by_affinity(self, now: float, firsts: list[Job], free: list[Worker]) -> list[Job]:
        first = firsts[0]
        in_a_hurry = first.deadline - now < _HURRY * first.cost_s + self._settings.group_target_s
        if first.skips >= MOST_SKIPS or in_a_hurry:
            return firsts
        at_hand = [job for job in firsts if any(job.key_id in worker.keys for worker in free)]
        return at_hand[:1] + [job for job in firsts if job is not at_hand[0]] if at_hand else firsts

    def _roomiest_pool(self, free: list[Worker]) -> str:
        return max(free, key=lambda worker: worker.offer.device_bytes or worker.offer.host_bytes).pool

    def _is_better_left(self, now: float, flow_id: FlowId, job: Job, free: list[Worker]) -> bool:
        """Whether much faster workers, which are busy, would have done a job before the free ones had.

        They would do what waits of its key besides, at their own rate. Only costs that are known well decide.
        """
        known = [cost for worker in free if (cost := self._cost(worker, job.key_id)).measurements >= LEAST_KNOWN]
        if len(known) < len(free):
            return False
        best_s = min(cost.seconds for cost in known)
        waits = self._queue.flow(flow_id).waiting(job.key_id)
        others = [
            worker
            for worker in self._workers
            if worker.offer.device not in job.avoid_devices and worker.name != job.avoid_worker
        ]
        return self._forecast.done_by_faster_s(now, job.key_id, best_s / _SLOWER, waits, others) < best_s

    # --- the worker

    def _choose(self, now: float, job: Job, free: list[Worker]) -> Worker | None:
        costs = {worker.name: self._cost(worker, job.key_id) for worker in free}
        able = [
            worker
            for worker in free
            if self._workers.memory.fits(worker.demand(costs[worker.name].peak_bytes, 1))
            and (job.trial or now + self._forecast.allotted_s(worker, job.key_id) <= job.deadline)
        ]
        able = [worker for worker in able if worker.offer.device not in job.avoid_devices] or able
        able = [worker for worker in able if worker.name != job.avoid_worker] or able
        if not able:
            return None
        fastest_s = min(costs[worker.name].seconds for worker in able)
        able = [worker for worker in able if costs[worker.name].seconds <= _SLOWER * fastest_s]
        able = [worker for worker in able if job.key_id in worker.keys] or able
        lots = able if len(able) <= 2 else self._rng.sample(able, 2)
        return min(lots, key=lambda worker: worker.load)

    def _cost(self, worker: Worker, key_id: str) -> Cost:
        return self._forecast.costs.predict(key_id, worker.offer.device, worker.offer.backend)

    # --- the group

    def _plan(self, now: float, flow_id: FlowId, first: Job, worker: Worker) -> Plan:
        settings = self._settings
        cost = self._cost(worker, first.key_id)
        most = int(settings.group_target_s / max(cost.seconds, 1e-6))
        if not cost.measurements:
            most = min(most, settings.first_group)
        elif first.deadline != math.inf:  # the first has the earliest deadline, and the call ends with its last job
            most = min(most, int((first.deadline - now) / max(cost.seconds, 1e-6)))
        room = self._workers.memory.free(worker.pool)
        if cost.peak_bytes and room < cost.peak_bytes * min(most, worker.offer.parallel):
            most = int(room / cost.peak_bytes)
        waiting = self._queue.flow(flow_id).waiting(first.key_id)
        # Busy slots count: what waits is also for whoever is done next.
        part = self._forecast.part_of_a_slot(worker, first.key_id)
        share = max(worker.offer.fewest or worker.offer.parallel, math.ceil(waiting * part - _ROUNDING))
        return Plan(flow_id, first, worker, max(1, min(most, settings.max_group, share)), cost)
