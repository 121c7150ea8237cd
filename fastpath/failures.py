"""What kind of failure an error is, and so what becomes of the job.

============== ======================================== ==========================================================
class          recognised by                            consequence
============== ======================================== ==========================================================
fatal          any other error                          the job fails with it at once
retryable      ``retryable = True``                     charged; runs again after a jittered wait
out_of_memory  ``MemoryError``, code ``out_of_memory``  runs again in half the group, alone on another device; alone
                                                        it is charged, but for the first time on each of two devices
device_fault   code ``device_fault``                    runs again elsewhere; counts against the device; charged, but
                                                        for the first time on each of two devices
invalid_proof  code ``invalid_proof``                   likewise; the device is quarantined and an operator told
worker_lost    reported by the driver                   not charged; what had begun runs again in half the group, and
                                                        becomes a dead letter the second time it was alone; what had
                                                        not (:mod:`fastpath.losses`) is queued again as it was
timed_out      reported by the driver                   as a lost worker, but what had begun is charged
============== ======================================== ==========================================================

Errors are recognised by their ``code``, since the packages that raise them are not imported here.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Final

from fastpath.retry import is_retryable

_OTHER: Final = "other"


class FailureClass(StrEnum):
    """See the module's table."""

    FATAL = "fatal"
    RETRYABLE = "retryable"
    OUT_OF_MEMORY = "out_of_memory"
    DEVICE_FAULT = "device_fault"
    INVALID_PROOF = "invalid_proof"
    WORKER_LOST = "worker_lost"
    TIMED_OUT = "timed_out"

    @property
    def of_the_device(self) -> bool:
        """Whether it counts against the device rather than the work."""
        return self in {FailureClass.DEVICE_FAULT, FailureClass.INVALID_PROOF}


_BY_CODE: Final = {
    str(kind): kind for kind in (FailureClass.OUT_OF_MEMORY, FailureClass.DEVICE_FAULT, FailureClass.INVALID_PROOF)
}


def classify(error: BaseException) -> FailureClass:
    """Return the class of an error that a worker reported."""
    if isinstance(error, MemoryError):
        return FailureClass.OUT_OF_MEMORY
    by_code = _BY_CODE.get(str(getattr(error, "code", "")))
    if by_code is not None:
        return by_code
    return FailureClass.RETRYABLE if is_retryable(error) else FailureClass.FATAL


class ErrorCounts:
    """Errors by name: their ``code``, else their class. Names beyond ``most`` are counted together as ``other``."""

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._counts: Counter[str] = Counter()

    def add(self, error: BaseException) -> None:
        """Count one."""
        self.count(str(getattr(error, "code", "") or type(error).__name__))

    def count(self, name: str) -> None:
        """Count one by its name."""
        if name not in self._counts and len(self._counts) >= self._most:
            name = _OTHER
        self._counts[name] += 1

    def __call__(self) -> dict[str, int]:
        """Return the counts, the most frequent first."""
        return dict(self._counts.most_common())
