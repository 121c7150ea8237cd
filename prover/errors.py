"""What can go wrong while proving, as one tree.

::

    ProverError                   code
    ├── BadInput (ValueError)     bad_input          the caller's input is wrong; the same call fails again
    │   └── UnsatisfiedConstraint unsatisfied_constraint
    ├── InvalidProof              invalid_proof      a proof does not verify
    ├── KeyNotFound (KeyError)    key_not_found      no proving key has that id
    ├── DeviceFault               device_fault       the arithmetic went wrong; another device may succeed
    └── Cancelled                 cancelled          the caller asked to stop

Messages say what to do next and never contain a witness value. Every error survives pickling, attributes included.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar


class ProverError(Exception):
    """Base of every error of the prover.

    Attributes
    ----------
    code
        Stable identifier for programs, logs and metrics.
    """

    code: ClassVar[str] = "prover_error"


class BadInput(ProverError, ValueError):  # noqa: N818 - the name of the design; what it is, not that it is an error
    """Malformed, out of range, or inconsistent input."""

    code = "bad_input"


class UnsatisfiedConstraint(BadInput):
    """A witness does not satisfy a constraint.

    Attributes
    ----------
    index
        Row of the constraint system.
    name
        The constraint's name, or ``""`` when the system has no names.
    """

    code = "unsatisfied_constraint"

    def __init__(self, index: int, name: str = "") -> None:
        called = f" ({name})" if name else ""
        super().__init__(
            f"the witness does not satisfy constraint {index}{called}; compute it again from consistent inputs"
        )
        self.index = index
        self.name = name

    def __reduce__(self) -> tuple[type[UnsatisfiedConstraint], tuple[Any, ...]]:
        return type(self), (self.index, self.name)


class InvalidProof(ProverError):  # noqa: N818 - see BadInput
    """A proof does not verify.

    Attributes
    ----------
    indices
        Positions of the bad proofs in the batch; empty for a single proof.
    """

    code = "invalid_proof"

    def __init__(
        self, message: str = "the proof does not verify; do not accept it", indices: Iterable[int] = ()
    ) -> None:
        super().__init__(message)
        self.indices = tuple(indices)

    def __reduce__(self) -> tuple[type[InvalidProof], tuple[Any, ...]]:
        return type(self), (str(self), self.indices)


class KeyNotFound(ProverError, KeyError):  # noqa: N818 - see BadInput
    """No proving key has the requested id."""

    code = "key_not_found"

    def __str__(self) -> str:
        return Exception.__str__(self)  # KeyError would print the message's repr


class DeviceFault(ProverError):  # noqa: N818 - see BadInput
    """A device computed something wrong or failed; the work itself may succeed elsewhere."""

    code = "device_fault"


class Cancelled(ProverError):  # noqa: N818 - see BadInput
    """The work was stopped because its caller asked for it."""

    code = "cancelled"
