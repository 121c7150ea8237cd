"""Put a run into docs/laboratory.md: ``python -m benchmarks.fastpath.publish build/laboratory/results.json``."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.fastpath.plots import draw
from benchmarks.fastpath.report import LaboratoryReport

DOCS = Path(__file__).parents[2] / "docs"
MARK = "<!-- Below: written by benchmarks/fastpath/publish.py -->\n"


def main() -> None:
    """Replace what is below the mark, and the plots."""
    report = LaboratoryReport.read(Path(sys.argv[1]))
    pictures = DOCS / "benchmarks"
    plots = [path.relative_to(DOCS).as_posix() for path in draw(report.figures, pictures)]
    report.write(pictures / "laboratory.json")
    page = DOCS / "laboratory.md"
    instructions, _, _ = page.read_text(encoding="utf-8").partition(MARK)
    page.write_text(f"{instructions}{MARK}\n{report.markdown(plots)}", encoding="utf-8")


if __name__ == "__main__":
    main()
