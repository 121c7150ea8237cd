"""What the scheduler expects: how long jobs take, how many make a call, when there is room again."""

from __future__ import annotations

import math
from typing import Final

from fastpath.congestion import Congestion
from fastpath.cost import CostModel
from fastpath.queue import Capacity, JobQueue
from fastpath.settings import SchedulerSettings
from fastpath.workers import Workers

_UNKNOWN_SERVICE_S: Final = 0.1  # of a job before any was measured; a lost worker takes longer than this to come back
_NO_WORKER_S: Final = 5.0  # until there is room while no worker is alive: Ray restarts one in about 2 s
_SOONEST_S: Final = 0.1  # no refusal asks for a return sooner: the prediction is no finer than a call


class Forecast:
    """Predictions from measured cost, and from the queue and workers as they are when it is asked."""

    def __init__(self, settings: SchedulerSettings, queue: JobQueue, capacity: Capacity, workers: Workers) -> None:
        self._settings = settings
        self._queue = queue
        self._capacity = capacity
        self._workers = workers
        self._congestion = Congestion()
        self.costs = CostModel()

    def service_s(self, key_id: str) -> float:
        """Seconds of a job of this key."""
        return self.costs.seconds(key_id) or _UNKNOWN_SERVICE_S

    def group_size(self, key_id: str, waiting: int) -> int:
        """Jobs for the next call: as many as last ``group_target_s``, and an even share of what waits per free slot."""
        settings = self._settings
        seconds = self.costs.seconds(key_id)
        lasting = settings.first_group if seconds is None else int(settings.group_target_s / max(seconds, 1e-6))
        share = math.ceil(waiting / self._workers.free_slots)
        return max(1, min(lasting, settings.max_group, share))

    def room_in_s(self, excess_jobs: int, excess_bytes: int) -> float:
        """Seconds until so many jobs, and jobs of so many bytes, will have finished."""
        slots = self._workers.alive_slots
        if not slots:
            return _NO_WORKER_S
        jobs_of_bytes = self._capacity.jobs * excess_bytes / max(self._capacity.bytes, 1)
        return max(_SOONEST_S, max(excess_jobs, jobs_of_bytes) * (self.costs.overall or _UNKNOWN_SERVICE_S) / slots)

    @property
    def queue_delay_s(self) -> float:
        """Wait of a job that goes to the end of the queue now; 0 while no cost is known."""
        return len(self._queue) * (self.costs.overall or 0.0) / max(1, self._workers.alive_slots)

    @property
    def congestion(self) -> float:
        """Position of the queue on the scale from 1 to 10."""
        return self._congestion.multiplier(len(self._queue), self.queue_delay_s)
