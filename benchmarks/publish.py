"""Put a run into BENCHMARKS.md: ``python -m benchmarks.publish build/benchmarks/results.json``."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.plots import draw
from benchmarks.report import Report

ROOT = Path(__file__).parents[1]
MARK = "<!-- Below: written by benchmarks/publish.py -->\n"


def main() -> None:
    """Replace what is below the mark, and the plots."""
    report = Report.read(Path(sys.argv[1]))
    pictures = ROOT / "docs" / "benchmarks"
    pictures.mkdir(parents=True, exist_ok=True)
    plots = [path.relative_to(ROOT).as_posix() for path in draw(report.results, pictures)]
    report.write(pictures / "results.json")
    page = ROOT / "BENCHMARKS.md"
    instructions, _, _ = page.read_text(encoding="utf-8").partition(MARK)
    page.write_text(f"{instructions}{MARK}\n{report.markdown(plots)}", encoding="utf-8")


if __name__ == "__main__":
    main()
