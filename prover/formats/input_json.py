"""The inputs of a circom circuit: ``input.json``, or the same as Python objects.

An object holds a value for each input signal, by its name: a number, or nested lists of them for an array, or an object
for a bus. A number is a JSON integer, or a string in decimal, hexadecimal (``0x``), octal (``0o``) or binary (``0b``);
negative ones and those not below r are taken modulo r, as snarkjs does.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from prover.errors import BadInput
from prover.formats.snarkjs_json import read_json

Inputs: TypeAlias = Mapping[str, Any]
"""Values by signal."""

_NUMBER: Final = re.compile(r"\s*([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]([0-7]+)|0[bB]([01]+)|([0-9]+))\s*")
_BASES: Final = (16, 8, 2, 10)
_MOST_DIGITS: Final = 2048
_MOST_DEPTH: Final = 64
_EXACT: Final = 1 << 53
"""Above it not every integer is a floating-point number."""


def read_inputs(path: Path | str) -> list[Inputs]:
    """Read a file with the inputs of one witness, or with a list of them.

    Raises
    ------
    BadInput
        If it cannot be read, is no JSON, or neither an object nor a list of objects.
    """
    document = read_json(path)
    batch = document if isinstance(document, list) else [document]
    if not batch or not all(isinstance(item, Mapping) for item in batch):
        raise BadInput(f"{path} must hold an object with a value for each input signal, or a list of such objects")
    return batch


def signal_values(inputs: Inputs, modulus: int) -> dict[str, list[int]]:
    """Values in 0 ... modulus - 1 by the full name of each signal, arrays flat in row-major order.

    Raises
    ------
    BadInput
        Naming the signal and the element that is no number, or whose rows differ in length; never with a value.
    """
    if not isinstance(inputs, Mapping):
        raise BadInput("inputs must be an object with a value for each input signal")
    found: dict[str, list[int]] = {}
    for name, value in inputs.items():
        _collect(str(name), value, modulus, found, 0)
    return found


def _collect(name: str, value: Any, modulus: int, found: dict[str, list[int]], depth: int) -> None:  # noqa: ANN401
    if depth > _MOST_DEPTH:
        raise BadInput(f"input {name[:80]} is nested deeper than {_MOST_DEPTH} levels")
    if isinstance(value, Mapping):
        for key, part in value.items():
            _collect(f"{name}.{key}", part, modulus, found, depth + 1)
    elif _is_list(value) and _holds_objects(value, depth):
        for index, part in enumerate(value):
            _collect(f"{name}[{index}]", part, modulus, found, depth + 1)
    else:
        if name in found:
            raise BadInput(f"input {name} is given twice")
        numbers: list[int] = []
        _flatten(name, value, modulus, numbers, depth)
        found[name] = numbers


def _is_list(value: Any) -> bool:  # noqa: ANN401 - from outside
    return isinstance(value, list | tuple | np.ndarray)


def _holds_objects(value: Sequence[Any], depth: int) -> bool:
    return depth <= _MOST_DEPTH and any(
        isinstance(part, Mapping) or (_is_list(part) and _holds_objects(part, depth + 1)) for part in value
    )


def _flatten(name: str, value: Any, modulus: int, numbers: list[int], depth: int) -> tuple[int, ...]:  # noqa: ANN401
    """Append the numbers of nested lists; return their extents."""
    if depth > _MOST_DEPTH:
        raise BadInput(f"input {name[:80]} is nested deeper than {_MOST_DEPTH} levels")
    if not _is_list(value):
        numbers.append(_number(name, value) % modulus)
        return ()
    extents: tuple[int, ...] | None = None
    for index, part in enumerate(value):
        own = _flatten(f"{name}[{index}]", part, modulus, numbers, depth + 1)
        if extents is None:
            extents = own
        elif own != extents:
            raise BadInput(f"input {name}[{index}] has shape {_shape(own)}, {name}[0] has {_shape(extents)}")
    return (len(value), *(extents or ()))


def _shape(extents: tuple[int, ...]) -> str:
    return "".join(f"[{extent}]" for extent in extents) or "of a single number"


def _number(name: str, value: Any) -> int:  # noqa: ANN401 - from outside
    if isinstance(value, str):
        return _number_in_text(name, value)
    if isinstance(value, float):
        if value.is_integer() and abs(value) < _EXACT:
            return int(value)
        raise BadInput(f"input {name} is not exact: write it as an integer, or as a string of digits")
    try:
        return operator.index(value)
    except TypeError:
        raise BadInput(f"input {name} is no number: write an integer, or a string in decimal or 0x form") from None


def _number_in_text(name: str, text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise BadInput(f"input {name} has {len(text)} characters; at most {_MOST_DIGITS} are read")
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise BadInput(f"input {name} is no number: write an integer, or a string in decimal or 0x form")
    sign, *digits = match.groups()
    magnitude = next(int(part, base) for part, base in zip(digits, _BASES, strict=True) if part is not None)
    return -magnitude if sign == "-" else magnitude
