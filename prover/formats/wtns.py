"""``.wtns``: a witness, as circom's calculators and snarkjs write it.

Section 1: length of an element (u32), prime, number of elements (u32). Section 2: the elements in standard form; the
constant 1, public outputs, public inputs, then private signals.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from prover.formats.container import Container, Content, open_container, write_container
from prover.formats.fields import ELEMENT_BYTES, check_below_r, read_scalar_field, scalar_field_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from kernels.curves import Curve
    from kernels.encoding import Limbs

MAGIC = b"wtns"
VERSION = 2


@dataclass(frozen=True, eq=False)
class WitnessFile:
    """What a file holds.

    Attributes
    ----------
    curve
        Whose scalar field the values are of.
    witness
        ``uint64[variables, 4]``: standard form, below r, the first one 1.
    """

    curve: Curve
    witness: Limbs = field(repr=False)


def read_wtns(path: Path | str) -> WitnessFile:
    """Read a witness.

    Raises
    ------
    BadInput
        Naming section and offset of what is wrong, never a value.
    """
    return parse_wtns(open_container(path, MAGIC, (VERSION,)))


def parse_wtns(container: Container) -> WitnessFile:
    """Read a witness from a container; see :func:`read_wtns`."""
    header = container.section(1, "header")
    curve = read_scalar_field(header)
    at = header.at
    count = header.u32("the number of elements")
    header.finish()
    if not count:
        header.refuse("a witness has at least the constant", at)
    values = container.section(2, "values")
    mapped: Limbs = values.array("<u8", (count, 4), f"{count} elements")
    values.finish()
    witness = np.array(mapped, dtype=np.uint64, order="C")  # the file's place for them is aligned to 4 bytes only
    check_below_r(values, curve, witness, lambda index: values.start + ELEMENT_BYTES * index, "element")
    if witness[0].tolist() != [1, 0, 0, 0]:
        values.refuse("element 0 is the constant and must be 1", values.start)
    return WitnessFile(curve, witness)


def write_wtns(path: Path | str, curve: Curve, witness: Limbs) -> None:
    """Write a witness ``uint64[variables, 4]``, standard form; only its owner may read the file.

    Raises
    ------
    BadInput
        If the place cannot be written.
    """
    header = scalar_field_bytes(curve) + len(witness).to_bytes(4, "little")
    content = np.ascontiguousarray(witness, dtype="<u8")
    sections: list[tuple[int, int, Content]] = [(1, len(header), [header]), (2, content.nbytes, [content])]
    write_container(path, MAGIC, VERSION, sections, mode=0o600)
