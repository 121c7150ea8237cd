"""Launch the kernels of :file:`sources/elements.cu` and :file:`sources/ntt.cu` on rows of scalar field elements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kernels.cpu.scalars import scalar_kernels
from kernels.cuda.images import Program
from kernels.cuda.transform_plan import plan_passes
from kernels.encoding import limbs_from_ints, montgomery_from_ints

if TYPE_CHECKING:
    from kernels.backend import Array, SparseMatrix
    from kernels.cuda.device import Argument, Memory
    from kernels.cuda.session import Scope, Session
    from kernels.curves import Curve

ELEMENT_BYTES = 32
_BLOCK = 128
_U32, _U64 = np.uint32, np.uint64
_ALL = _U64(2**64 - 1)


@dataclass(frozen=True)
class Rows:
    """``count`` rows of ``length`` elements on a device, one after the other."""

    memory: Memory
    count: int
    length: int

    @property
    def elements(self) -> int:
        """Number of elements."""
        return self.count * self.length

    def view(self, first: int, count: int) -> Rows:
        """Some of the rows."""
        row_bytes = self.length * ELEMENT_BYTES
        return Rows(self.memory.view(first * row_bytes, count * row_bytes), count, self.length)


@dataclass(frozen=True)
class ResidentMatrix:
    """A sparse matrix on a device."""

    rows: int
    indptr: Memory
    indices: Memory
    coefficients: Memory


class Elements:
    """Arithmetic of one curve's scalar field on a session's device; everything is queued on its compute stream."""

    def __init__(self, session: Session, curve: Curve) -> None:
        self.session, self.curve = session, curve
        self.program = Program("elements", curve)
        self.transforms = Program("ntt", curve)

    # --- memory

    def allocate(self, scope: Scope, count: int, length: int) -> Rows:
        """Rows of garbage."""
        return Rows(scope.allocate(max(count * length, 1) * ELEMENT_BYTES), count, length)

    def zeros(self, scope: Scope, count: int, length: int) -> Rows:
        """Rows of zeros."""
        return Rows(scope.zeros(max(count * length, 1) * ELEMENT_BYTES), count, length)

    def uploaded(self, scope: Scope, values: Array) -> Rows:
        """Rows from ``uint64[rows, length, 4]``."""
        rows = self.allocate(scope, *values.shape[:2])
        if values.size:
            self.session.upload(rows.memory.view(0, values.nbytes), values)
        return rows

    def constant(self, scope: Scope, value: int) -> Memory:
        """One element that holds an integer as it is."""
        return scope.uploaded(limbs_from_ints([value], 4))

    def uploaded_matrix(self, scope: Scope, matrix: SparseMatrix) -> ResidentMatrix:
        """A sparse matrix."""
        parts = matrix.indptr, matrix.indices, matrix.coefficients
        return ResidentMatrix(matrix.rows, *(scope.uploaded(part) for part in parts))

    # --- element for element

    def pointwise(self, kernel: str, left: Rows, right: Memory, out: Rows, repeat: int | None = None) -> None:
        """``multiply`` (Montgomery), ``add`` or ``subtract``; ``right`` repeats after 2^k elements where given."""
        mask = _ALL if repeat is None else _U64(repeat - 1)
        arguments: list[Argument] = [left.memory, right, mask, _U64(left.elements), out.memory]
        self.session.launch(self.program, kernel, left.elements, _BLOCK, arguments)

    def multiply_subtract(self, a: Rows, b: Rows, c: Rows, out: Rows) -> None:
        """Out = a b / R - c."""
        arguments: list[Argument] = [a.memory, b.memory, c.memory, _U64(a.elements), out.memory]
        self.session.launch(self.program, "multiply_subtract", a.elements, _BLOCK, arguments)

    def sparse_product(self, matrix: ResidentMatrix, vectors: Rows, out: Rows) -> None:
        """Products of the matrix with every row of ``vectors``, to the beginnings of the rows of ``out``."""
        operands: list[Argument] = [matrix.indptr, matrix.indices, matrix.coefficients, _U64(matrix.rows)]
        sizes: list[Argument] = [
            vectors.memory,
            _U64(vectors.length),
            _U64(vectors.count),
            out.memory,
            _U64(out.length),
        ]
        threads = matrix.rows * vectors.count
        self.session.launch(self.program, "sparse_product", threads, _BLOCK, [*operands, *sizes])

    def wrong_rows(self, scope: Scope, a: Rows, b: Rows, c: Rows, rows: int, one: Memory) -> Memory:
        """``uint32[count]``: the least i below ``rows`` with a_i b_i / R != c_i / R in each row, or 2^32 - 1.

        ``one`` is the :meth:`constant` 1.
        """
        wrong = scope.allocate(4 * a.count)
        self.session.device.fill(wrong, 0xFF, self.session.compute)
        sizes: list[Argument] = [_U64(rows), _U64(a.length), _U64(a.count)]
        arguments: list[Argument] = [a.memory, b.memory, c.memory, one, *sizes, wrong]
        self.session.launch(self.program, "check_rows", rows * a.count, _BLOCK, arguments)
        return wrong

    def copy_columns(self, source: Rows, first: int, count: int, out: Rows, out_first: int) -> None:
        """Copy columns first to first + count of every row to columns from ``out_first`` on."""
        taken: list[Argument] = [source.memory, _U64(source.length), _U64(first), _U64(count), _U64(source.count)]
        put: list[Argument] = [out.memory, _U64(out.length), _U64(out_first)]
        self.session.launch(self.program, "copy_columns", source.count * count, _BLOCK, [*taken, *put])

    def gather_columns(self, source: Rows, columns: Memory, count: int, out: Rows, out_first: int) -> None:
        """Copy the columns that ``uint32[count]`` names."""
        taken: list[Argument] = [source.memory, _U64(source.length), columns, _U64(count), _U64(source.count)]
        put: list[Argument] = [out.memory, _U64(out.length), _U64(out_first)]
        self.session.launch(self.program, "gather_columns", source.count * count, _BLOCK, [*taken, *put])

    # --- transforms

    def powers(self, scope: Scope, base: int, n: int, factor: int = 1) -> Memory:
        """Elements factor base^i for i below n, Montgomery; made on the CPU."""
        return scope.uploaded(self._powers(base, n, factor))

    def _powers(self, base: int, n: int, factor: int) -> Array:
        kernels, field = scalar_kernels(self.curve), self.curve.fr
        out = np.empty(4 * n, np.uint64)
        kernels.powers(montgomery_from_ints(field, [base]).reshape(-1), n, out)
        if factor != 1:
            kernels.multiply(out, montgomery_from_ints(field, [factor]).reshape(-1), n, 0, out)
        return out

    def reversed_powers(self, scope: Scope, base: int, log2_size: int) -> Memory:
        """Elements base^i / n for i below n, Montgomery, in bit-reversed order: what a coset's coefficients take."""
        n = 1 << log2_size
        natural = self._powers(base, n, pow(n, -1, self.curve.fr.modulus)).reshape(n, 4)
        places = np.arange(n)
        reversed_places = np.zeros(n, np.int64)
        for bit in range(log2_size):
            reversed_places |= (places >> bit & 1) << (log2_size - 1 - bit)
        return scope.uploaded(natural[reversed_places])

    def twiddles(self, scope: Scope, log2_size: int, *, inverse: bool) -> Memory:
        """Powers below n / 2 of the root of unity of order n, or of its inverse."""
        root = self.curve.root_of_unity(log2_size)
        root = pow(root, -1, self.curve.fr.modulus) if inverse else root
        return self.powers(scope, root, max(1 << log2_size >> 1, 1))

    def transform_down(self, values: Rows, twiddles: Memory) -> None:
        """Evaluate every row in place: natural order to bit-reversed order."""
        self._transform("transform_down", values, twiddles, reverse=True)

    def transform_up(self, values: Rows, twiddles: Memory) -> None:
        """Evaluate every row in place: bit-reversed order to natural order."""
        self._transform("transform_up", values, twiddles, reverse=False)

    def _transform(self, kernel: str, values: Rows, twiddles: Memory, *, reverse: bool) -> None:
        log2_size = values.length.bit_length() - 1
        passes = plan_passes(log2_size)
        for one in reversed(passes) if reverse else passes:
            shape = [_U32(log2_size), _U32(one.low), _U32(one.levels), _U32(one.columns_log2)]
            threads = min(256, max(1 << one.tile_bits >> 1, 1))
            blocks = values.elements >> one.tile_bits
            self.session.launch_blocks(self.transforms, kernel, blocks, threads, [values.memory, twiddles, *shape])

    def permute(self, values: Rows, factors: Memory, repeat: int, out: Rows) -> None:
        """Out[i] = values[i with its bits reversed] factors[i mod repeat] / R for every row."""
        log2_size = values.length.bit_length() - 1
        shape: list[Argument] = [_U64(repeat - 1), _U32(log2_size), _U64(values.elements), out.memory]
        arguments: list[Argument] = [values.memory, factors, *shape]
        self.session.launch(self.transforms, "permute_and_scale", values.elements, _BLOCK, arguments)
