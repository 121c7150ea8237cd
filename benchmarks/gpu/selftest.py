"""``make gpu-selftest``: the one command for a machine with a card. Install, test, sanitise, measure against the model.

Every step is a process with a limit, under eight minutes together, whatever hangs. No card has timed the whole yet.
Exits with 1 if a step fails or takes too long. ``python -m benchmarks.gpu.selftest STEP`` runs one without a limit.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.gpu.cards import CARDS, EFFICIENCY, Card
from benchmarks.gpu.machine_code import find_nvdisasm
from benchmarks.gpu.model import msm, ntt
from benchmarks.gpu.steps import Step, run_steps, summary
from kernels.cuda.backend import CudaBackend
from kernels.cuda.inspection import inspect
from kernels.cuda.self_test import self_test
from kernels.curves import BLS12_381
from kernels.encoding import limbs_from_ints, points_from_ints
from kernels.selection import cuda_backend

_SANITIZED = "from benchmarks.gpu.selftest import small; small()"
_SANITIZERS = ("memcheck", "racecheck", "initcheck", "synccheck")
_MEASURED = (12, 16, 20)
_REPEATS = 3


def _own(name: str) -> tuple[str, ...]:
    return sys.executable, "-m", "benchmarks.gpu.selftest", name


STEPS = (
    Step("installation", _own("installation"), 90, required=True),
    Step("self-test", _own("self-test"), 60, required=True),
    Step("tests on the card", (sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests"), 145),
    *(Step(f"sanitizer {tool}", _own(tool), 20) for tool in _SANITIZERS),
    Step("against the model", _own("model"), 70),
)


def main(arguments: Sequence[str] = ()) -> int:
    """Run every step, or the one that is named; return the exit status."""
    if not arguments:
        results = run_steps(STEPS)
        print(f"\n{summary(results)}")
        return int(any(result.outcome != "good" for result in results))
    own: dict[str, Callable[[], bool]] = {
        "installation": _install,
        "self-test": _self_test,
        **{tool: functools.partial(_sanitize, tool) for tool in _SANITIZERS},
        "model": _measure,
    }
    return int(not own[arguments[0]]())


def _install() -> bool:
    """CuPy for the driver, where it is missing; two of them, or one for another driver, are for a person to undo."""
    found = inspect()
    problem = found.problem()
    if problem is not None and found.driver_cuda is not None and not found.cupy:
        extra = "cuda13" if found.driver_cuda[0] >= 13 else "cuda12"
        install = [sys.executable, "-m", "pip", "install", "-q", f".[{extra}]"]
        if subprocess.run(install, check=False).returncode:  # noqa: S603 - our own command
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


def small() -> None:
    """What compute-sanitizer watches: the self-test on one curve, where each kernel runs."""
    backend = cuda_backend()
    self_test(backend, backend.cpu, (BLS12_381,))
    backend.close()


def _sanitize(tool: str) -> bool:
    sanitizer = shutil.which("compute-sanitizer")
    if sanitizer is None:
        print("compute-sanitizer is not installed; it comes with the CUDA toolkit")
        return True
    command = [sanitizer, "--error-exitcode", "1", "--tool", tool, sys.executable, "-c", _SANITIZED]
    return subprocess.run(command, check=False).returncode == 0  # noqa: S603 - our own command


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
    sys.exit(main(sys.argv[1:]))
