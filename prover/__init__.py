"""Groth16 proving: circuits, keys, proofs and the in-process prover.

Everything here knows nothing of the cluster; :mod:`prover.worker` alone knows Ray.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from prover.errors import (
    BadInput,
    Cancelled,
    DeviceFault,
    InvalidProof,
    KeyNotFound,
    ProverError,
    UnsatisfiedConstraint,
)

if TYPE_CHECKING:
    from prover import circuits, formats, groth16
    from prover.calculator_instance import CalculatorLimits
    from prover.circuits import get_circuit
    from prover.groth16 import Proof, ProvingKey, VerifyingKey
    from prover.key_cache import shared_key
    from prover.key_store import load_key, save_key
    from prover.parallel import ParallelProver, ProverConfig
    from prover.pool import PoolStats, ProverPool, get_pool_stats
    from prover.proof_result import BatchResult, ProofResult
    from prover.witness_calculator import WitnessCalculator

_HOMES = {
    "BatchResult": "prover.proof_result",
    "CalculatorLimits": "prover.calculator_instance",
    "ParallelProver": "prover.parallel",
    "PoolStats": "prover.pool",
    "Proof": "prover.groth16",
    "ProofResult": "prover.proof_result",
    "ProverConfig": "prover.parallel",
    "ProverPool": "prover.pool",
    "ProvingKey": "prover.groth16",
    "VerifyingKey": "prover.groth16",
    "WitnessCalculator": "prover.witness_calculator",
    "get_circuit": "prover.circuits",
    "get_pool_stats": "prover.pool",
    "load_key": "prover.key_store",
    "save_key": "prover.key_store",
    "shared_key": "prover.key_cache",
}
_SUBMODULES = ("circuits", "formats", "groth16")

__all__ = [
    "BadInput",
    "BatchResult",
    "CalculatorLimits",
    "Cancelled",
    "DeviceFault",
    "InvalidProof",
    "KeyNotFound",
    "ParallelProver",
    "PoolStats",
    "Proof",
    "ProofResult",
    "ProverConfig",
    "ProverError",
    "ProverPool",
    "ProvingKey",
    "UnsatisfiedConstraint",
    "VerifyingKey",
    "WitnessCalculator",
    "circuits",
    "formats",
    "get_circuit",
    "get_pool_stats",
    "groth16",
    "load_key",
    "save_key",
    "shared_key",
]


def __getattr__(name: str) -> object:
    # Whoever only handles errors, as the command line does before it has work, does not wait for numba.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _SUBMODULES:
        return import_module(f"prover.{name}")
    raise AttributeError(f"module 'prover' has no attribute {name!r}")
