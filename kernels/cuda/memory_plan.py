"""Which part of a job fits on a device at once. Pure arithmetic: free memory and sizes in, chunks out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

USABLE = 0.85
"""Part of the free memory that is planned with; the rest is for the driver, fragments and local memory of kernels."""

TABLE_SHARE = 0.5
"""Part of the usable memory that keys may keep resident; the rest is for what a job needs while it runs."""


class DoesNotFitError(ValueError):
    """Not even the smallest part of a job fits.

    Attributes
    ----------
    needed_bytes
        Free memory with which it would fit.
    """

    def __init__(self, what: str, needed_bytes: int, free_bytes: int) -> None:
        self.needed_bytes = needed_bytes
        super().__init__(
            f"{what} needs {needed_bytes} bytes of free device memory and there are {free_bytes}; "
            "free some, use a larger device, or let the CPU do it"
        )


@dataclass(frozen=True)
class Chunks:
    """How a job of rows over points is cut.

    Attributes
    ----------
    rows, points
        Most rows and most points that are worked on at once.
    bytes
        What such a chunk takes.
    """

    rows: int
    points: int
    bytes: int


def usable_bytes(free_bytes: int) -> int:
    """Part of the free memory to plan with."""
    return int(free_bytes * USABLE)


def table_budget(free_bytes: int) -> int:
    """Bytes that the bases and tables of keys may keep resident on a device with that much memory free at its start."""
    return int(free_bytes * USABLE * TABLE_SHARE)


def work_budget(free_bytes: int) -> int:
    """Bytes that are left for jobs when keys keep all they may."""
    return usable_bytes(free_bytes) - table_budget(free_bytes)


def plan_chunks(
    what: str,
    rows: int,
    points: int,
    free_bytes: int,
    bytes_of: Callable[[int, int], int],
    most: Callable[[int, int], bool] = lambda _rows, _points: True,
) -> Chunks:
    """Cut a job into the largest chunks that fit: fewer rows first, then, with one row, fewer points.

    Parameters
    ----------
    bytes_of
        Memory of a chunk of that many rows and points; grows with both.
    most
        Whether a chunk is small enough for the kernels' index types.

    Raises
    ------
    DoesNotFitError
        If one row of one point does not fit.
    """
    usable = usable_bytes(free_bytes)

    def fits(some_rows: int, some_points: int) -> bool:
        return bytes_of(some_rows, some_points) <= usable and most(some_rows, some_points)

    some_rows = _largest(rows, lambda count: fits(count, points))
    if some_rows:
        return Chunks(some_rows, points, bytes_of(some_rows, points))
    some_points = _largest(points, lambda count: fits(1, count))
    if some_points:
        return Chunks(1, some_points, bytes_of(1, some_points))
    raise DoesNotFitError(what, int(bytes_of(1, 1) / USABLE) + 1, free_bytes)


def halved(chunks: Chunks) -> Chunks | None:
    """Smaller chunks for when the plan was too hopeful; None when they cannot be smaller."""
    if chunks.rows > 1:
        return Chunks(chunks.rows // 2, chunks.points, chunks.bytes // 2)
    if chunks.points > 1:
        return Chunks(1, chunks.points // 2, chunks.bytes // 2)
    return None


def _largest(most: int, fits: Callable[[int], bool]) -> int:
    """The largest count up to ``most`` that fits; 0 if none does."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low
