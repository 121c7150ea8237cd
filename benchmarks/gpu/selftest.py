"""``make gpu-selftest``: the one command for a machine with a card. Install, test, sanitise, measure against the model.

Installation, tests and sanitizer have time limits, six and a half minutes together; the self-test and the measurements
run in this process without one. No card has timed the whole yet. Exits with 1 if a step fails.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.gpu.cards import CARDS, EFFICIENCY, Card
from benchmarks.gpu.machine_code import find_nvdisasm
from benchmarks.gpu.model import msm, ntt
from kernels.cuda.backend import CudaBackend
from kernels.cuda.inspection import inspect
from kernels.cuda.self_test import self_test
from kernels.curves import BLS12_381
from kernels.encoding import limbs_from_ints, points_from_ints
from kernels.selection import cuda_backend

_INSTALL_S, _TESTS_S, _SANITIZER_S = 120, 180, 90
_SANITIZED = "from benchmarks.gpu.selftest import small; small()"
_TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")
_MEASURED = (12, 16, 20)
_REPEATS = 3
_FAILED = 1


def main() -> int:
    """Run every step that this machine has the means for; return the exit status."""
    steps: list[tuple[str, Callable[[], bool]]] = [
        ("installation", _install),
        ("self-test", _self_test),
        ("tests on the card", _tests),
        ("compute-sanitizer", _sanitize),
        ("against the model", _measure),
    ]
    for name, step in steps:
        started = time.perf_counter()
        print(f"== {name}", flush=True)
        good = step()
        print(f"== {name}: {'good' if good else 'FAILED'} in {time.perf_counter() - started:.0f} s", flush=True)
        if not good:
            return _FAILED
    return 0


def _run(command: Sequence[str], limit_s: float) -> bool:
    try:
        return subprocess.run(command, timeout=limit_s, check=False).returncode == 0  # noqa: S603 - our own commands
    except subprocess.TimeoutExpired:
        print(f"took longer than {limit_s} s: {' '.join(command)}")
        return False


def _install() -> bool:
    """CuPy for the driver, where it is missing; two of them, or one for another driver, are for a person to undo."""
    found = inspect()
    problem = found.problem()
    if problem is not None and found.driver_cuda is not None and not found.cupy:
        extra = "cuda13" if found.driver_cuda[0] >= 13 else "cuda12"
        if not _run([sys.executable, "-m", "pip", "install", "-q", f".[{extra}]"], _INSTALL_S):
            return False
        problem = inspect().problem()
    if problem is not None:
        print(f"{problem[0]}\nfix: {problem[1]}")
    return problem is None


def _self_test() -> bool:
    backend = cuda_backend()
    print(
        backend.run_on_device(lambda work: f"{work.device.name}, {work.device.target}, {work.free_bytes()} bytes free")
    )
    self_test(backend, backend.cpu)
    backend.close()
    return True


def _tests() -> bool:
    return _run([sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests"], _TESTS_S)


def small() -> None:
    """What compute-sanitizer watches: the self-test on one curve, where each kernel runs."""
    backend = cuda_backend()
    self_test(backend, backend.cpu, (BLS12_381,))
    backend.close()


def _sanitize() -> bool:
    sanitizer = shutil.which("compute-sanitizer")
    if sanitizer is None:
        print("compute-sanitizer is not installed; it comes with the CUDA toolkit")
        return True
    command = [sanitizer, "--error-exitcode", "1", "--tool"]
    return all(_run([*command, tool, sys.executable, "-c", _SANITIZED], _SANITIZER_S / len(_TOOLS)) for tool in _TOOLS)


def _measure() -> bool:
    """Print times of whole operations, copies included, beside the model's; no time fails the step."""
    backend, r = cuda_backend(), BLS12_381.fr.modulus
    name = backend.run_on_device(lambda work: work.device.name)
    card = next((one for one in CARDS if one.name.split()[0] in name), None)
    generator = points_from_ints(BLS12_381, "g1", [BLS12_381.g1_generator])[0]
    some = limbs_from_ints([pow(5, 11 * k + 3, r) for k in range(1 << 12)], 4)
    points = backend.cpu.multiply_base(BLS12_381, "g1", generator, some)
    for log2_n in _MEASURED:
        copies = 1 << (log2_n - 12)
        bases = backend.load_bases(BLS12_381, "g1", np.tile(points, (copies, 1, 1)))
        scalars = np.tile(some, (copies, 1))
        _print(f"MSM G1 2^{log2_n}", _time(lambda b=bases, s=scalars: backend.msm(b, s)), card, log2_n, "msm")  # type: ignore[misc]
        _print(f"NTT 2^{log2_n}", _time(lambda s=scalars: backend.ntt(BLS12_381, s)), card, log2_n, "ntt")  # type: ignore[misc]
    _proofs(backend)
    backend.close()
    return True


def _proofs(backend: CudaBackend) -> None:
    """A batch of RingCT proofs, each verified."""
    from prover.circuits import get_circuit  # noqa: PLC0415 - with all of the prover behind it
    from prover.groth16 import setup  # noqa: PLC0415 - likewise
    from prover.parallel import ParallelProver, ProverConfig  # noqa: PLC0415 - likewise

    circuit = get_circuit("ringct", "bls12_381", depth=3, inputs=2, outputs=2)
    key = setup(circuit.r1cs, circuit.curve, backend=backend.cpu, circuit="selftest", parameters={})
    prover = ParallelProver(key, ProverConfig(backend=backend))
    witnesses = circuit.random_witnesses(128)
    prover.prove_batch(witnesses[:2])
    batch = prover.prove_batch(witnesses)
    print(f"{len(batch.proofs)} verified RingCT proofs in {batch.elapsed_s:.2f} s, {len(batch.errors)} errors")


def _time(operation: Callable[[], object]) -> float:
    operation()
    seconds = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        operation()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def _print(what: str, seconds: float, card: Card | None, log2_n: int, kind: str) -> None:
    line = f"{what}: {seconds * 1e3:.2f} ms"
    if card is not None and find_nvdisasm() is not None:
        floor = (msm(card, 1 << log2_n) if kind == "msm" else ntt(card, log2_n)).seconds
        line += f" (model: floor {floor * 1e3:.2f}, to plan for {floor / EFFICIENCY * 1e3:.2f}, copies not in it)"
    print(line)


if __name__ == "__main__":
    sys.exit(main())
