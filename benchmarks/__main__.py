"""Measure, and write ``results.json``, ``report.md`` and plots: ``python -m benchmarks --scope normal``."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from benchmarks import groth16py_peer, snarkjs_peer
from benchmarks.batch_cases import batch_cases
from benchmarks.file_cases import file_cases
from benchmarks.kernel_cases import kernel_cases
from benchmarks.machine import load_average, machine, versions
from benchmarks.paired import Case, Result, measure
from benchmarks.plots import draw
from benchmarks.proof_cases import proof_cases
from benchmarks.proof_memory import measure_memory
from benchmarks.report import Report, power, readable
from benchmarks.scope import SCOPES, Scope
from kernels import get_backend


def main() -> None:
    """Run every case and write the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--scope", choices=tuple(SCOPES), default="normal")
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks"), help="where to write (%(default)s)")
    options = parser.parse_args()
    logging.getLogger("prover").setLevel(logging.ERROR)  # its keys are development keys, as they should be here
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    report = _run(SCOPES[options.scope], out)
    try:
        plots = [path.name for path in draw(report.results, out)]
    except ImportError:
        report.skipped["plots"] = "matplotlib is not installed; the extra bench has it"
        plots = []
    report.write(out / "results.json")
    (out / "report.md").write_text("# Benchmarks\n\n" + report.markdown(plots), encoding="utf-8")
    print(f"wrote {out}/results.json and report.md")


def _run(scope: Scope, out: Path) -> Report:
    backend = get_backend()
    peers = (groth16py_peer.NAME, snarkjs_peer.NAME)
    skipped = {} if scope.proof_peer else dict.fromkeys(peers, "the scope leaves it out")
    peer = snarkjs = None
    if scope.proof_peer:
        try:
            snarkjs = snarkjs_peer.install(out / "snarkjs")
        except groth16py_peer.PeerUnavailable as reason:
            skipped[snarkjs_peer.NAME] = str(reason)
        try:
            peer = groth16py_peer.install(out / "groth16py")
        except groth16py_peer.PeerUnavailable as reason:
            skipped[groth16py_peer.NAME] = str(reason)
    report = Report(
        scope=scope.name,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        backend=backend.name,
        machine=machine(),
        versions=versions(),
        results=[],
        memory=[],
        skipped=skipped,
    )
    cases = chain(
        kernel_cases(scope, backend),
        proof_cases(scope.proofs, backend, peer),
        file_cases(scope.files, backend, snarkjs),
        batch_cases(scope, backend),
    )
    report.results.extend(_measured(cases, scope))
    report.memory.extend(measure_memory(scope.memory, backend))
    report.machine["load average at the end"] = load_average()
    return report


def _measured(cases: Iterable[Case], scope: Scope) -> Iterator[Result]:
    for case in cases:
        result = measure(case, scope.repeat, scope.case_s)
        times = ", ".join(f"{name} {readable(timing.median_s)}" for name, timing in result.timings.items())
        print(f"{result.family}, {power(result.size)}: {times}", flush=True)
        yield result


if __name__ == "__main__":
    main()
