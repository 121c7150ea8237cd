"""Pictures of the matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.matrix.comparison import LEAST_THROUGHPUT, MOST_P99, Comparison
from benchmarks.matrix.series import Kind, Series
from benchmarks.pictures import pyplot, save


def draw(comparisons: Sequence[Comparison], directory: Path) -> list[Path]:
    """Draw throughputs, latencies and, where there is a recorded run, ratios; return the files.

    Raises
    ------
    ImportError
        Without matplotlib, which the extra ``bench`` installs.
    """
    by_kind = {
        kind: [one.series for one in comparisons if one.series.kind is kind] for kind in (Kind.THROUGHPUT, Kind.P99)
    }
    latencies = [one.series for one in comparisons if one.series.name.startswith("latency ")]
    paths = [
        _columns("throughput", "1/s", by_kind[Kind.THROUGHPUT], directory / "matrix-throughput.svg"),
        _columns("latency of one proof", "ms", latencies, directory / "matrix-latency.svg"),
    ]
    ratios = [one for one in comparisons if one.ratio is not None and one.series.kind is not Kind.FIGURE]
    if ratios:
        paths.append(_ratios(ratios, directory / "matrix-ratios.svg"))
    return paths


def _columns(title: str, unit: str, series: Sequence[Series], path: Path) -> Path:
    figure, axes = pyplot().subplots(figsize=(6.4, 0.8 + 0.35 * len(series)), layout="constrained")
    axes.barh(
        [one.name for one in series], [one.median for one in series], xerr=[one.spread for one in series], capsize=3
    )
    axes.invert_yaxis()
    axes.set(title=title, xlabel=unit)
    axes.grid(visible=True, axis="x", alpha=0.25)
    return save(figure, path)


def _ratios(ratios: Sequence[Comparison], path: Path) -> Path:
    figure, axes = pyplot().subplots(figsize=(6.4, 0.8 + 0.35 * len(ratios)), layout="constrained")
    for row, one in enumerate(ratios):
        bound = LEAST_THROUGHPUT if one.series.kind is Kind.THROUGHPUT else MOST_P99
        axes.errorbar(one.ratio, row, xerr=one.spread, fmt="o", color="tab:blue", capsize=3)
        axes.plot([bound], [row], "|", color="tab:red", markersize=12)
    axes.set_yticks(range(len(ratios)), [one.series.name for one in ratios])
    axes.invert_yaxis()
    axes.axvline(1.0, color="gray", linewidth=0.8)
    axes.set(title="now over recorded; red: the bound", xlabel="ratio")
    axes.grid(visible=True, axis="x", alpha=0.25)
    return save(figure, path)
