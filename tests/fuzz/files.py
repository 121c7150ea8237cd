"""Files of circom and snarkjs, damaged: they are refused with BadInput, or hold something consistent.

Either takes little time and memory.
"""

from __future__ import annotations

import functools
import json
import random
import re
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kernels import ints_from_limbs
from kernels.backend import Backend
from kernels.selection import get_backend
from prover.errors import BadInput
from prover.formats.container import read_container
from prover.formats.ptau import parse_ptau
from prover.formats.r1cs_file import parse_r1cs
from prover.formats.snarkjs_json import (
    parse_json,
    proof_from_json,
    public_from_json,
    verifying_key_from_json,
)
from prover.formats.wtns import parse_wtns
from prover.formats.zkey import parse_zkey
from tests.fuzz.case import Case, Difference

VECTORS = Path(__file__).parents[1] / "vectors" / "circom"
FILES = {
    "r1cs": "circuit.r1cs",
    "wtns": "witness.wtns",
    "zkey": "circuit.zkey",
    "ptau": "powers.ptau",
    "proof": "proof.json",
    "public": "public.json",
    "vk": "verification_key.json",
}
MUTATIONS = 8
"""Damaged files of a case."""
MOST_S = 2.0
ROOM_BYTES = 1 << 20
ROOM_FACTOR = 64
"""What a parser may allocate: a megabyte, and so many times the file's length."""
_WORDS = (0, 1, 2, 0x7F, 0xFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63, 2**64 - 1)
_CURVES = {"bn254": "bn128", "bls12_381": "bls12381"}


def check_files(case: Case) -> None:
    """Damage a file in some places, and read it."""
    kind = case.rng.choice(tuple(FILES))
    whole = (VECTORS / _CURVES[case.curve.name] / FILES[kind]).read_bytes()
    for number in range(MUTATIONS):
        content = damaged(case.rng, whole)
        case.note(kind=kind, mutation=number, length=len(content))
        read(kind, content, case.backends["portable"])


def damaged(rng: random.Random, whole: bytes) -> bytes:
    """A file with a few bytes, words or parts changed, moved, doubled or missing."""
    content = bytearray(whole)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.choice((rng.randrange(len(content) + 1), min(len(content), 4 * rng.randrange(64))))
        change = rng.choice(("bit", "byte", "word", "word", "long", "cut", "drop", "double", "insert", "end"))
        if change == "bit" and at < len(content):
            content[at] ^= 1 << rng.randrange(8)
        elif change == "byte" and at < len(content):
            content[at] = rng.choice((0, 0x22, 0x2C, 0x5B, 0x7B, 0xFF, rng.randrange(256)))
        elif change == "word":
            content[at : at + 4] = (rng.choice(_WORDS) % 2**32).to_bytes(4, "little")
        elif change == "long":
            content[at : at + 8] = rng.choice(_WORDS).to_bytes(8, "little")
        elif change == "cut":
            del content[at:]
        elif change == "drop":
            del content[at : at + rng.choice((1, 4, 12, 36))]
        elif change == "double":
            content[at:at] = content[at : at + rng.choice((1, 12, 44, 300))]
        elif change == "insert":
            content[at:at] = rng.randbytes(rng.choice((1, 4, 64)))
        else:
            content += rng.randbytes(rng.choice((1, 12, 1000)))
    return bytes(content)


def read(kind: str, content: bytes, backend: Backend | None = None) -> bool:
    """Read a file's bytes, and say whether they were taken.

    Raises
    ------
    Difference
        If a parser raises anything but BadInput, takes long or much memory, gives something inconsistent, or tells of
        a witness.
    """
    backend = backend or get_backend("portable")
    _make_ready(kind, backend)
    started = time.process_time()
    tracemalloc.start()
    try:
        _READERS[kind](content, backend)
    except BadInput as refused:
        _check_message(kind, content, str(refused))
        return False
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        elapsed_s = time.process_time() - started
        if peak > ROOM_BYTES + ROOM_FACTOR * len(content):
            raise Difference(f"a .{kind} of {len(content)} bytes took {peak} bytes to read")
        if elapsed_s > MOST_S:
            raise Difference(f"a .{kind} of {len(content)} bytes took {elapsed_s:.1f} s to read")
    return True


