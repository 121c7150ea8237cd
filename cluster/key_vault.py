"""The actor that owns the proving keys in the object store.

It alone puts keys there: when the process that owns an object dies, readers lose the object even if that process comes
back. This one computes nothing, loads no compiled code, and so has little reason to die; when it does, it reads the
keys from disk again as they are asked for.

Tables of the keys' points are made by workers, as the result of a call of the vault: so it owns those too, one copy on
each node whose workers ask for them, and they outlive the worker that made them.
"""

from __future__ import annotations

import builtins
import logging
import os
import threading
from pathlib import Path
from typing import Any, Final

import ray

from cluster.node_tables import NodeTables, StoreSpace, Tables
from prover.errors import ProverError
from prover.key_marks import find_key, forget_marks, name_key, pin_key, read_marks
from prover.key_store import list_keys, load_key, read_manifest, remove_key, save_key
from prover.table_store import TABLES_GROUP, TableIdentity

ACTOR_NAME: Final = "key-vault"
_STORE: Final = "object_store_memory"
_TABLES_SHARE: Final = 0.25
"""Of a node's object store; waiting witnesses may take half (:mod:`cluster.offers`), the rest is for keys."""

_CONCURRENT_CALLS: Final = 64
_REPEATABLE: Final = 3
"""Restarts that a call survives which does the same however often it runs."""

_log = logging.getLogger(__name__)

Entry = tuple[dict[str, Any], dict[str, list[Any]]]
"""A key's manifest, and ``[reference]`` to each of its arrays: in a list, so that Ray does not resolve it."""


