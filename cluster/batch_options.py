"""How a batch is to be treated, whatever it is made from."""

from __future__ import annotations

from typing import TypedDict

from cluster.declarations import ConflictKeys
from fastpath.job import DEFAULT_PRIORITY


class BatchOptions(TypedDict, total=False):
    """Keyword arguments of :meth:`cluster.client.Client.prove_batch` and ``prove_inputs``; each may be left out.

    Attributes
    ----------
    deadline_s
        Seconds from now after which proofs are not wanted any more; none by default.
    priority
        0 to 9; the higher goes first among jobs of equal deadline. 5 by default.
    submitter
        Shown to whoever looks at the queue.
    tenant
        Whom the batch is for; that of the client's settings by default.
    conflict_keys
        For each item the names of shared state that it writes, or an :class:`~fastpath.conflicts.Access`. Items that
        conflict, in any batch of the tenant, are proved one after the other in the order of submission.
    idempotency_key
        The same batch submitted again under the same key is the same batch, as long as its results are kept.
    retry_for_s
        How long to come back by itself when the service is overloaded, see :mod:`cluster.submitter`; not by default.
    """

    deadline_s: float | None
    priority: int
    submitter: str
    tenant: str | None
    conflict_keys: ConflictKeys | None
    idempotency_key: str
    retry_for_s: float


class CompleteOptions(TypedDict):
    """The same with nothing left out."""

    deadline_s: float | None
    priority: int
    submitter: str
    tenant: str
    conflict_keys: ConflictKeys | None
    idempotency_key: str
    retry_for_s: float


def complete(options: BatchOptions, tenant: str) -> CompleteOptions:
    """Fill in what was left out.

    Raises
    ------
    TypeError
        If there is no such option.
    """
    unknown = options.keys() - CompleteOptions.__annotations__.keys()
    if unknown:
        raise TypeError(f"a batch has no option {min(unknown)!r}; see cluster.batch_options.BatchOptions")
    return CompleteOptions(
        deadline_s=options.get("deadline_s"),
        priority=options.get("priority", DEFAULT_PRIORITY),
        submitter=options.get("submitter", ""),
        tenant=tenant if (named := options.get("tenant")) is None else named,
        conflict_keys=options.get("conflict_keys"),
        idempotency_key=options.get("idempotency_key", ""),
        retry_for_s=options.get("retry_for_s", 0.0),
    )
