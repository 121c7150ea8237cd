"""The check a proving key from outside must pass once, before its first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import kernels
from prover.errors import BadInput
from prover.groth16.keys import ELEMENTS, QUERIES, ProvingKey
from prover.groth16.membership import outside_group
from prover.groth16.verify import prepare_verifying_key
from prover.r1cs import values_at_or_above

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernels.backend import Backend


_CHUNK = 1 << 14
"""Points checked at a time: a copy of a mapped key's points stays small, and progress shows."""


def validate_key(
    pk: ProvingKey, backend: Backend | None = None, on_progress: Callable[[int, int], None] | None = None
) -> None:
    """Check every point and coefficient of a proving key; sizes were checked when it was constructed.

    The key is trusted by its id afterwards. That it belongs to its constraint system is not checked: that takes the
    transcript of its ceremony.

    Parameters
    ----------
    on_progress
        Called with the number of points checked so far, and of all.

    Raises
    ------
    BadInput
        Naming the query and the index of the first point off the curve or outside its subgroup, or the matrix and
        the index of the first coefficient that is not reduced.
    """
    backend = backend or kernels.get_backend()
    checked, total = 0, len(ELEMENTS) + sum(len(getattr(pk, name)) for name in QUERIES)
    for name, group in {**ELEMENTS, **QUERIES}.items():
        points = getattr(pk, name) if name in QUERIES else getattr(pk, name)[np.newaxis]
        for start in range(0, len(points), _CHUNK):
            chunk = points[start : start + _CHUNK]
            outside = outside_group(backend, pk.curve, group, chunk)
            if outside.any():
                which = f"point {start + int(outside.argmax())} of {name}" if name in QUERIES else name
                raise BadInput(f"{which} of the key is off the curve or outside its subgroup; do not use it")
            checked += len(chunk)
            if on_progress is not None:
                on_progress(checked, total)
    for name, matrix in pk.matrices.items():
        too_large = values_at_or_above(matrix.coefficients, pk.curve.fr.modulus)
        if too_large.any():
            raise BadInput(
                f"coefficient {int(too_large.argmax())} of matrix {name} is not below r; export the key again"
            )
    prepare_verifying_key(pk.verifying_key, backend)
