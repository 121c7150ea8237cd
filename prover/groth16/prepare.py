"""What one backend derives from a proving key, once: bases for the four MSMs of a proof."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from prover.computed_once import ComputedOnce
from prover.errors import BadInput
from prover.groth16.key_bases import KeyBases
from prover.groth16.key_queries import Query, queries_of_proof, queries_of_rows

if TYPE_CHECKING:
    from kernels.backend import Backend
    from prover.groth16.keys import ProvingKey
    from prover.table_store import SharedTables, TableIdentity, TableStore

_log = logging.getLogger(__name__)

TABLE_BYTES = 256 << 20
"""Memory for multiples of one key's points. A RingCT key of depth 3 uses 37 MiB of it; see the backend's load_bases."""

OF_PROOF: Final = "proof"
OF_ROWS: Final = "rows"


@dataclass(frozen=True)
class PreparedKey:
    """A proving key with its queries loaded into one backend. Read-only, shared between threads.

    Attributes
    ----------
    a, b_g1, b_g2
        a_query, alpha, delta; b_g1_query, beta, delta; b_g2_query, beta, delta.
    c
        l_query and h_query, delta.
    """

    a: Query
    b_g1: Query
    b_g2: Query
    c: Query


_prepared: Final[dict[str, ComputedOnce[tuple[str, str], KeyBases]]] = {
    OF_PROOF: ComputedOnce(capacity=8),
    OF_ROWS: ComputedOnce(capacity=8),
}
"""By purpose, then by key and backend."""

_announced: set[str] = set()
_announcing = threading.Lock()


def prepare(
    pk: ProvingKey,
    backend: Backend,
    table_bytes: int | None = None,
    tables: TableStore | None = None,
    *,
    wait: bool = False,
) -> PreparedKey:
    """Load a key's queries into a backend; computed once for each key and backend, the last 8 are kept.

    Parameters
    ----------
    table_bytes
        Memory for multiples of the key's points, :data:`TABLE_BYTES` if not given. Whoever makes a single proof gives
        0: tables cost several proofs' time.
    tables
        Where this machine's processes share them; None to make them here.
    wait
        For shared tables that are being made, see :class:`~prover.groth16.key_bases.KeyBases`.
    """
    _announce_development(pk)
    return PreparedKey(**_bases(pk, backend, OF_PROOF, table_bytes).get(tables, wait=wait))


def prepare_rows(pk: ProvingKey, backend: Backend, tables: TableStore | None = None, *, wait: bool = False) -> Query:
    """What C sums over in :mod:`prover.groth16.prove_rows`."""
    return _bases(pk, backend, OF_ROWS).get(tables, wait=wait)["c"]


def make_shared_tables(pk: ProvingKey, backend: Backend, wanted: TableIdentity) -> SharedTables:
    """Make tables of a key for all processes of this machine.

    Raises
    ------
    BadInput
        If this process would not make the tables that are wanted.
    """
    if wanted.purpose not in _prepared:
        raise BadInput(f"there are no tables for {wanted.purpose!r}")
    return _new_bases(pk, backend, wanted.purpose, TABLE_BYTES).make_shared(wanted)


def prepared_over(key_id: str, backend: Backend) -> list[TableIdentity]:
    """The shared tables that a prepared key lies over."""
    found = [kept.peek((key_id, backend.name)) for kept in _prepared.values()]
    return [bases.shared for bases in found if bases is not None and bases.shared is not None]


def distrust_tables(pk: ProvingKey, backend: Backend, tables: TableStore) -> None:
    """Proofs of a key did not verify: if it lies over shared tables, give those up, for all who would map them."""
    shared = prepared_over(pk.key_id, backend)
    for identity in shared:
        tables.refuse(identity)
    for kept in _prepared.values() if shared else ():
        kept.forget((pk.key_id, backend.name))


def pin_prepared(key_id: str, backend: Backend, *, pinned: bool) -> None:
    """Keep what was, or will be, prepared of a key, however many others are used; or no longer."""
    for kept in _prepared.values():
        kept.pin((key_id, backend.name), pinned=pinned)


def release_prepared(key_id: str, backend: Backend) -> None:
    """Let go of what was prepared of a key, unless it is pinned."""
    for kept in _prepared.values():
        kept.release((key_id, backend.name))


def _bases(pk: ProvingKey, backend: Backend, purpose: str, table_bytes: int | None = None) -> KeyBases:
    room = TABLE_BYTES if table_bytes is None else table_bytes
    return _prepared[purpose].get((pk.key_id, backend.name), lambda: _new_bases(pk, backend, purpose, room))


def _new_bases(pk: ProvingKey, backend: Backend, purpose: str, table_bytes: int) -> KeyBases:
    choose = queries_of_rows if purpose == OF_ROWS else queries_of_proof
    return KeyBases(pk.key_id, purpose, pk.curve, backend, partial(choose, pk, table_bytes))


def _announce_development(pk: ProvingKey) -> None:
    if not pk.metadata.development:
        return
    with _announcing:
        if pk.key_id in _announced:
            return
        _announced.add(pk.key_id)
    _log.warning(
        "key %s (%s) comes from a development setup: whoever ran it can forge proofs; "
        "use a ceremony's key in production",
        pk.key_id[:16],
        pk.metadata.circuit or "unnamed circuit",
    )
