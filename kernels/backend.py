"""The one interface behind which every backend computes.

A backend is stateless and safe to share between threads; what it derives from a key lives in :class:`Bases`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from kernels.curves import Curve, Group

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kernels.encoding import Limbs

Array = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class SparseMatrix:
    """A sparse matrix over Fr in compressed rows.

    Attributes
    ----------
    indptr
        ``int64[rows + 1]``: row i holds entries ``indptr[i]`` to ``indptr[i + 1]``.
    indices
        ``int32[nnz]``: the column (variable) of each entry.
    coefficients
        ``uint64[nnz, 4]``: Montgomery form.
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    coefficients: Limbs

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.indptr) - 1


@dataclass(frozen=True)
class Bases:
    """Points of one group, prepared by one backend for repeated MSMs.

    Attributes
    ----------
    points
        ``uint64[n, 2, L]`` or ``uint64[n, 2, 2, L]``, affine, Montgomery, all zero for infinity. None are kept where
        ``prepared`` stands for all of them.
    prepared
        What the backend derived from them (tables, lane layout); opaque to callers.
    count
        How many there are if ``points`` are not kept.
    """

    curve: Curve
    group: Group
    points: Array
    prepared: Any = field(default=None, repr=False)
    count: int = 0

    def __len__(self) -> int:
        return len(self.points) or self.count


@dataclass(frozen=True)
class TableLayout:
    """Form of the table that a backend derives from bases; equal layouts of the same points are the same words.

    Attributes
    ----------
    shape
        Of the table, ``uint64``: rows, and words of a row.
    description
        Everything the words depend on, beside the points: backend, curve, group, number of points, how scalars are
        cut, and the version of the form.
    """

    shape: tuple[int, int]
    description: Mapping[str, int | str]

    @property
    def size_bytes(self) -> int:
        """Memory of the table."""
        return 8 * self.shape[0] * self.shape[1]


@dataclass(frozen=True)
class PairingEquation:
    """The equation e(A, B) e(P, Q_0) e(sum_i s_i S_i, Q_1) e(C, Q_2) = 1, where A, B, C and the s_i are unknown.

    Attributes
    ----------
    p
        P.
    q
        ``uint64[3, 2, 2, L]``: the Q_i.
    bases
        The S_i.
    prepared
        What the backend derived from them; opaque to callers.
    """

    curve: Curve
    p: Array
    q: Array
    bases: Bases
    prepared: Any = field(default=None, repr=False)


class EquationAnswer(NamedTuple):
    """Whether B is in the subgroup, and whether it is and the equation holds."""

    b_in_subgroup: bool
    holds: bool


class CombinationAnswer(NamedTuple):
    """Which B are in the subgroup, ``bool[n]``, and whether all are and the combined equation holds."""

    b_in_subgroup: npt.NDArray[np.bool_]
    holds: bool


