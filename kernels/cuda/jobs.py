"""What a backend's operations do on the device's thread: parts that fit, sent ahead, queued, and waited for."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kernels.backend import Array, Bases, Interrupted
from kernels.cuda.device import DeviceOutOfMemoryError
from kernels.cuda.elements import ELEMENT_BYTES, Elements, Rows
from kernels.cuda.host_points import combine, lifted
from kernels.cuda.images import Program
from kernels.cuda.memory_plan import Chunks, halved, plan_chunks
from kernels.cuda.msm import (
    ResidentBases,
    affine_bytes,
    chunk_bytes,
    chunk_indexable,
    load_points,
    queue_sums,
    xyzz_bytes,
)
from kernels.cuda.msm_plan import MsmPlan

if TYPE_CHECKING:
    from kernels.cuda.device import Argument, Memory
    from kernels.cuda.owner import Work
    from kernels.cuda.session import Download, Scope
    from kernels.curves import Curve, Group


def _as_is(part: Array) -> Array:
    return part


@dataclass(frozen=True, eq=False)
class PreparedBases:
    """What a backend derives from bases: how it cuts them, and the key of what it keeps on the device."""

    plan: MsmPlan
    token: int


def resident_bases(work: Work, bases: Bases) -> ResidentBases:
    """Bases on the device, from its cache or loaded now."""
    prepared: PreparedBases = bases.prepared

    def load(scope: Scope) -> ResidentBases:
        return load_points(work.session, scope, bases.curve, bases.group, bases.points, prepared.plan)

    return work.residents.get(prepared.token, load)


def smaller_chunks(work: Work, chunks: Chunks) -> Chunks:
    """The chunks to go on with after an allocation failed. Called by its handler; raises it again if there are none."""
    work.make_room()
    smaller = halved(chunks)
    if smaller is None:
        raise  # noqa: PLE0704 - the allocation's own error
    return smaller


Compute = Callable[["Work", "Scope", "Memory", int], "Rows"]


def by_rows(
    work: Work, rows: Array, row_bytes: int, out: Array, compute: Compute, laid: Callable[[Array], Array] = _as_is
) -> None:
    """Compute rows in as few parts as fit on the device; a part's rows travel while the one before is computed.

    Parameters
    ----------
    row_bytes
        Memory that a row takes, operands and results.
    out
        Of the results, which :func:`by_rows` fills; as many as there are rows.
    compute
        Queues the work on a part: its rows on the device, in a scope, and their number.
    laid
        How the rows of a part are laid out for it.
    """
    chunks, done = plan_chunks("the operation", len(rows), 1, work.free_bytes(), lambda n, _: 2 * n * row_bytes), 0
    while done < len(rows):
        size = chunks.rows
        sources = ((at, laid(rows[at : at + size])) for at in range(done, len(rows), size))
        queued: list[tuple[int, Download]] = []
        try:
            with contextlib.closing(work.session.ahead(sources)) as arrivals:
                for first, memory in arrivals:
                    with work.session.scope() as scope:
                        made = compute(work, scope, memory.take(), len(rows[first : first + size]))
                        queued.append((first, work.session.download(made.memory, np.uint64, (made.elements, 4))))
                    if len(queued) > 1:
                        done = _kept(*queued.pop(0), out)
            for one in queued:
                done = _kept(*one, out)
        except DeviceOutOfMemoryError:
            chunks = smaller_chunks(work, chunks)


def _kept(first: int, download: Download, out: Array) -> int:
    """Wait for results of rows from ``first`` on and put them into their place; return how many are done."""
    made = download.result().reshape(-1, *out.shape[1:])
    out[first : first + len(made)] = made
    return first + len(made)


def multiplications(work: Work, bases: Bases, rows: Array, should_stop: Callable[[], bool] | None) -> Array:
    """Sums of rows of scalars, in as few parts as fit; a part's scalars travel while the one before is computed.

    Parameters
    ----------
    rows
        ``uint64[rows, n, 4]``, standard form.
    """
    curve, group, plan, n = bases.curve, bases.group, bases.prepared.plan, len(bases)
    out = np.zeros((len(rows), *curve.point_shape(group)), np.uint64)
    if n == 0 or len(rows) == 0:
        return out
    resident = resident_bases(work, bases)
    chunks = plan_chunks(
        f"a multiplication over {n} points",
        len(rows),
        n,
        work.free_bytes(),
        functools.partial(_chunk_bytes, plan, curve, group),
        functools.partial(chunk_indexable, plan),
    )
    done = 0
    while done < len(rows):
        parts = _queued_parts(work, resident, rows, done, chunks, should_stop)
        try:
            with contextlib.closing(parts):
                for first, downloads in parts:
                    _finish(resident, downloads, out[first : first + chunks.rows])
                    done = first + chunks.rows
        except DeviceOutOfMemoryError:
            chunks = smaller_chunks(work, chunks)
    return out


def _chunk_bytes(plan: MsmPlan, curve: Curve, group: Group, rows: int, points: int) -> int:
    """Memory of a part, and of the scalars of the next."""
    return chunk_bytes(plan, curve, group, rows, points) + ELEMENT_BYTES * rows * points


def _queued_parts(
    work: Work, bases: ResidentBases, rows: Array, done: int, chunks: Chunks, should_stop: Callable[[], bool] | None
) -> Generator[tuple[int, list[Download]], None, None]:
    """Queue sums of rows from ``done`` on; yield each part's first row and its sums, once the next part is queued."""
    n = bases.n
    parts = [(row, point) for row in range(done, len(rows), chunks.rows) for point in range(0, n, chunks.points)]
    sources = ((part, rows[part[0] : part[0] + chunks.rows, part[1] : part[1] + chunks.points]) for part in parts)
    queued: list[tuple[int, list[Download]]] = []
    with contextlib.closing(work.session.ahead(sources)) as arrivals:
        for (row, point), scalars in arrivals:
            if should_stop is not None and should_stop():
                raise Interrupted("the multiplication was cancelled")
            count = min(chunks.rows, len(rows) - row)
            sums = queued_sums(work, bases, scalars.take(), count, point, min(chunks.points, n - point))
            if point == 0:
                queued.append((row, []))
            queued[-1][1].append(sums)
            if len(queued) > 1:
                yield queued.pop(0)
    yield from queued


