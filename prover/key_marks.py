"""What users say of stored keys: names, and which to keep at hand. Apart from the keys, whose ids depend on none of it.

``marks/<key id>`` under the key directory is JSON: ``names``, a list, and ``pinned``.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from prover.errors import BadInput, KeyNotFound
from prover.key_store import list_keys

_MARKS: Final = "marks"
_NAME: Final = re.compile(r"[\w.+@ -]{1,100}")
SHORTEST_ID: Final = 8
"""Characters of a key's id that may stand for it, where no other begins alike."""


@dataclass(frozen=True)
class KeyMarks:
    """Names of a key, and whether workers keep it at hand however many others they use."""

    names: tuple[str, ...] = ()
    pinned: bool = False


def read_marks(directory: Path | str, key_id: str) -> KeyMarks:
    """A key's marks; none where there is no file, or a damaged one."""
    try:
        found = json.loads((Path(directory) / _MARKS / key_id).read_bytes())
        return KeyMarks(tuple(map(str, found["names"])), found["pinned"] is True)
    except (OSError, ValueError, KeyError, TypeError):
        return KeyMarks()


def name_key(directory: Path | str, key_id: str, name: str) -> None:
    """Add a name to a key. Several keys may have it; it then stands for none of them.

    Raises
    ------
    BadInput
        If it could be mistaken for an id, or is not made of letters, digits, spaces and ``.+@_-``.
    """
    check_name(name)
    marks = read_marks(directory, key_id)
    if name not in marks.names:
        _write(directory, key_id, replace(marks, names=(*marks.names, name)))


def check_name(name: str) -> None:
    """Raise BadInput if a key cannot be named so; see :func:`name_key`."""
    if not _NAME.fullmatch(name) or re.fullmatch("[0-9a-f]{8,64}", name):
        raise BadInput(f"a key cannot be named {name[:100]!r}: use up to 100 letters, digits, spaces and .+@_-")


def pin_key(directory: Path | str, key_id: str, *, pinned: bool) -> None:
    """Pin a key, or no longer."""
    _write(directory, key_id, replace(read_marks(directory, key_id), pinned=pinned))


def forget_marks(directory: Path | str, key_id: str) -> None:
    """Drop a key's marks."""
    with contextlib.suppress(FileNotFoundError):
        (Path(directory) / _MARKS / key_id).unlink()


def find_key(directory: Path | str, wanted: str, circuits: dict[str, str]) -> str:
    """The id of the one stored key that is meant.

    Parameters
    ----------
    wanted
        An id, the first characters of one, a name, or the name of a circuit.
    circuits
        Of each stored key the name of its circuit.

    Raises
    ------
    KeyNotFound
        If there is none.
    BadInput
        If it stands for several, with their ids.
    """
    ids = list_keys(directory)
    if wanted in ids:
        return wanted
    named = [key_id for key_id in ids if wanted in read_marks(directory, key_id).names]
    begun = [key_id for key_id in ids if len(wanted) >= SHORTEST_ID and key_id.startswith(wanted)]
    found = named or begun or [key_id for key_id in ids if wanted and circuits.get(key_id) == wanted]
    if len(found) > 1:
        raise BadInput(f"{wanted!r} stands for {len(found)} keys; say which: {', '.join(found)}")
    if not found:
        raise KeyNotFound(
            f"no key is called {wanted!r}, nor does one's id begin so; `fastpath-prover keys ls` lists them"
        )
    return found[0]


def _write(directory: Path | str, key_id: str, marks: KeyMarks) -> None:
    place = Path(directory) / _MARKS
    place.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".", dir=place)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(marks), file)
    Path(temporary).replace(place / key_id)
