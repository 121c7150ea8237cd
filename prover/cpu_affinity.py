"""The CPUs that this process runs on."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def pin_process(cpus: Sequence[int]) -> None:
    """Pin every thread of this process, and with them all that they will start; no CPUs for no preference."""
    for task in Path("/proc/self/task").iterdir() if cpus else ():
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.sched_setaffinity(int(task.name), cpus)


def usable_cpus() -> list[int]:
    """CPUs that this process may run on; none where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
