"""How clients behave: when they come back after a refusal or a failure."""

from __future__ import annotations

from random import Random
from typing import Final, Protocol

from benchmarks.fastpath.policy import Refusal
from cluster.throttle import Throttle
from fastpath.errors import Overloaded
from fastpath.retry import RetryBudget

ATTEMPTS: Final = 4
ANSWER_S: Final = 0.002
"""Time to an answer of the service, for the throttle."""


class Client(Protocol):
    """All clients of a trace; they keep apart what belongs to different tenants."""

    def after_refusal(self, now: float, tenant: str, attempts: int, refusal: Refusal) -> float | None:
        """Return the seconds until the request is submitted again; ``None`` when the client gives it up."""

    def after_failure(self, now: float, tenant: str, attempts: int, queue_length: int) -> float | None:
        """Return the same after an error, or after no answer came in time."""

    def submitted(self, now: float, tenant: str) -> bool:
        """Whether a new request is sent at all."""

    def answered(self, now: float, tenant: str, accepted: bool) -> None:
        """Take note of whether a submission was taken."""


class ServiceClient:
    """Behaves as :class:`cluster.submitter.Submitter` does, whose throttle and budget it uses, one of each a tenant.

    It comes back when the service said, for at most a tenth of a tenant's requests, up to four times in all.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._now = 0.0
        self._budgets: dict[str, RetryBudget] = {}
        self._throttles: dict[str, Throttle] = {}

    def _budget(self, tenant: str) -> RetryBudget:
        return self._budgets.setdefault(tenant, RetryBudget())

    def _throttle(self, tenant: str) -> Throttle:
        if tenant not in self._throttles:
            self._throttles[tenant] = Throttle(clock=lambda: self._now, rng=Random(f"{tenant} {self._seed}"))
        return self._throttles[tenant]

    def submitted(self, now: float, tenant: str) -> bool:
        """Earn a tenth of a return; send nothing where nearly everything is refused."""
        self._now = now
        self._budget(tenant).earn()
        try:
            self._throttle(tenant).check()
        except Overloaded:
            return False
        return True

    def answered(self, now: float, tenant: str, accepted: bool) -> None:
        """Tell the throttle."""
        self._now = now
        self._throttle(tenant).answered(accepted=accepted, latency_s=ANSWER_S)

    def after_refusal(self, now: float, tenant: str, attempts: int, refusal: Refusal) -> float | None:  # noqa: ARG002
        """Come back at the promised time, while the budget lasts."""
        return refusal.retry_after_s if attempts < ATTEMPTS and self._budget(tenant).spend() else None

    def after_failure(self, now: float, tenant: str, attempts: int, queue_length: int) -> float | None:  # noqa: ARG002
        """Give up: the time allowed has passed, or the service has tried again already."""
        return None


class PatientClient(ServiceClient):
    """Sends everything, and comes back once after every refusal, at the promised time."""

    def submitted(self, now: float, tenant: str) -> bool:  # noqa: ARG002
        """Send it."""
        return True

    def after_refusal(self, now: float, tenant: str, attempts: int, refusal: Refusal) -> float | None:  # noqa: ARG002
        """Come back once."""
        return refusal.retry_after_s if attempts < 2 else None
