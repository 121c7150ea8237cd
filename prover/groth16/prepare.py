"""What one backend derives from a proving key, once: bases for the four MSMs of a proof."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kernels.curves import Group
from prover.computed_once import ComputedOnce
from prover.groth16.membership import is_infinity

if TYPE_CHECKING:
    from kernels.backend import Backend, Bases
    from kernels.encoding import Limbs
    from prover.groth16.keys import ProvingKey

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Query:
    """Bases of one MSM: the points of a query that are not infinity, then a few single points.

    Attributes
    ----------
    columns
        ``int64``: positions in the query of the points kept.
    """

    bases: Bases
    columns: npt.NDArray[np.int64]

    def scalars(self, values: Limbs, *singles: int) -> Limbs:
        """Scalars of the MSM, from a value for each point of the query and one for each single point."""
        tail = np.frombuffer(b"".join(single.to_bytes(32, "little") for single in singles), dtype="<u8")
        return np.concatenate([values[self.columns], tail.reshape(-1, 4)])

    def rows_of_scalars(self, values: Limbs, *singles: Limbs) -> Limbs:
        """The same for rows ``uint64[rows, points, 4]``, with a column ``uint64[rows, 4]`` for each single point."""
        return np.concatenate([values[:, self.columns], *(single[:, np.newaxis] for single in singles)], axis=1)


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


_prepared: ComputedOnce[tuple[str, str], PreparedKey] = ComputedOnce(capacity=8)
_announced: set[str] = set()
_announcing = threading.Lock()


def prepare(pk: ProvingKey, backend: Backend, table_bytes: int | None = None) -> PreparedKey:
    """Load a key's queries into a backend; computed once for each key and backend, the last 8 are kept.

    Parameters
    ----------
    table_bytes
        Memory for multiples of the key's points, :data:`TABLE_BYTES` if not given. Whoever makes a single proof gives
        0: tables cost several proofs' time.
    """
    _announce_development(pk)
    room = TABLE_BYTES if table_bytes is None else table_bytes
    return _prepared.get((pk.key_id, backend.name), lambda: _prepare(pk, backend, room))


def pin_prepared(key_id: str, backend: Backend, *, pinned: bool) -> None:
    """Keep what was, or will be, prepared of a key, however many others are used; or no longer."""
    for kept in (_prepared, _prepared_rows):
        kept.pin((key_id, backend.name), pinned=pinned)


TABLE_BYTES = 256 << 20
"""Memory for multiples of one key's points. A RingCT key of depth 3 uses 37 MiB of it; see the backend's load_bases."""


def _prepare(pk: ProvingKey, backend: Backend, table_bytes: int) -> PreparedKey:
    key_bytes = sum(q.nbytes for q in (pk.a_query, pk.b_g1_query, pk.b_g2_query, pk.l_query, pk.h_query))

    def query(group: Group, points: Limbs, *singles: Limbs) -> Query:
        # Zero columns are common in B: their points are infinity and contribute nothing.
        columns = np.flatnonzero(~is_infinity(points))
        kept = np.concatenate([points[columns], np.stack(singles)])
        share = table_bytes * kept.nbytes // (key_bytes + kept.nbytes)  # a query's tables in proportion to its points
        return Query(backend.load_bases(pk.curve, group, kept, share), columns)

    return PreparedKey(
        a=query("g1", pk.a_query, pk.alpha_g1, pk.delta_g1),
        b_g1=query("g1", pk.b_g1_query, pk.beta_g1, pk.delta_g1),
        b_g2=query("g2", pk.b_g2_query, pk.beta_g2, pk.delta_g2),
        c=query("g1", np.concatenate([pk.l_query, pk.h_query]), pk.delta_g1),
    )


_prepared_rows: ComputedOnce[tuple[str, str], Query] = ComputedOnce(capacity=8)


def prepare_rows(pk: ProvingKey, backend: Backend) -> Query:
    """What C sums over in :mod:`prover.groth16.prove_rows`: l, h, a and b_g1 queries, then alpha, beta, delta."""

    def load() -> Query:
        points = np.concatenate([pk.l_query, pk.h_query, pk.a_query, pk.b_g1_query])
        columns = np.flatnonzero(~is_infinity(points))
        kept = np.concatenate([points[columns], np.stack([pk.alpha_g1, pk.beta_g1, pk.delta_g1])])
        return Query(backend.load_bases(pk.curve, "g1", kept, TABLE_BYTES), columns)

    return _prepared_rows.get((pk.key_id, backend.name), load)


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
