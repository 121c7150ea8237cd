"""Which tables lie in the object store of each node, who uses them, and whether there is room for more.

An account of memory, pure: references are opaque, and nothing is freed here. An object counts as long as it is listed
or a worker holds it, for a worker that has mapped it keeps its memory whatever becomes of the reference; the object of
a vault that died is known from its holders alone. To make room the least recently used go first, never one that a
worker holds, since that would free nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

SPILL_SHARE: Final = 0.8
"""Of an object store: filled further, Ray begins to move objects to disk."""


@dataclass(frozen=True)
class Tables:
    """Tables of a key on a node, there or being made.

    Attributes
    ----------
    name
        Of their object.
    reference
        To it.
    """

    key_id: str
    name: str
    reference: Any
    size_bytes: int


@dataclass(frozen=True)
class StoreSpace:
    """Bytes of a node's object store: for all tables, in all, and free now."""

    tables_limit: int
    total: float
    free: float

    def takes(self, size_bytes: int) -> bool:
        """Whether the store holds so many bytes more before it spills."""
        return size_bytes <= self.free - (1 - SPILL_SHARE) * self.total


class NodeTables:
    """See the module. Not safe to share between threads."""

    def __init__(self) -> None:
        self._listed: OrderedDict[tuple[str, str], Tables] = OrderedDict()
        self._held: dict[str, tuple[str, dict[str, int]]] = {}

    def report(self, worker: str, node: str, held: Mapping[str, int]) -> None:
        """Take in which objects a worker holds, by name, with their bytes; it replaces what it said before."""
        self._held[worker] = node, dict(held)

    def find(self, node: str, digest: str) -> Tables | None:
        """Return the tables of that digest on a node, if they are listed, as used just now."""
        found = self._listed.get((node, digest))
        if found is not None:
            self._listed.move_to_end((node, digest))
        return found

    def make_room(self, node: str, size_bytes: int, space: StoreSpace) -> bool:
        """Unlist what nobody holds until so many bytes fit, the least recently used first; return whether they do.

        Nothing is unlisted in vain.
        """
        held = self._held_on(node)
        idle = [(place, tables) for place, tables in self._listed.items() if place[0] == node]
        idle = [(place, tables) for place, tables in idle if tables.name not in held]
        used, free, victims = self.bytes_on(node), space.free, []
        while used + size_bytes > space.tables_limit or not StoreSpace(0, space.total, free).takes(size_bytes):
            if not idle:
                return False
            place, tables = idle.pop(0)
            victims.append(place)
            used, free = used - tables.size_bytes, free + tables.size_bytes
        for place in victims:
            del self._listed[place]
        return True

    def add(self, node: str, digest: str, tables: Tables) -> None:
        """List tables."""
        self._listed[node, digest] = tables

    def drop(self, name: str) -> None:
        """Unlist an object, if it is listed."""
        self._unlist([place for place, tables in self._listed.items() if tables.name == name])

    def forget_key(self, key_id: str) -> None:
        """Unlist a key's tables on every node."""
        self._unlist([place for place, tables in self._listed.items() if tables.key_id == key_id])

    def bytes_on(self, node: str) -> int:
        """Memory of all tables on a node, listed or held."""
        listed = {tables.name: tables.size_bytes for place, tables in self._listed.items() if place[0] == node}
        return sum({**self._held_on(node), **listed}.values())

    def bytes_by_node(self) -> dict[str, int]:
        """The same for every node that has some."""
        nodes = {*(node for node, _ in self._listed), *(node for node, held in self._held.values() if held)}
        return {node: self.bytes_on(node) for node in sorted(nodes)}

    def bytes_of(self, key_id: str) -> dict[str, int]:
        """Memory of a key's listed tables, by node."""
        found: dict[str, int] = {}
        for node, tables in self._of_key(key_id):
            found[node] = found.get(node, 0) + tables.size_bytes
        return found

    def _of_key(self, key_id: str) -> Iterator[tuple[str, Tables]]:
        return ((node, tables) for (node, _), tables in self._listed.items() if tables.key_id == key_id)

    def _held_on(self, node: str) -> dict[str, int]:
        return {name: size for where, held in self._held.values() if where == node for name, size in held.items()}

    def _unlist(self, places: list[tuple[str, str]]) -> None:
        for place in places:
            del self._listed[place]
