"""The same on a real card. ``make gpu-selftest`` runs these."""

import numpy as np
import pytest

from kernels import limbs_from_ints, points_from_ints
from kernels.cuda.inspection import inspect
from kernels.cuda.self_test import self_test
from kernels.selection import cpu_backend, cuda_backend, sees_gpu

PROBLEM = inspect().problem()
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not sees_gpu() or PROBLEM is not None, reason=f"no usable GPU: {(PROBLEM or ('hidden',))[0]}"),
]
CPU = cpu_backend()


@pytest.fixture(scope="module")
def device():
    backend = cuda_backend()
    yield backend
    backend.close()


def test_known_answers(device):
    self_test(device, CPU)


@pytest.mark.parametrize("table_bytes", [0, 1 << 26])
@pytest.mark.parametrize("log2_n", [10, 16])
def test_sums(device, curve, group, rng, log2_n, table_bytes):
    n, r = 1 << log2_n, curve.fr.modulus
    generator = points_from_ints(curve, group, [curve.g1_generator if group == "g1" else curve.g2_generator])[0]
    some = CPU.multiply_base(curve, group, generator, limbs_from_ints([rng.randrange(r) for _ in range(256)], 4))
    points = np.tile(some, (n // 256, *(1,) * (some.ndim - 1)))
    rows = np.stack([
        limbs_from_ints([rng.randrange(r) for _ in range(n)], 4),
        limbs_from_ints([rng.randrange(2) for _ in range(n)], 4),
        limbs_from_ints([1] * n, 4),
    ])  # fmt: skip
    expected = CPU.msm(CPU.load_bases(curve, group, points), rows, threads=4)
    bases = device.load_bases(curve, group, points, table_bytes)
    for _ in range(3):
        assert np.array_equal(device.msm(bases, rows), expected)


@pytest.mark.parametrize("log2_n", [0, 1, 9, 10, 11, 16, 21])
def test_transforms(device, curve, rng, log2_n):
    some = limbs_from_ints([rng.randrange(curve.fr.modulus) for _ in range(min(1 << log2_n, 1 << 12))], 4)
    values = np.tile(some, ((1 << log2_n) // len(some), 1))
    for inverse in (False, True):
        for coset in (None, 7):
            expected = CPU.ntt(curve, values, inverse, coset, threads=4)
            assert np.array_equal(device.ntt(curve, values, inverse, coset), expected)


def test_a_batch_of_verified_proofs(device):
    from prover import ParallelProver, groth16
    from prover.circuits import get_circuit
    from prover.parallel import ProverConfig

    circuit = get_circuit("ringct", "bls12_381", depth=1, inputs=1, outputs=1)
    key = groth16.setup(circuit.r1cs, circuit.curve, backend=CPU, circuit="ringct", parameters={})
    batch = ParallelProver(key, ProverConfig(backend=device)).prove_batch(circuit.random_witnesses(32))
    assert len(batch.proofs) == 32
