"""Idempotency keys: the same work submitted twice by one tenant runs once.

Keys belong to their tenant: were they shared, one tenant could learn what another submits. A key lives as long as the
batch it named can be asked for. A batch that did not end well is not what a repetition asks for, so it runs anew.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import Protocol

from fastpath.errors import IdempotencyConflict
from fastpath.job import JobState
from fastpath.ledger import Batch


class _Batches(Sized, Protocol):
    """The batches that can still be asked for."""

    def __contains__(self, batch_id: object) -> bool: ...

    def batch(self, batch_id: str) -> Batch: ...


class IdempotencyKeys:
    """Which batch each key named. Keys of batches that are gone are swept once they are the majority."""

    def __init__(self, batches: _Batches) -> None:
        self._batches = batches
        self._known: dict[tuple[str, str], tuple[bytes, str]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def find(self, tenant: str, key: str, digest: bytes) -> Batch | None:
        """Return the batch that a submission repeats; ``None`` when it is to run.

        Raises
        ------
        IdempotencyConflict
            If the key named another payload.
        """
        known = self._known.get((tenant, key))
        if known is None or known[1] not in self._batches:
            return None
        if known[0] != digest:
            raise IdempotencyConflict(
                f"idempotency key {key!r} was used for another payload (batch {known[1]}); take a new key"
            )
        batch = self._batches.batch(known[1])
        unwell = batch.acknowledged or any(record.state is not JobState.DONE for record in batch.records)
        return None if unwell else batch

    def remember(self, tenant: str, key: str, digest: bytes, batch_id: str) -> None:
        """Note what a key names."""
        self._known[tenant, key] = (digest, batch_id)
        if len(self._known) > 2 * len(self._batches) + 64:
            self._known = {name: value for name, value in self._known.items() if value[1] in self._batches}
