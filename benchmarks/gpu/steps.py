"""Steps of a check, each a process of its own that is ended at its limit, whatever it hangs in."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["good", "FAILED", "TOOK TOO LONG", "not run"]

GRACE_S = 2
"""For the end of a process that was killed; one that hangs inside the driver is left behind."""


@dataclass(frozen=True)
class Step:
    """A command, and the time it may take.

    Attributes
    ----------
    required
        Whether the steps behind it are pointless without it.
    """

    name: str
    command: tuple[str, ...]
    limit_s: float
    required: bool = False


@dataclass(frozen=True)
class Result:
    """How a step ended."""

    step: Step
    outcome: Outcome
    seconds: float


def run_steps(steps: Sequence[Step]) -> list[Result]:
    """Run steps in turn, their output passed on; what stands behind a required step that failed is not run."""
    results: list[Result] = []
    for step in steps:
        if any(result.step.required and result.outcome != "good" for result in results):
            results.append(Result(step, "not run", 0.0))
            continue
        print(f"== {step.name}, at most {step.limit_s:.0f} s", flush=True)
        started = time.perf_counter()
        outcome = _run(step)
        results.append(Result(step, outcome, time.perf_counter() - started))
        print(f"== {step.name}: {outcome}", flush=True)
    return results


def summary(results: Sequence[Result]) -> str:
    """A line for each step and one for all."""
    lines = [f"{result.step.name:20} {result.outcome:14} {result.seconds:6.0f} s" for result in results]
    good = all(result.outcome == "good" for result in results)
    total = sum(result.seconds for result in results)
    return "\n".join([*lines, f"{'all of it':20} {'good' if good else 'FAILED':14} {total:6.0f} s"])


def _run(step: Step) -> Outcome:
    sys.stdout.flush()
    # In a session of its own, so that what it starts ends with it.
    process = subprocess.Popen(step.command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - our own commands
    try:
        return "good" if process.wait(step.limit_s) == 0 else "FAILED"
    except subprocess.TimeoutExpired:
        return "TOOK TOO LONG"
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it started, at once: a hung one would not listen to anything milder."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_S)
