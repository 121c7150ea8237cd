"""The points that a proof's multiplications sum over, chosen from a key's queries."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from prover.groth16.membership import is_infinity
from prover.mapped_arrays import release_pages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernels.backend import Bases
    from kernels.curves import Group
    from kernels.encoding import Limbs
    from prover.groth16.keys import ProvingKey


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


class QueryPoints:
    """The points of a :class:`Query` that is yet to be loaded into a backend.

    Parameters
    ----------
    queries
        One after the other they are the query; zero columns are common in B, their points are infinity and left out.
    singles
        Points behind them.
    """

    def __init__(self, group: Group, queries: Sequence[Limbs], *singles: Limbs) -> None:
        self.group = group
        self._queries = queries
        self._columns = [np.flatnonzero(~is_infinity(points)) for points in queries]
        self._singles = np.stack(singles)

    @property
    def count(self) -> int:
        """Number of points."""
        return sum(map(len, self._columns)) + len(self._singles)

    @property
    def size_bytes(self) -> int:
        """Memory of the points."""
        return self.count * int(self._singles[0].nbytes)

    def columns(self) -> npt.NDArray[np.int64]:
        """See :attr:`Query.columns`."""
        starts = accumulate(map(len, self._queries[:-1]), initial=0)
        return np.concatenate([start + chosen for start, chosen in zip(starts, self._columns, strict=True)])

    def points(self) -> Limbs:
        """The points, in an array of their own."""
        return np.concatenate([*map(_taken, self._queries, self._columns), self._singles])

    def release(self) -> None:
        """Take files that the queries are mapped from out of memory: a proof needs no more than the bases."""
        for points in self._queries:
            release_pages(points)


def queries_of_proof(pk: ProvingKey, table_bytes: int) -> dict[str, tuple[QueryPoints, int]]:
    """What A, B in both groups, and C sum over, with memory for tables in proportion to the number of points."""
    chosen = {
        "a": QueryPoints("g1", [pk.a_query], pk.alpha_g1, pk.delta_g1),
        "b_g1": QueryPoints("g1", [pk.b_g1_query], pk.beta_g1, pk.delta_g1),
        "b_g2": QueryPoints("g2", [pk.b_g2_query], pk.beta_g2, pk.delta_g2),
        "c": QueryPoints("g1", [pk.l_query, pk.h_query], pk.delta_g1),
    }
    key_bytes = sum(q.nbytes for q in (pk.a_query, pk.b_g1_query, pk.b_g2_query, pk.l_query, pk.h_query))
    return {
        name: (points, table_bytes * points.size_bytes // (key_bytes + points.size_bytes))
        for name, points in chosen.items()
    }


def queries_of_rows(pk: ProvingKey, table_bytes: int) -> dict[str, tuple[QueryPoints, int]]:
    """What C sums over in :mod:`prover.groth16.prove_rows`: l, h, a and b_g1 queries, then alpha, beta, delta."""
    queries = [pk.l_query, pk.h_query, pk.a_query, pk.b_g1_query]
    return {"c": (QueryPoints("g1", queries, pk.alpha_g1, pk.beta_g1, pk.delta_g1), table_bytes)}


def _taken(points: Limbs, columns: npt.NDArray[np.int64]) -> Limbs:
    return points if len(columns) == len(points) else points[columns]
