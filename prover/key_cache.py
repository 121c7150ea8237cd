"""One development setup for each circuit: per process however many threads ask, per machine however many processes.

Beside the keys, ``circuits/<fingerprint>`` holds the id of the key made for a constraint system, and a lock of the same
name is held while it is made. A circuit whose constraints change has another fingerprint and gets another key.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from prover.computed_once import ComputedOnce
from prover.errors import KeyNotFound
from prover.groth16.keys import MATRICES, ProvingKey, array_digest, canonical_json
from prover.groth16.setup import setup
from prover.key_store import default_key_directory, load_key, save_key

if TYPE_CHECKING:
    from kernels.backend import Backend
    from prover.circuit import Circuit

_CIRCUITS = "circuits"

_keys: ComputedOnce[tuple[Path, str], ProvingKey] = ComputedOnce(capacity=16)

MakeKey: TypeAlias = "Callable[[Circuit], ProvingKey]"


def shared_key(
    circuit: Circuit,
    directory: Path | str | None = None,
    backend: Backend | None = None,
    threads: int = 1,
    make: MakeKey | None = None,
) -> ProvingKey:
    """Return the machine's development key for a circuit, made at the first call on this machine.

    Parameters
    ----------
    directory
        Where keys are stored; defaults to :func:`~prover.key_store.default_key_directory`.
    make
        Makes the key if there is none; defaults to :func:`prover.groth16.setup`.

    Returns
    -------
    The key, its arrays mapped from disk: processes that use it share their memory.

    Raises
    ------
    BadInput
        If the stored key is damaged.
    """
    place = Path(directory or default_key_directory()).absolute()
    fingerprint = circuit_fingerprint(circuit)
    make = make or partial(_setup, backend=backend, threads=threads)
    load_or_make = partial(_load_or_make, circuit, place, fingerprint, make)
    key = _keys.get((place, fingerprint), load_or_make)
    if not (place / key.key_id).is_dir():  # removed since
        _keys.forget((place, fingerprint))
        key = _keys.get((place, fingerprint), load_or_make)
    return key


def circuit_fingerprint(circuit: Circuit) -> str:
    """Sha256 over a circuit's name, parameters, curve, sizes, constraint names and matrices, hexadecimal."""
    r1cs = circuit.r1cs
    matrices = [getattr(r1cs, name) for name in MATRICES]
    described = {
        "circuit": circuit.name,
        "parameters": dict(circuit.parameters),
        "curve": r1cs.curve.name,
        "variables": r1cs.variables,
        "public": r1cs.public,
        "names": list(r1cs.constraint_names),
        "matrices": [[array_digest(part) for part in (m.indptr, m.indices, m.coefficients)] for m in matrices],
    }
    return hashlib.sha256(canonical_json(described)).hexdigest()


def _setup(circuit: Circuit, backend: Backend | None, threads: int) -> ProvingKey:
    return setup(
        circuit.r1cs,
        circuit.r1cs.curve,
        secrets,
        backend,
        circuit=circuit.name,
        parameters=circuit.parameters,
        threads=threads,
    )


def _load_or_make(circuit: Circuit, directory: Path, fingerprint: str, make: MakeKey) -> ProvingKey:
    index = directory / _CIRCUITS / fingerprint
    index.parent.mkdir(parents=True, exist_ok=True)
    with _locked(index.with_suffix(".lock")):
        try:
            return load_key(directory, index.read_text(encoding="utf-8"))
        except (FileNotFoundError, KeyNotFound):  # never made, or removed since
            key_id = save_key(make(circuit), directory)
        written = index.with_suffix(".new")
        written.write_text(key_id, encoding="utf-8")
        written.replace(index)
    return load_key(directory, key_id)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock against other processes; the kernel releases it if this one dies."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
