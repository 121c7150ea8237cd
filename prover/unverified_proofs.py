"""Proofs of a batch's items before they are verified: one by one, in rows, or together on a device.

What goes wrong with an item becomes its error; nothing is raised.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from kernels.backend import Backend
from kernels.cuda.device import DeviceError
from kernels.cuda.device_backend import DeviceBackend
from kernels.cuda.memory_plan import DoesNotFitError
from kernels.cuda.nvrtc import NvrtcError
from prover.errors import BadInput, DeviceFault, ProverError
from prover.groth16.keys import ProvingKey
from prover.groth16.phases import OnPhase, ShouldStop
from prover.groth16.proof import Proof
from prover.groth16.prove import prove_unverified
from prover.groth16.prove_rows import prove_rows
from prover.proof_result import ProofResult
from prover.r1cs import validate_shape

if TYPE_CHECKING:
    from kernels.encoding import Limbs
    from prover.table_store import TableStore

_log = logging.getLogger(__name__)

ShouldStopItem: TypeAlias = Callable[[int], bool]
"""Asked from the proving threads whether the item of that index is cancelled."""


def prove_item(
    pk: ProvingKey,
    witness: Limbs,
    backend: Backend,
    threads: int,
    submitted: float,
    should_stop: ShouldStop | None,
    on_phase: OnPhase | None,
    tables: TableStore | None,
) -> ProofResult:
    """Prove one item without verifying it; what goes wrong becomes the item's error."""
    begun = time.perf_counter()
    proof: Proof | None = None
    public_inputs: Limbs | None = None
    error: ProverError | None = None
    try:
        proof = prove_unverified(
            pk, witness, backend, threads=threads, should_stop=should_stop, on_phase=on_phase, tables=tables
        )
        public_inputs = witness[1 : pk.metadata.public + 1].copy()
    except ProverError as refused:
        error = refused.with_traceback(None)  # its frames hold the witness
    except DeviceError as failed:
        error = DeviceFault(f"backend {backend.name} failed: {failed}")
    except Exception as unexpected:  # noqa: BLE001 - one item must not take the batch down
        _log.exception("backend %s failed", backend.name)
        error = DeviceFault(f"backend {backend.name} failed with {type(unexpected).__name__}; see the log")
    ended = time.perf_counter()
    return ProofResult(proof, public_inputs, error, ended - submitted, ended - begun)


def prove_together(
    pk: ProvingKey,
    witnesses: Sequence[Limbs],
    backend: DeviceBackend,
    submitted: float,
    should_stop: ShouldStopItem | None,
    on_phase: OnPhase | None,
) -> list[ProofResult] | None:
    """Prove items together on a device without verifying them; None when it failed, which the backend is told."""
    from prover.groth16.prove_on_device import prove_on_device  # noqa: PLC0415 - loads compilers

    begun = time.perf_counter()
    taken: list[int] = []
    try:
        outcomes = prove_on_device(
            pk, witnesses, backend, should_stop=should_stop, on_phase=on_phase, on_memory=taken.append
        )
    except (DeviceError, NvrtcError, DoesNotFitError) as error:
        backend.failed(error)
        return None
    results = _results(pk, witnesses, outcomes, submitted, begun)
    return [replace(result, device_bytes=sum(taken)) for result in results]


def prove_in_rows(
    pk: ProvingKey,
    witnesses: Limbs | Sequence[Limbs],
    backend: Backend,
    submitted: float,
    should_stop: ShouldStopItem | None,
    on_phase: OnPhase | None,
    tables: TableStore | None,
) -> list[ProofResult]:
    """Prove items of a small circuit together without verifying them; what goes wrong becomes the items' error."""
    begun = time.perf_counter()
    of_one_shape = isinstance(witnesses, np.ndarray)
    errors = [_shape_error(pk, witness) for witness in (witnesses[:1] if of_one_shape else witnesses)]
    outcomes: list[Proof | ProverError] = [error or _NOT_MADE for error in errors]
    outcomes *= len(witnesses) // len(errors)
    shaped = [row for row, outcome in enumerate(outcomes) if outcome is _NOT_MADE]
    stop = None if should_stop is None else (lambda row: should_stop(shaped[row]))
    if shaped:
        rows = np.ascontiguousarray(witnesses if len(shaped) == len(witnesses) else [witnesses[row] for row in shaped])
        try:
            made = prove_rows(pk, rows, backend, should_stop=stop, on_phase=on_phase, tables=tables)
        except DeviceError as failed:
            made = [DeviceFault(f"backend {backend.name} failed: {failed}")] * len(shaped)
        except Exception as unexpected:  # noqa: BLE001 - as for single items
            _log.exception("backend %s failed", backend.name)
            fault = DeviceFault(f"backend {backend.name} failed with {type(unexpected).__name__}; see the log")
            made = [fault] * len(shaped)
        for row, outcome in zip(shaped, made, strict=True):
            outcomes[row] = outcome
    return _results(pk, witnesses, outcomes, submitted, begun)


_NOT_MADE = DeviceFault("the proof was not made")


def _shape_error(pk: ProvingKey, witness: Limbs) -> ProverError | None:
    try:
        validate_shape(witness, (pk.r1cs.variables, 4), "witness")
    except BadInput as refused:
        return refused.with_traceback(None)  # its frames hold the witness
    return None


def _results(
    pk: ProvingKey,
    witnesses: Limbs | Sequence[Limbs],
    outcomes: Sequence[Proof | ProverError],
    submitted: float,
    begun: float,
) -> list[ProofResult]:
    """Items that were proved together: each counts its share of the time."""
    ended = time.perf_counter()
    each = (ended - begun) / len(witnesses)
    results = []
    for outcome, witness in zip(outcomes, witnesses, strict=True):
        if isinstance(outcome, ProverError):
            results.append(ProofResult(None, None, outcome, ended - submitted, each))
        else:
            statement = witness[1 : pk.metadata.public + 1].copy()
            results.append(ProofResult(outcome, statement, None, ended - submitted, each))
    return results
