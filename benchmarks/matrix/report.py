"""A run of the matrix as JSON, and as Markdown beside the recorded one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.markdown import table
from benchmarks.matrix.comparison import LEAST_THROUGHPUT, MOST_P99, Comparison, Verdict, compare
from benchmarks.matrix.series import Kind, Series


@dataclass(frozen=True)
class MatrixRun:
    """Everything one run measured."""

    sizes: str
    started: str
    machine: dict[str, str]
    versions: dict[str, str]
    series: list[Series]

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1, allow_nan=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what :meth:`write` wrote."""
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        content["series"] = [Series(**(one | {"kind": Kind(one["kind"])})) for one in content["series"]]
        return cls(**content)


@dataclass(frozen=True)
class MatrixReport:
    """A run beside the recorded one, if there is one of the same size."""

    now: MatrixRun
    recorded: MatrixRun | None

    @property
    def comparisons(self) -> list[Comparison]:
        """Every series, compared."""
        same_size = self.recorded is not None and self.recorded.sizes == self.now.sizes
        return compare(self.now.series, self.recorded.series if self.recorded and same_size else [])

    @property
    def failures(self) -> list[Comparison]:
        """What must not be."""
        return [one for one in self.comparisons if one.verdict in {Verdict.REGRESSION, Verdict.WRONG}]

    def markdown(self, plots: Iterable[str] = ()) -> str:
        """The report as a page; ``plots`` are the addresses of its pictures."""
        comparisons = self.comparisons
        judged = [one for one in comparisons if one.series.kind in {Kind.THROUGHPUT, Kind.P99, Kind.EXACT}]
        others = [one for one in comparisons if one.series.kind is Kind.FIGURE]
        parts = [
            self._summary(),
            "## Judged\n\n" + _table(judged),
            *(f"![{Path(plot).stem}]({plot})" for plot in plots),
            "## Shown\n\n" + _table(others),
            "## Machine and versions\n\n" + self._facts(),
        ]
        return "\n\n".join(parts) + "\n"

    def _summary(self) -> str:
        rules = (
            f"A regression is a throughput below {LEAST_THROUGHPUT:.0%} of the recorded one, or a p99 above "
            f"{MOST_P99:.0%}, by more than the spread. Ratios are now over then, round by round, each round in units "
            "of fixed work done just before it, so that a slower or busier machine does not look like a change of "
            "the service. ± is half the interquartile range."
        )
        if self.recorded is None:
            return f"{rules}\n\nNo run was recorded before: nothing is compared."
        if self.recorded.sizes != self.now.sizes:
            return f"{rules}\n\nThe recorded run is of another size ({self.recorded.sizes}): nothing is compared."
        failures = self.failures
        if not failures:
            return f"{rules}\n\n**No regression** against the run of {self.recorded.started}."
        named = "\n".join(f"- {one.series.name}: {one.verdict}" for one in failures)
        return f"{rules}\n\n**{len(failures)} of {len(self.comparisons)} failed:**\n\n{named}"

    def _facts(self) -> str:
        then = self.recorded
        now = {"size": self.now.sizes, "started": self.now.started} | self.now.machine | self.now.versions
        before = {"size": then.sizes, "started": then.started} | then.machine | then.versions if then else {}
        return table(("what", "now", "recorded"), [(name, value, before.get(name, "")) for name, value in now.items()])


def _table(comparisons: Sequence[Comparison]) -> str:
    rows = [
        (
            one.series.name,
            _shown(one.series),
            "" if one.recorded is None else _shown(one.recorded),
            "" if one.ratio is None else f"{one.ratio:.3f} ± {one.spread:.3f}",
            f"**{one.verdict}**" if one.verdict in {Verdict.REGRESSION, Verdict.WRONG} else str(one.verdict),
        )
        for one in comparisons
    ]
    return table(("what", "now", "recorded", "ratio", ""), rows)


def _shown(series: Series) -> str:
    return f"{series.median:.4g} ± {series.spread:.2g} {series.unit}".rstrip()
