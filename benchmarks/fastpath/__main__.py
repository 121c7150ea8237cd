"""Run the laboratory: ``python -m benchmarks.fastpath --scope normal``.

Writes ``results.json``, ``report.md`` and plots. Ends with 1 if a bar was missed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks.fastpath.figures import Figure
from benchmarks.fastpath.plots import draw
from benchmarks.fastpath.report import LaboratoryReport
from benchmarks.fastpath.scope import SCOPES, Scope, experiments
from benchmarks.machine import machine, versions


def main() -> None:
    """Run every experiment on every seed and write the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fastpath", description=__doc__.splitlines()[0])
    parser.add_argument("--scope", choices=tuple(SCOPES), default="normal")
    parser.add_argument("--out", type=Path, default=Path("build/laboratory"), help="where to write (%(default)s)")
    parser.add_argument("--seeds", type=int, default=0, help="how many of the scope's seeds; 0 for all")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="that share the seeds (%(default)s)")
    options = parser.parse_args()
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    scope = SCOPES[options.scope]
    scope = replace(scope, seeds=scope.seeds[: options.seeds or None])
    report = LaboratoryReport(
        scope=scope.name,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine(),
        versions=versions(),
        figures=list(_figures(scope, options.processes)),
    )
    write(report, out)
    for bar in report.missed():
        print(f"missed: {bar}; the worst was {bar.worst(report.figures)}")
    print(f"wrote {out}/results.json and report.md")
    sys.exit(bool(report.missed()))


def write(report: LaboratoryReport, out: Path) -> None:
    """Write a report with its plots, which are left out where matplotlib is missing."""
    report.write(out / "results.json")
    try:
        plots = [path.name for path in draw(report.figures, out)]
    except ImportError:
        print("no plots: matplotlib is not installed; the extra bench has it")
        plots = []
    (out / "report.md").write_text("# The laboratory\n\n" + report.markdown(plots), encoding="utf-8")


def _figures(scope: Scope, processes: int) -> Iterator[Figure]:
    with ProcessPoolExecutor(processes) as pool:
        for seed, of_seed in zip(scope.seeds, pool.map(partial(_of_seed, scope), scope.seeds), strict=True):
            print(f"seed {seed} is done", flush=True)
            yield from of_seed
    if scope.actor_rounds:
        yield from _real(scope.seeds[0], scope.actor_rounds)


def _of_seed(scope: Scope, seed: int) -> list[Figure]:
    return [figure for experiment in experiments(scope, seed).values() for figure in experiment()]


def _real(seed: int, rounds: int) -> Iterator[Figure]:
    import ray  # noqa: PLC0415 - only the real actor needs it

    from benchmarks.fastpath import real_actor  # noqa: PLC0415 - likewise

    yield from real_actor.decisions(seed, (10, 100, 1000, 10_000, 100_000))
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, namespace="laboratory")
    try:
        yield from real_actor.refusals(seed, rounds)
        yield from real_actor.submissions(seed, batches=100)
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
