"""Make a key from the powers of tau of a ceremony's first phase, with gamma = delta = 1 (Groth 2016, section 3.2).

The start of the second phase: delta is known to everybody until somebody contributes, so that the key is for
development as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import kernels
from kernels.backend import SparseMatrix
from kernels.encoding import limbs_from_ints, points_from_ints
from prover.errors import BadInput
from prover.groth16.keys import KeyMetadata, ProvingKey, VerifyingKey, domain_size
from prover.groth16.membership import outside_group
from prover.groth16.setup import transposed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kernels.backend import Backend
    from kernels.curves import Curve, Group
    from kernels.encoding import Limbs
    from prover.formats.ptau import PowersOfTau
    from prover.r1cs import R1CS


def setup_from_powers(
    r1cs: R1CS,
    powers: PowersOfTau,
    backend: Backend | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> ProvingKey:
    """Make the first key of a ceremony's second phase.

    Parameters
    ----------
    on_progress
        Called with the number of variables done so far, and of all, each counted once for every query.

    Raises
    ------
    BadInput
        If the system is over another curve, empty or too large for the powers, or a point of theirs is off the curve
        or outside its subgroup.

    Notes
    -----
    A multi-scalar multiplication for every variable and query, as large as the variable has entries: about a
    millisecond each.
    """
    backend = backend or kernels.get_backend()
    curve = r1cs.curve
    n = _check(r1cs, powers)
    log2_n = n.bit_length() - 1
    checked = _Checked(curve, backend)
    in_g1, in_g2 = checked.points("g1", powers.lagrange_g1(log2_n)), checked.points("g2", powers.lagrange_g2(log2_n))
    with_alpha = checked.points("g1", powers.lagrange_alpha(log2_n))
    with_beta = checked.points("g1", powers.lagrange_beta(log2_n))
    h_query = checked.points("g1", powers.lagrange_g1(log2_n + 1)[1::2])
    a, b, c = (transposed(matrix, r1cs.variables) for matrix in (_bound(r1cs), r1cs.b, r1cs.c) if matrix is not None)
    columns = _Columns(curve, r1cs.variables, backend, on_progress)
    combined = columns.sums("g1", [(a, with_beta), (b, with_alpha), (c, in_g1)])
    one_g1 = points_from_ints(curve, "g1", [curve.g1_generator])[0]
    one_g2 = points_from_ints(curve, "g2", [curve.g2_generator])[0]
    alpha_g1, beta_g1 = checked.points("g1", np.stack([powers.alpha_g1, powers.beta_g1]))
    beta_g2 = checked.points("g2", powers.beta_g2[np.newaxis])[0]
    return ProvingKey(
        metadata=KeyMetadata(
            circuit="",
            parameters={},
            curve=curve.name,
            constraints=r1cs.constraints,
            variables=r1cs.variables,
            public=r1cs.public,
            nonresidue=curve.nonresidue,
            development=True,
        ),
        r1cs=r1cs,
        verifying_key=VerifyingKey(curve, alpha_g1, beta_g2, one_g2, one_g2, combined[: r1cs.public + 1]),
        beta_g1=beta_g1,
        delta_g1=one_g1,
        a_query=columns.sums("g1", [(a, in_g1)]),
        b_g1_query=columns.sums("g1", [(b, in_g1)]),
        b_g2_query=columns.sums("g2", [(b, in_g2)]),
        h_query=h_query,
        l_query=np.ascontiguousarray(combined[r1cs.public + 1 :]),
    )


def _check(r1cs: R1CS, powers: PowersOfTau) -> int:
    if r1cs.curve != powers.curve:
        raise BadInput(f"the constraint system is over {r1cs.curve.name}, the powers of tau on {powers.curve.name}")
    if r1cs.c is None or not r1cs.constraints:
        raise BadInput("the constraint system is empty, or its matrix C is not known")
    n = domain_size(r1cs.constraints, r1cs.public)
    if n > 1 << powers.power:
        raise BadInput(f"the circuit needs a domain of {n}, the powers of tau serve up to {1 << powers.power}")
    if n.bit_length() > r1cs.curve.two_adicity:
        raise BadInput(f"{r1cs.constraints} constraints are more than {r1cs.curve.name} has roots of unity for")
    return n


def _bound(r1cs: R1CS) -> SparseMatrix:
    """A with the rows that bind the constant and the public signals."""
    one = limbs_from_ints([r1cs.curve.fr.R % r1cs.curve.fr.modulus], 4)
    statement = np.arange(r1cs.public + 1)
    return SparseMatrix(
        np.concatenate([r1cs.a.indptr, r1cs.a.indptr[-1] + 1 + statement]),
        np.concatenate([r1cs.a.indices, statement.astype(np.int32)]),
        np.concatenate([r1cs.a.coefficients, np.repeat(one, len(statement), axis=0)]),
    )


class _Checked:
    """Points found to lie in their groups."""

    def __init__(self, curve: Curve, backend: Backend) -> None:
        self._curve, self._backend = curve, backend

    def points(self, group: Group, points: Limbs) -> Limbs:
        """Return them as an aligned array, or raise BadInput."""
        aligned: Limbs = np.ascontiguousarray(np.array(points, dtype=np.uint64))
        outside = outside_group(self._backend, self._curve, group, aligned)
        if outside.any():
            index = int(outside.argmax())
            raise BadInput(f"point {index} of the powers of tau is off the curve or outside its subgroup")
        return aligned


class _Columns:
    """Sums of points by the columns of matrices."""

    def __init__(
        self, curve: Curve, variables: int, backend: Backend, on_progress: Callable[[int, int], None] | None
    ) -> None:
        self._curve, self._variables, self._backend = curve, variables, backend
        self._on_progress, self._done = on_progress, 0

    def sums(self, group: Group, terms: Sequence[tuple[SparseMatrix, Limbs]]) -> Limbs:
        """For every variable the sum over its entries, in all terms, of coefficient times the row's point."""
        curve, backend = self._curve, self._backend
        scalars = [backend.from_montgomery(curve, matrix.coefficients) for matrix, _ in terms]
        out = np.zeros((self._variables, *curve.point_shape(group)), np.uint64)
        for variable in range(self._variables):
            spans = [slice(*matrix.indptr[variable : variable + 2].tolist()) for matrix, _ in terms]
            points = [row_points[matrix.indices[span]] for (matrix, row_points), span in zip(terms, spans, strict=True)]
            factors = [values[span] for values, span in zip(scalars, spans, strict=True)]
            if sum(map(len, factors)):
                bases = backend.load_bases(curve, group, np.concatenate(points))
                out[variable] = backend.msm(bases, np.concatenate(factors))
            self._done += 1
            if self._on_progress is not None:
                self._on_progress(self._done, 4 * self._variables)
        return out
