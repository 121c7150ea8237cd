"""How keys come to a worker's machine: set up here, or brought from outside and checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from prover.circuits import get_circuit
from prover.formats import open_zkey, read_r1cs
from prover.groth16 import validate_key
from prover.groth16.key_consistency import check_key_for
from prover.key_cache import shared_key
from prover.key_store import load_key, save_key
from prover.trusted_keys import validate_once

if TYPE_CHECKING:
    from kernels.backend import Backend
    from prover.ready_kernels import ReadyKernels


class KeyIntake:
    """Stores keys in a directory. Its methods are those of :class:`prover.worker.ProverWorker`."""

    def __init__(self, directory: Path, backend: Backend, kernels: ReadyKernels, threads: int) -> None:
        self._directory, self._backend, self._kernels, self._threads = directory, backend, kernels, threads

    def setup_circuit(self, name: str, curve: str, parameters: dict[str, int]) -> str:
        """Return the id of the machine's development key for a built-in circuit."""
        circuit = get_circuit(name, curve, **parameters)
        self._kernels.await_curve(circuit.curve.name)
        return shared_key(circuit, self._directory, self._backend, self._threads).key_id

    def validate_key(self, folder: str) -> None:
        """Check every point and coefficient of a key in a folder."""
        path = Path(folder)
        key = load_key(path.parent, path.name)
        self._kernels.await_curve(key.curve.name)
        validate_key(key, self._backend)

    def add_zkey(self, path: str, r1cs: str = "") -> str:
        """Validate and store a ``.zkey``; return its key's id."""
        opened = open_zkey(path)
        self._kernels.await_curve(opened.curve.name)
        key = opened.proving_key(self._backend)
        validate_once(key, self._directory, self._backend)
        if r1cs:
            system = read_r1cs(r1cs, self._backend).r1cs
            check_key_for(key, system, self._backend, self._threads)
            key = replace(key, r1cs=system)
        return save_key(key, self._directory)
