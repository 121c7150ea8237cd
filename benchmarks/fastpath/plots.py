"""Pictures of the laboratory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.fastpath import figures
from benchmarks.fastpath.figures import Figure, Summary, by_family, summaries
from benchmarks.pictures import pyplot, save

_AGAINST_LOAD = {
    figures.GOODPUT: "goodput-against-load",
    figures.WASTED: "waste-against-load",
    "in time": "in-time-against-load",
    "latency p99 of what was served": "p99-against-load",
}
_BARS = {
    "burst: small proofs in time": "burst-in-time",
    figures.QUIET: "quiet-tenant",
    "in time under faults": "faults",
    "DeFi swaps: requests a second": "defi",
    "GameFi mints: requests a second": "gamefi",
    "mixed 80/20: requests a second": "mixed",
    "Zipf writes: requests a second": "zipf-writes",
}


def draw(measured: Sequence[Figure], directory: Path) -> list[Path]:
    """Draw what was measured as ``directory/laboratory-<name>.svg``; return the files.

    Raises
    ------
    ImportError
        Without matplotlib, which the extra ``bench`` installs.
    """
    plt = pyplot()
    families = dict(by_family(summaries(measured)))
    paths = []
    for family, name in _AGAINST_LOAD.items():
        if len({summary.x for summary in families.get(family, ())}) > 1:
            paths.append(save(_lines(plt, family, families[family]), directory / f"laboratory-{name}.svg"))
    for family, name in _BARS.items():
        if family in families:
            paths.append(save(_columns(plt, family, families[family]), directory / f"laboratory-{name}.svg"))
    return paths


def _lines(plt: Any, family: str, members: Sequence[Summary]) -> Any:  # noqa: ANN401 - matplotlib has no types
    figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    for policy in dict.fromkeys(member.policy for member in members):
        of_policy = [member for member in members if member.policy == policy and math.isfinite(member.median)]
        axes.plot([member.x for member in of_policy], [member.median for member in of_policy], "o-", label=policy)
        axes.fill_between(
            [member.x for member in of_policy],
            [member.least for member in of_policy],
            [min(member.most, 100.0) for member in of_policy],
            alpha=0.2,
        )
    axes.set(title=family, xlabel="offered load over capacity", ylabel=members[0].unit)
    axes.grid(visible=True, alpha=0.25)
    axes.legend(fontsize="small")
    return figure


def _columns(plt: Any, family: str, members: Sequence[Summary]) -> Any:  # noqa: ANN401 - likewise
    figure, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    names = [member.policy for member in members]
    medians = [member.median for member in members]
    low = [member.median - member.least for member in members]
    high = [member.most - member.median for member in members]
    axes.barh(names, medians, xerr=(low, high), capsize=3)
    axes.invert_yaxis()
    axes.set(title=family, xlabel=members[0].unit)
    axes.grid(visible=True, axis="x", alpha=0.25)
    return figure
