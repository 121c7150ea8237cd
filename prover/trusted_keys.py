"""Keys from outside are validated once, then trusted by their id.

``validated/<key id>`` under the key directory records that a key of that id, which holds the sha256 of its every
array, has passed :func:`prover.groth16.validate_key`. Whoever can write there could as well replace keys.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prover.groth16.validate_key import validate_key
from prover.key_store import default_key_directory

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernels.backend import Backend
    from prover.groth16.keys import ProvingKey

_RECORDS: Final = "validated"
_CHECKS: Final = "points and coefficients, 1\n"
"""What a record stands for; a version that checks more writes something else."""


def validate_once(
    pk: ProvingKey,
    directory: Path | str | None = None,
    backend: Backend | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> bool:
    """Validate a key unless it has been on this machine before; return whether that was needed.

    Parameters
    ----------
    directory
        The key directory; defaults to :func:`~prover.key_store.default_key_directory`.
    on_progress
        Called with the number of points checked so far, and of all.

    Raises
    ------
    BadInput
        See :func:`prover.groth16.validate_key`; nothing is recorded then.
    """
    record = Path(directory or default_key_directory()) / _RECORDS / pk.key_id
    with contextlib.suppress(OSError):
        if record.read_text(encoding="ascii") == _CHECKS:
            return False
    validate_key(pk, backend, on_progress)
    with contextlib.suppress(OSError):  # a directory that cannot be written costs time, nothing else
        record.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".", dir=record.parent)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(_CHECKS)
        Path(temporary).replace(record)
    return True
