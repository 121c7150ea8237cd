"""``.r1cs``: a constraint system, as circom writes it.

Section 1: length of an element (u32), prime, then u32 wires, public outputs, public inputs, private inputs, u64
labels, u32 constraints. Section 2: of each constraint A, B and C, each a number of terms (u32), then wire (u32) and
coefficient of each term. Section 3: the label of each wire (u64). Sections 4 and 5 are PLONK's custom gates.

Source: github.com/iden3/r1csfile, ``doc/r1cs_bin_format.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

import kernels
from kernels.backend import SparseMatrix
from prover.errors import BadInput
from prover.formats.container import Container, Section, open_container, write_container
from prover.formats.fields import check_below_r, read_scalar_field, scalar_field_bytes
from prover.r1cs import R1CS

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from kernels.backend import Backend
    from kernels.curves import Curve
    from kernels.encoding import Limbs

MAGIC = b"r1cs"
VERSION = 1
_TERM_WORDS = 9
"""32-bit words of a term: its wire and its coefficient."""
_LEAST_CONSTRAINT_BYTES = 12
"""A constraint whose three combinations are empty."""
_CUSTOM_GATES = (4, 5)


@dataclass(frozen=True, eq=False)
class R1csHeader:
    """The numbers of a constraint system.

    Attributes
    ----------
    outputs, inputs, private_inputs
        Public outputs, public inputs and private inputs of the main component.
    labels
        Signals before simplification.
    """

    curve: Curve
    wires: int
    outputs: int
    inputs: int
    private_inputs: int
    labels: int
    constraints: int

    @property
    def public(self) -> int:
        """Public signals, without the constant."""
        return self.outputs + self.inputs


@dataclass(frozen=True, eq=False)
class R1csFile:
    """What a file holds.

    Attributes
    ----------
    labels
        ``uint64[wires]``: the label of each wire; its name stands beside the label in circom's ``.sym`` file.
    """

    header: R1csHeader
    r1cs: R1CS
    labels: npt.NDArray[np.uint64] = field(repr=False)


def read_r1cs(path: Path | str, backend: Backend | None = None) -> R1csFile:
    """Read a constraint system.

    Parameters
    ----------
    backend
        Puts the coefficients into Montgomery form; defaults to :func:`kernels.get_backend`.

    Raises
    ------
    BadInput
        Naming section and offset of what is wrong; also for a system with custom gates, which Groth16 cannot prove.
    """
    return parse_r1cs(open_container(path, MAGIC, (VERSION,)), backend)


def read_r1cs_header(path: Path | str) -> R1csHeader:
    """Read only the numbers of a constraint system; see :func:`read_r1cs`."""
    return _header(open_container(path, MAGIC, (VERSION,)))


def parse_r1cs(container: Container, backend: Backend | None = None) -> R1csFile:
    """Read a constraint system from a container; see :func:`read_r1cs`."""
    header = _header(container)
    labels = container.section(3, "wire to label")
    label_of: npt.NDArray[np.uint64] = labels.array("<u8", (header.wires,), f"{header.wires} labels")
    labels.finish()
    a, b, c = _constraints(container.section(2, "constraints"), header, backend or kernels.get_backend())
    r1cs = R1CS(header.curve, a, b, c, variables=header.wires, public=header.public)
    return R1csFile(header, r1cs, label_of)


def _header(container: Container) -> R1csHeader:
    section = container.section(1, "header")
    curve = read_scalar_field(section)
    wires = section.u32("the number of wires")
    outputs, inputs, private = (
        section.u32(f"the number of {what}") for what in ("outputs", "inputs", "private inputs")
    )
    labels = section.u64("the number of labels")
    constraints = section.u32("the number of constraints")
    section.finish()
    if 1 + outputs + inputs + private > wires:
        section.refuse(f"{wires} wires are too few for the constant and {outputs + inputs + private} signals")
    for kind in _CUSTOM_GATES:
        gates = container.sections.get(kind)
        if gates is not None and any(gates.buffer[gates.start : min(gates.end, gates.start + 4)]):
            raise BadInput(
                f"{container.source}: section {kind}, offset {gates.start}: the circuit uses custom gates, which "
                "Groth16 cannot prove; compile it without them"
            )
    return R1csHeader(curve, wires, outputs, inputs, private, labels, constraints)


def _constraints(section: Section, header: R1csHeader, backend: Backend) -> list[SparseMatrix]:
    if header.constraints * _LEAST_CONSTRAINT_BYTES > len(section):
        section.refuse(f"{header.constraints} constraints do not fit into {len(section)} bytes")
    if len(section) % 4:
        section.refuse(f"its length {len(section)} is no multiple of 4")
    words: npt.NDArray[np.uint32] = section.array("<u4", (len(section) // 4,), "its words")
    firsts, counts = _combinations(section, words, 3 * header.constraints)
    return [_matrix(section, header, words, firsts[k::3], counts[k::3], backend) for k in range(3)]


def _combinations(
    section: Section, words: npt.NDArray[np.uint32], count: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The word of the first term, and the number of terms, of each linear combination."""
    view, end = section.buffer[section.start : section.end].cast("I"), len(words)  # much faster than numpy's items
    firsts, counts = np.empty(count, np.int64), np.empty(count, np.int64)
    at = 0
    for number in range(count):
        if at >= end:
            section.refuse(f"it ends before constraint {number // 3}", section.start + 4 * at)
        terms = view[at]
        at += 1
        if terms > (end - at) // _TERM_WORDS:
            section.refuse(f"constraint {number // 3} claims {terms} terms, which do not fit", section.start + 4 * at)
        firsts[number], counts[number] = at, terms
        at += _TERM_WORDS * terms
    if at != end:
        section.refuse(f"{4 * (end - at)} bytes behind the last constraint", section.start + 4 * at)
    return firsts, counts


