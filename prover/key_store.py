"""Proving keys on disk, each in a folder named by its id.

A folder holds the manifest (``metadata.json``, whose sha256 is the key's id) and one ``.npy`` file for each array. Keys
appear whole or not at all: they are written beside their place and renamed into it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from prover.errors import BadInput, KeyNotFound
from prover.groth16.keys import ProvingKey, array_digest, canonical_json, check_manifest, manifest_id
from prover.mapped_arrays import release_pages

if TYPE_CHECKING:
    import numpy.typing as npt

DIRECTORY_VARIABLE = "FASTPATH_PROVER_KEY_DIR"
_METADATA = "metadata.json"
_KEY_ID = re.compile("[0-9a-f]{64}")


def default_key_directory() -> Path:
    """The directory in the environment variable ``FASTPATH_PROVER_KEY_DIR``, else one under the XDG data directory."""
    chosen = os.environ.get(DIRECTORY_VARIABLE)
    if chosen:
        return Path(chosen)
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "fastpath-prover" / "keys"


def save_key(pk: ProvingKey, directory: Path | str) -> str:
    """Write a key under ``directory``, which is made if missing.

    A key that is already there is left alone, unless its files are damaged: then they are replaced.

    Returns
    -------
    The key's id.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    final = directory / pk.key_id
    if final.exists() and not _is_damaged(directory, pk.key_id):
        return pk.key_id
    manifest, arrays = pk.to_arrays()
    scratch = Path(tempfile.mkdtemp(prefix=".writing-", dir=directory))
    try:
        for name, array in arrays.items():
            with _durable(scratch / f"{name}.npy") as file:
                np.save(file, array, allow_pickle=False)
        with _durable(scratch / _METADATA) as file:
            file.write(canonical_json(manifest))
        scratch.chmod(0o755)  # a proving key is no secret; mkdtemp's default would hide it from other users
        if final.exists():
            final.rename(scratch / "damaged")
        _rename(scratch, final)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    shutil.rmtree(final / "damaged", ignore_errors=True)
    return pk.key_id


def load_key(directory: Path | str, key_id: str) -> ProvingKey:
    """Map a key's files into memory, read-only.

    Raises
    ------
    KeyNotFound
        If ``directory`` has no such key.
    BadInput
        Naming the file that is missing, truncated or altered.
    """
    folder = _folder(Path(directory), key_id)
    manifest = read_manifest(directory, key_id)
    arrays = {name: _load_array(folder / f"{name}.npy", entry) for name, entry in manifest["arrays"].items()}
    return ProvingKey.from_arrays(manifest, arrays)


def read_manifest(directory: Path | str, key_id: str) -> dict[str, Any]:
    """A key's manifest, without its arrays.

    Raises
    ------
    KeyNotFound
        If ``directory`` has no such key.
    BadInput
        If the manifest is missing or altered.
    """
    folder = _folder(Path(directory), key_id)
    manifest = _read_manifest(folder)
    if manifest_id(manifest) != key_id:
        raise BadInput(
            f"{folder / _METADATA} has been altered: it is not the manifest of key {key_id}; add the key again"
        )
    check_manifest(manifest)
    return manifest


def list_keys(directory: Path | str) -> list[str]:
    """Ids of the keys under ``directory``, sorted."""
    directory = Path(directory)
    return sorted(entry.name for entry in directory.iterdir() if _is_key(entry)) if directory.is_dir() else []


def remove_key(directory: Path | str, key_id: str) -> None:
    """Delete a key's folder. Processes that have mapped its files keep them.

    Raises
    ------
    KeyNotFound
        If ``directory`` has no such key.
    """
    folder = _folder(Path(directory), key_id)
    doomed = Path(tempfile.mkdtemp(prefix=".removing-", dir=directory))
    folder.rename(doomed / key_id)
    shutil.rmtree(doomed)


def _is_key(entry: Path) -> bool:
    return _KEY_ID.fullmatch(entry.name) is not None and entry.is_dir()


def _folder(directory: Path, key_id: str) -> Path:
    # The id is checked before it becomes part of a path.
    if not _KEY_ID.fullmatch(key_id) or not (directory / key_id).is_dir():
        raise KeyNotFound(f"there is no key {key_id!r} in {directory}; add it first")
    return directory / key_id


def _is_damaged(directory: Path, key_id: str) -> bool:
    try:
        load_key(directory, key_id)
    except BadInput:
        return True
    return False


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / _METADATA).read_bytes())
    except (OSError, ValueError) as error:
        raise BadInput(f"{folder / _METADATA} cannot be read ({type(error).__name__}); add the key again") from None
    if not isinstance(manifest, dict):
        raise BadInput(f"{folder / _METADATA} holds no manifest; add the key again")
    return manifest


def _load_array(path: Path, entry: dict[str, Any]) -> npt.NDArray[Any]:
    try:
        # An empty array has no bytes to map.
        mapped: npt.NDArray[Any] = np.load(path, mmap_mode="r" if 0 not in entry["shape"] else None, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BadInput(f"{path} is missing or truncated ({type(error).__name__}); add the key again") from None
    if mapped.dtype.name != entry["dtype"] or list(mapped.shape) != entry["shape"]:
        raise BadInput(f"{path} holds {mapped.dtype.name}{list(mapped.shape)}, not {entry['dtype']}{entry['shape']}")
    if array_digest(mapped) != entry["sha256"]:
        raise BadInput(f"{path} has been altered: its sha256 is not the one in the key's manifest; add the key again")
    release_pages(mapped)
    return np.asarray(mapped)


@contextmanager
def _durable(path: Path) -> Iterator[BinaryIO]:
    """A new file that is on disk at the end: a rename must not outlive the bytes it publishes."""
    with path.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _rename(scratch: Path, final: Path) -> None:
    try:
        scratch.rename(final)
    except OSError:
        if not final.is_dir():
            raise  # else another process has just published the same key
