"""A group of jobs as it travels between the control plane and a worker: rows of witness arrays in, answers out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernels.encoding import Limbs
from prover.errors import BadInput, ProverError
from prover.proof_result import ProofResult


def witness_rows(
    arrays: Mapping[Any, Any], references: Sequence[Any], rows: Sequence[int]
) -> list[Limbs | ProverError]:
    """The jobs' witnesses as views of their batches, or why there is none.

    Parameters
    ----------
    arrays
        By reference what the submitter of a batch put there, or why it could not be had.
    """
    return [_row(arrays[reference], row) for reference, row in zip(references, rows, strict=True)]


def _row(array: Any, row: int) -> Limbs | ProverError:  # noqa: ANN401 - whatever its submitter put there
    if isinstance(array, ProverError):
        return array
    if not isinstance(array, np.ndarray) or array.ndim == 0 or not 0 <= row < len(array):
        return BadInput(f"the batch has no witness {row}; it must be one array uint64[batch, variables, 4]")
    witness: Limbs = array[row]
    return witness


def refusal(error: ProverError) -> dict[str, Any]:
    """The answer for a job that was not begun."""
    return answer(ProofResult(None, None, error, 0.0, 0.0))


def answer(item: ProofResult, host_bytes: int = 0) -> dict[str, Any]:
    """The answer for a job, see :meth:`prover.worker.ProverWorker.run_group`.

    Parameters
    ----------
    host_bytes
        Memory of the host that it took at most; 0 when that is not known.
    """
    made = item.proof is not None and item.public_inputs is not None
    return {
        "status": "ok" if made else "error",
        "payload": item.proof.to_bytes() if item.proof is not None else b"",
        "public_inputs": item.public_inputs.tobytes() if item.public_inputs is not None else b"",
        "error": item.error,
        "seconds": item.proving_s,
        "peak_bytes": item.device_bytes or host_bytes,
    }
