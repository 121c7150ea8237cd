"""Pinned host memory: who may touch it, and until when it must live."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tests.cuda_emulator.arena import reserve
from tests.cuda_emulator.order import Order

Complain = Callable[[str], None]


@dataclass(eq=False)
class _Use:
    operation: int
    start: int
    stop: int
    writes: bool
    before: bytes


@dataclass(eq=False)
class PinnedBlock:
    """One allocation: its memory, which outlives the caller's arrays, and the copies that use it."""

    memory: np.ndarray
    size_bytes: int
    uses: list[_Use] = field(default_factory=list)
    dropped: bool = False

    @property
    def address(self) -> int:
        """Of its first byte."""
        return self.memory.ctypes.data


class PinnedMemory:
    """All pinned memory of a device.

    Parameters
    ----------
    complain
        Is called with what was found wrong.
    later
        Is given what to do about dropped memory, at the next call of the device: the last reference may go anywhere.
    """

    def __init__(
        self, order: Order, complain: Complain, later: Callable[[Callable[[], None]], None], poison: int
    ) -> None:
        self._later = later
        self._order = order
        self._complain = complain
        self._poison = poison
        self._blocks: list[PinnedBlock] = []

    def allocate(self, size_bytes: int) -> np.ndarray:
        """``uint8[size_bytes]`` full of nonsense, freed when nothing refers to it."""
        memory = reserve(size_bytes)
        memory[:] = self._poison
        block = PinnedBlock(memory, size_bytes)
        self._blocks.append(block)
        # The caller's arrays have this one as their base, whose death is the end of the block.
        owner = np.frombuffer(memoryview(memory), np.uint8, size_bytes)
        weakref.finalize(owner, self._later, lambda: self._drop(block)).atexit = False
        return owner[:]

    def _drop(self, block: PinnedBlock) -> None:
        block.dropped = True
        running = [use for use in block.uses if not self._order.before_host(use.operation)]
        if running:
            label = self._order.labels[running[0].operation]
            self._complain(f"pinned memory was dropped before an event behind its {label} was waited for")
        else:
            self._blocks.remove(block)
        block.memory[:] = self._poison ^ 0xFF

    def begin(self, array: np.ndarray, operation: int, *, writes: bool) -> Callable[[], bytes | None]:
        """A copy that reads or writes ``array`` was queued.

        Returns a function for the moment when the copy runs, which gives the bytes to copy from, or None if the memory
        is gone; a copy that writes gets the bytes to overwrite.
        """
        block, start = self._block_of(array)
        stop = start + array.nbytes
        window = block.memory[start:stop]
        for use in block.uses:
            if use.start < stop and start < use.stop:
                self._check_reuse(block, use, operation, writes=writes)
        block.uses = [use for use in block.uses if not self._order.before_host(use.operation)]
        if writes:
            window[:] = self._poison
        use = _Use(operation, start, stop, writes, window.tobytes())
        block.uses.append(use)

        def run() -> bytes | None:
            label = self._order.labels[operation]
            if block.dropped:
                self._complain(f"{label}: its pinned memory was dropped before it ran")
                return None
            if window.tobytes() != use.before:
                self._complain(f"{label}: its pinned memory was changed before it ran")
            return window.tobytes()

        return run

    def store(self, array_address: int, content: bytes) -> None:
        """Write what a copy brought from the device."""
        for block in self._blocks:
            start = array_address - block.address
            if 0 <= start < block.size_bytes and not block.dropped:
                block.memory[start : start + len(content)] = np.frombuffer(content, np.uint8)
                for use in block.uses:
                    if use.start < start + len(content) and start < use.stop:
                        use.before = block.memory[use.start : use.stop].tobytes()

    def _check_reuse(self, block: PinnedBlock, use: _Use, operation: int, *, writes: bool) -> None:
        earlier, later = self._order.labels[use.operation], self._order.labels[operation]
        if (writes or use.writes) and not self._order.before(use.operation, operation):
            self._complain(f"{later}: nothing orders it behind {earlier}, which uses the same pinned memory")
        elif not (use.writes or writes or self._order.before_host(use.operation)):
            changed = block.memory[use.start : use.stop].tobytes() != use.before
            if changed:
                self._complain(f"{later}: pinned memory was changed without waiting for {earlier}, which reads it")

    def _block_of(self, array: np.ndarray) -> tuple[PinnedBlock, int]:
        address = array.ctypes.data
        for block in self._blocks:
            start = address - block.address
            if start >= 0 and start + array.nbytes <= block.size_bytes:
                if not array.flags.c_contiguous or array.dtype != np.uint8:
                    raise ValueError("pinned memory must be contiguous uint8")
                return block, start
        raise ValueError("host memory of a copy must be pinned: take it from allocate_pinned")
