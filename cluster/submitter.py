"""Submits batches for one client: throttled, and again after a refusal if that is wanted.

A refused batch is submitted again when the service said, with the ticket that keeps its place, while

- the caller still waits: at most ``retry_for_s``, and never past the deadline, which keeps running meanwhile;
- the client's budget lasts: returns are at most a tenth of its submissions, the first few on account;
- it has been refused fewer than five times.

Otherwise the refusal is raised as it came, with ``retry_after_s`` for the caller.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from typing import Any, Final

from cluster.calls import answer
from cluster.throttle import Throttle
from fastpath.decisions import Receipt
from fastpath.errors import DeadlineExceeded, Overloaded
from fastpath.retry import RetryBudget

_ATTEMPTS: Final = 5
_JITTER_S: Final = 0.1
"""Spread of returns: tickets are due at their time, and clients told the same time need not come in one instant."""


class Submitter:
    """The way of one client's batches to the FastPath actor. Thread-safe.

    Parameters
    ----------
    fastpath
        Handle of the actor.
    clock, sleep, rng
        Monotonic seconds, waiting, and jitter; replaced in tests.
    """

    def __init__(
        self,
        fastpath: Any,  # noqa: ANN401 - Ray's handles have no static type
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        rng: Random | None = None,
    ) -> None:
        self._fastpath = fastpath
        self._clock = clock
        self._sleep = sleep
        self._rng = rng or Random()  # noqa: S311 - jitter is no secret
        self._budget = RetryBudget()
        self.throttle = Throttle(clock=clock, rng=self._rng)

    def submit(
        self,
        key_id: str,
        witness: list[Any],
        count: int,
        item_bytes: int,
        *,
        deadline_s: float | None = None,
        retry_for_s: float = 0.0,
        **options: Any,  # noqa: ANN401 - fields of fastpath.submission.Submission
    ) -> Receipt:
        """Submit a batch, see :meth:`fastpath.actor.FastPath.submit_batch`.

        Parameters
        ----------
        retry_for_s
            How long to come back after refusals; 0 for not at all.

        Raises
        ------
        Overloaded
            If it was refused for the last time.
        DeadlineExceeded
            If the deadline passed while it waited to come back, or cannot be met.
        BadRequest, Unavailable
            As the actor says.
        """
        began = self._clock()
        self._budget.earn()
        ticket = ""
        for attempt in range(1, _ATTEMPTS + 1):
            spent_s = self._clock() - began if attempt > 1 else 0.0
            left_s = None if deadline_s is None else deadline_s - spent_s
            if attempt > 1 and left_s is not None and left_s <= 0:
                raise DeadlineExceeded("the deadline passed before the service had room; allow more time")
            try:
                return self._send(
                    (key_id, witness, count, item_bytes), ticket, {**options, "deadline_s": left_s, "ticket": ticket}
                )
            except Overloaded as refusal:
                wait_s = refusal.retry_after_s + self._rng.random() * _JITTER_S
                end_s = self._clock() - began + wait_s
                too_late = end_s > retry_for_s or (deadline_s is not None and end_s >= deadline_s)
                if too_late or attempt == _ATTEMPTS or not self._budget.spend():
                    raise
                ticket = refusal.ticket
            self._sleep(wait_s)
        raise AssertionError  # the last attempt returned or raised

    def _send(self, arguments: tuple[Any, ...], ticket: str, options: dict[str, Any]) -> Receipt:
        if not ticket:  # who holds a place is expected
            self.throttle.check()
        sent = self._clock()
        try:
            receipt: Receipt = answer(self._fastpath.submit_batch.remote(*arguments, **options))
        except Overloaded as refusal:
            self.throttle.answered(accepted=False, latency_s=self._clock() - sent, retry_after_s=refusal.retry_after_s)
            raise
        self.throttle.answered(accepted=True, latency_s=self._clock() - sent)
        return receipt
