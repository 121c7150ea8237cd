"""Whether a proving key belongs to a constraint system, as far as the key itself can tell.

Checked: sizes and matrices are equal; beta, delta and the b queries are the same in both groups; and the b queries are
the v_i(tau) of the system for the tau that the h_query was made with. The last holds because the h_query, the Lagrange
polynomials of the 2n-th roots of unity at the odd ones, takes values of p on the odd coset to c p(tau), with
c = (1 - tau^n) / (2 delta) the same for every polynomial p of degree below n. Only those below n - 1 are used: a
ceremony as small as the circuit has no power of tau for the last coefficient of p(X) (1 - X^n), and keys then lack it.

Not checked: that the a, l and ic queries, whose partners in the other group are not part of a key, and tau itself are
as they should be. That takes the files of the ceremony.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import numpy as np

import kernels
from kernels.encoding import ints_from_limbs, limbs_from_ints, montgomery_from_ints, points_from_ints
from prover.errors import BadInput
from prover.groth16.verify import negated

if TYPE_CHECKING:
    from kernels.backend import Backend
    from kernels.curves import Group
    from kernels.encoding import Limbs
    from prover.groth16.keys import ProvingKey
    from prover.r1cs import R1CS


def check_key_for(pk: ProvingKey, r1cs: R1CS, backend: Backend | None = None, threads: int = 1) -> None:
    """Return if a key, whose points have been validated, may belong to a constraint system.

    Raises
    ------
    BadInput
        Saying what differs.
    """
    backend = backend or kernels.get_backend()
    _compare_sizes(pk, r1cs)
    for name in ("a", "b"):
        _compare_matrices(pk, r1cs, name, backend)
    _Pairings(pk, backend, threads).check()


def _compare_sizes(pk: ProvingKey, r1cs: R1CS) -> None:
    if pk.curve != r1cs.curve:
        raise BadInput(f"the key is on {pk.curve.name}, the circuit over {r1cs.curve.name}")
    for name in ("constraints", "variables", "public"):
        have, wanted = getattr(pk.metadata, name), getattr(r1cs, name)
        if have != wanted:
            raise BadInput(f"the key is for {have} {name}, the circuit has {wanted}")


def _compare_matrices(pk: ProvingKey, r1cs: R1CS, name: str, backend: Backend) -> None:
    """Compare by products with a random vector: entries of one row may stand in any order."""
    vector = _random_scalars(pk)
    ours, theirs = (backend.sparse_product(r1cs.curve, getattr(system, name), vector) for system in (pk.r1cs, r1cs))
    differs = (ours != theirs).any(axis=-1)
    if differs.any():
        raise BadInput(f"row {int(differs.argmax())} of matrix {name.upper()} of the key is not the circuit's")


def _random_scalars(pk: ProvingKey) -> Limbs:
    r = pk.curve.fr.modulus
    return limbs_from_ints([secrets.randbelow(r) for _ in range(pk.metadata.variables)], 4)


class _Pairings:
    def __init__(self, pk: ProvingKey, backend: Backend, threads: int) -> None:
        self._pk, self._backend, self._threads = pk, backend, threads
        curve = pk.curve
        self._g1 = points_from_ints(curve, "g1", [curve.g1_generator])[0]
        self._g2 = points_from_ints(curve, "g2", [curve.g2_generator])[0]

    def check(self) -> None:
        """Raise BadInput naming what differs."""
        pk = self._pk
        weights, on_coset = self._combination()
        b_g1, b_g2 = self._sum("g1", pk.b_g1_query, weights), self._sum("g2", pk.b_g2_query, weights)
        for name, left, right in (
            ("beta", pk.beta_g1, pk.beta_g2),
            ("delta", pk.delta_g1, pk.delta_g2),
            ("the b queries", b_g1, b_g2),
        ):
            if not self._equal((left, self._g2), (self._g1, right)):
                raise BadInput(f"{name} of the key differ between the two groups")
        ones = np.broadcast_to(limbs_from_ints([1], 4), (pk.domain_size, 4))
        unit = self._sum("g1", pk.h_query, np.ascontiguousarray(ones))
        of_b = self._sum("g1", pk.h_query, on_coset)
        if not self._equal((of_b, self._g2), (unit, b_g2)):
            raise BadInput("the b queries of the key are not those of the circuit's matrix B")

    def _combination(self) -> tuple[Limbs, Limbs]:
        """Random weights whose combination of the v_i has degree below n - 1, and its values on the odd coset."""
        pk, backend, n = self._pk, self._backend, self._pk.domain_size
        r = pk.curve.fr.modulus
        weights = [_random_scalars(pk) for _ in range(2)]
        values = np.zeros((2, n, 4), np.uint64)
        for row, some in zip(values, weights, strict=True):
            row[: pk.r1cs.constraints] = backend.sparse_product(pk.curve, pk.r1cs.b, some, self._threads)
        coefficients = backend.ntt(pk.curve, values, inverse=True, threads=self._threads)
        top = ints_from_limbs(coefficients[:, -1])
        factors = montgomery_from_ints(pk.curve.fr, [top[1], r - top[0]] if any(top) else [1, 0])

        def combined(one: Limbs, other: Limbs) -> Limbs:
            first, second = (backend.multiply(pk.curve, part, f) for part, f in zip((one, other), factors, strict=True))
            return backend.add(pk.curve, first, second)

        on_coset = backend.ntt(
            pk.curve, combined(*coefficients), coset=pk.curve.root_of_unity(n.bit_length()), threads=self._threads
        )
        return combined(*weights), on_coset

    def _sum(self, group: Group, points: Limbs, scalars: Limbs) -> Limbs:
        bases = self._backend.load_bases(self._pk.curve, group, np.require(points, requirements=("C", "A")))
        return self._backend.msm(bases, scalars, self._threads)

    def _equal(self, left: tuple[Limbs, Limbs], right: tuple[Limbs, Limbs]) -> bool:
        """Whether e(left) = e(right)."""
        curve = self._pk.curve
        g1 = np.stack([left[0], negated(curve, right[0])])
        return self._backend.pairing_product_is_one(curve, g1, np.stack([left[1], right[1]]))
