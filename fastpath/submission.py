"""A request to run a batch, checked before anything of it is applied."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from fastpath.errors import BadRequest
from fastpath.job import DEFAULT_PRIORITY, HIGHEST_PRIORITY, LOWEST_PRIORITY
from fastpath.settings import SchedulerSettings

_NAME_LENGTH: Final = 256  # of key ids and submitters, which are kept per batch and shown in statistics


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
        Who asks; shown, not interpreted.
    """

    key_id: str
    count: int
    item_bytes: int
    deadline_s: float | None = None
    priority: int = DEFAULT_PRIORITY
    submitter: str = ""

    def check(self, settings: SchedulerSettings) -> None:
        """Refuse what can never be run.

        Raises
        ------
        BadRequest
            Naming the field, its value and what is allowed.
        """
        if not isinstance(self.key_id, str) or not 1 <= len(self.key_id) <= _NAME_LENGTH:
            raise BadRequest(f"key_id must be a string of 1 to {_NAME_LENGTH} characters")
        if not isinstance(self.submitter, str) or len(self.submitter) > _NAME_LENGTH:
            raise BadRequest(f"submitter must be a string of at most {_NAME_LENGTH} characters")
        most = min(settings.max_batch, settings.max_jobs)
        _check_whole("count", self.count, 1, most, "submit at least one item" if self.count == 0 else "split the batch")
        _check_whole("item_bytes", self.item_bytes, 0, settings.max_bytes, "the queue could never hold it")
        if self.count * self.item_bytes > settings.max_bytes:
            raise BadRequest(
                f"the batch has {self.count * self.item_bytes} bytes and the queue holds at most {settings.max_bytes}; "
                "split the batch"
            )
        _check_whole("priority", self.priority, LOWEST_PRIORITY, HIGHEST_PRIORITY, "9 is the most urgent")
        if self.deadline_s is not None and not _is_duration(self.deadline_s):
            raise BadRequest(f"deadline_s is {self.deadline_s!r}; it must be a positive number of seconds from now")


def _check_whole(name: str, value: object, least: int, most: int, advice: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BadRequest(f"{name} is {value!r}; it must be a whole number from {least} to {most}: {advice}")


def _is_duration(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf
