"""Faults that a test orders from the emulated device."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Corruption:
    """One launch of a kernel leaves a wrong bit behind.

    Attributes
    ----------
    kernel
        Name of the kernel.
    launch
        Which of its launches, from 1.
    argument
        Index of the memory argument that is changed.
    byte, mask
        Which byte of it, and the bits that flip.
    """

    kernel: str
    launch: int = 1
    argument: int = 0
    byte: int = 0
    mask: int = 1


@dataclass(frozen=True)
class Faults:
    """What goes wrong, and when; counted from 1, over the life of a device.

    Attributes
    ----------
    out_of_memory_at
        Allocations that fail.
    lost_at_call
        Call of the device, its streams or events at which the device is lost.
    lost_at_operation
        Queued operation that kills the device when it runs; a later call says so.
    corruptions
        Wrong results of kernels.
    """

    out_of_memory_at: frozenset[int] = frozenset()
    lost_at_call: int | None = None
    lost_at_operation: int | None = None
    corruptions: tuple[Corruption, ...] = ()
