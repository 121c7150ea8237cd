"""Memory of the emulated device: one reserved range of addresses, the state of every byte, a cell for every granule.

Allocations lie far apart and addresses are not used again before all others were, so that an access behind the end of
one, or after its release, meets bytes that nobody owns. What nobody wrote is full of nonsense.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass

import numpy as np

from tests.cuda_emulator.checks import CELL_WORDS
from tests.cuda_emulator.layout import State

ALIGN_BYTES = 256
_GAP_BYTES = 4096
_ADDRESSES_PER_BYTE = 4
_NO_RESERVE = 0x4000  # MAP_NORESERVE of Linux: pages are counted when they are touched


def reserve(size_bytes: int) -> np.ndarray:
    """Zeros, ``uint8[size_bytes]``, of which only what is touched takes memory."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE
    return np.frombuffer(mmap.mmap(-1, max(size_bytes, 1), flags=flags), np.uint8)


@dataclass(eq=False)
class Allocation:
    """A piece of the arena: where it is, on which stream it lives, and the operations that used it."""

    offset: int
    size_bytes: int
    stream: int
    operation: int
    users: list[int]
    freed: bool = False

    @property
    def name(self) -> str:
        """For people."""
        return f"allocation of {self.size_bytes} bytes at 0x{self.offset:x}"


class Arena:
    """The addresses of a device with ``total_bytes`` of memory; without checks there are no cells."""

    def __init__(self, total_bytes: int, poison: int, *, checked: bool) -> None:
        self._checked = checked
        self.total_bytes = total_bytes
        self.used_bytes = 0
        self.poison = poison
        self.bytes = reserve(_ADDRESSES_PER_BYTE * total_bytes + (1 << 20))
        self.states = reserve(len(self.bytes))
        self.granule_shift = 2
        self.cells = self._reserve_cells()
        self._next = _GAP_BYTES
        self._released: list[tuple[int, int]] = []

    @property
    def base(self) -> int:
        """Host address of the first byte."""
        return self.bytes.ctypes.data

    def _reserve_cells(self) -> np.ndarray:
        cells = (len(self.bytes) >> self.granule_shift) + 1 if self._checked else 1
        return reserve(cells * CELL_WORDS * 4).view(np.uint32).reshape(-1, CELL_WORDS)

    def refine(self, granule_bytes: int) -> None:
        """Keep a cell for at most so many bytes from now on."""
        shift = granule_bytes.bit_length() - 1
        if self._checked and shift < self.granule_shift:
            old, factor = self.cells, 1 << (self.granule_shift - shift)
            used = (self._next >> self.granule_shift) + 1
            self.granule_shift = shift
            self.cells = self._reserve_cells()
            self.cells[: used * factor] = np.repeat(old[:used], factor, axis=0)

    def take(self, size_bytes: int) -> int | None:
        """Offset of a fresh piece, poisoned; None where it does not fit."""
        rounded = -(-size_bytes // ALIGN_BYTES) * ALIGN_BYTES
        if self.used_bytes + rounded > self.total_bytes:
            return None
        room = rounded + max(_GAP_BYTES, rounded)
        offset = self._next
        if offset + room <= len(self.bytes):
            self._next += room
        else:
            reused = next((piece for piece in self._released if piece[1] >= rounded), None)
            if reused is None:
                return None
            self._released.remove(reused)
            offset = reused[0]
            self.cells[offset >> self.granule_shift : (offset + rounded) >> self.granule_shift] = 0
        self.used_bytes += rounded
        self.bytes[offset : offset + size_bytes] = self.poison
        self.states[offset : offset + size_bytes] = State.ALLOCATED
        return offset

    def release(self, offset: int, size_bytes: int) -> None:
        """Give a piece back: its bytes become nonsense that nobody owns."""
        self.bytes[offset : offset + size_bytes] = self.poison ^ 0xFF
        self.states[offset : offset + size_bytes] = State.FREED
        rounded = -(-size_bytes // ALIGN_BYTES) * ALIGN_BYTES
        self.used_bytes -= rounded
        self._released.append((offset, rounded))
