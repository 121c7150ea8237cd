"""Progress for people who watch: kernels being compiled, proofs arriving."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from cluster.rendering import Console, counted, duration

if TYPE_CHECKING:
    from tqdm import tqdm

    from kernels.cpu.compilation import Compiled

_COUNTED: Final = "{desc}: {n_fmt}/{total_fmt} |{bar:30}| {elapsed}<{remaining}, {rate_fmt}"
_STEPS: Final = "{desc}: {percentage:3.0f} % |{bar:30}| {elapsed}<{remaining}"
_UNCOUNTED: Final = "{desc}: {n_fmt} in {elapsed}{postfix}"


class KernelBar:
    """Counts the kernels that are compiled; those read from disk are no news.

    It appears with the first one, or at once where none has been compiled yet: the first may take a while.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: tqdm[None] | None = None
        self._started = time.perf_counter()
        self._compiled = 0
        from kernels.cpu.compilation import kernel_cache_folder  # noqa: PLC0415 - steps alone need no kernels

        if not any(kernel_cache_folder().glob("*.kernel")):
            self._open()

    def show(self, compiled: int, latest: str) -> None:
        """Say how many have been compiled so far, and which one came last."""
        if compiled > self._compiled and self._bar is None:
            self._open()
        if self._bar is not None:
            self._bar.set_postfix_str(latest, refresh=False)
            self._bar.n = self._compiled = compiled
            self._bar.refresh()

    def add(self, kernel: str) -> None:
        """Count one more."""
        self.show(self._compiled + 1, kernel)

    def close(self) -> None:
        """Say what it took."""
        if self._bar is not None:
            self._bar.close()
            took = duration(time.perf_counter() - self._started)
            self._console.note(f"compiled {counted(self._compiled, 'kernel')} in {took}")

    def _open(self) -> None:
        self._console.note("compiling kernels for this machine: a minute or two, once")
        from tqdm import tqdm  # noqa: PLC0415 - see steps_shown

        self._bar = tqdm(
            desc="kernels",
            file=self._console.log,
            disable=not self._console.is_watched,
            leave=False,
            bar_format=_UNCOUNTED,
        )


@contextmanager
def compilation_shown(console: Console) -> Iterator[None]:
    """Show the kernels that this process compiles inside the ``with`` block."""
    from kernels.cpu.compilation import observe_compilation  # noqa: PLC0415 - steps alone need no kernels

    bar = KernelBar(console)

    def ready(event: Compiled) -> None:
        if not event.from_cache:
            bar.add(event.kernel)

    try:
        with observe_compilation(ready):
            yield
    finally:
        bar.close()


@contextmanager
def kernels_shown(console: Console) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Give a function that shows a worker's progress, see :meth:`prover.worker.ProverWorker.progress`."""
    bar = KernelBar(console)
    try:
        yield lambda progress: bar.show(progress["compiled"], progress["latest"])
    finally:
        bar.close()


@contextmanager
def steps_shown(console: Console, description: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function that shows how far a long computation has come: steps done, and all of them."""
    if not console.is_watched:
        yield lambda _done, _total: None
        return
    from tqdm import tqdm  # noqa: PLC0415 - unwatched, a process that proves once does not wait for it

    # Short computations are not worth a line.
    with tqdm(desc=description, file=console.log, leave=False, delay=0.5, bar_format=_STEPS) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


def proofs_bar(console: Console, description: str, total: int) -> tqdm[None]:
    """A progress bar over the proofs of a batch."""
    from tqdm import tqdm  # noqa: PLC0415 - see steps_shown

    return tqdm(
        desc=description,
        total=total,
        unit=" proofs",
        file=console.log,
        disable=not console.is_watched,
        leave=False,
        bar_format=_COUNTED,
    )
