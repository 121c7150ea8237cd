"""The ``cuda`` backend: whole arrays on one GPU, from any thread.

Pairings and membership checks have no kernels here and run on the CPU, as do the last few point operations of a
multiplication. Everything else runs on the device or raises: this backend never falls back. See
:mod:`kernels.cuda.dispatch` for the one that does.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from kernels.backend import Array, Backend, Bases, Interrupted, SparseMatrix
from kernels.cuda.device import DeviceFaultError, DeviceOutOfMemoryError
from kernels.cuda.device_backend import DeviceHealth
from kernels.cuda.elements import ELEMENT_BYTES, Elements, ResidentMatrix, Rows
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
from kernels.cuda.msm_plan import MsmPlan, plan_msm
from kernels.cuda.on_cpu import OnCpu
from kernels.cuda.owner import DeviceOwner, Work
from kernels.cuda.residents import new_token
from kernels.cuda.session import STAGING_BYTES
from kernels.operands import (
    check_columns,
    check_domain,
    check_elements,
    check_multiples,
    check_operands,
    check_points,
    check_scalars,
)

if TYPE_CHECKING:
    from kernels.cuda.device import Argument, Device, Memory
    from kernels.cuda.session import Download
    from kernels.curves import Curve, Group

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class CudaBases:
    """What :class:`CudaBackend` derives from bases: how it cuts them, and the key of what it keeps on the device."""

    plan: MsmPlan
    token: int


class CudaBackend(OnCpu):
    """Implements :class:`kernels.backend.Backend` on one device.

    Parameters
    ----------
    open_device
        Opens the device; called once, on a thread of its own, when it is first needed.
    cpu
        For what has no kernels.
    staging_bytes
        See :class:`kernels.cuda.session.Session`.

    Raises
    ------
    DeviceError
        From every operation, when the device is missing, lost, or out of memory.
    """

    name = "cuda"

    def __init__(self, open_device: Callable[[], Device], cpu: Backend, *, staging_bytes: int = STAGING_BYTES) -> None:
        self.cpu = cpu
        self.owner = DeviceOwner(open_device, staging_bytes)
        self._health = DeviceHealth()

    def close(self) -> None:
        """Let go of the device."""
        self.owner.close()

    # --- kernels.cuda.device_backend.DeviceBackend

    def run_on_device(self, job: Callable[[Work], Result]) -> Result:
        """Run a job on the device's thread."""
        return self.owner.call(job)

    def device_bases(self, bases: Bases) -> Bases | None:
        """The bases as they are."""
        return bases

    def pays(self, size: int) -> bool:  # noqa: ARG002 - part of the interface
        """Always: who asked for the device gets it."""
        return self.health().usable

    def failed(self, error: Exception) -> None:
        """An operation failed; it is the caller's to report."""
        if isinstance(error, DeviceFaultError):
            self._health = replace(self._health, state="lost", reason=str(error))

    def quarantine(self, reason: str, count: int = 1) -> None:
        """Results of the device were wrong."""
        wrong = self._health.wrong_results + count
        self._health = replace(self._health, state="quarantined", reason=reason, wrong_results=wrong)

    def health(self) -> DeviceHealth:
        """What is known of the device now."""
        return self._health

    # --- points

    def load_bases(self, curve: Curve, group: Group, points: Array, table_bytes: int = 0) -> Bases:
        """Check the shape of ``points`` and choose how to cut; they go to the device when they are first used."""
        if table_bytes < 0:
            raise ValueError(f"table_bytes must not be negative, not {table_bytes}")
        points = check_points(curve, group, points)
        each = max(len(points) * affine_bytes(curve, group), 1)
        plan = plan_msm(len(points), curve.fr.modulus.bit_length(), table_bytes // each + 1)
        prepared = CudaBases(plan, new_token())
        weakref.finalize(prepared, self.owner.discard, prepared.token)
        return Bases(curve, group, points, prepared)

    def msm(
        self,
        bases: Bases,
        scalars: Array,
        threads: int = 1,  # noqa: ARG002 - part of the interface
        should_stop: Callable[[], bool] | None = None,
    ) -> Array:
        """Sum of scalars[i] * points[i]; a leading batch dimension gives one sum each, in one sequence of launches."""
        scalars = check_scalars(bases, scalars)
        rows = scalars if scalars.ndim == 3 else scalars[None]
        out = self.owner.call(lambda work: _msm(work, bases, rows, should_stop))
        return out if scalars.ndim == 3 else out[0]

    def multiply_base(
        self,
        curve: Curve,
        group: Group,
        point: Array,
        scalars: Array,
        threads: int = 1,  # noqa: ARG002 - part of the interface
    ) -> Array:
        """Multiples scalars[i] * point, by double-and-add."""
        base = check_points(curve, group, np.asarray(point)[None])
        scalars = check_elements(scalars).reshape(-1, 4)
        return self.owner.call(lambda work: _multiples(work, curve, group, base, scalars))

    def multiply_points(self, curve: Curve, group: Group, points: Array, scalars: Array) -> Array:
        """Multiples scalars[i] * points[i], by double-and-add."""
        points, scalars = check_multiples(curve, group, points, scalars)
        return self.owner.call(lambda work: _multiples(work, curve, group, points, scalars))

    # --- field elements

    def ntt(
        self,
        curve: Curve,
        values: Array,
        inverse: bool = False,
        coset: int | None = None,
        threads: int = 1,  # noqa: ARG002 - part of the interface
        should_stop: Callable[[], bool] | None = None,  # noqa: ARG002 - a transform takes a few milliseconds
    ) -> Array:
        """Evaluate on, or with ``inverse`` interpolate from, the 2^k-th roots of unity (times ``coset``)."""
        values, log2_size = check_domain(curve, values, coset)
        rows = values.reshape(-1, 1 << log2_size, 4)

        def transform(work: Work, part: Array) -> Array:
            return _ntt(work, curve, part, log2_size, inverse, coset)

        out = self._by_rows(rows, 4 * rows.shape[1] * ELEMENT_BYTES, rows.shape[1:], transform)
        return out.reshape(values.shape)

    def multiply(self, curve: Curve, left: Array, right: Array) -> Array:
        """Montgomery product per element."""
        return self._pointwise(curve, "multiply", left, right)

    def add(self, curve: Curve, left: Array, right: Array) -> Array:
        """Sum per element."""
        return self._pointwise(curve, "add", left, right)

    def subtract(self, curve: Curve, left: Array, right: Array) -> Array:
        """Difference per element."""
        return self._pointwise(curve, "subtract", left, right)

    def to_montgomery(self, curve: Curve, values: Array) -> Array:
        """Standard form to Montgomery form."""
        return self.multiply(curve, values, _words(curve.fr.R * curve.fr.R % curve.fr.modulus))

    def from_montgomery(self, curve: Curve, values: Array) -> Array:
        """Montgomery form to standard form."""
        return self.multiply(curve, values, _words(1))

    def sparse_product(
        self,
        curve: Curve,
        matrix: SparseMatrix,
        vectors: Array,
        threads: int = 1,  # noqa: ARG002 - part of the interface
    ) -> Array:
        """Matrix times vector(s)."""
        vectors = check_columns(matrix, vectors)
        rows = vectors.reshape(-1, *vectors.shape[-2:])

        def product(work: Work, part: Array) -> Array:
            elements = Elements(work.session, curve)
            with work.session.scope() as scope:
                resident: ResidentMatrix = elements.uploaded_matrix(scope, matrix)
                out = elements.allocate(scope, len(part), matrix.rows)
                elements.sparse_product(resident, elements.uploaded(scope, part), out)
                return _downloaded(work, out)

        row_bytes = (rows.shape[1] + matrix.rows) * ELEMENT_BYTES
        out = self._by_rows(rows, row_bytes, (matrix.rows, 4), product)
        return out.reshape(*vectors.shape[:-2], matrix.rows, 4)

    def _pointwise(self, curve: Curve, kernel: str, left: Array, right: Array) -> Array:
        left, right = check_operands(np.asarray(left), np.asarray(right))
        shape = left.shape
        pairs = np.stack([left.reshape(-1, 4), right.reshape(-1, 4)], axis=1)  # row i: left i, right i

        def apply(work: Work, part: Array) -> Array:
            elements = Elements(work.session, curve)
            with work.session.scope() as scope:
                operands = elements.uploaded(scope, np.ascontiguousarray(part.swapaxes(0, 1)))
                a, b = operands.view(0, 1), operands.view(1, 1)
                elements.pointwise(kernel, a, b.memory, a)
                return _downloaded(work, a).reshape(-1, 4)

        return self._by_rows(pairs, 2 * ELEMENT_BYTES, (4,), apply).reshape(shape)

    def _by_rows(
        self, rows: Array, row_bytes: int, result: tuple[int, ...], compute: Callable[[Work, Array], Array]
    ) -> Array:
        """Compute rows in as few parts as fit on the device."""
        out = np.empty((len(rows), *result), np.uint64)

        def run(work: Work) -> None:
            done = 0
            chunks = plan_chunks("the operation", len(rows), 1, work.free_bytes(), lambda n, _: n * row_bytes)
            while done < len(rows):
                part = slice(done, done + chunks.rows)
                try:
                    out[part] = compute(work, rows[part])
                except DeviceOutOfMemoryError:
                    chunks = _smaller(work, chunks)
                else:
                    done += chunks.rows

        if rows.size:
            self.owner.call(run)
        return out


def _words(value: int) -> Array:
    return np.frombuffer(value.to_bytes(32, "little"), "<u8").astype(np.uint64)


def _downloaded(work: Work, rows: Rows) -> Array:
    return work.session.download(rows.memory, np.uint64, (rows.count, rows.length, 4)).result()


def _smaller(work: Work, chunks: Chunks) -> Chunks:
    """The chunks to go on with after an allocation failed. Called by its handler; raises it again if there are none."""
    work.make_room()
    smaller = halved(chunks)
    if smaller is None:
        raise  # noqa: PLE0704 - the allocation's own error
    return smaller


# --- on the device's thread


def resident_bases(work: Work, bases: Bases) -> ResidentBases:
    """Bases on the device, from its cache or loaded now."""
    prepared: CudaBases = bases.prepared

    def load(scope: object) -> ResidentBases:
        return load_points(work.session, scope, bases.curve, bases.group, bases.points, prepared.plan)  # type: ignore[arg-type]

    return work.residents.get(prepared.token, load)


def _msm(work: Work, bases: Bases, rows: Array, should_stop: Callable[[], bool] | None) -> Array:
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
        functools.partial(chunk_bytes, plan, curve, group),
        functools.partial(chunk_indexable, plan),
    )
    done = 0
    pending: list[tuple[int, list[Download]]] = []
    while done < len(rows):
        part = rows[done : done + chunks.rows]
        try:
            pending.append((done, _queue_rows(work, resident, part, chunks.points, should_stop)))
        except DeviceOutOfMemoryError:
            chunks = _smaller(work, chunks)
        else:
            done += len(part)
            while len(pending) > 1:
                _finish(curve, group, plan, pending.pop(0), out)
    for queued in pending:
        _finish(curve, group, plan, queued, out)
    return out