@runtime_checkable
class Backend(Protocol):
    """Arithmetic over whole arrays.

    Scalars and field values are ``uint64[..., 4]`` below r. Operations marked *linear* act alike on standard and
    Montgomery form and return the form they were given. Every call releases the GIL while it computes.
    """

    @property
    def name(self) -> str:
        """Name under which :func:`kernels.get_backend` finds it."""
        ...

    def load_bases(self, curve: Curve, group: Group, points: Array, table_bytes: int = 0) -> Bases:
        """Check the shape of ``points`` and precompute within ``table_bytes`` bytes beside them.

        Raises
        ------
        ValueError
            If dtype, shape or contiguity is wrong. Curve membership is not checked here: see :meth:`on_curve`
            and :meth:`in_subgroup`.
        """
        ...

    def msm(
        self, bases: Bases, scalars: Array, threads: int = 1, should_stop: Callable[[], bool] | None = None
    ) -> Array:
        """Sum of scalars[i] * points[i].

        Parameters
        ----------
        scalars
            ``uint64[n, 4]`` or ``uint64[batch, n, 4]``, standard form, below r.
        should_stop
            Polled between chunks; when it returns true the call raises :class:`Interrupted`.

        Returns
        -------
        One affine point, or ``batch`` of them, Montgomery form.
        """
        ...

    def multiply_base(self, curve: Curve, group: Group, point: Array, scalars: Array, threads: int = 1) -> Array:
        """Multiples scalars[i] * point of one point, by a fixed-base window table. Returns ``n`` affine points."""
        ...

    def multiply_points(self, curve: Curve, group: Group, points: Array, scalars: Array) -> Array:
        """Multiples scalars[i] * points[i] of ``n`` points of the subgroup, as ``n`` affine points.

        ``scalars`` is ``uint64[n, 4]``, standard form, below r.
        """
        ...

    def on_curve(self, curve: Curve, group: Group, points: Array) -> npt.NDArray[np.bool_]:
        """Whether each point has coordinates below p and lies on the curve (infinity does)."""
        ...

    def in_subgroup(self, curve: Curve, group: Group, points: Array) -> npt.NDArray[np.bool_]:
        """Whether each point, already known to be on the curve, has order dividing r."""
        ...

    def ntt(
        self,
        curve: Curve,
        values: Array,
        inverse: bool = False,
        coset: int | None = None,
        threads: int = 1,
        should_stop: Callable[[], bool] | None = None,
    ) -> Array:
        """Evaluate polynomials on the 2^k-th roots of unity, or interpolate them. Linear.

        Parameters
        ----------
        values
            ``uint64[..., 2^k, 4]`` in natural order. Coefficients, or with ``inverse`` evaluations.
        coset
            Generator g in standard form: the domain is g * <w>.
        should_stop
            Polled between chunks; when it returns true the call raises :class:`Interrupted`.

        Returns
        -------
        A new array of the same shape, in natural order.
        """
        ...

    def multiply(self, curve: Curve, left: Array, right: Array) -> Array:
        """Montgomery product ``left * right / R`` per element; one operand may be a single element ``uint64[4]``."""
        ...

    def add(self, curve: Curve, left: Array, right: Array) -> Array:
        """Sum per element. Linear."""
        ...

    def subtract(self, curve: Curve, left: Array, right: Array) -> Array:
        """Difference per element. Linear."""
        ...

    def to_montgomery(self, curve: Curve, values: Array) -> Array:
        """Standard form to Montgomery form (values * R)."""
        ...

    def from_montgomery(self, curve: Curve, values: Array) -> Array:
        """Montgomery form to standard form (values / R)."""
        ...

    def sparse_product(self, curve: Curve, matrix: SparseMatrix, vectors: Array, threads: int = 1) -> Array:
        """Matrix times vector(s): ``uint64[..., columns, 4]`` to ``uint64[..., rows, 4]``. Linear in ``vectors``."""
        ...

    def pairing_product_is_one(self, curve: Curve, g1_points: Array, g2_points: Array) -> bool:
        """Whether the product of e(P_i, Q_i) is one; pairs with infinity count as one.

        Points must lie on the curve and in the subgroup. ``g1_points`` is ``uint64[n, 2, L]``, ``g2_points``
        ``uint64[n, 2, 2, L]``, affine, Montgomery.
        """
        ...

    def load_equation(self, curve: Curve, p: Array, q: Array, bases: Array) -> PairingEquation:
        """Prepare a pairing equation to be checked many times.

        All points must lie in their subgroups, and neither ``p`` nor the three ``q`` be infinity.
        """
        ...

    def check_equation(self, equation: PairingEquation, scalars: Array, a: Array, b: Array, c: Array) -> EquationAnswer:
        """Check a pairing equation for the points A, B, C and scalars ``uint64[n, 4]`` (standard form, below r).

        A and C must lie in the subgroup, B on the curve.
        """
        ...

    def check_combination(
        self, equation: PairingEquation, weights: Array, scalars: Array, a: Array, b: Array, c: Array
    ) -> CombinationAnswer:
        """Check n equations at once, each raised to its weight; the weights should be random, drawn after the rest.

        Parameters
        ----------
        weights
            ``uint64[n, 4]``, standard form, below r, not 0. Best u + v s with short u and v and the eigenvalue s of
            :func:`kernels.endomorphisms.cube_root_endomorphism`.
        scalars
            ``uint64[m, 4]``: for each S_i the sum over the equations of weight times scalar, modulo r.
        a, b, c
            ``n`` points each, as :meth:`check_equation` takes them.
        """
        ...


@runtime_checkable
class SharesTables(Protocol):
    """A backend whose bases are one array each, which other processes may use in place; none writes to it."""

    def table_layout(self, curve: Curve, group: Group, count: int, table_bytes: int) -> TableLayout:
        """Form of what :meth:`make_table` derives from ``count`` points; costs no arithmetic on them."""
        ...

    def make_table(self, curve: Curve, group: Group, points: Array, table_bytes: int) -> Array:
        """Precompute the table of points: ``uint64``, in C order, of its layout's shape."""
        ...

    def attach_bases(self, curve: Curve, group: Group, count: int, table_bytes: int, table: Array) -> Bases:
        """Bases over a table that this or another process made of the same points, copying nothing.

        Parameters
        ----------
        table
            May be read-only. Reads of it stay inside it whatever it holds; that it belongs to the points is the
            caller's to know, or to find out from what is computed with it.

        Raises
        ------
        ValueError
            If it does not have the layout's dtype, shape, order or alignment.
        """
        ...


class Interrupted(Exception):  # noqa: N818 - not an error of the computation: its caller asked for it
    """A long computation stopped between chunks because ``should_stop`` said so."""


def poll(should_stop: Callable[[], bool] | None) -> None:
    """Between two chunks of a computation, stop it if its caller asks for that.

    Raises
    ------
    Interrupted
        If ``should_stop`` returns true.
    """
    if should_stop is not None and should_stop():
        raise Interrupted("the computation was cancelled")
