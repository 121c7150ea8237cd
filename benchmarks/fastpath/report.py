"""A run of the laboratory as JSON, and as Markdown made from it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from benchmarks.fastpath.figures import (
    ALL_BARS,
    FASTPATH,
    ORIGIN,
    Bar,
    Figure,
    Summary,
    by_family,
    summaries,
)
from benchmarks.markdown import table


@dataclass(frozen=True)
class LaboratoryReport:
    """Everything a run found out."""

    scope: str
    started: str
    machine: dict[str, str]
    versions: dict[str, str]
    figures: list[Figure] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write the figures, and for other tools what follows from them; infinity is written as null."""
        content = asdict(self)
        content["figures"] = [_finite(asdict(figure)) for figure in self.figures]
        content["bars"] = [
            {"bar": str(bar), "reached": bar.reached(self.figures), **_finite({"worst": bar.worst(self.figures)})}
            for bar in ALL_BARS
        ]
        path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what :meth:`write` wrote."""
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        del content["bars"]  # they follow from the figures
        content["figures"] = [
            Figure(**(one | {"value": math.inf if one["value"] is None else one["value"]}))
            for one in content["figures"]
        ]
        return cls(**content)

    def missed(self) -> list[Bar]:
        """Return the bars that were not reached on every seed."""
        return [bar for bar in ALL_BARS if not bar.reached(self.figures)]

    def markdown(self, plots: Iterable[str] = ()) -> str:
        """The report as a page; ``plots`` are the addresses of its pictures."""
        facts = {"scope": self.scope, "started": self.started} | self.machine | self.versions
        parts = [
            "### Bars\n\nThe worst value over all seeds.\n\n" + _bars(self.figures),
            *(f"![{Path(plot).stem}]({plot})" for plot in plots),
            *_tables(by_family(summaries(self.figures))),
            "### Machine and versions\n\n" + table(("what", "value"), facts.items()),
        ]
        return "\n\n".join(parts) + "\n"


def _finite(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in entry.items()
    }


def _bars(figures: Sequence[Figure]) -> str:
    rows = []
    for bar in ALL_BARS:
        worst = bar.worst(figures)
        shown = "not measured" if worst is None else readable(worst)
        rows.append((str(bar), shown, "yes" if bar.reached(figures) else "**no**"))
    return table(("what", "worst", "reached"), rows)


def _tables(families: Iterable[tuple[str, list[Summary]]]) -> Iterator[str]:
    """Families measured at several places each as a table of its own, then one table for all with the same policies."""
    alike: dict[tuple[str, ...], list[list[Summary]]] = {}
    for family, members in families:
        policies = tuple(dict.fromkeys(member.policy for member in members))
        if len({member.x for member in members}) > 1:
            yield f"### {family[0].upper()}{family[1:]}\n\n" + _by_place(members, policies)
        else:
            usual = set(policies) <= {ORIGIN, FASTPATH}
            alike.setdefault((ORIGIN, FASTPATH) if usual else policies, []).append(members)
    for policies, rows in alike.items():
        header = ("what", *policies)
        lines = [(members[0].family, *_cells(members, policies)) for members in rows]
        yield f"### {', '.join(policies)}\n\n" + table(header, lines)


def _by_place(members: Sequence[Summary], policies: Sequence[str]) -> str:
    places = list(dict.fromkeys(member.x for member in members))
    rows = []
    for x in places:
        here = [member for member in members if member.x == x]
        rows.append(("" if x is None else f"{x:g}", *_cells(here, policies)))
    return table(("at", *policies), rows)


def _cells(members: Sequence[Summary], policies: Sequence[str]) -> list[str]:
    """The median for each policy, and in brackets both ends where seeds differ."""
    found = {member.policy: member for member in members}
    return [_cell(found.get(policy)) for policy in policies]


def _cell(summary: Summary | None) -> str:
    if summary is None:
        return ""
    unit = "" if summary.unit in {"share", "x"} or math.isinf(summary.median) else f" {summary.unit}"
    text = (readable(summary.median) + unit).strip()
    if summary.least == summary.most:
        return text
    return f"{text} ({readable(summary.least)} to {readable(summary.most)})"


def readable(value: float) -> str:
    """Three digits; infinity in words."""
    if math.isinf(value):
        return "never"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
