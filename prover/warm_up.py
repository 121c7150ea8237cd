"""Make a curve's kernels ready: compiled, or read from disk, before the first job needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prover.circuits import get_circuit
from prover.groth16 import Proof, prove, setup, validate_key, verify_batch

if TYPE_CHECKING:
    from kernels.backend import Backend
    from kernels.curves import Curve

_CIRCUITS: Final[tuple[tuple[str, dict[str, int]], ...]] = (
    ("multiply", {}),
    ("ringct", {"depth": 1, "inputs": 1, "outputs": 1}),
)
_BATCH: Final = 16
"""A tiny circuit, a small one and a batch: between them they reach the kernels for every size."""


def warm_up(curve: Curve | str, backend: Backend) -> None:
    """Prove and verify the smallest circuits: it compiles what jobs of any size need, and shows that it works.

    A minute or more the first time on a machine, about a second from disk; see
    :func:`kernels.cpu.compilation.observe_compilation` for what it does meanwhile.

    Raises
    ------
    InvalidProof, DeviceFault
        If the arithmetic is wrong here.
    """
    for name, parameters in _CIRCUITS:
        circuit = get_circuit(name, curve, **parameters)
        key = setup(circuit.r1cs, circuit.curve, backend=backend, circuit="warm-up", parameters={})
        validate_key(key, backend)
        witness = circuit.random_witnesses(1)[0]
        proof, statement = prove(key, witness, backend), circuit.public_inputs(witness)
        verify_batch(key.verifying_key, [proof] * _BATCH, [statement] * _BATCH, backend)
        Proof.from_bytes(proof.to_bytes(), backend)
