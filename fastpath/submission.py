"""A request to run a batch, checked before anything of it is applied."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from fastpath.conflicts import Access
from fastpath.errors import BadRequest, UnknownTenant
from fastpath.job import DEFAULT_PRIORITY, HIGHEST_PRIORITY, LOWEST_PRIORITY
from fastpath.settings import SchedulerSettings

DEFAULT_TENANT: Final = "default"
_NAME_LENGTH: Final = 256  # of key ids, tenants and the like, which are kept per batch and shown in statistics
_DIGEST_BYTES: Final = 64
_LARGEST_DOMAIN: Final = 1 << 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """``count`` items for one key.

    Attributes
    ----------
    item_bytes
        Size of one item's input.
    deadline_s
        Seconds from now by which results are wanted; ``None`` for no deadline.
    priority
        0 (lowest) to 9; among jobs of equal deadline the higher goes first.
    submitter
        Who asks; shown, and used to predict conflicts.
    tenant
        Who shares the service fairly with the others.
    domain_size
        Of the key's evaluation domain, from which the cost is predicted until it is measured; 0 when not known.
    accesses
        What each item reads and writes, one entry an item; empty when that is not declared.
    idempotency_key, digest
        Whoever submits the same digest under the same key again gets the batch that runs, or ran well, already.
        Keys of different tenants never meet.
    ticket
        From the :class:`~fastpath.errors.Overloaded` that refused this submission before.
    """

    key_id: str
    count: int
    item_bytes: int
    deadline_s: float | None = None
    priority: int = DEFAULT_PRIORITY
    submitter: str = ""
    tenant: str = DEFAULT_TENANT
    domain_size: int = 0
    accesses: tuple[Access, ...] = ()
    idempotency_key: str = ""
    digest: bytes = field(default=b"", repr=False)
    ticket: str = ""

    def check(self, settings: SchedulerSettings) -> None:
        """Refuse what can never be run.

        Raises
        ------
        UnknownTenant
            If tenants are fixed and this is none of them.
        BadRequest
            Naming the field, its value and what is allowed.
        """
        self._check_names(settings)
        most = min(settings.max_batch, settings.max_jobs)
        _check_whole("count", self.count, 1, most, "submit at least one item" if self.count == 0 else "split the batch")
        _check_whole("item_bytes", self.item_bytes, 0, settings.max_bytes, "the queue could never hold it")
        if self.count * self.item_bytes > settings.max_bytes:
            raise BadRequest(
                f"the batch has {self.count * self.item_bytes} bytes and the queue holds at most {settings.max_bytes}; "
                "split the batch"
            )
        _check_whole("priority", self.priority, LOWEST_PRIORITY, HIGHEST_PRIORITY, "9 is the most urgent")
        _check_whole("domain_size", self.domain_size, 0, _LARGEST_DOMAIN, "0 when it is not known")
        if self.deadline_s is not None and not _is_duration(self.deadline_s):
            raise BadRequest(f"deadline_s is {self.deadline_s!r}; it must be a positive number of seconds from now")
        self._check_accesses(settings.max_conflict_keys)

    def _check_names(self, settings: SchedulerSettings) -> None:
        _check_name("key_id", self.key_id, least=1)
        _check_name("submitter", self.submitter)
        _check_name("tenant", self.tenant, least=1)
        _check_name("idempotency_key", self.idempotency_key)
        _check_name("ticket", self.ticket)
        if settings.tenants and self.tenant not in settings.tenants:
            raise UnknownTenant(f"there is no tenant {self.tenant!r}; ask the service's operator to add it")
        if not isinstance(self.digest, bytes) or len(self.digest) > _DIGEST_BYTES:
            raise BadRequest(f"digest must be at most {_DIGEST_BYTES} bytes")
        if bool(self.idempotency_key) != bool(self.digest):
            raise BadRequest("an idempotency key and the digest of the payload belong together; give both or none")

    def _check_accesses(self, most: int) -> None:
        if not isinstance(self.accesses, tuple) or len(self.accesses) not in {0, self.count}:
            raise BadRequest(f"accesses has one entry for each of the {self.count} items, or none at all")
        for index, access in enumerate(self.accesses):
            if not isinstance(access, Access):
                raise BadRequest(f"accesses[{index}] must be an Access")
            if len(access) > most:
                raise BadRequest(
                    f"item {index} declares {len(access)} conflict keys and at most {most} are allowed; name coarser "
                    "parts of the state"
                )
            for name in (*access.reads, *access.writes):
                _check_name(f"a conflict key of item {index}", name, least=1)


def _check_name(name: str, value: object, least: int = 0) -> None:
    if not isinstance(value, str) or not least <= len(value) <= _NAME_LENGTH:
        raise BadRequest(f"{name} must be a string of {least} to {_NAME_LENGTH} characters")


def _check_whole(name: str, value: object, least: int, most: int, advice: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BadRequest(f"{name} is {value!r}; it must be a whole number from {least} to {most}: {advice}")


def _is_duration(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf
