"""What becomes of a batch's items: verified proofs, or errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernels.encoding import Limbs
    from prover.errors import ProverError
    from prover.groth16.proof import Proof


@dataclass(frozen=True)
class ProofResult:
    """One item of a batch: a verified proof, or the error that prevented it.

    Attributes
    ----------
    public_inputs
        ``uint64[public, 4]``, standard form; None without a proof.
    latency_s
        From the call of :meth:`ParallelProver.prove_batch` until this item was made, waiting for a thread included,
        verification of the batch excluded.
    proving_s
        The part of it in which a thread worked on this item.
    device_bytes
        Memory of a device that it took at most; 0 for an item that was proved without one.
    """

    proof: Proof | None
    public_inputs: Limbs | None = field(repr=False)
    error: ProverError | None
    latency_s: float
    proving_s: float
    device_bytes: int = 0


@dataclass(frozen=True)
class BatchResult:
    """Results in the order of the witnesses.

    Attributes
    ----------
    elapsed_s
        From the call until all proofs were verified.
    """

    items: tuple[ProofResult, ...]
    elapsed_s: float

    @property
    def proofs(self) -> list[Proof]:
        """The proofs of the items that succeeded."""
        return [item.proof for item in self.items if item.proof is not None]

    @property
    def errors(self) -> dict[int, ProverError]:
        """The errors of the items that failed, by index."""
        return {index: item.error for index, item in enumerate(self.items) if item.error is not None}
