"""Make a curve's kernels ready: compiled, or read from disk, before the first job needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kernels.curves import Group, get_curve
from kernels.encoding import limbs_from_ints, points_from_ints
from prover.circuits import get_circuit
from prover.groth16 import Proof, prove, setup, validate_key, verify_batch

if TYPE_CHECKING:
    from kernels.backend import Backend
    from kernels.curves import Curve

_CIRCUITS: Final[tuple[tuple[str, dict[str, int]], ...]] = (
    ("multiply", {}),
    ("ringct", {"depth": 1, "inputs": 1, "outputs": 1}),
)
_POINTS: Final = 64
"""Points of a multiplication without tables, which cuts scalars by endomorphisms, as large keys do."""

_BATCH: Final = 16
"""A tiny circuit, a small one and a batch: between them they reach the kernels for every size."""


def warm_up(curve: Curve | str, backend: Backend) -> None:
    """Prove and verify the smallest circuits: it compiles what jobs of any size need, and shows that it works.

    Most of a minute the first time on a machine, about a second from disk; see
    :func:`kernels.cpu.compilation.observe_compilation` for what it does meanwhile.

    Raises
    ------
    InvalidProof, DeviceFault
        If the arithmetic is wrong here.
    """
    curve = get_curve(curve) if isinstance(curve, str) else curve
    scalars = limbs_from_ints(range(1, _POINTS + 1), 4)
    groups: tuple[Group, ...] = ("g1", "g2")
    for group in groups:
        generator = points_from_ints(curve, group, [curve.g1_generator if group == "g1" else curve.g2_generator])[0]
        points = backend.multiply_base(curve, group, generator, scalars)
        backend.msm(backend.load_bases(curve, group, points), scalars)
        backend.in_subgroup(curve, group, points)
    for name, parameters in _CIRCUITS:
        circuit = get_circuit(name, curve, **parameters)
        key = setup(circuit.r1cs, circuit.curve, backend=backend, circuit="warm-up", parameters={})
        validate_key(key, backend)
        witness = circuit.random_witnesses(1)[0]
        proof, statement = prove(key, witness, backend), circuit.public_inputs(witness)
        verify_batch(key.verifying_key, [proof] * _BATCH, [statement] * _BATCH, backend)
        Proof.from_bytes(proof.to_bytes(), backend)
