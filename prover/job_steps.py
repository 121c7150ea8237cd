"""Where the jobs of a worker are, and which of them nobody wants any more."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

from prover.groth16.phases import Phase

_PHASES: Final = tuple(Phase)
_REMEMBERED: Final = 10_000


class JobSteps:
    """Jobs by id, from the call that brings them to its answer. Safe to use from any thread.

    A cancellation may come before its job; the last ten thousand are remembered.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled: OrderedDict[str, None] = OrderedDict()
        self._steps: dict[str, Phase] = {}
        self._present = 0

    def __len__(self) -> int:
        return self._present

    def begin(self, job_ids: Sequence[str]) -> None:
        """Jobs are here."""
        with self._lock:
            self._present += len(job_ids)

    def end(self, job_ids: Sequence[str]) -> bool:
        """Jobs are done with; return whether none is left."""
        with self._lock:
            self._present -= len(job_ids)
            for job_id in job_ids:
                self._cancelled.pop(job_id, None)
                self._steps.pop(job_id, None)
            return not self._present

    def cancel(self, job_ids: Iterable[str]) -> None:
        """Nobody wants these jobs any more, if they are here or are about to come."""
        with self._lock:
            self._cancelled.update(dict.fromkeys(job_ids))
            while len(self._cancelled) > _REMEMBERED:
                self._cancelled.popitem(last=False)

    def is_cancelled(self, job_id: str) -> bool:
        """Whether nobody wants it any more."""
        return job_id in self._cancelled

    def enter(self, job_ids: Iterable[str], phase: Phase) -> None:
        """Jobs are in a phase."""
        self._steps.update(dict.fromkeys(job_ids, phase))

    def ended(self, job_id: str, phase: Phase) -> None:
        """A job's phase has ended, so it is in the next one."""
        self._steps[job_id] = _PHASES[min(_PHASES.index(phase) + 1, len(_PHASES) - 1)]

    def __call__(self, job_ids: Iterable[str]) -> dict[str, str]:
        """Return the phase that each of these jobs is in, of those that are proved here."""
        return {job_id: str(self._steps[job_id]) for job_id in job_ids if job_id in self._steps}
