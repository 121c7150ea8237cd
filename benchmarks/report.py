"""A run as JSON, and as Markdown made from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Self

from benchmarks.goals import Goal, goals
from benchmarks.markdown import table
from benchmarks.paired import OURS, Result, Timing
from benchmarks.proof_memory import Memory


@dataclass(frozen=True)
class Report:
    """Everything a run found out.

    Attributes
    ----------
    skipped
        What was left out, to the reason.
    """

    scope: str
    started: str
    backend: str
    machine: dict[str, str]
    versions: dict[str, str]
    results: list[Result]
    memory: list[Memory]
    skipped: dict[str, str]

    def write(self, path: Path) -> None:
        """Write the report, and for other tools the goals that follow from it."""
        content = asdict(self) | {
            "goals": [asdict(goal) | {"reached": goal.reached} for goal in goals(self.results, self.memory)]
        }
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what :meth:`write` wrote."""
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        del content["goals"]  # they follow from the figures
        content["results"] = [
            Result(**(one | {"timings": {name: Timing(**timing) for name, timing in one["timings"].items()}}))
            for one in content["results"]
        ]
        content["memory"] = [Memory(**one) for one in content["memory"]]
        return cls(**content)

    def markdown(self, plots: Iterable[str] = ()) -> str:
        """The report as a page; ``plots`` are the addresses of its pictures."""
        parts = [_heading(self), *(f"![{Path(plot).stem}]({plot})" for plot in plots), *_families(self.results)]
        parts += [_phases(self.results), _memory(self.memory), _skipped(self.skipped), _goals(self)]
        return "\n\n".join(part for part in parts if part) + "\n"


def _heading(report: Report) -> str:
    facts = {"backend": report.backend, "scope": report.scope, "started": report.started}
    facts |= report.machine | report.versions
    return "### Machine and versions\n\n" + table(("what", "value"), facts.items())


def _families(results: Sequence[Result]) -> Iterator[str]:
    """A table for each family of cases: a row a size, a column a contender, then the ratios."""
    for family, members in groupby(results, key=lambda result: result.family):
        cases = list(members)
        names = list(dict.fromkeys(name for case in cases for name in case.timings))
        ours = [name for name in names if name.startswith(OURS)]
        pairs = [(own, peer) for peer in names if peer not in ours for own in ours] or [(own, OURS) for own in ours[1:]]
        header = ("size", *names, *(f"{peer} / {own}" for own, peer in pairs))
        rows = [
            (
                power(case.size),
                *(_median(case.timings.get(name)) for name in names),
                *(f"{case.ratio(*pair):.2f}" if set(pair) <= case.timings.keys() else "" for pair in pairs),
            )
            for case in cases
        ]
        yield f"### {family}\n\n" + table(header, rows)


def _median(timing: Timing | None) -> str:
    return f"{readable(timing.median_s)} ± {readable(timing.spread_s)}" if timing else ""


def _phases(results: Sequence[Result]) -> str:
    cases = [result for result in results if result.phases]
    if not cases:
        return ""
    names = list(cases[0].phases)
    rows = []
    for case in cases:
        total = sum(case.phases.values())
        shares = (f"{readable(case.phases[name])} ({case.phases[name] / total:.0%})" for name in names)
        rows.append((f"{case.family} {power(case.size)}", *shares))
    return "### Where a proof's time goes (one thread, medians)\n\n" + table(("proof", *names), rows)


def _memory(memory: Sequence[Memory]) -> str:
    if not memory:
        return ""
    rows = [
        (power(m.constraints), "yes" if m.tables else "no", mebibytes(m.peak_bytes), mebibytes(m.before_bytes))
        for m in memory
    ]
    header = ("constraints", "tables", "peak resident", "of it before the key was opened")
    return "### Memory of a process that makes one BN254 proof\n\n" + table(header, rows)


def _skipped(skipped: dict[str, str]) -> str:
    return (
        "\n".join(["### Not measured", "", *(f"- {what}: {why}." for what, why in skipped.items())]) if skipped else ""
    )


def _goals(report: Report) -> str:
    rows = [
        (goal.what, f"{'at least' if goal.at_least else 'at most'} {goal.bound:g} {goal.unit}", *_verdict(goal))
        for goal in goals(report.results, report.memory)
    ]
    return "### Goals\n\n" + table(("what", "goal", "measured", "missed by"), rows)


def _verdict(goal: Goal) -> tuple[str, str]:
    if goal.measured is None:
        return "not measured", ""
    digits = f"{goal.measured:.3g}" if goal.measured < 1000 else f"{goal.measured:.0f}"
    return f"{digits} {goal.unit}", "" if goal.reached else f"a factor of {goal.missed_by:.2f}"


def power(size: int) -> str:
    """Powers of two from 2^7 on as such, other sizes in digits."""
    return f"2^{size.bit_length() - 1}" if size > 64 and size.bit_count() == 1 else str(size)


def readable(seconds: float) -> str:
    """Seconds with a unit."""
    for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def mebibytes(count: int) -> str:
    """Bytes in MiB."""
    return f"{count / 2**20:.0f} MiB"
