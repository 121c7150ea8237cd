"""What can go wrong in the control plane, as one tree.

::

    FastPathError                 code               retryable
    ├── BadRequest (ValueError)   bad_request        no   the submission is wrong; the same call fails again
    │   ├── UnknownTenant         unknown_tenant     no   tenants are fixed and this is none of them
    │   └── IdempotencyConflict   idempotency_conflict no the idempotency key belongs to another payload
    ├── UnknownJob (KeyError)     unknown_job        no   no batch or job has that id (any more)
    ├── IllegalMove               illegal_move       no   a job was asked to leave a state it may not leave; a bug
    ├── Overloaded                overloaded         yes  refused at once; come back after ``retry_after_s``
    ├── DeadlineExceeded          deadline_exceeded  no   the job's deadline passed before its result
    ├── Cancelled                 cancelled          no   the job's submitter asked to stop it
    ├── WorkerLost                worker_lost        yes  the process that ran the job died
    └── Unavailable               unavailable        yes  the service takes no work now: draining, or without workers

Messages say what to do next and never contain a witness value. Every error survives pickling, attributes included.
"""

from __future__ import annotations

from typing import Any, ClassVar


class FastPathError(Exception):
    """Base of every error of the control plane.

    Attributes
    ----------
    code
        Stable identifier for programs, logs and metrics.
    retryable
        Whether the same work may succeed when it is tried again.
    """

    code: ClassVar[str] = "fastpath_error"
    retryable: ClassVar[bool] = False


class BadRequest(FastPathError, ValueError):  # noqa: N818 - what it is, not that it is an error
    """A submission or a setting is out of range or malformed. Nothing of it was applied."""

    code = "bad_request"


class UnknownTenant(BadRequest):
    """The service takes work of the tenants in its settings only."""

    code = "unknown_tenant"


class IdempotencyConflict(BadRequest):
    """The tenant used this idempotency key for another payload."""

    code = "idempotency_conflict"


class UnknownJob(FastPathError, KeyError):  # noqa: N818 - see BadRequest
    """No batch or job has this id: never submitted, acknowledged, or aged out."""

    code = "unknown_job"

    def __str__(self) -> str:
        return Exception.__str__(self)  # KeyError would print the message's repr


class IllegalMove(FastPathError):  # noqa: N818 - see BadRequest
    """A job was asked for a move that :data:`fastpath.job.MOVES` does not list."""

    code = "illegal_move"


class Overloaded(FastPathError):  # noqa: N818 - see BadRequest
    """The queue has no room, or no time before the deadline; nothing of the submission was taken.

    Attributes
    ----------
    retry_after_s
        Predicted seconds until the same submission can be taken.
    ticket
        A place that is kept for the submission from then on, for who submits it again with this ticket; may be empty.
    """

    code = "overloaded"
    retryable = True

    def __init__(self, message: str, retry_after_s: float, ticket: str = "") -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.ticket = ticket

    def __reduce__(self) -> tuple[type[Overloaded], tuple[Any, ...]]:
        return type(self), (*self.args, self.retry_after_s, self.ticket)


class DeadlineExceeded(FastPathError):  # noqa: N818 - see BadRequest
    """The deadline passed before a result arrived."""

    code = "deadline_exceeded"


class Cancelled(FastPathError):  # noqa: N818 - see BadRequest
    """The job was stopped because its submitter asked for it."""

    code = "cancelled"


class WorkerLost(FastPathError):  # noqa: N818 - see BadRequest
    """The worker that ran the job died or stopped answering."""

    code = "worker_lost"
    retryable = True


class Unavailable(FastPathError):  # noqa: N818 - see BadRequest
    """The service takes no work at this time."""

    code = "unavailable"
    retryable = True
