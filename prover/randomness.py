"""Where secret numbers come from."""

from __future__ import annotations

import secrets
from typing import Protocol


class Randomness(Protocol):
    """A source of uniform integers. The module :mod:`secrets` is one, and the default everywhere."""

    def randbelow(self, exclusive_upper_bound: int, /) -> int:
        """Return a uniform integer in ``0 ... exclusive_upper_bound - 1``."""
        ...


class SystemRandomness:
    """What :mod:`secrets` gives, asked of the operating system for many numbers at once; for one thread.

    Every request is a system call that lets another thread have the interpreter: a batch's numbers one by one cost two
    threads more waiting than drawing them does.

    Parameters
    ----------
    numbers, bound
        How many numbers below which bound are asked for at a time.
    """

    def __init__(self, numbers: int, bound: int) -> None:
        self._block_bytes = numbers * _bytes_below(bound)
        self._block = b""

    def randbelow(self, exclusive_upper_bound: int, /) -> int:
        """Return a uniform integer in ``0 ... exclusive_upper_bound - 1``."""
        if exclusive_upper_bound < 1:
            raise ValueError("there is no integer below the bound")
        size = _bytes_below(exclusive_upper_bound)
        spare_bits = 8 * size - (exclusive_upper_bound - 1).bit_length()
        while True:
            if len(self._block) < size:
                self._block = secrets.token_bytes(max(size, self._block_bytes))
            drawn, self._block = self._block[:size], self._block[size:]
            number = int.from_bytes(drawn, "little") >> spare_bits
            if number < exclusive_upper_bound:
                return number


def _bytes_below(bound: int) -> int:
    return -(-(bound - 1).bit_length() // 8)


def nonzero_below(rng: Randomness, bound: int) -> int:
    """Return a uniform integer in ``1 ... bound - 1``."""
    return 1 + rng.randbelow(bound - 1)