class KeyVault:
    """Keeps keys on disk by their ids and, once asked for, in the object store. See :func:`start`.

    Parameters
    ----------
    directory
        Where keys are stored, see :mod:`prover.key_store`.
    namespace
        Of the workers.
    table_mib
        Most memory of tables on a node; 0 for a quarter of its object store.
    """

    def __init__(self, directory: str, namespace: str, table_mib: int = 0) -> None:
        self._directory = Path(directory)
        self._namespace = namespace
        self._entries: dict[str, Entry] = {}
        self._lock = threading.Lock()
        self._table_limit = table_mib << 20
        self._tables = NodeTables()
        self._tables_lock = threading.Lock()  # of its own: reading a large key takes long
        self._tables_made = 0

    def __repr__(self) -> str:
        return f"KeyVault({self._directory})"

    @ray.method(max_task_retries=_REPEATABLE)
    def get(self, key_id: str) -> Entry:
        """Return a key's manifest and references to its arrays, which are put into the object store the first time.

        Raises
        ------
        KeyNotFound
            If there is no such key.
        BadInput
            Naming the file that is missing, truncated or altered.
        """
        with self._lock:
            if key_id not in self._entries:
                manifest, arrays = load_key(self._directory, key_id).to_arrays()
                self._entries[key_id] = manifest, {name: [ray.put(array)] for name, array in arrays.items()}
            return self._entries[key_id]

    def tables(
        self, wanted: TableIdentity, worker: str, node: str, held: dict[str, int], lost: str
    ) -> builtins.list[Any]:
        """Return ``[reference]`` to tables on a node, there or being made; an empty list if there will be none.

        Where there are none, the worker that asks is asked to make them; that call's result is what is returned here
        and to whoever asks next.

        Parameters
        ----------
        held, lost
            See :meth:`tables_held`.

        Raises
        ------
        KeyNotFound, BadInput
            If there is no such key, or it is damaged.
        """
        with self._tables_lock:
            self._take_in(worker, node, held, lost)
            found = self._tables.find(node, wanted.digest) or self._have_made(wanted, worker, node)
            return [] if found is None else [found.reference]

    def tables_held(self, worker: str, node: str, held: dict[str, int], lost: str) -> None:
        """Take in which objects a worker holds, by name, with their bytes; and one that is not to be given out again.

        Its maker died, or what it holds is wrong.
        """
        with self._tables_lock:
            self._take_in(worker, node, held, lost)

    def _take_in(self, worker: str, node: str, held: dict[str, int], lost: str) -> None:
        self._tables.report(worker, node, held)
        if lost:
            _log.warning("tables that worker %s was given were lost or wrong", worker)
            self._tables.drop(lost)

    def _have_made(self, wanted: TableIdentity, worker: str, node: str) -> Tables | None:
        read_manifest(self._directory, wanted.key_id)
        if not self._tables.make_room(node, wanted.size_bytes, self._space(node)):
            _log.warning(
                "the object store has no room for tables of %d MiB of key %s; each worker makes its own",
                wanted.size_bytes >> 20,
                wanted.key_id[:16],
            )
            return None
        try:
            maker = ray.get_actor(worker, namespace=self._namespace)
        except ValueError:  # it has just ended
            return None
        reference: Any = maker.make_tables.options(concurrency_group=TABLES_GROUP).remote(wanted)
        made = Tables(wanted.key_id, reference.hex(), reference, wanted.size_bytes)
        self._tables.add(node, wanted.digest, made)
        self._tables_made += 1
        return made

    def _space(self, node: str) -> StoreSpace:
        """Of a node's store. What is free Ray tells of all nodes together: too much, where there are several."""
        total = _object_stores().get(node, 0.0)
        available: Any = ray.available_resources()  # type: ignore[no-untyped-call]
        free = min(total, available.get(_STORE, 0.0))
        return StoreSpace(self._limit(total), total, free)

    def _limit(self, store_bytes: float) -> int:
        return self._table_limit or int(_TABLES_SHARE * store_bytes)

    @ray.method(max_task_retries=_REPEATABLE)
    def add(self, folder: str) -> str:
        """Copy a key in from its folder, whose name is its id, and return the id.

        Raises
        ------
        KeyNotFound
            If the folder is none of a key.
        BadInput
            Naming the file that is missing, truncated or altered.
        """
        path = Path(folder).absolute()
        key = load_key(path.parent, path.name)
        return path.name if path.parent == self._directory.absolute() else save_key(key, self._directory)

    @ray.method(max_task_retries=_REPEATABLE)
    def list(self) -> list[dict[str, Any]]:
        """Describe every key on disk.

        Metadata, ``key_id``, ``names``, whether it is ``pinned`` and ``loaded``, ``table_bytes`` of shared tables by
        node; of a bad one its ``error``.
        """
        return [self._describe(key_id) for key_id in list_keys(self._directory)]

    def remove(self, key_id: str) -> None:
        """Delete a key from disk and let go of its memory, which is freed when the last reader has.

        Raises
        ------
        KeyNotFound
            If there is no such key.
        """
        with self._lock:
            remove_key(self._directory, key_id)
            self._entries.pop(key_id, None)
            forget_marks(self._directory, key_id)
        with self._tables_lock:
            self._tables.forget_key(key_id)

    @ray.method(max_task_retries=_REPEATABLE)
    def find(self, wanted: str) -> str:
        """Return the id of the one key that an id, the beginning of one, a name or a circuit's name stands for.

        Raises
        ------
        KeyNotFound, BadInput
            If it stands for none, or for several; see :func:`prover.key_marks.find_key`.
        """
        described = [self._describe(key_id) for key_id in list_keys(self._directory)]
        return find_key(self._directory, wanted, {key["key_id"]: key.get("circuit", "") for key in described})

    @ray.method(max_task_retries=_REPEATABLE)
    def name(self, key_id: str, name: str) -> None:
        """Add a name to a key.

        Raises
        ------
        KeyNotFound, BadInput
            If there is no such key, or the name is not allowed.
        """
        with self._lock:
            read_manifest(self._directory, key_id)
            name_key(self._directory, key_id, name)

    @ray.method(max_task_retries=_REPEATABLE)
    def pin(self, key_id: str, pinned: bool) -> None:
        """Record that workers keep a key at hand, or no longer.

        Raises
        ------
        KeyNotFound
            If there is no such key.
        """
        with self._lock:
            read_manifest(self._directory, key_id)
            pin_key(self._directory, key_id, pinned=pinned)

    @ray.method(max_task_retries=_REPEATABLE)
    def pinned(self) -> builtins.list[str]:
        """Ids of the pinned keys."""
        return [key_id for key_id in list_keys(self._directory) if read_marks(self._directory, key_id).pinned]

    def _describe(self, key_id: str) -> dict[str, Any]:
        marks = read_marks(self._directory, key_id)
        described: dict[str, Any] = {
            "key_id": key_id,
            "names": builtins.list(marks.names),
            "pinned": marks.pinned,
            "loaded": key_id in self._entries,
            "table_bytes": self._tables_of(key_id),
        }
        try:
            manifest = read_manifest(self._directory, key_id)
        except ProverError as error:
            return {**described, "error": str(error)}
        return {**described, **{name: value for name, value in manifest.items() if name != "arrays"}}

    def _tables_of(self, key_id: str) -> dict[str, int]:
        with self._tables_lock:
            return self._tables.bytes_of(key_id)

    def health(self) -> dict[str, Any]:
        """Answer: pid, keys in the object store, bytes of tables and their limit by node, how often some were made."""
        limits = {node: self._limit(total) for node, total in _object_stores().items()}
        with self._tables_lock:
            table_bytes, made = self._tables.bytes_by_node(), self._tables_made
        return {
            "pid": os.getpid(),
            "keys_loaded": len(self._entries),
            "table_bytes": {**dict.fromkeys(limits, 0), **table_bytes},
            "table_bytes_limit": limits,
            "tables_made": made,
        }


def _object_stores() -> dict[str, float]:
    """Bytes of the object store of each node, by the node's id."""
    nodes: Any = ray.nodes()  # type: ignore[no-untyped-call]
    return {node["NodeID"]: node["Resources"].get(_STORE, 0.0) for node in nodes if node["Alive"]}


def start(
    namespace: str,
    directory: Path,
    *,
    table_mib: int = 0,
    detached: bool = False,
) -> Any:  # noqa: ANN401 - Ray's handles have no type
    """Start the vault as a named actor and return its handle at once."""
    return (
        ray.remote(KeyVault)
        .options(
            name=ACTOR_NAME,
            namespace=namespace,
            lifetime="detached" if detached else None,
            num_cpus=0,
            max_restarts=-1,
            max_task_retries=0,
            max_concurrency=_CONCURRENT_CALLS,
        )
        .remote(str(directory), namespace, table_mib)
    )
