"""Where processes of one machine find each other's tables: what is asked for, and the interface of whoever keeps them.

Tables hold multiples of a key's points (:mod:`prover.groth16.prepare`). They take more time and memory than anything
else that is derived from a key, so one process makes them and all use them in place.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

if TYPE_CHECKING:
    from kernels.backend import Array

SharedTables: TypeAlias = "tuple[str, dict[str, Array]]"
"""What lies in a store: the digest of its :class:`TableIdentity`, and an array ``uint64[rows, words]`` a query."""


TABLES_GROUP: Final = "tables"
"""Concurrency group of a worker's ``make_tables(wanted)``, so that calls that wait for it cannot block it."""


class Coming(enum.Enum):
    """The answer of a store whose tables are being made."""

    COMING = "coming"


@dataclass(frozen=True)
class TableIdentity:
    """Which tables are meant.

    Attributes
    ----------
    purpose
        Which of the key's tables: those of single proofs or those of many small ones together.
    digest
        Sha256, hexadecimal, over the key's id, the purpose and the layout of every array, which names backend, curve,
        cut of the scalars and version of the form: tables of equal digest are the same words.
    size_bytes
        Memory of all arrays.
    """

    key_id: str
    purpose: str
    digest: str
    size_bytes: int


class TableStore(Protocol):
    """Keeps tables for the processes of a machine. Safe to share between threads."""

    def get(self, wanted: TableIdentity, *, wait: bool) -> object:
        """Return tables to be used in place, having them made if there are none.

        Returns
        -------
        :data:`SharedTables`, to be checked by whoever uses them; ``Coming.COMING`` while they are made, unless
        ``wait``; None if there will be none, so that the caller makes its own.
        """
        ...

    def refuse(self, wanted: TableIdentity) -> None:
        """What was returned is not what was asked for, or computes wrongly: nobody else is to get it."""
        ...
