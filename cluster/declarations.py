"""What a submitter says of a batch besides its witnesses: the state it shares, and that it may come twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np

from fastpath.conflicts import Access
from kernels.encoding import Limbs
from prover.errors import BadInput

ConflictKeys: TypeAlias = Sequence[Iterable[str] | Access]
"""For each item of a batch the names that it writes, or its reads and writes."""


def accesses_of(conflict_keys: ConflictKeys | None, count: int) -> tuple[Access, ...]:
    """Return one access an item, in order; none when nothing is declared.

    Raises
    ------
    BadInput
        If there is not one entry for each item, or an entry is a bare string.
    """
    if conflict_keys is None:
        return ()
    if len(conflict_keys) != count:
        raise BadInput(f"conflict_keys has {len(conflict_keys)} entries for {count} items; give one for each")
    if any(isinstance(entry, str) for entry in conflict_keys):
        raise BadInput("an entry of conflict_keys is a set of names, not one string")
    return tuple(entry if isinstance(entry, Access) else Access(writes=frozenset(entry)) for entry in conflict_keys)


def digest_of(idempotency_key: str, key_id: str, witnesses: Limbs) -> bytes:
    """Return what tells one payload from another under an idempotency key; empty without one.

    The idempotency key is hashed in, so that equal witnesses under different keys do not show as equal.
    """
    if not idempotency_key:
        return b""
    salt = hashlib.sha256(idempotency_key.encode()).digest()
    digest = hashlib.blake2b(key_id.encode(), key=salt, digest_size=32)
    digest.update(repr(witnesses.shape).encode())
    digest.update(np.ascontiguousarray(witnesses).data)
    return digest.digest()
