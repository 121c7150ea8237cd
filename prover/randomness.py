"""Where secret numbers come from."""

from __future__ import annotations

from typing import Protocol


class Randomness(Protocol):
    """A source of uniform integers. The module :mod:`secrets` is one, and the default everywhere."""

    def randbelow(self, exclusive_upper_bound: int, /) -> int:
        """Return a uniform integer in ``0 ... exclusive_upper_bound - 1``."""
        ...


def nonzero_below(rng: Randomness, bound: int) -> int:
    """Return a uniform integer in ``1 ... bound - 1``."""
    return 1 + rng.randbelow(bound - 1)
