"""Bases of a key's queries in one backend: over tables of this process, or over those that a machine shares."""

from __future__ import annotations

import hashlib
import logging
import threading
from typing import TYPE_CHECKING, Final, TypeAlias

from kernels.backend import SharesTables
from prover.errors import BadInput
from prover.groth16.key_queries import Query, QueryPoints
from prover.groth16.keys import canonical_json
from prover.table_store import Coming, SharedTables, TableIdentity, TableStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kernels.backend import Array, Backend, TableLayout
    from kernels.curves import Curve

_log = logging.getLogger(__name__)

SHARED_FROM_BYTES: Final = 1 << 20
"""Least size of a table that is shared: a smaller one is made in 30 ms or so."""

ChosenPoints: TypeAlias = "Mapping[str, tuple[QueryPoints, int]]"
"""A key's queries by name, each with the memory for its table."""


class KeyBases:
    """Bases of some queries of a key, made when they are first asked for. Safe to share between threads.

    Whoever has a :class:`~prover.table_store.TableStore` gets bases over the tables in it. While those are being made
    elsewhere, bases without tables stand in. For a RingCT key (domain of 4,096, BLS12-381, ``ifma``) tables take as
    long as twenty proofs, bases without them a hundredth of that, and proofs over these a fifth longer: only a job that
    is proved behind a hundred others would be better off waiting.

    Parameters
    ----------
    purpose
        See :class:`~prover.table_store.TableIdentity`.
    choose
        Chooses the queries; looks at every point.
    """

    def __init__(
        self, key_id: str, purpose: str, curve: Curve, backend: Backend, choose: Callable[[], ChosenPoints]
    ) -> None:
        self._key_id, self._purpose, self._curve, self._backend = key_id, purpose, curve, backend
        self._choose = choose
        self._lock = threading.RLock()
        self._chosen: ChosenPoints | None = None
        self._layouts: dict[str, TableLayout] | None = None
        self._lasting: dict[str, Query] | None = None
        self._passing: dict[str, Query] | None = None
        self._shared: TableIdentity | None = None

    def get(self, tables: TableStore | None, *, wait: bool) -> dict[str, Query]:
        """Return the bases, the same ones once they are lasting.

        Parameters
        ----------
        wait
            Until shared tables are there, instead of taking bases without tables meanwhile.
        """
        if self._lasting is not None:
            return self._lasting
        identity = self.identity() if tables is not None else None
        found = tables.get(identity, wait=wait) if tables is not None and identity is not None else None
        with self._lock:
            if self._lasting is not None:
                return self._lasting
            if found is Coming.COMING:
                self._passing = self._passing or {name: self._loaded(name, 0) for name in self._points()}
                return self._passing
            if found is not None and tables is not None and identity is not None:
                self._lasting = self._taken(found, tables, identity)
            if self._lasting is None:
                self._lasting = {name: self._loaded(name, room) for name, (_, room) in self._points().items()}
            self._passing, self._chosen, self._choose = None, None, dict  # lets go of the key's arrays
            return self._lasting

    @property
    def shared(self) -> TableIdentity | None:
        """The shared tables that these bases lie over, if they do."""
        return self._shared

    def identity(self) -> TableIdentity | None:
        """Which tables these bases would share; None if the backend shares none, or they are too small for it."""
        layouts = self._shared_layouts()
        if not layouts:
            return None
        described = {
            "key": self._key_id,
            "purpose": self._purpose,
            "arrays": {name: {**layout.description, "shape": list(layout.shape)} for name, layout in layouts.items()},
        }
        digest = hashlib.sha256(canonical_json(described)).hexdigest()
        size_bytes = sum(layout.size_bytes for layout in layouts.values())
        return TableIdentity(self._key_id, self._purpose, digest, size_bytes)

    def make_shared(self, wanted: TableIdentity) -> SharedTables:
        """Make the tables that a store is to keep.

        Raises
        ------
        BadInput
            If they would not be the ones wanted: whoever asked cuts scalars in another way, or runs another version.
        """
        if self.identity() != wanted:
            raise BadInput(f"this worker makes other tables of key {self._key_id[:16]} than those asked for")
        arrays = {name: self._table(name) for name in self._shared_layouts()}
        return wanted.digest, arrays

    def attach(self, found: object) -> dict[str, Query]:
        """Bases over shared tables.

        Raises
        ------
        BadInput
            If they are not the tables of :meth:`identity`, or not of the form that the kernels rely on.
        """
        identity, layouts = self.identity(), self._shared_layouts()
        what = f"the shared tables of key {self._key_id[:16]}"
        if not (isinstance(found, tuple) and len(found) == 2 and isinstance(found[1], dict)):
            raise BadInput(f"{what} are a {type(found).__name__}, not a digest and arrays")
        digest, arrays = found
        if identity is None or digest != identity.digest or arrays.keys() != layouts.keys():
            raise BadInput(f"{what} are others than those asked for")
        try:
            return {
                name: self._attached(name, arrays[name]) if name in layouts else self._loaded(name, room)
                for name, (_, room) in self._points().items()
            }
        except ValueError as error:
            raise BadInput(f"{what} are damaged: {error}") from None

    def _taken(self, found: object, tables: TableStore, identity: TableIdentity) -> dict[str, Query] | None:
        """Bases over what a store returned; None, which it is told, if that cannot be."""
        try:
            attached = self.attach(found)
        except BadInput as error:
            _log.warning("%s; this process makes its own", error)
            tables.refuse(identity)
            return None
        self._shared = identity
        return attached

    def _points(self) -> ChosenPoints:
        with self._lock:
            if self._chosen is None:
                self._chosen = self._choose()
            return self._chosen

    def _shared_layouts(self) -> dict[str, TableLayout]:
        """Layouts of the tables that are large enough to be shared."""
        with self._lock:
            if self._layouts is None:
                backend, curve = self._backend, self._curve
                layouts = (
                    {n: backend.table_layout(curve, p.group, p.count, room) for n, (p, room) in self._points().items()}
                    if isinstance(backend, SharesTables)
                    else {}
                )
                self._layouts = {n: layout for n, layout in layouts.items() if layout.size_bytes >= SHARED_FROM_BYTES}
            return self._layouts

    def _loaded(self, name: str, table_bytes: int) -> Query:
        points, _ = self._points()[name]
        bases = self._backend.load_bases(self._curve, points.group, points.points(), table_bytes)
        points.release()
        return Query(bases, points.columns())

    def _table(self, name: str) -> Array:
        assert isinstance(self._backend, SharesTables)
        points, room = self._points()[name]
        table = self._backend.make_table(self._curve, points.group, points.points(), room)
        points.release()
        return table

    def _attached(self, name: str, table: Array) -> Query:
        assert isinstance(self._backend, SharesTables)
        points, room = self._points()[name]
        bases = self._backend.attach_bases(self._curve, points.group, points.count, room, table)
        points.release()
        return Query(bases, points.columns())
