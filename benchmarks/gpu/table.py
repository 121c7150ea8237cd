"""The report's tables: every kernel of every build, then the worst of each build."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.gpu.gates import words_of
from benchmarks.gpu.machine_code import Instructions, Listing
from kernels.cuda.images import IndexProgram

_PRODUCTS = ("base_product", "element_product", "scalar_product")
_SQUARES = ("base_squared", "element_squared")
_COLUMNS = (
    ("compiler", 10), ("card", 7), ("program", 18), ("kernel", 18), ("registers", -9), ("stack", -6), ("spills", -6),
    ("shared", -6), ("threads", -7), ("warps", -5), ("product", -9), ("square", -9),
)  # fmt: skip


def table_head() -> str:
    """Names of the columns. Of products and squares: instructions, and how many of them are wide multiply-adds."""
    return _line([name for name, _ in _COLUMNS])


def table_rows(listed: Listing) -> Iterator[str]:
    """A line for each kernel of a build of a program."""
    for one in listed.resources.values():
        sizes = (one.registers, one.stack_bytes, one.spill_bytes, one.shared_bytes, one.threads, one.warps)
        called = [_figures(listed, one.kernel, names) for names in (_PRODUCTS, _SQUARES)]
        yield _line([listed.compiler_name, listed.target, listed.program.name, one.kernel, *map(str, sizes), *called])


def overview(listings: Sequence[Listing]) -> str:
    """Markdown, for the documentation: the worst of each build."""
    names = ("compiler", "card", "most registers", "spills", "most shared")
    functions = ("product, 12 words", "square", "product, 8 words", "square")
    lines = [f"| {' | '.join((*names, *functions))} |", "|---" * (len(names) + len(functions)) + "|"]
    builds = {(listed.compiler_name, listed.target): None for listed in listings}
    for build in builds:
        of = [listed for listed in listings if (listed.compiler_name, listed.target) == build]
        resources = [one for listed in of for one in listed.resources.values()]
        worst = max(resources, key=lambda one: one.registers)
        spills, shared = sum(one.spill_bytes for one in resources), max(one.shared_bytes for one in resources)
        figures = [_worst(of, words, names) for words in (12, 8) for names in (_PRODUCTS, _SQUARES)]
        cells = [*build, f"{worst.registers} (`{worst.kernel}`)", str(spills), str(shared), *figures]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    padded = [
        f"{cell:<{width}}" if width > 0 else f"{cell:>{-width}}"
        for cell, (_, width) in zip(cells, _COLUMNS, strict=True)
    ]
    return " ".join(padded).rstrip()


def _figures(listed: Listing, kernel: str, names: Sequence[str]) -> str:
    found = (listed.functions.get((kernel, name)) for name in names)
    return next((_pair(one) for one in found if one is not None), "")


def _pair(one: Instructions) -> str:
    return f"{one.total}/{one.wide}"


def _worst(listings: Sequence[Listing], words: int, names: Sequence[str]) -> str:
    """The most instructions of such a function, and the fewest wide ones among those of that length or less."""
    found = [
        one
        for listed in listings
        if not isinstance(listed.program, IndexProgram) and words_of(listed.program) == words
        for (_, function), one in listed.functions.items()
        if function in names
    ]
    if not found:
        return ""
    return f"{max(one.total for one in found)}/{min(one.wide for one in found)}"
