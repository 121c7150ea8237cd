"""Arrays in files that are mapped into memory."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt


def release_pages(array: npt.NDArray[Any]) -> None:
    """Take the pages of an array mapped read-only out of this process; its next use brings them back from the file.

    Pages once read count as this process's memory though it may never need them again. Other arrays stay as they are.
    """
    owner: Any = array
    while owner is not None and not isinstance(owner, mmap.mmap):
        owner = getattr(owner, "base", None)
    if owner is not None and memoryview(owner).readonly:  # pages of others may have been written to
        owner.madvise(mmap.MADV_DONTNEED)
