"""The actor that owns the proving keys in the object store.

It alone puts keys there: when the process that owns an object dies, readers lose the object even if that process comes
back. This one computes nothing, loads no compiled code, and so has little reason to die; when it does, it reads the
keys from disk again as they are asked for.
"""

from __future__ import annotations

import builtins
import os
import threading
from pathlib import Path
from typing import Any, Final

import ray

from prover.errors import ProverError
from prover.key_marks import find_key, forget_marks, name_key, pin_key, read_marks
from prover.key_store import list_keys, load_key, read_manifest, remove_key, save_key

ACTOR_NAME: Final = "key-vault"
_CONCURRENT_CALLS: Final = 64
_REPEATABLE: Final = 3
"""Restarts that a call survives which does the same however often it runs."""

Entry = tuple[dict[str, Any], dict[str, list[Any]]]
"""A key's manifest, and ``[reference]`` to each of its arrays: in a list, so that Ray does not resolve it."""


class KeyVault:
    """Keeps keys on disk by their ids and, once asked for, in the object store. See :func:`start`.

    Parameters
    ----------
    directory
        Where keys are stored, see :mod:`prover.key_store`.
    """

    def __init__(self, directory: str) -> None:
        self._directory = Path(directory)
        self._entries: dict[str, Entry] = {}
        self._lock = threading.Lock()

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

        Metadata, ``key_id``, ``names``, whether it is ``pinned`` and ``loaded``; of a bad one its ``error``.
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
        }
        try:
            manifest = read_manifest(self._directory, key_id)
        except ProverError as error:
            return {**described, "error": str(error)}
        return {**described, **{name: value for name, value in manifest.items() if name != "arrays"}}

    def health(self) -> dict[str, Any]:
        """Answer: pid, and how many keys are in the object store."""
        return {"pid": os.getpid(), "keys_loaded": len(self._entries)}


def start(namespace: str, directory: Path, *, detached: bool = False) -> Any:  # noqa: ANN401 - Ray's handles have no type
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
        .remote(str(directory))
    )
