"""The container that circom and snarkjs keep their binary files in.

A file is a magic word (4 bytes), a version (u32) and a number of sections (u32), then for each section its type
(u32), its length in bytes (u64) and its content. Everything is little-endian; sections come in any order.

Source: the description in github.com/iden3/r1csfile, ``doc/r1cs_bin_format.md``.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

import numpy as np

from prover.errors import BadInput

if TYPE_CHECKING:
    import numpy.typing as npt

_HEADER: Final = struct.Struct("<4sII")
_SECTION: Final = struct.Struct("<IQ")
MOST_SECTIONS: Final = 64
"""Known files have 2 to 10."""

Content: TypeAlias = "Iterable[bytes | memoryview | npt.NDArray[Any]]"
"""The parts of a section, written one after the other."""


@dataclass
class Section:
    """A section's content, read from front to back; every read is checked against its end.

    Attributes
    ----------
    source
        The file, for messages.
    kind
        The section's type.
    name
        What it holds, for messages.
    start, end
        Offsets of its content in the file.
    at
        Offset of what is read next.
    """

    source: str
    kind: int
    name: str
    start: int
    end: int
    buffer: memoryview = field(repr=False)
    at: int = field(init=False)

    def __post_init__(self) -> None:
        self.at = self.start

    def __len__(self) -> int:
        return self.end - self.start

    @property
    def remaining(self) -> int:
        """Bytes not read yet."""
        return self.end - self.at

    def fault(self, why: str, at: int | None = None) -> BadInput:
        """An error that names file, section and offset (that of the next read, unless another is given)."""
        where = self.at if at is None else at
        return BadInput(f"{self.source}: section {self.kind} ({self.name}), offset {where}: {why}")

    def refuse(self, why: str, at: int | None = None) -> NoReturn:
        """Raise :meth:`fault`."""
        raise self.fault(why, at)

    def take(self, count: int, what: str) -> memoryview:
        """The next ``count`` bytes, in place."""
        if count > self.remaining:
            self.refuse(f"{what} needs {count} bytes, {self.remaining} are left; the file is truncated or damaged")
        self.at += count
        return self.buffer[self.at - count : self.at]

    def u32(self, what: str) -> int:
        """The next four bytes as a number."""
        return int.from_bytes(self.take(4, what), "little")

    def u64(self, what: str) -> int:
        """The next eight bytes as a number."""
        return int.from_bytes(self.take(8, what), "little")

    def number(self, count: int, what: str) -> int:
        """The next ``count`` bytes as a number."""
        return int.from_bytes(self.take(count, what), "little")

    def array(self, dtype: npt.DTypeLike, shape: Sequence[int], what: str) -> npt.NDArray[Any]:
        """The next elements as a read-only array over the file itself, which may not be aligned."""
        kind = np.dtype(dtype)
        count = 1
        for extent in shape:
            count *= extent
        return np.frombuffer(self.take(count * kind.itemsize, what), dtype=kind).reshape(tuple(shape))

    def finish(self) -> None:
        """Refuse content behind what was read."""
        if self.remaining:
            self.refuse(f"{self.remaining} bytes too many; the sizes in the file contradict each other")


@dataclass(frozen=True)
class Container:
    """A file's sections. Its bytes are mapped, not read: opening costs the same at any size.

    A file must not be shortened while it is mapped: the system ends a process that touches what is gone.
    """

    source: str
    version: int
    sections: Mapping[int, Section]

    def section(self, kind: int, name: str) -> Section:
        """A section that must be there, from its start.

        Raises
        ------
        BadInput
            If it is not.
        """
        found = self.sections.get(kind)
        if found is None:
            raise BadInput(
                f"{self.source}: section {kind} ({name}) is missing; the file is truncated or of another kind"
            )
        return Section(self.source, kind, name, found.start, found.end, found.buffer)


def open_container(path: Path | str, magic: bytes, versions: Sequence[int]) -> Container:
    """Map a file and find its sections.

    Parameters
    ----------
    magic
        The word that the file must begin with.
    versions
        Those that can be read.

    Raises
    ------
    BadInput
        If the file cannot be read, is of another kind or version, or its sections do not add up to it.
    """
    path = Path(path)
    try:
        if not path.is_file():  # opening a pipe would wait for its writer
            path.stat()
            raise BadInput(f"{path} is no regular file")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None
    return read_container(memoryview(mapped), str(path), magic, versions)


def read_container(buffer: memoryview, source: str, magic: bytes, versions: Sequence[int]) -> Container:
    """Find the sections in bytes; see :func:`open_container`."""
    size, what = len(buffer), magic.decode()
    if size < _HEADER.size:
        raise BadInput(f"{source}: offset 0: {size} bytes are too few for a .{what} file")
    given, version, count = _HEADER.unpack_from(buffer)
    if given != magic:
        raise BadInput(f"{source}: offset 0: the file does not begin with {what!r}: it is no .{what} file")
    if version not in versions:
        known = ", ".join(map(str, versions))
        raise BadInput(f"{source}: offset 4: version {version} of .{what} files is not known; known: {known}")
    if count > MOST_SECTIONS:
        raise BadInput(f"{source}: offset 8: {count} sections are more than the {MOST_SECTIONS} that files have")
    sections: dict[int, Section] = {}
    at = _HEADER.size
    for number in range(count):
        if size - at < _SECTION.size:
            raise BadInput(f"{source}: offset {at}: the file ends before section number {number} of {count}")
        kind, length = _SECTION.unpack_from(buffer, at)
        start = at + _SECTION.size
        if length > size - start:
            # What stands here in a damaged file may be a piece of a witness: neither number is shown.
            raise BadInput(
                f"{source}: section number {number}, offset {at}: it claims more than the {size - start} bytes left; "
                "the file is truncated or damaged"
            )
        if kind in sections:
            raise BadInput(f"{source}: section {kind}, offset {at}: it is there twice")
        at = start + length
        sections[kind] = Section(source, kind, "", start, at, buffer)
    if at != size:
        raise BadInput(f"{source}: offset {at}: {size - at} bytes behind the last section")
    return Container(source, version, sections)


def write_container(
    path: Path | str, magic: bytes, version: int, sections: Sequence[tuple[int, int, Content]], mode: int = 0o644
) -> None:
    """Write a file; it appears whole or not at all.

    Parameters
    ----------
    sections
        Of each its type, its length in bytes, and its content.
    mode
        Permissions of the file.

    Raises
    ------
    BadInput
        If the place cannot be written.
    """
    path = Path(path)
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(_HEADER.pack(magic, version, len(sections)))
            for kind, length, content in sections:
                file.write(_SECTION.pack(kind, length))
                written = sum(file.write(_plain(part)) for part in content)
                assert written == length, f"section {kind} has {written} bytes, {length} were announced"
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}") from None
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()


def _plain(part: bytes | memoryview | npt.NDArray[Any]) -> Any:  # noqa: ANN401 - whatever has a buffer
    return np.ascontiguousarray(part).reshape(-1).view(np.uint8).data if isinstance(part, np.ndarray) else part
