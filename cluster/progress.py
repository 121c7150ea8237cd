"""Progress for people who watch: kernels being compiled, proofs arriving."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tqdm import tqdm

from cluster.rendering import Console, duration
from kernels.cpu.compilation import Compiled, observe_compilation

_COUNTED: str = "{desc}: {n_fmt}/{total_fmt} |{bar:30}| {elapsed}<{remaining}, {rate_fmt}"
_UNCOUNTED: str = "{desc}: {n_fmt} in {elapsed}{postfix}"


@dataclass
class Compilation:
    """What was compiled, and what it took."""

    kernels: int = 0
    seconds: float = 0.0


@contextmanager
def compilation_shown(console: Console) -> Iterator[Compilation]:
    """Show the kernels that are compiled inside the ``with`` block, if any; those read from disk are not news."""
    compilation = Compilation()
    bar: tqdm[None] | None = None

    def compiled(event: Compiled) -> None:
        nonlocal bar
        if event.from_cache:
            return
        if not compilation.kernels:
            console.note("compiling kernels for this machine, once; later runs load them")
            bar = tqdm(
                desc="kernels", file=console.log, disable=not console.is_watched, leave=False, bar_format=_UNCOUNTED
            )
        compilation.kernels += 1
        if bar is not None:
            bar.set_postfix_str(f"{event.kernel} {duration(event.seconds)}", refresh=False)
            bar.update()

    started = time.perf_counter()
    try:
        with observe_compilation(compiled):
            yield compilation
    finally:
        compilation.seconds = time.perf_counter() - started
        if bar is not None:
            bar.close()
            console.note(f"compiled {compilation.kernels} kernels in {duration(compilation.seconds)}")


def proofs_bar(console: Console, description: str, total: int) -> tqdm[None]:
    """A progress bar over the proofs of a batch."""
    return tqdm(
        desc=description,
        total=total,
        unit=" proofs",
        file=console.log,
        disable=not console.is_watched,
        leave=False,
        bar_format=_COUNTED,
    )
