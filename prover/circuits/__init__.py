"""The built-in circuits, by name.

Examples
--------
>>> circuit = get_circuit("multiply", "bn254")
>>> circuit.r1cs.constraints
1
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kernels.curves import Curve, get_curve
from prover.circuit import Circuit
from prover.circuits import multiply, ringct
from prover.errors import BadInput


@dataclass(frozen=True)
class Definition:
    """How to build a circuit, and the values each of its parameters may take."""

    build: Callable[..., Circuit]
    parameters: Mapping[str, range]


CIRCUITS: Mapping[str, Definition] = {
    "multiply": Definition(multiply.build, {}),
    "ringct": Definition(ringct.build, ringct.PARAMETERS),
}

_built: dict[tuple[str, str, tuple[tuple[str, int], ...]], Circuit] = {}
_building = threading.Lock()


def get_circuit(name: str, curve: Curve | str, **parameters: int) -> Circuit:
    """Return a built-in circuit, built once per process.

    Parameters
    ----------
    name
        ``"multiply"`` (no parameters) or ``"ringct"`` (``depth``, ``inputs``, ``outputs``).

    Raises
    ------
    BadInput
        If there is no such circuit or curve, or a parameter is missing, unknown or out of range.
    """
    if name not in CIRCUITS:
        raise BadInput(f"no circuit is named {name!r}; there are {', '.join(CIRCUITS)}")
    try:
        found = curve if isinstance(curve, Curve) else get_curve(curve)
    except ValueError as error:
        raise BadInput(str(error)) from error
    _validate_parameters(name, parameters)
    key = (name, found.name, tuple(sorted(parameters.items())))
    with _building:
        if key not in _built:
            _built[key] = CIRCUITS[name].build(found, **parameters)
        return _built[key]


def _validate_parameters(name: str, given: Mapping[str, int]) -> None:
    allowed = CIRCUITS[name].parameters
    if given.keys() != allowed.keys():
        takes = ", ".join(allowed) or "no parameters"
        raise BadInput(f"{name} takes {takes}; given: {', '.join(sorted(given)) or 'none'}")
    for parameter, values in allowed.items():
        value = given[parameter]
        if type(value) is not int or value not in values:
            raise BadInput(f"{name}: {parameter} must be an integer in {values[0]} ... {values[-1]}, not {value!r}")


__all__ = ["CIRCUITS", "Definition", "get_circuit"]
