"""Prove and verify on this machine, without the cluster, to see that the arithmetic works here."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kernels.curves import Curve
from prover.circuit import Circuit
from prover.circuits import get_circuit
from prover.errors import DeviceFault, InvalidProof
from prover.groth16 import prepare, prove, setup, verify


@dataclass(frozen=True)
class SelfTest:
    """A proof was made and accepted, and for another statement it was refused.

    Attributes
    ----------
    prove_s, verify_s
        Time of one proof of ``multiply``, its own verification included, and of one verification.
    """

    curve: str
    prove_s: float
    verify_s: float


def self_test(curve: Curve | str) -> SelfTest:
    """Set up, prove and verify ``multiply`` on this thread; compiles every kernel that proving uses.

    Raises
    ------
    InvalidProof, DeviceFault
        If the arithmetic is wrong here.
    """
    with _quiet():
        return _try(get_circuit("multiply", curve))


def _try(circuit: Circuit) -> SelfTest:
    key = setup(circuit.r1cs, circuit.curve)
    witness = circuit.random_witnesses(1)[0]
    public_inputs = circuit.public_inputs(witness)
    prove(key, witness)  # the first proof prepares what the timed one uses
    started = time.perf_counter()
    proof = prove(key, witness)
    proved = time.perf_counter()
    verify(key.verifying_key, proof, public_inputs)
    verified = time.perf_counter()
    public_inputs[0, 0] ^= 1
    try:
        verify(key.verifying_key, proof, public_inputs)
    except InvalidProof:
        return SelfTest(circuit.curve.name, proved - started, verified - proved)
    raise DeviceFault(f"a proof on {circuit.curve.name} was accepted for a statement it does not prove; do not use")


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back the warning about development keys: nobody else ever sees this one."""
    log = logging.getLogger(prepare.__name__)
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