def _matrix(
    section: Section,
    header: R1csHeader,
    words: npt.NDArray[np.uint32],
    firsts: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    backend: Backend,
) -> SparseMatrix:
    indptr = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=indptr[1:])
    # Term t of a combination is at its first word and 9 t.
    places = np.repeat(firsts - _TERM_WORDS * indptr[:-1], counts) + _TERM_WORDS * np.arange(indptr[-1])
    wires = words[places]
    too_large = wires >= header.wires
    if too_large.any():
        index = int(np.argmax(too_large))
        section.refuse(f"wire {int(wires[index])} of {header.wires}", section.start + 4 * int(places[index]))
    values = np.empty((len(places), 8), np.uint32)
    for word in range(8):
        values[:, word] = words[places + (word + 1)]
    coefficients: Limbs = values.view("<u8").astype(np.uint64, copy=False)
    if len(places):
        check_below_r(
            section, header.curve, coefficients, lambda index: section.start + 4 * int(places[index]) + 4, "coefficient"
        )
        coefficients = backend.to_montgomery(header.curve, coefficients)
    return SparseMatrix(indptr, wires.astype(np.int32), coefficients)


def write_r1cs(
    path: Path | str, r1cs: R1CS, outputs: int = 0, private_inputs: int = 0, backend: Backend | None = None
) -> None:
    """Write a constraint system; the first ``outputs`` public signals are circom's outputs, the others inputs.

    Parameters
    ----------
    private_inputs
        How many of the private signals, the first ones, are inputs; recorded and of no consequence.

    Raises
    ------
    BadInput
        If the system's matrix C is not known, or the place cannot be written.
    """
    if r1cs.c is None:
        raise BadInput("the matrix C of the constraint system is not known; it cannot be written")
    backend = backend or kernels.get_backend()
    matrices = [_words(r1cs.curve, matrix, backend) for matrix in (r1cs.a, r1cs.b, r1cs.c)]
    header = scalar_field_bytes(r1cs.curve) + b"".join(
        number.to_bytes(length, "little")
        for number, length in (
            (r1cs.variables, 4),
            (outputs, 4),
            (r1cs.public - outputs, 4),
            (private_inputs, 4),
            (r1cs.variables, 8),
            (r1cs.constraints, 4),
        )
    )
    parts = [part for constraint in zip(*matrices, strict=True) for part in constraint]
    labels = np.arange(r1cs.variables, dtype="<u8")
    sections = [
        (1, len(header), [header]),
        (2, sum(part.nbytes for part in parts), parts),
        (3, labels.nbytes, [labels]),
    ]
    write_container(path, MAGIC, VERSION, sections)


def _words(curve: Curve, matrix: SparseMatrix, backend: Backend) -> list[memoryview]:
    """Each row as it stands in a file."""
    values = backend.from_montgomery(curve, matrix.coefficients) if len(matrix.indices) else matrix.coefficients
    terms = np.empty((len(matrix.indices), _TERM_WORDS), "<u4")
    terms[:, 0] = matrix.indices
    terms[:, 1:] = np.ascontiguousarray(values, dtype="<u8").view("<u4").reshape(-1, 8)
    # In front of each row its number of terms.
    counts = np.diff(matrix.indptr)
    words = np.empty(matrix.rows + terms.size, "<u4")
    starts = np.arange(matrix.rows) + _TERM_WORDS * matrix.indptr[:-1]
    is_term = np.ones(len(words), np.bool_)
    is_term[starts] = False
    words[starts], words[is_term] = counts, terms.reshape(-1)
    ends = [*starts.tolist(), len(words)]
    view = words.view(np.uint8).data
    return [view[4 * start : 4 * end] for start, end in pairwise(ends)]
