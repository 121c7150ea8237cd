"""Ranges of device memory, as the caller holds them and as queued work does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tests.cuda_emulator.arena import Allocation

if TYPE_CHECKING:
    from tests.cuda_emulator.device import EmulatedDevice


class Span(NamedTuple):
    """A range of the arena; what queued work holds, for it keeps no memory alive."""

    offset: int
    size_bytes: int

    @property
    def slice(self) -> slice:
        """For indexing."""
        return slice(self.offset, self.offset + self.size_bytes)


@dataclass(frozen=True, eq=False)
class EmulatedMemory:
    """A range of device memory; :class:`kernels.cuda.device.Memory`."""

    device: EmulatedDevice
    allocation: Allocation
    offset: int
    size_bytes: int
    root: EmulatedMemory | None = None

    @property
    def span(self) -> Span:
        """Where it is."""
        return Span(self.offset, self.size_bytes)

    def view(self, offset_bytes: int, size_bytes: int) -> EmulatedMemory:
        """A part of the range."""
        if offset_bytes < 0 or size_bytes < 0 or offset_bytes + size_bytes > self.size_bytes:
            raise ValueError(f"view of {size_bytes} bytes at {offset_bytes} of a range of {self.size_bytes} bytes")
        return EmulatedMemory(self.device, self.allocation, self.offset + offset_bytes, size_bytes, self.root or self)
