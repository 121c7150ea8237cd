"""Measure the running service, compare with the last recorded run: ``python -m benchmarks.perf_matrix``.

Writes ``run.json``, ``report.md`` and plots. Ends with 1 on a regression, or where a proof was wrong or missing.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import load_average, machine, versions
from benchmarks.matrix.plots import draw
from benchmarks.matrix.report import MatrixReport, MatrixRun
from benchmarks.matrix.series import Series, collect
from benchmarks.matrix.service_tests import ServiceTests, Sizes
from cluster import Client, Settings

RECORDED = Path(__file__).parents[1] / "docs" / "benchmarks" / "perf-matrix.json"
SIZES = {
    sizes.name: sizes
    for sizes in (
        Sizes(name="smallest", rounds=1, singles=10, batch=16, ringct=4, callers=4, calls=3, transactions=16, kills=1),
        Sizes(
            name="normal", rounds=7, singles=100, batch=128, ringct=16, callers=8, calls=12, transactions=128, kills=2
        ),
    )
}


def main() -> None:
    """Run all tests by turns and write the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.perf_matrix", description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=tuple(SIZES), default="normal")
    parser.add_argument("--threads", type=int, default=2, help="proving threads of the service (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("build/perf-matrix"), help="where to write (%(default)s)")
    parser.add_argument("--recorded", type=Path, default=RECORDED, help="the run to compare with (%(default)s)")
    parser.add_argument("--record", action="store_true", help="make this the recorded run")
    options = parser.parse_args()
    logging.getLogger("prover").setLevel(logging.ERROR)  # its keys are development keys, as they should be here
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    facts = machine()
    started = datetime.now(UTC).isoformat(timespec="seconds")
    series = _measure(SIZES[options.size], options.threads)
    facts |= {"load average at the end": load_average(), "proving threads": str(options.threads)}
    run = MatrixRun(options.size, started, facts, versions(), series)
    report = MatrixReport(run, MatrixRun.read(options.recorded) if options.recorded.exists() else None)
    _write(report, out)
    if options.record:
        run.write(options.recorded)
        print(f"recorded {options.recorded}")
    for failure in report.failures:
        print(f"{failure.verdict}: {failure.series.name}, {failure.ratio or failure.series.median:.3f}")
    sys.exit(bool(report.failures))


def _measure(sizes: Sizes, threads: int) -> list[Series]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(threads=threads, key_dir=Path(folder) / "keys")
        with Client.local(settings) as client:
            tests = ServiceTests(client, sizes, Path(folder), threads)
            return collect(tests.by_name(), sizes.rounds, _tell)


def _tell(name: str, number: int, seconds: float) -> None:
    print(f"{'warm-up' if number < 0 else f'round {number}'}: {name}, {seconds:.1f} s", flush=True)


def _write(report: MatrixReport, out: Path) -> None:
    report.now.write(out / "run.json")
    try:
        plots = [path.name for path in draw(report.comparisons, out)]
    except ImportError:
        print("no plots: matplotlib is not installed; the extra bench has it")
        plots = []
    (out / "report.md").write_text("# Performance matrix\n\n" + report.markdown(plots), encoding="utf-8")
    print(f"wrote {out}/run.json and report.md")


if __name__ == "__main__":
    main()