def _queue_rows(
    work: Work, resident: ResidentBases, rows: Array, points: int, should_stop: Callable[[], bool] | None
) -> list[Download]:
    """Queue the sums of rows, over some points at a time."""
    shape = (len(rows), resident.plan.sets, 4, resident.curve.coordinate_limbs(resident.group))
    downloads = []
    for first in range(0, resident.n, points):
        if should_stop is not None and should_stop():
            raise Interrupted("the multiplication was cancelled")
        part = rows[:, first : first + points]
        with work.session.scope() as scope:
            scalars = scope.uploaded(part)
            sums = queue_sums(work.session, scope, resident, scalars, len(rows), first, part.shape[1])
            downloads.append(work.session.download(sums, np.uint64, shape))
    return downloads


def _finish(curve: Curve, group: Group, plan: MsmPlan, queued: tuple[int, list[Download]], out: Array) -> None:
    first, downloads = queued
    parts = [download.result() for download in downloads]
    for row in range(len(parts[0])):
        points = np.array([combine(curve, group, part[row], plan.window_bits) for part in parts])
        out[first + row] = points[0] if len(parts) == 1 else combine(curve, group, lifted(curve, group, points))


def queued_sums(work: Work, bases: ResidentBases, scalars: Memory, rows: int) -> Download:
    """Queue sums over all bases of scalars that are on the device already; for :func:`finished_sums`."""
    shape = (rows, bases.plan.sets, 4, bases.curve.coordinate_limbs(bases.group))
    with work.session.scope() as scope:
        sums = queue_sums(work.session, scope, bases, scalars, rows, 0, bases.n)
        return work.session.download(sums, np.uint64, shape)


def finished_sums(bases: ResidentBases, sums: Download) -> Array:
    """Wait for the sums: an affine point a row."""
    curve, group, rows = bases.curve, bases.group, sums.result()
    out = np.empty((len(rows), *curve.point_shape(group)), np.uint64)
    for row, sets in enumerate(rows):
        out[row] = combine(curve, group, sets, bases.plan.window_bits)
    return out


def _multiples(work: Work, curve: Curve, group: Group, points: Array, scalars: Array) -> Array:
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
            chunks = _smaller(work, chunks)
        else:
            done += count
    return out


def _ntt(work: Work, curve: Curve, rows: Array, log2_size: int, inverse: bool, coset: int | None) -> Array:
    elements, residents, n = Elements(work.session, curve), work.residents, 1 << log2_size
    r = curve.fr.modulus
    twiddles = residents.get(
        ("twiddles", curve.name, log2_size, inverse), lambda s: elements.twiddles(s, log2_size, inverse=inverse)
    )
    with work.session.scope() as scope:
        values = elements.uploaded(scope, rows)
        out = elements.allocate(scope, len(rows), n)
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
        return _downloaded(work, out)
