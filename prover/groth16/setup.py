"""Make a key pair without a ceremony (Groth 2016, section 3.2, Setup), for development.

The trapdoor exists only as local integers of :func:`setup` and is dropped when it returns. Whoever runs it could
still have kept it and forge proofs, so the key is marked as a development key.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

import kernels
from kernels.backend import SparseMatrix
from kernels.curves import Curve, Group
from kernels.encoding import limbs_from_ints, montgomery_from_ints, points_from_ints
from prover.errors import BadInput
from prover.groth16.keys import KeyMetadata, ProvingKey, VerifyingKey, domain_size
from prover.randomness import Randomness, nonzero_below

if TYPE_CHECKING:
    from kernels.backend import Backend
    from kernels.encoding import Limbs
    from prover.r1cs import R1CS


@dataclass(frozen=True)
class _Trapdoor:
    tau: int = field(repr=False)
    alpha: int = field(repr=False)
    beta: int = field(repr=False)
    gamma: int = field(repr=False)
    delta: int = field(repr=False)


def setup(
    r1cs: R1CS,
    curve: Curve,
    rng: Randomness = secrets,
    backend: Backend | None = None,
    *,
    circuit: str = "",
    parameters: Mapping[str, int] | None = None,
    threads: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> ProvingKey:
    """Make a development key for a constraint system.

    Parameters
    ----------
    rng
        Source of the trapdoor; anything but :mod:`secrets` is for tests.
    circuit, parameters
        Recorded in the key's metadata.
    on_progress
        Called with the number of multiplications made so far, and of all.

    Raises
    ------
    BadInput
        If the system is over another curve, is empty, or needs a domain larger than the field has.

    Notes
    -----
    About 4 ``variables`` + n multiplications of a fixed base in G1 and ``variables`` in G2, for a domain of n points.
    """
    backend = backend or kernels.get_backend()
    n, c = _check(r1cs, curve)
    trapdoor = _draw(curve, n, rng)
    u, v, w = _qap_at_tau(r1cs, c, trapdoor.tau, n, backend)
    scalars_g1, scalars_g2 = _exponents(
        r1cs, trapdoor, (u, v, w), _odd_lagrange(curve, trapdoor.tau, n, backend), backend
    )
    progress = _Progress(sum(map(len, (*scalars_g1.values(), *scalars_g2.values()))), on_progress)
    g1 = _in_group(curve, "g1", scalars_g1, backend, threads, progress)
    g2 = _in_group(curve, "g2", scalars_g2, backend, threads, progress)
    metadata = KeyMetadata(
        circuit=circuit,
        parameters=dict(parameters or {}),
        curve=curve.name,
        constraints=r1cs.constraints,
        variables=r1cs.variables,
        public=r1cs.public,
        nonresidue=curve.nonresidue,
        development=True,
    )
    verifying_key = VerifyingKey(curve, g1["alpha"][0], g2["beta"][0], g2["gamma"][0], g2["delta"][0], g1["ic"])
    return ProvingKey(
        metadata=metadata,
        r1cs=r1cs,
        verifying_key=verifying_key,
        beta_g1=g1["beta"][0],
        delta_g1=g1["delta"][0],
        a_query=g1["u"],
        b_g1_query=g1["v"],
        b_g2_query=g2["v"],
        h_query=g1["h"],
        l_query=g1["l"],
    )


def _check(r1cs: R1CS, curve: Curve) -> tuple[int, SparseMatrix]:
    if r1cs.curve != curve:
        raise BadInput(f"the constraint system is over {r1cs.curve.name}, the key is to be on {curve.name}")
    if not r1cs.constraints:
        raise BadInput("a constraint system without constraints states nothing; add at least one")
    n = domain_size(r1cs.constraints, r1cs.public)
    if n.bit_length() > curve.two_adicity:  # the odd coset needs roots of order 2n
        raise BadInput(f"{r1cs.constraints} constraints are more than {curve.name} has roots of unity for")
    if r1cs.c is None:
        raise BadInput("the matrix C of the constraint system is not known; read the system from its .r1cs file")
    return n, r1cs.c


def _draw(curve: Curve, n: int, rng: Randomness) -> _Trapdoor:
    r = curve.fr.modulus
    while True:
        drawn = _Trapdoor(*(nonzero_below(rng, r) for _ in range(5)))
        # On a root of unity of order 2n a Lagrange polynomial would be 1 and all others 0.
        if pow(drawn.tau, 2 * n, r) != 1:
            return drawn


def _lagrange(curve: Curve, tau: int, n: int, backend: Backend) -> Limbs:
    """Values L_0(tau), ..., L_{n-1}(tau) over the n-th roots of unity.

    L_j(tau) = (1/n) sum_i tau^i w^(-ij): the inverse NTT of the powers of tau.
    """
    powers = [1]
    for _ in range(n - 1):
        powers.append(powers[-1] * tau % curve.fr.modulus)
    return backend.ntt(curve, limbs_from_ints(powers, 4), inverse=True)


def _odd_lagrange(curve: Curve, tau: int, n: int, backend: Backend) -> Limbs:
    """Values at tau of the Lagrange polynomials of the 2n-th roots of unity, at the odd ones."""
    return np.ascontiguousarray(_lagrange(curve, tau, 2 * n, backend)[1::2])


def _qap_at_tau(r1cs: R1CS, c: SparseMatrix, tau: int, n: int, backend: Backend) -> tuple[Limbs, Limbs, Limbs]:
    """u_i(tau), v_i(tau), w_i(tau) for every variable i, standard form."""
    lagrange = _lagrange(r1cs.curve, tau, n, backend)
    rows = np.ascontiguousarray(lagrange[: r1cs.constraints])
    u, v, w = (
        backend.sparse_product(r1cs.curve, transposed(matrix, r1cs.variables), rows) for matrix in (r1cs.a, r1cs.b, c)
    )
    binding = np.ascontiguousarray(lagrange[r1cs.constraints : r1cs.constraints + r1cs.public + 1])
    u[: r1cs.public + 1] = backend.add(r1cs.curve, np.ascontiguousarray(u[: r1cs.public + 1]), binding)
    return u, v, w


def transposed(matrix: SparseMatrix, columns: int) -> SparseMatrix:
    """The transpose of a matrix with that many columns."""
    row_of = np.repeat(np.arange(matrix.rows, dtype=np.int32), np.diff(matrix.indptr))
    order = np.argsort(matrix.indices, kind="stable")
    indptr = np.zeros(columns + 1, dtype=np.int64)
    np.cumsum(np.bincount(matrix.indices, minlength=columns), out=indptr[1:])
    return SparseMatrix(indptr, row_of[order], np.ascontiguousarray(matrix.coefficients[order]))


def _exponents(
    r1cs: R1CS, trapdoor: _Trapdoor, qap: tuple[Limbs, Limbs, Limbs], odd_lagrange: Limbs, backend: Backend
) -> tuple[dict[str, Limbs], dict[str, Limbs]]:
    """Discrete logarithms of every element of the key, by group and name."""
    curve, r = r1cs.curve, r1cs.curve.fr.modulus
    alpha, beta, gamma, delta = trapdoor.alpha, trapdoor.beta, trapdoor.gamma, trapdoor.delta
    u, v, w = qap

    def scaled(values: Limbs, factor: int) -> Limbs:
        # A Montgomery product with the factor in Montgomery form leaves the values in standard form.
        return backend.multiply(curve, np.ascontiguousarray(values), montgomery_from_ints(curve.fr, [factor])[0])

    def combined(which: slice, divisor: int) -> Limbs:
        inverse = pow(divisor, -1, r)
        mixed = backend.add(curve, scaled(u[which], beta * inverse), scaled(v[which], alpha * inverse))
        return backend.add(curve, mixed, scaled(w[which], inverse))

    def single(value: int) -> Limbs:
        return limbs_from_ints([value], 4)

    statement, private = slice(0, r1cs.public + 1), slice(r1cs.public + 1, None)
    in_g1 = {
        "alpha": single(alpha),
        "beta": single(beta),
        "delta": single(delta),
        "u": u,
        "v": v,
        "ic": combined(statement, gamma),
        "l": combined(private, delta),
        "h": scaled(odd_lagrange, pow(delta, -1, r)),
    }
    in_g2 = {"beta": single(beta), "gamma": single(gamma), "delta": single(delta), "v": v}
    return in_g1, in_g2


class _Progress:
    """Counts multiplications for whoever watches."""

    def __init__(self, total: int, on_progress: Callable[[int, int], None] | None) -> None:
        self._done, self._total, self._on_progress = 0, total, on_progress

    def add(self, count: int) -> None:
        self._done += count
        if self._on_progress is not None:
            self._on_progress(self._done, self._total)


_CHUNK = 1 << 16
"""Multiplications between two reports of progress; each call makes the table of the generator's multiples again."""


def _in_group(
    curve: Curve, group: Group, scalars: dict[str, Limbs], backend: Backend, threads: int, progress: _Progress
) -> dict[str, Limbs]:
    """Each set of scalars times the generator."""
    generator = points_from_ints(curve, group, [curve.g1_generator if group == "g1" else curve.g2_generator])[0]
    together = np.concatenate(list(scalars.values()))
    points = np.empty((len(together), *curve.point_shape(group)), np.uint64)
    for start in range(0, len(together), _CHUNK):
        chunk = together[start : start + _CHUNK]
        points[start : start + _CHUNK] = backend.multiply_base(curve, group, generator, chunk, threads)
        progress.add(len(chunk))
    ends = np.cumsum([len(values) for values in scalars.values()])
    parts = (np.ascontiguousarray(part) for part in np.split(points, ends[:-1]))
    return dict(zip(scalars, parts, strict=True))
