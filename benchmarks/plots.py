"""Pictures of a report: time against size, both logarithmic, one line a contender."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from benchmarks.paired import Result
from benchmarks.pictures import pyplot, save

_LEAST_SIZES = 2
_WORD_RUN = str.maketrans(" ", "-")


def draw(results: Sequence[Result], directory: Path) -> list[Path]:
    """Draw every family of at least two sizes as ``directory/<family>.svg``; return the files.

    Raises
    ------
    ImportError
        Without matplotlib, which the extra ``bench`` installs.
    """
    plt = pyplot()
    paths = []
    for family, members in groupby(results, key=lambda result: result.family):
        cases = list(members)
        if len(cases) < _LEAST_SIZES:
            continue
        figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
        for name in dict.fromkeys(name for case in cases for name in case.timings):
            measured = [case for case in cases if name in case.timings]
            axes.errorbar(
                [case.size for case in measured],
                [case.timings[name].median_s for case in measured],
                yerr=[case.timings[name].spread_s for case in measured],
                label=name,
                marker="o",
                markersize=4,
                capsize=3,
            )
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set(title=family, xlabel="size", ylabel="seconds")
        axes.grid(visible=True, which="both", alpha=0.25)
        axes.legend(fontsize="small")
        paths.append(save(figure, directory / f"{family.translate(_WORD_RUN)}.svg"))
    return paths
