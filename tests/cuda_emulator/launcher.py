"""Runs kernels, copies and fills on the arena under the checks, and turns findings into reports."""

from __future__ import annotations

import numpy as np

from kernels.cuda.device import Dim3
from tests.cuda_emulator.arena import Arena, reserve
from tests.cuda_emulator.checks import CELL_WORDS
from tests.cuda_emulator.image import LoadedKernel
from tests.cuda_emulator.layout import Access, Finding, Launch, ReportColumn, Thread
from tests.cuda_emulator.order import Order
from tests.cuda_emulator.reports import Report, describe
from tests.cuda_emulator.runtime import access_range, run_launch

REPORT_LIMIT = 32
SHARED_ALIGN_BYTES = 16
_GAP_BYTES = 64


class Launcher:
    """The part of an emulated device that works on its memory, one operation at a time.

    Parameters
    ----------
    checked
        Whether accesses are checked in full.
    step_limit
        Backward branches that a thread may take before it is said not to end.
    """

    def __init__(self, arena: Arena, order: Order, *, checked: bool, step_limit: int) -> None:
        self._arena = arena
        self._order = order
        self._checked = checked
        self._step_limit = step_limit
        self._threads = np.zeros((0, Thread.SLOTS), np.int64)
        self._known = np.zeros((0, 32), np.uint32)
        self._private = reserve(1)
        self._shared = reserve(1)

    def run(
        self,
        kernel: LoadedKernel,
        grid: Dim3,
        block: Dim3,
        parameters: bytes,
        shared_bytes: int,
        operation: int,
        seed: int,
    ) -> list[Report]:
        """Run a kernel; returns what was found."""
        facts = kernel.kernel
        static = (
            -(-facts.static_shared_bytes // SHARED_ALIGN_BYTES) * SHARED_ALIGN_BYTES
            if shared_bytes
            else (facts.static_shared_bytes)
        )
        launch, findings = self._record(operation)
        dimensions = (*grid, *block)
        launch[Launch.BLOCKS_X : Launch.THREADS_Z + 1] = dimensions
        threads = block[0] * block[1] * block[2]
        launch[Launch.THREADS_PER_BLOCK] = threads
        launch[Launch.DYNAMIC_SHARED] = static
        launch[Launch.SHARED_BYTES] = static + shared_bytes
        launch[Launch.MODULE_BASE] = kernel.image.base
        launch[Launch.STEP_LIMIT] = self._step_limit
        block_of_parameters = np.frombuffer(parameters or b"\0", np.uint8)
        launch[Launch.PARAMETERS] = block_of_parameters.ctypes.data
        self._place_shared(launch)
        self._place_private(launch, threads, facts.frame_bytes, facts.local_bytes)
        run_launch()(
            launch,
            self._threads[:threads],
            self._known[:threads],
            kernel.entry,
            seed,
            facts.frame_bytes,
            facts.local_bytes,
        )
        return [self._kernel_report(kernel, row, operation) for row in findings[: launch[Launch.REPORT_COUNT]].tolist()]

    def touch(
        self, offset: int, size_bytes: int, access: Access, operation: int, *, any_state: bool = False
    ) -> list[Report]:
        """Check and note that a copy or fill reads or writes a range; returns what was found.

        With ``any_state`` it may read what nobody wrote.
        """
        if not self._checked:
            return []
        launch, findings = self._record(operation)
        thread = np.zeros(Thread.SLOTS, np.int64)
        access_range()(launch, thread, offset, size_bytes, int(access), int(any_state))
        reports = []
        for row in findings[: launch[Launch.REPORT_COUNT]].tolist():
            finding, message, address = describe(row, self._order.labels, operation)
            reports.append(Report(finding, message, self._order.labels[operation], address=address))
        return reports

    def _record(self, operation: int) -> tuple[np.ndarray, np.ndarray]:
        """A launch record with what concerns the device, and the table for findings."""
        launch = np.zeros(Launch.SLOTS, np.int64)
        findings = np.zeros((REPORT_LIMIT, ReportColumn.SLOTS), np.int64)
        self._ordered = self._order.table(operation)
        arena = self._arena
        launch[Launch.ARENA_BASE] = arena.base
        launch[Launch.ARENA_BYTES] = len(arena.bytes)
        launch[Launch.STATES] = arena.states.ctypes.data
        launch[Launch.CELLS] = arena.cells.ctypes.data
        launch[Launch.GRANULE_SHIFT] = arena.granule_shift
        launch[Launch.OPERATION] = operation
        launch[Launch.ORDERED] = self._ordered.ctypes.data
        launch[Launch.REPORTS] = findings.ctypes.data
        launch[Launch.REPORT_LIMIT] = REPORT_LIMIT
        launch[Launch.CHECKED] = self._checked
        return launch, findings

    def _place_shared(self, launch: np.ndarray) -> None:
        """Shared memory, its states and its cells behind one another."""
        size = int(launch[Launch.SHARED_BYTES])
        rounded = -(-size // 256) * 256 + 256
        cells = ((size >> self._arena.granule_shift) + 2) * CELL_WORDS * 4
        if len(self._shared) < 2 * rounded + cells:
            self._shared = reserve(2 * rounded + cells)
        base = self._shared.ctypes.data
        launch[Launch.SHARED_BASE] = base
        launch[Launch.SHARED_STATES] = base + rounded
        launch[Launch.SHARED_CELLS] = base + 2 * rounded

    def _place_private(self, launch: np.ndarray, threads: int, frame_bytes: int, local_bytes: int) -> None:
        """Frames, local memory and its states of every thread."""
        frame = -(-frame_bytes // 64) * 64 + _GAP_BYTES
        local = -(-local_bytes // 64) * 64 + _GAP_BYTES
        if len(self._threads) < threads:
            self._threads = np.zeros((threads, Thread.SLOTS), np.int64)
            self._known = np.zeros((threads, 32), np.uint32)
        if len(self._private) < threads * (frame + 2 * local):
            self._private = reserve(threads * (frame + 2 * local))
        base = self._private.ctypes.data
        numbers = np.arange(threads)
        self._threads[:threads, Thread.FRAME] = base + numbers * frame
        self._threads[:threads, Thread.LOCAL] = base + threads * frame + numbers * local
        launch[Launch.LOCAL_BYTES] = local_bytes
        launch[Launch.LOCAL_STATES_OFFSET] = threads * local
        self._private[threads * (frame + local) : threads * (frame + 2 * local)] = 0

    def _kernel_report(self, kernel: LoadedKernel, row: list[int], operation: int) -> Report:
        finding, message, address = describe(row, self._order.labels, operation)
        instruction = kernel.image.instruction(row[ReportColumn.SITE])
        if finding is Finding.BARRIER_DIVERGED:
            other = kernel.image.instruction(row[ReportColumn.ADDRESS])
            message += f"; others at PTX line {other.line if other else '?'}"
        return Report(
            finding,
            message,
            kernel.name,
            instruction.text if instruction else "",
            instruction.line if instruction else None,
            instruction.source if instruction else "",
            row[ReportColumn.BLOCK],
            row[ReportColumn.THREAD],
            address,
        )
