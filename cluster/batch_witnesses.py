"""The witnesses of a batch, from whatever a submitter has, as the one array that is sent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

from kernels.encoding import Limbs
from prover.errors import BadInput
from prover.formats.wtns import read_wtns
from prover.groth16 import KeyMetadata
from prover.r1cs import validate_shape

Witness: TypeAlias = "Limbs | Path | str | BadInput"
"""One item of a batch: ``uint64[variables, 4]``, a ``.wtns`` file, or the error of an item that has no witness."""


def well_formed(witnesses: Limbs | Sequence[Witness], key: KeyMetadata) -> tuple[Limbs, dict[int, BadInput]]:
    """The items that have the form of a witness as one array, and the errors of the others by index."""
    variables = key.variables
    if isinstance(witnesses, np.ndarray):
        array = np.ascontiguousarray(witnesses)
        if array.ndim == 3 and not len(array):
            return array, {}
        validate_shape(array, (None, variables, 4), "a batch of witnesses for this key")
        return array, {}
    kept: list[Limbs] = []
    refused: dict[int, BadInput] = {}
    for index, witness in enumerate(witnesses):
        try:
            item = _limbs(witness, key)
            validate_shape(item, (variables, 4), f"item {index}: a witness for this key")
            kept.append(item)
        except BadInput as error:
            refused[index] = error
    return (np.stack(kept) if kept else np.empty((0, variables, 4), np.uint64)), refused


def _limbs(witness: Witness, key: KeyMetadata) -> Limbs:
    if isinstance(witness, BadInput):
        raise witness
    if isinstance(witness, Path | str):
        given = read_wtns(witness)
        if given.curve.name != key.curve:
            raise BadInput(f"{witness}: the witness is over the scalars of {given.curve.name}, the key on {key.curve}")
        return given.witness
    return np.ascontiguousarray(witness) if isinstance(witness, np.ndarray) else witness
