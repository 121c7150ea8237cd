"""The oracle: every operation of a backend on Python integers, as plainly as it can be written.

Only tests use it. It is slow, holds the GIL and ignores ``threads``.
"""

from __future__ import annotations

from kernels.reference.backend import ReferenceBackend

__all__ = ["ReferenceBackend"]
