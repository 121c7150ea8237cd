"""The ``cuda`` backend: whole arrays on one GPU, from any thread.

Pairings and membership checks have no kernels here and run on the CPU, as do the last few point operations of a
multiplication. Everything else runs on the device or raises: this backend never falls back. See
:mod:`kernels.cuda.dispatch` for the one that does.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from kernels.backend import Array, Backend, Bases, SparseMatrix
from kernels.cuda.device import DeviceFaultError
from kernels.cuda.device_backend import DeviceHealth
from kernels.cuda.elements import ELEMENT_BYTES, Elements, Rows
from kernels.cuda.jobs import Compute, PreparedBases, by_rows, multiples, multiplications, transform
from kernels.cuda.msm import affine_bytes
from kernels.cuda.msm_plan import plan_msm
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
    from kernels.cuda.device import Device, Memory
    from kernels.cuda.session import Scope
    from kernels.curves import Curve, Group

Result = TypeVar("Result")


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

    def prepare_device(self) -> DeviceHealth:
        """Open the device now, unless that has been done, and see what it is."""
        name, work_bytes = self.owner.call(lambda work: (work.device.name, work.budget_bytes))
        self._health = replace(self._health, device=name, work_bytes=work_bytes)
        return self._health

    # --- points

    def load_bases(self, curve: Curve, group: Group, points: Array, table_bytes: int = 0) -> Bases:
        """Check the shape of ``points`` and choose how to cut; they go to the device when they are first used."""
        if table_bytes < 0:
            raise ValueError(f"table_bytes must not be negative, not {table_bytes}")
        points = check_points(curve, group, points)
        each = max(len(points) * affine_bytes(curve, group), 1)
        plan = plan_msm(len(points), curve.fr.modulus.bit_length(), table_bytes // each + 1)
        prepared = PreparedBases(plan, new_token())
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
        out = self.owner.call(lambda work: multiplications(work, bases, rows, should_stop))
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
        return self.owner.call(lambda work: multiples(work, curve, group, base, scalars))

    def multiply_points(self, curve: Curve, group: Group, points: Array, scalars: Array) -> Array:
        """Multiples scalars[i] * points[i], by double-and-add."""
        points, scalars = check_multiples(curve, group, points, scalars)
        return self.owner.call(lambda work: multiples(work, curve, group, points, scalars))

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

        def queue(work: Work, scope: Scope, memory: Memory, count: int) -> Rows:
            return transform(work, scope, curve, Rows(memory, count, rows.shape[1]), inverse, coset)

        return self._by_rows(rows, 2 * rows.shape[1] * ELEMENT_BYTES, rows.shape[1:], queue).reshape(values.shape)

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

        def queue(work: Work, scope: Scope, memory: Memory, count: int) -> Rows:
            elements = Elements(work.session, curve)
            out = elements.allocate(scope, count, matrix.rows)
            elements.sparse_product(elements.uploaded_matrix(scope, matrix), Rows(memory, count, rows.shape[1]), out)
            return out

        row_bytes = (rows.shape[1] + matrix.rows) * ELEMENT_BYTES
        out = self._by_rows(rows, row_bytes, (matrix.rows, 4), queue)
        return out.reshape(*vectors.shape[:-2], matrix.rows, 4)

    def _pointwise(self, curve: Curve, kernel: str, left: Array, right: Array) -> Array:
        left, right = check_operands(np.asarray(left), np.asarray(right))
        shape = left.shape
        pairs = np.stack([left.reshape(-1, 4), right.reshape(-1, 4)], axis=1)  # row i: left i, right i

        def queue(work: Work, _: Scope, memory: Memory, count: int) -> Rows:
            operands = Rows(memory, 2, count)
            a, b = operands.view(0, 1), operands.view(1, 1)
            Elements(work.session, curve).pointwise(kernel, a, b.memory, a)
            return a

        return self._by_rows(pairs, 2 * ELEMENT_BYTES, (4,), queue, lambda part: part.swapaxes(0, 1)).reshape(shape)

    def _by_rows(
        self,
        rows: Array,
        row_bytes: int,
        result: tuple[int, ...],
        compute: Compute,
        laid: Callable[[Array], Array] = np.asarray,
    ) -> Array:
        """Results of rows, each of shape ``result``; see :func:`kernels.cuda.jobs.by_rows`."""
        out = np.empty((len(rows), *result), np.uint64)
        if rows.size:
            self.owner.call(lambda work: by_rows(work, rows, row_bytes, out, compute, laid))
        return out


def _words(value: int) -> Array:
    return np.frombuffer(value.to_bytes(32, "little"), "<u8").astype(np.uint64)
