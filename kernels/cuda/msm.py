"""Launch :file:`sources/msm.cu` and the index kernels: bases and tables that stay, and sums of rows of scalars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kernels.cuda.images import INDEX, Program
from kernels.cuda.msm_plan import MOST_ENTRIES, MsmPlan

if TYPE_CHECKING:
    from kernels.backend import Array
    from kernels.cuda.device import Argument, Memory
    from kernels.cuda.session import Scope, Session
    from kernels.curves import Curve, Group

SCAN_BLOCK = 2048
_U32, _U64 = np.uint32, np.uint64


@dataclass(frozen=True)
class ResidentBases:
    """Points and their tables on a device.

    Attributes
    ----------
    memory
        ``plan.tables`` tables of ``n`` affine points.
    """

    curve: Curve
    group: Group
    n: int
    plan: MsmPlan
    memory: Memory

    @property
    def program(self) -> Program:
        """The kernels of its group."""
        return Program("msm", self.curve, self.group)


def affine_bytes(curve: Curve, group: Group) -> int:
    """Size of an affine point."""
    return 16 * curve.coordinate_limbs(group)


def xyzz_bytes(curve: Curve, group: Group) -> int:
    """Size of an XYZZ point."""
    return 32 * curve.coordinate_limbs(group)


def chunk_bytes(bases_plan: MsmPlan, curve: Curve, group: Group, rows: int, points: int) -> int:
    """Memory of one sequence of launches, beside the bases."""
    return bases_plan.workspace_bytes(points, rows, xyzz_bytes(curve, group))


def chunk_indexable(plan: MsmPlan, rows: int, points: int) -> bool:
    """Whether entries and buckets of a chunk are numbered by the kernels' 32-bit integers."""
    return rows * points * plan.windows < MOST_ENTRIES and rows * plan.row_buckets < MOST_ENTRIES


def load_points(
    session: Session, scope: Scope, curve: Curve, group: Group, points: Array, plan: MsmPlan
) -> ResidentBases:
    """Copy points to memory of the scope and compute their tables there."""
    n, table_bytes = len(points), len(points) * affine_bytes(curve, group)
    bases = ResidentBases(curve, group, n, plan, scope.allocate(max(plan.tables * table_bytes, 1)))
    if n == 0:
        return bases
    session.upload(bases.memory.view(0, table_bytes), points)
    for table in range(1, plan.tables):
        before = bases.memory.view((table - 1) * table_bytes, table_bytes)
        out = bases.memory.view(table * table_bytes, table_bytes)
        doublings = _U32(plan.window_bits * plan.sets)
        session.launch(bases.program, "extend_table", n, 128, [before, _U64(n), doublings, out])
    return bases


def queue_sums(
    session: Session, scope: Scope, bases: ResidentBases, scalars: Memory, rows: int, first: int, count: int
) -> Memory:
    """Queue the sums of rows of scalars over points first to first + count.

    Parameters
    ----------
    scalars
        ``uint64[rows, count, 4]``, standard form.

    Returns
    -------
    XYZZ points ``[rows, sets]`` of the scope: the sums of each bucket set, for
    :func:`kernels.cuda.host_points.combine`.
    """
    plan, program, curve, group = bases.plan, bases.program, bases.curve, bases.group
    size, sums_count = xyzz_bytes(curve, group), rows * plan.sets
    out = scope.allocate(sums_count * size)
    if rows == 0 or count == 0:
        session.device.fill(out, 0, session.compute)
        return out
    assert chunk_indexable(plan, rows, count)
    bucket_count = rows * plan.row_buckets
    total = rows * count
    shape: list[Argument] = [_U64(v) for v in (count, total, plan.window_bits, plan.windows, plan.sets)]
    with session.scope() as temporary:
        starts = temporary.zeros(4 * (bucket_count + 1))
        digits = [*_words(scalars), *shape]
        session.launch(INDEX, "count_digits", total, 256, [*digits, *_words(starts)])
        _scan(session, starts, bucket_count + 1)
        cursors = temporary.allocate(4 * (bucket_count + 1))
        session.device.copy(cursors, starts, session.compute)
        most = total * plan.windows
        entries = temporary.allocate(4 * most)
        scattered = [_U64(bases.n), *_words(cursors), *_words(entries)]
        session.launch(INDEX, "scatter_digits", total, 256, [*digits, *scattered])
        buckets = temporary.zeros(bucket_count * size)
        _accumulate(session, bases, first, entries, starts, bucket_count, most, buckets)
        slice_bits = plan.set_slice_bits
        slices = bucket_count >> slice_bits
        slice_sums = temporary.allocate(slices * size)
        bits: list[Argument] = [_U32(slice_bits), _U32(plan.window_bits - 1 - slice_bits)]
        session.launch(program, "sum_slices", slices, 128, [buckets, _U64(slices), *bits, slice_sums])
        each = _U32(plan.buckets >> slice_bits)
        session.launch_blocks(program, "sum_rows", sums_count, 64, [slice_sums, each, _U32(1), out])
    return out


def _accumulate(
    session: Session,
    bases: ResidentBases,
    first: int,
    entries: Memory,
    starts: Memory,
    bucket_count: int,
    most: int,
    buckets: Memory,
) -> None:
    plan, program, size = bases.plan, bases.program, xyzz_bytes(bases.curve, bases.group)
    l0, l1 = plan.segment_bits, plan.merge_bits
    offset = first * affine_bytes(bases.curve, bases.group)
    points = bases.memory.view(offset, bases.memory.size_bytes - offset)
    with session.scope() as scope:
        segments = -(-most >> l0)
        partials = scope.allocate(segments * size)
        arguments: list[Argument] = [points, entries, starts, _U32(bucket_count), _U32(l0), buckets, partials]
        session.launch(program, "accumulate", segments, 128, arguments)
        level = 1
        while segments > 1:  # with one segment no bucket begins before it
            following = -(-segments >> l1)
            next_partials = scope.allocate(following * size)
            bits: list[Argument] = [_U32(level), _U32(l0), _U32(l1)]
            arguments = [partials, starts, _U32(bucket_count), *bits, buckets, next_partials]
            session.launch(program, "merge_partials", following, 128, arguments)
            partials, segments, level = next_partials, following, level + 1


def _scan(session: Session, values: Memory, n: int) -> None:
    """Exclusive prefix sums of ``uint32[n]``, in place."""
    blocks = -(-n // SCAN_BLOCK)
    with session.scope() as scope:
        totals = scope.allocate(4 * blocks)
        arguments = [*_words(values), *_words(totals), _U64(n)]
        session.launch_blocks(INDEX, "scan_blocks", blocks, 256, arguments)
        if blocks > 1:
            _scan(session, totals, blocks)
            session.launch_blocks(INDEX, "add_offsets", blocks, 256, arguments)


def _words(memory: Memory) -> list[Argument]:
    """``uint32[n]`` as a kernel of Numba takes an array: two owners, items, bytes of one, the place, shape, strides.

    Kernels do not read the owners; any pointer will do.
    """
    items = _U64(memory.size_bytes // 4)
    return [memory, memory, items, _U64(4), memory, items, _U64(4)]
