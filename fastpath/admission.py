"""Whether to take a submission, decided when it arrives: work that would end too late is refused at once.

A batch is taken when

1. it fits the hard bounds in jobs and bytes (:mod:`fastpath.capacity`), and
2. its predicted end, with a margin, is not after its deadline. The prediction counts the work that goes first
   (:meth:`fastpath.fair_queue.FairQueue.work_before`), the calls that run, and the places promised to refused work that
   comes back before.

Whoever is refused is told when to come back, and with the ticket finds a place then (:mod:`fastpath.promises`).

A prediction alone must not lock a key out for ever: when a batch cannot meet its deadline even alone, it is refused for
good, but now and then one is taken as a trial, so that a wrong prediction is found out.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from fastpath.capacity import Capacity
from fastpath.errors import DeadlineExceeded, Overloaded
from fastpath.fair_queue import FairQueue, FlowId
from fastpath.forecast import Forecast
from fastpath.promises import Promises
from fastpath.submission import Submission

MARGIN: Final = 1.25
"""Of predicted waits: later work of other tenants, and of earlier deadlines, may still come in between."""
_SOONEST_S: Final = 0.1  # no refusal asks for a return sooner: the prediction is no finer than a call
_ROOM_AHEAD_S: Final = 2.0  # for how long ahead promised room is kept free of jobs without a ticket
_TRIALS: Final = 1024
_LEAST_TRIAL_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Admitted:
    """A batch that may be queued.

    Attributes
    ----------
    flow_id
        Where it belongs.
    cost_s
        Predicted prover-seconds of one job.
    first_wait_s, last_wait_s
        Predicted seconds until its first and its last job starts.
    trial
        See :class:`~fastpath.job.Job`.
    """

    flow_id: FlowId
    cost_s: float
    first_wait_s: float
    last_wait_s: float
    trial: bool = False


class Admission:
    """Decides for each submission, in O(tenants that wait + slots)."""

    def __init__(self, capacity: Capacity, queue: FairQueue, forecast: Forecast, max_tenants: int) -> None:
        self._capacity = capacity
        self._queue = queue
        self._forecast = forecast
        self._max_tenants = max_tenants
        self._trials: OrderedDict[str, float] = OrderedDict()
        self.promises = Promises()

    def admit(self, now: float, submission: Submission, flow_id: FlowId, cost_s: float) -> Admitted:
        """Decide; what is admitted is to be queued and counted by the caller.

        Raises
        ------
        Overloaded
            If it is to come back later.
        DeadlineExceeded
            If it cannot end before its deadline even when nothing else runs.
        """
        own_s = submission.count * cost_s
        kept = submission.ticket != "" and self.promises.is_due(now, submission.ticket, flow_id, own_s)
        if kept:  # used up even if it is refused again: it then gets another one
            self.promises.take_up(submission.ticket)
        self._check_room(now, submission, flow_id, cost_s, kept=kept)
        deadline = math.inf if submission.deadline_s is None else now + submission.deadline_s
        work = self._forecast.work_before(now, flow_id, deadline, own_s - cost_s)
        trial = False
        # Before anything was measured costs are guesses, and nobody is refused for a guess.
        if submission.deadline_s is not None and self._forecast.costs.overall_s is not None:
            trial = self._is_hopeless(submission, cost_s)
            if trial:
                self._take_trial(now, submission, cost_s)
            else:
                self._check_deadline(now, submission, flow_id, cost_s, kept=kept)
        first = self._forecast.work_before(now, flow_id, deadline, 0.0)
        first_wait_s = self._forecast.end_in_s(now, first, cost_s, flow_id.size_class) - cost_s
        last_wait_s = self._forecast.end_in_s(now, work, cost_s, flow_id.size_class) - cost_s
        return Admitted(flow_id, cost_s, first_wait_s, last_wait_s, trial)

    # --- the bounds

    def _check_room(self, now: float, submission: Submission, flow_id: FlowId, cost_s: float, *, kept: bool) -> None:
        capacity = self._capacity
        if not capacity.held_by(submission.tenant) and capacity.tenants >= self._max_tenants:
            wait_s = max(_SOONEST_S, self._forecast.starts_in_s(now, self._queue.backlog_s))
            raise Overloaded(f"{capacity.tenants} tenants have jobs already; try again in {wait_s:.1f} s", wait_s)
        byte_count = submission.count * submission.item_bytes
        promised = 0 if kept else self.promises.jobs_until(now, now + _ROOM_AHEAD_S)
        jobs, excess_bytes = capacity.excess(submission.tenant, submission.count, byte_count, promised)
        if not jobs and not excess_bytes:
            return
        jobs_of_bytes = capacity.jobs * excess_bytes / max(capacity.bytes, 1)
        mean_s = self._forecast.mean_queued_s or cost_s
        room_in_s = max(_SOONEST_S, self._forecast.starts_in_s(now, max(jobs, jobs_of_bytes) * mean_s))
        own_s = submission.count * cost_s
        wait_s, ticket = self._offer(now, flow_id, room_in_s, own_s, submission.count, 1.0)
        raise Overloaded(
            f"{capacity} has no room for {submission.count} jobs of {byte_count} bytes; submit them again in "
            f"{wait_s:.1f} s",
            wait_s,
            ticket,
        )

    # --- the deadline

    def _check_deadline(
        self, now: float, submission: Submission, flow_id: FlowId, cost_s: float, *, kept: bool
    ) -> None:
        deadline_s = submission.deadline_s
        assert deadline_s is not None
        promised_s = 0.0 if kept else self.promises.due_until(now, flow_id, now + deadline_s)
        before_s = (submission.count - 1) * cost_s + promised_s
        work = self._forecast.work_before(now, flow_id, now + deadline_s, before_s)
        end_s = self._forecast.end_in_s(now, work, cost_s, flow_id.size_class)
        margin = 1.0 if kept else MARGIN
        taken_s = cost_s + min(self._forecast.spread_s(submission.key_id), deadline_s / 2)
        late_s = margin * (end_s - cost_s) + taken_s - deadline_s
        if late_s <= 0:
            return
        late_s = max(_SOONEST_S, late_s)
        share = (work.in_flow_s + cost_s) / (work.total_s + cost_s)
        wait_s, ticket = self._offer(now, flow_id, late_s, submission.count * cost_s, submission.count, share)
        raise Overloaded(
            f"{submission.count} jobs would take about {end_s:.3g} s and {deadline_s:.3g} s are allowed; submit them "
            f"again in {wait_s:.1f} s",
            wait_s,
            ticket,
        )

    def _offer(
        self, now: float, flow_id: FlowId, earliest_s: float, cost_s: float, jobs: int, share: float
    ) -> tuple[float, str]:
        return self.promises.offer(
            now,
            flow_id,
            earliest_s=earliest_s,
            cost_s=cost_s,
            jobs=jobs,
            rate=max(self._forecast.rate, 1.0) * share,
        )

    def _is_hopeless(self, submission: Submission, cost_s: float) -> bool:
        deadline_s = submission.deadline_s
        alone_s = (submission.count - 1) * cost_s / max(self._forecast.full_rate, 1.0) + cost_s
        return deadline_s is not None and self._forecast.is_known(submission.key_id) and alone_s > deadline_s

    def _take_trial(self, now: float, submission: Submission, cost_s: float) -> None:
        last = self._trials.get(submission.key_id)
        again_after_s = max(_LEAST_TRIAL_S, 2 * submission.count * cost_s)
        if last is not None and now - last < again_after_s:
            raise DeadlineExceeded(
                f"{submission.count} jobs of {cost_s:.3g} s cannot end within {submission.deadline_s:.3g} s on "
                f"{self._forecast.full_rate:.0f} slots; allow more time or submit less at once"
            )
        self._trials[submission.key_id] = now
        self._trials.move_to_end(submission.key_id)
        if len(self._trials) > _TRIALS:
            self._trials.popitem(last=False)
