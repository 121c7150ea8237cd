"""Rank-1 constraint systems: the statement (A w) o (B w) = C w over Fr, and whether a witness satisfies it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from kernels.backend import poll
from kernels.encoding import ints_from_limbs, ints_from_montgomery, limbs_from_ints
from prover.errors import BadInput, UnsatisfiedConstraint

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from kernels.backend import Backend, SparseMatrix
    from kernels.curves import Curve
    from kernels.encoding import Limbs

_CHUNK_BYTES = 1 << 26
"""Size at which a batch is split, so that the three products of a chunk stay within a few hundred megabytes."""


@dataclass(frozen=True, eq=False, repr=False)
class R1CS:
    """A rank-1 constraint system.

    Attributes
    ----------
    a, b, c
        Sparse matrices of equal row count, Montgomery coefficients. C is None where it is not known, as in a key from
        a ``.zkey`` file: then no witness can be checked against the constraints, only a finished proof can.
    variables
        Length of a witness w. w[0] = 1, then ``public`` public signals, then the private ones.
    public
        Number of public signals, without the constant.
    constraint_names
        A readable name for each row, for instance ``"inputs[0].merkle.level[2].swap"``; empty when unknown.
    """

    curve: Curve
    a: SparseMatrix
    b: SparseMatrix
    c: SparseMatrix | None
    variables: int
    public: int
    constraint_names: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"R1CS({self.curve.name}; {self.constraints} constraints, {self.variables} variables)"

    @property
    def constraints(self) -> int:
        """Number of constraints."""
        return self.a.rows

    def check(
        self,
        witness: Limbs,
        backend: Backend | None = None,
        should_stop: Callable[[], bool] | None = None,
        threads: int = 1,
    ) -> None:
        """Check one witness ``uint64[variables, 4]``, standard form; without the matrix C only its form.

        Parameters
        ----------
        backend
            Computes the products; without one, Python integers do (slowly: the oracle of the tests).
        should_stop
            Polled between the products.

        Raises
        ------
        Interrupted
            If ``should_stop`` returned true.
        BadInput
            If dtype, shape or a value is wrong (see :func:`validate_witness`).
        UnsatisfiedConstraint
            With the index and name of the first constraint that does not hold.
        """
        validate_witness(self.curve, self.variables, witness)
        error = self._first_unsatisfied(witness[np.newaxis], backend, should_stop, threads)[0]
        if error is not None:
            raise error

    def check_batch(self, witnesses: Limbs, backend: Backend | None = None) -> list[BadInput | None]:
        """Check ``uint64[batch, variables, 4]``: for each witness the error :meth:`check` raises, or None.

        Raises
        ------
        BadInput
            If dtype or shape of the whole array is wrong.
        """
        validate_shape(witnesses, (None, self.variables, 4), "witness batch")
        errors: list[BadInput | None] = [None] * len(witnesses)
        suspect = values_at_or_above(witnesses, self.curve.fr.modulus).any(axis=1)
        suspect |= (witnesses[:, 0] != limbs_from_ints([1], 4)).any(axis=1)
        for item in np.flatnonzero(suspect):
            try:
                validate_witness(self.curve, self.variables, witnesses[item])
            except BadInput as error:
                errors[item] = error
        well_formed = np.flatnonzero(~suspect)
        step = max(1, _CHUNK_BYTES // (32 * max(self.constraints, self.variables)))
        for start in range(0, len(well_formed), step):
            chunk = well_formed[start : start + step]
            rows = witnesses if len(chunk) == len(witnesses) else witnesses[chunk]
            for item, unsatisfied in zip(chunk, self._first_unsatisfied(rows, backend), strict=True):
                errors[item] = unsatisfied
        return errors

    def _first_unsatisfied(
        self,
        witnesses: Limbs,
        backend: Backend | None,
        should_stop: Callable[[], bool] | None = None,
        threads: int = 1,
    ) -> list[UnsatisfiedConstraint | None]:
        if self.c is None:
            return [None] * len(witnesses)
        if backend is None:
            wrong = self._wrong_rows_slowly(witnesses)
        else:
            wrong = self._wrong_rows(witnesses, backend, should_stop, threads)
        errors: list[UnsatisfiedConstraint | None] = [None] * len(witnesses)
        for item in np.flatnonzero(wrong.any(axis=1)):
            errors[item] = self._unsatisfied(int(wrong[item].argmax()))
        return errors

    def _unsatisfied(self, row: int) -> UnsatisfiedConstraint:
        return UnsatisfiedConstraint(row, self.constraint_names[row] if self.constraint_names else "")

    @property
    def _matrices(self) -> tuple[SparseMatrix, SparseMatrix, SparseMatrix]:
        assert self.c is not None, "without C nothing is compared"
        return self.a, self.b, self.c

    def _wrong_rows(
        self, witnesses: Limbs, backend: Backend, should_stop: Callable[[], bool] | None, threads: int
    ) -> npt.NDArray[np.bool_]:
        # The products keep the witness' standard form, and a Montgomery product of two of them is (Az Bz) / R.
        products = []
        for matrix in self._matrices:
            poll(should_stop)
            products.append(backend.sparse_product(self.curve, matrix, witnesses, threads))
        az, bz, cz = products
        left, right = backend.multiply(self.curve, az, bz), backend.from_montgomery(self.curve, cz)
        unequal: npt.NDArray[np.bool_] = (left != right).any(axis=-1)
        return unequal

    def _wrong_rows_slowly(self, witnesses: Limbs) -> npt.NDArray[np.bool_]:
        r = self.curve.fr.modulus
        wrong = np.empty((len(witnesses), self.constraints), dtype=np.bool_)
        for item, witness in enumerate(witnesses):
            values = ints_from_limbs(witness)
            az, bz, cz = (_product(self.curve, m, values) for m in self._matrices)
            wrong[item] = [(x * y - z) % r != 0 for x, y, z in zip(az, bz, cz, strict=True)]
        return wrong


def _product(curve: Curve, matrix: SparseMatrix, vector: list[int]) -> list[int]:
    coefficients = ints_from_montgomery(curve.fr, matrix.coefficients)
    terms = [c * vector[i] for c, i in zip(coefficients, matrix.indices.tolist(), strict=True)]
    return [sum(terms[start:end]) for start, end in pairwise(matrix.indptr.tolist())]


def validate_shape(array: Limbs, shape: tuple[int | None, ...], what: str) -> None:
    """Check that an array is C-contiguous uint64 of the given shape (None: any length above zero).

    Raises
    ------
    BadInput
        Saying what is expected and what was given.
    """
    if not isinstance(array, np.ndarray):
        raise BadInput(f"{what} must be a numpy array of uint64 limbs, not {type(array).__name__}")
    fits = array.ndim == len(shape) and all(
        have == want if want is not None else have > 0 for have, want in zip(array.shape, shape, strict=False)
    )
    if array.dtype != np.uint64 or not fits:
        expected = ", ".join("n" if length is None else str(length) for length in shape)
        given = f"{array.dtype}{list(array.shape)}"
        raise BadInput(f"{what} must be uint64[{expected}] (little-endian limbs, standard form), not {given}")
    if not array.flags.c_contiguous:
        raise BadInput(f"{what} must be C-contiguous; pass numpy.ascontiguousarray of it")


def values_at_or_above(array: Limbs, modulus: int) -> npt.NDArray[np.bool_]:
    """Whether each value of ``uint64[..., 4]`` is at or above the modulus."""
    bound = limbs_from_ints([modulus], array.shape[-1])[0]
    suspect: npt.NDArray[np.bool_] = array[..., -1] >= bound[-1]
    if not suspect.any():  # the highest limb decides but for one value in 2^62, unless there is a bad one
        return suspect
    at_or_above = np.ones(array.shape[:-1], dtype=np.bool_)
    for limb in range(array.shape[-1]):  # from the least significant: a higher limb that differs decides
        x = array[..., limb]
        at_or_above = (x > bound[limb]) | ((x == bound[limb]) & at_or_above)
    return at_or_above


def validate_witness(curve: Curve, variables: int, witness: Limbs) -> None:
    """Check the form of one witness: C-contiguous ``uint64[variables, 4]``, all values below r, w[0] = 1.

    Raises
    ------
    BadInput
        Naming the first bad variable by its index, never its value.
    """
    validate_shape(witness, (variables, 4), "witness")
    too_large = values_at_or_above(witness, curve.fr.modulus)
    if too_large.any():
        index = int(too_large.argmax())
        raise BadInput(f"witness variable {index} is not below the modulus of {curve.fr.name}; reduce it")
    if witness[0].tolist() != [1, 0, 0, 0]:
        raise BadInput("witness variable 0 is the constant and must be 1")