def _finish(bases: ResidentBases, downloads: list[Download], out: Array) -> None:
    """Wait for the sums of some rows, over some points each, and add them up."""
    curve, group = bases.curve, bases.group
    parts = [finished_sums(bases, download) for download in downloads]
    for row in range(len(out)):
        points = np.array([part[row] for part in parts])
        out[row] = points[0] if len(parts) == 1 else combine(curve, group, lifted(curve, group, points))


def queued_sums(
    work: Work, bases: ResidentBases, scalars: Memory, rows: int, first: int = 0, count: int | None = None
) -> Download:
    """Queue sums, over some or all bases, of scalars that are on the device; for :func:`finished_sums`."""
    shape = (rows, bases.plan.sets, 4, bases.curve.coordinate_limbs(bases.group))
    with work.session.scope() as scope:
        sums = queue_sums(work.session, scope, bases, scalars, rows, first, bases.n if count is None else count)
        return work.session.download(sums, np.uint64, shape)


def finished_sums(bases: ResidentBases, sums: Download) -> Array:
    """Wait for the sums: an affine point a row."""
    curve, group, rows = bases.curve, bases.group, sums.result()
    out = np.empty((len(rows), *curve.point_shape(group)), np.uint64)
    for row, sets in enumerate(rows):
        out[row] = combine(curve, group, sets, bases.plan.window_bits)
    return out


def multiples(work: Work, curve: Curve, group: Group, points: Array, scalars: Array) -> Array:
    """scalars[i] points[i], or of one point, by one thread each."""
    program, out = Program("msm", curve, group), np.empty((len(scalars), *curve.point_shape(group)), np.uint64)
    single = len(points) == 1
    each = xyzz_bytes(curve, group) + 2 * affine_bytes(curve, group) + ELEMENT_BYTES
    done, chunks = 0, plan_chunks("multiples", len(scalars), 1, work.free_bytes(), lambda n, _: n * each + 4096)
    while done < len(scalars):
        part = slice(done, done + chunks.rows)
        count = len(scalars[part])
        try:
            with work.session.scope() as scope:
                bases = scope.uploaded(points if single else points[part])
                products = scope.allocate(count * xyzz_bytes(curve, group))
                affine = scope.allocate(count * affine_bytes(curve, group))
                factors = scope.uploaded(scalars[part])
                sizes: list[Argument] = [np.uint64(count), np.uint32(0 if single else 1)]
                work.session.launch(program, "multiply_points", count, 128, [bases, factors, *sizes, products])
                work.session.launch(program, "normalize", count, 128, [products, np.uint64(count), affine])
                out[part] = work.session.download(affine, np.uint64, (count, *curve.point_shape(group))).result()
        except DeviceOutOfMemoryError:
            chunks = smaller_chunks(work, chunks)
        else:
            done += count
    return out


def transform(work: Work, scope: Scope, curve: Curve, values: Rows, inverse: bool, coset: int | None) -> Rows:
    """Queue transforms of rows, which are overwritten; the result is of the scope."""
    elements, residents, n = Elements(work.session, curve), work.residents, values.length
    r, log2_size = curve.fr.modulus, n.bit_length() - 1
    twiddles = residents.get(
        ("twiddles", curve.name, log2_size, inverse), lambda s: elements.twiddles(s, log2_size, inverse=inverse)
    )
    out = elements.allocate(scope, values.count, n)
    if coset is not None and not inverse:
        shifts = residents.get(("powers", curve.name, n, coset, 1), lambda s: elements.powers(s, coset, n))
        elements.pointwise("multiply", values, shifts, values, repeat=n)
    elements.transform_down(values, twiddles)
    factor, base, repeat = (pow(n, -1, r), 1, 1) if inverse else (1, 1, 1)
    if inverse and coset is not None:
        base, repeat = pow(coset, -1, r), n
    factors = residents.get(
        ("powers", curve.name, repeat, base, factor), lambda s: elements.powers(s, base, repeat, factor)
    )
    elements.permute(values, factors, repeat, out)
    return out
