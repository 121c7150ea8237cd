"""The same constraint system and witness for peers that read circom's files.

Formats: github.com/iden3/r1csfile (doc/r1cs_bin_format.md) and the ``.wtns`` files of snarkjs: a magic word, a version,
sections of type, length and content; everything little-endian, field elements in standard form.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path

from kernels import Array, Curve, SparseMatrix, ints_from_montgomery
from prover.r1cs import R1CS

_ELEMENT_BYTES = 32


def write_r1cs(path: Path, r1cs: R1CS, outputs: int) -> None:
    """Write a constraint system; the first ``outputs`` public signals are circom's outputs, the others inputs."""
    matrices = [_rows(r1cs.curve, matrix) for matrix in (r1cs.a, r1cs.b, r1cs.c)]
    counts = struct.pack(
        "<IIIIQI",
        r1cs.variables,
        outputs,
        r1cs.public - outputs,
        r1cs.variables - r1cs.public - 1,
        r1cs.variables,
        r1cs.constraints,
    )
    header = _field(r1cs.curve) + counts
    constraints = b"".join(row for constraint in zip(*matrices, strict=True) for row in constraint)
    labels = struct.pack(f"<{r1cs.variables}Q", *range(r1cs.variables))
    path.write_bytes(_container(b"r1cs", 1, {1: header, 2: constraints, 3: labels}))


def write_wtns(path: Path, curve: Curve, witness: Array) -> None:
    """Write a witness ``uint64[variables, 4]``, standard form."""
    header = _field(curve) + struct.pack("<I", len(witness))
    path.write_bytes(_container(b"wtns", 2, {1: header, 2: witness.tobytes()}))


def _field(curve: Curve) -> bytes:
    return struct.pack("<I", _ELEMENT_BYTES) + curve.fr.modulus.to_bytes(_ELEMENT_BYTES, "little")


def _rows(curve: Curve, matrix: SparseMatrix) -> list[bytes]:
    """Each row as a number of terms, then signal and coefficient of each."""
    values = ints_from_montgomery(curve.fr, matrix.coefficients)
    terms = [
        struct.pack("<I", signal) + value.to_bytes(_ELEMENT_BYTES, "little")
        for signal, value in zip(matrix.indices.tolist(), values, strict=True)
    ]
    return [
        struct.pack("<I", end - start) + b"".join(terms[start:end]) for start, end in pairwise(matrix.indptr.tolist())
    ]


def _container(magic: bytes, version: int, sections: dict[int, bytes]) -> bytes:
    parts = [magic, struct.pack("<II", version, len(sections))]
    for kind, content in sections.items():
        parts += [struct.pack("<IQ", kind, len(content)), content]
    return b"".join(parts)
