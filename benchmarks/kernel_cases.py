"""Cases of single kernels: field, MSM, NTT, pairing, verification. One thread."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import types

from benchmarks import arkworks
from benchmarks.operands import MsmOperands, generator
from benchmarks.paired import OURS, Case, Contender, timed
from benchmarks.scope import TABLE_BYTES, Scope
from kernels import BLS12_381, CURVES, Array, Backend, Curve, PrimeField, get_backend, limbs_from_ints, points_to_ints
from kernels.cpu.compilation import U64, U64_OUT, KernelSet
from kernels.cpu.operation import RingSpec, operation
from prover import groth16
from prover.circuits import get_circuit

WITH_TABLES = f"{OURS}, tables"
PORTABLE = f"{OURS}, portable"


def kernel_cases(scope: Scope, backend: Backend) -> Iterator[Case]:
    """All of them, made one by one: operands of large sizes are not kept."""
    for curve in CURVES:
        yield _field_case(curve.fp)
        yield _field_case(curve.fr)
    for curve in CURVES:
        for group, sizes in scope.msm.items():
            for log2_n in sizes:
                yield _msm_case(MsmOperands(curve, group, log2_n), backend, scope.portable_up_to)
    for curve in CURVES:
        for log2_n in scope.ntt:
            yield _ntt_case(curve, log2_n, backend)
    for curve in CURVES:
        for n in scope.pairings:
            yield _pairing_case(curve, n, backend)
        yield _verification_case(curve, backend)


def _field_case(prime_field: PrimeField) -> Case:
    """Independent in-cache products, one after the other in scalar code."""
    multiply = operation(RingSpec(prime_field), lambda a, b: a * b, (1, 1), 1)
    repetitions, n = 5_000, 16

    @KernelSet(f"benchmark.{prime_field.name}").kernel(U64, U64, types.int64, types.int64, U64_OUT)
    def products(left: Any, right: Any, n: int, repetitions: int, out: Any) -> None:  # noqa: ANN401 - kernel arguments
        for _ in range(repetitions):
            for i in range(n):
                multiply(out, i, left, i, right, i)

    rng = random.Random(1)
    left, right = (
        limbs_from_ints([rng.randrange(prime_field.modulus) for _ in range(n)], prime_field.limbs).reshape(-1)
        for _ in range(2)
    )
    out = np.empty_like(left)
    run = timed(lambda: products(left, right, n, repetitions, out), n * repetitions)
    return Case(f"multiplication {prime_field.name}", 1, {OURS: run})


def _msm_case(operands: MsmOperands, backend: Backend, portable_up_to: int) -> Case:
    curve, group = operands.curve, operands.group
    points, scalars = operands.points(backend), operands.scalar_limbs()
    contenders: dict[str, Contender] = {}
    results: dict[str, Array] = {}

    def add(name: str, chosen: Backend, table_bytes: int) -> None:
        bases = chosen.load_bases(curve, group, points, table_bytes)
        contenders[name] = timed(lambda: chosen.msm(bases, scalars))
        results[name] = chosen.msm(bases, scalars)

    add(OURS, backend, 0)
    add(WITH_TABLES, backend, TABLE_BYTES)
    if backend.name != "portable" and operands.log2_n <= portable_up_to:
        add(PORTABLE, get_backend("portable"), 0)
    encoded = {name: _big_endian(curve, operands, point) for name, point in results.items()}
    if curve is BLS12_381:
        peer = arkworks.msm(operands)
        contenders[arkworks.NAME] = timed(peer)
        encoded[arkworks.NAME] = peer()
    if len(set(encoded.values())) != 1:
        raise AssertionError(f"the results of an MSM of 2^{operands.log2_n} in {group} of {curve.name} differ")
    return Case(f"MSM {curve.name} {group}", operands.n, contenders)


def _big_endian(curve: Curve, operands: MsmOperands, point: Array) -> bytes:
    """Coordinates as arkworks writes them: x, y, of Fp2 the lower coefficient first."""
    (affine,) = points_to_ints(curve, operands.group, point[np.newaxis])
    if affine is None:
        raise AssertionError("a random MSM is not infinity")
    values = [value for c in affine for value in (c if isinstance(c, tuple) else (c,))]
    return b"".join(value.to_bytes(8 * curve.fp.limbs, "big") for value in values)


def _ntt_case(curve: Curve, log2_n: int, backend: Backend) -> Case:
    values = MsmOperands(curve, "g1", log2_n).scalar_limbs()
    return Case(f"NTT {curve.name}", 1 << log2_n, {OURS: timed(lambda: backend.ntt(curve, values))})


def _pairing_case(curve: Curve, n: int, backend: Backend) -> Case:
    g1 = np.repeat(generator(curve, "g1")[np.newaxis], n, axis=0)
    g2 = np.repeat(generator(curve, "g2")[np.newaxis], n, axis=0)
    contenders = {OURS: timed(lambda: backend.pairing_product_is_one(curve, g1, g2))}
    if curve is BLS12_381:
        contenders[arkworks.NAME] = timed(arkworks.pairing_product(n))
    return Case(f"product of pairings {curve.name}", n, contenders)


def _verification_case(curve: Curve, backend: Backend) -> Case:
    """A Groth16 verification, subgroup checks of the proof included; beside it the peer's bare product of four."""
    circuit = get_circuit("multiply", curve)
    pk = groth16.setup(circuit.r1cs, curve, backend=backend)
    witness = circuit.random_witnesses(1, seed=1)[0]
    proof, public_inputs = groth16.prove(pk, witness, backend), circuit.public_inputs(witness)
    contenders = {OURS: timed(lambda: groth16.verify(pk.verifying_key, proof, public_inputs, backend))}
    if curve is BLS12_381:
        contenders[f"{arkworks.NAME}, product of 4"] = timed(arkworks.pairing_product(4))
    return Case(f"verification {curve.name}", 1, contenders)