@functools.cache
def _make_ready(kind: str, backend: Backend) -> None:
    """Load the kernels that a parser uses: that is not its time and memory."""
    for curve in _CURVES.values():
        _READERS[kind]((VECTORS / curve / FILES[kind]).read_bytes(), backend)


def _check_message(kind: str, content: bytes, message: str) -> None:
    if kind in {"r1cs", "wtns", "zkey", "ptau"} and "offset" not in message and "section" not in message:
        raise Difference(f"the message does not say where: {message}")
    values = np.frombuffer(content[76 : 76 + (len(content) - 76) // 32 * 32], "<u8").reshape(-1, 4)
    secrets = {str(value) for value in ints_from_limbs(values.astype(np.uint64))} if kind == "wtns" else set()
    shown = {number for number in re.findall(r"\d+", message) if len(number) > 12}
    if secrets & shown:
        raise Difference(f"the message tells of the witness: {message}")


def _consistent(holds: bool, what: str) -> None:
    if not holds:
        raise Difference(f"{what} of a damaged file was taken")


def _read_r1cs(content: bytes, backend: Backend) -> None:
    found = parse_r1cs(read_container(memoryview(content), "f", b"r1cs", (1,)), backend)
    for matrix in (found.r1cs.a, found.r1cs.b, found.r1cs.c):
        assert matrix is not None
        _check_matrix(matrix, found.r1cs.variables)
    _consistent(found.r1cs.public < found.r1cs.variables == len(found.labels), "a size")


def _read_wtns(content: bytes, _: Backend) -> None:
    found = parse_wtns(read_container(memoryview(content), "f", b"wtns", (2,)))
    values = ints_from_limbs(found.witness)
    _consistent(values[0] == 1 and max(values) < found.curve.fr.modulus, "a value")


def _read_zkey(content: bytes, backend: Backend) -> None:
    key = parse_zkey(read_container(memoryview(content), "f", b"zkey", (1,))).proving_key(backend)
    for matrix in (key.r1cs.a, key.r1cs.b):
        _check_matrix(matrix, key.metadata.variables)


def _read_ptau(content: bytes, _: Backend) -> None:
    powers = parse_ptau(read_container(memoryview(content), "f", b"ptau", (1,)))
    for log2_n in range(min(powers.power, 6) + 1):
        for points in (powers.lagrange_g1, powers.lagrange_g2, powers.lagrange_alpha, powers.lagrange_beta):
            _consistent(len(points(log2_n)) == 1 << log2_n, "a domain")
    powers.powers(1 << min(powers.power, 6))
    assert [powers.alpha_g1.shape, powers.beta_g1.shape, powers.beta_g2.shape]


def _check_matrix(matrix: Any, variables: int) -> None:
    indptr, indices = matrix.indptr, matrix.indices
    in_order = (
        indptr[0] == 0 and indptr[-1] == len(indices) == len(matrix.coefficients) and (np.diff(indptr) >= 0).all()
    )
    _consistent(bool(in_order) and (not len(indices) or 0 <= indices.min() <= indices.max() < variables), "a matrix")


def _json(read: Callable[..., object]) -> Callable[[bytes, Backend], None]:
    def read_content(content: bytes, backend: Backend) -> None:
        document = parse_json(content, "f")
        read(document, backend) if read is not public_from_json else read(document)
        assert json.dumps(document)

    return read_content


_READERS: dict[str, Callable[[bytes, Backend], None]] = {
    "r1cs": _read_r1cs,
    "wtns": _read_wtns,
    "zkey": _read_zkey,
    "ptau": _read_ptau,
    "proof": _json(proof_from_json),
    "public": _json(public_from_json),
    "vk": _json(verifying_key_from_json),
}
