"""What the command line returns to the shell, for every error in one place.

====  ==================================================================================================
 0    everything asked for was done
 1    a proof does not verify, or a job failed
 2    the command line, a file or a setting is wrong; the same call fails again
 3    the service is overloaded; come back later
 4    no service can be reached, or it takes no work
130   interrupted from the keyboard
====  ==================================================================================================
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from fastpath import errors as fastpath_errors
from prover import errors as prover_errors


class ExitCode(IntEnum):
    """Exit status of a command."""

    OK = 0
    FAILED = 1
    BAD_INPUT = 2
    OVERLOADED = 3
    UNAVAILABLE = 4
    INTERRUPTED = 130


_TABLE: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (prover_errors.BadInput, ExitCode.BAD_INPUT),
    (prover_errors.KeyNotFound, ExitCode.BAD_INPUT),
    (prover_errors.ProverError, ExitCode.FAILED),
    (fastpath_errors.BadRequest, ExitCode.BAD_INPUT),
    (fastpath_errors.UnknownJob, ExitCode.BAD_INPUT),
    (fastpath_errors.Overloaded, ExitCode.OVERLOADED),
    (fastpath_errors.Unavailable, ExitCode.UNAVAILABLE),
    (fastpath_errors.FastPathError, ExitCode.FAILED),
    (ConnectionError, ExitCode.UNAVAILABLE),
    (TimeoutError, ExitCode.UNAVAILABLE),  # a service that does not answer
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
)


def exit_code_of(error: BaseException) -> ExitCode | None:
    """Return the exit status for an error; ``None`` for one that nobody foresaw, which deserves its traceback."""
    return next((code for kind, code in _TABLE if isinstance(error, kind)), None)


def error_document(error: BaseException) -> dict[str, Any]:
    """Describe an error as JSON: its stable code, its message, and what it knows besides."""
    if isinstance(error, KeyboardInterrupt):
        return {"code": "interrupted", "message": "interrupted"}
    described: dict[str, Any] = {
        "code": getattr(error, "code", type(error).__name__),
        "message": str(error) or type(error).__name__,
    }
    for attribute in ("index", "name", "indices", "retry_after_s"):
        value = getattr(error, attribute, None)
        if isinstance(value, int | float | str | tuple):
            described[attribute] = value
    return described
