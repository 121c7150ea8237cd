"""Whole proofs of random constraint systems."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from kernels import SparseMatrix, limbs_from_ints, montgomery_from_ints
from kernels.curves import Curve
from prover import groth16
from prover.errors import InvalidProof, UnsatisfiedConstraint
from prover.r1cs import R1CS
from tests.fuzz import hostile
from tests.fuzz.case import Case, Difference

BACKENDS = ("portable", "ifma")


class Seeded:
    """The same blinding for every backend."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def randbelow(self, bound: int) -> int:
        """An integer below a bound."""
        return self._random.randrange(bound)


def check_proof(case: Case) -> None:
    """Backends make the same key and the same proofs; verification names exactly the proofs that were altered."""
    rng, curve, r = case.rng, case.curve, case.curve.fr.modulus
    public = rng.choice((0, 1, 2, 5, 9))
    variables, rows = public + 1 + hostile.size(rng, 40), hostile.size(rng, 200) or 1
    pattern, values = hostile.scalars(rng, r, variables)
    values[0] = 1
    r1cs, seed, threads = _system(rng, curve, values, public, rows), rng.randrange(1 << 30), rng.choice((1, 1, 2))
    case.note(public=public, variables=variables, rows=rows, values=pattern, threads=threads)
    backends = {name: backend for name, backend in case.backends.items() if name in BACKENDS}
    keys = {name: groth16.setup(r1cs, curve, Seeded(seed), backend) for name, backend in backends.items()}
    if len({key.key_id for key in keys.values()}) > 1:
        raise Difference("backends make different keys of one seed")
    pk, witness = keys["portable"], limbs_from_ints(values, 4)
    many = rng.choice((1, 2, 3, 9))
    made = {
        name: [groth16.prove(pk, witness, backend, Seeded(seed + k), threads) for k in range(many)]
        for name, backend in backends.items()
    }
    for name, proofs in made.items():
        if proofs != made["portable"]:
            raise Difference(f"{name} makes another proof")
    _check_verification(case, pk, made["portable"], witness[1 : public + 1])
    _check_refusal(case, pk, values)


def _check_verification(case: Case, pk: groth16.ProvingKey, proofs: list[groth16.Proof], statement: np.ndarray) -> None:
    altered = sorted(case.rng.sample(range(len(proofs)), case.rng.randrange(min(len(proofs), 3) + 1)))
    another = hostile.multiples(case.curve, "g1", [case.rng.randrange(2, case.curve.fr.modulus)])[0]
    given = [replace(proof, c=another) if i in altered else proof for i, proof in enumerate(proofs)]
    case.note(proofs=len(proofs), altered=altered)
    for name in BACKENDS:
        if name not in case.backends:
            continue
        try:
            groth16.verify_batch(pk.verifying_key, given, [statement] * len(given), case.backends[name])
            named: list[int] = []
        except InvalidProof as invalid:
            named = list(invalid.indices)
        if named != altered:
            raise Difference(f"{name} refuses proofs {named} of the batch")


def _check_refusal(case: Case, pk: groth16.ProvingKey, values: list[int]) -> None:
    """A witness with one value changed is refused by all, for the same constraint, or by none."""
    changed = list(values)
    changed[-1] = (changed[-1] + 1) % case.curve.fr.modulus
    changed[0] = 1
    answers = []
    for name in (name for name in BACKENDS if name in case.backends):
        try:
            pk.r1cs.check(limbs_from_ints(changed, 4), case.backends[name])
            answers.append("accepted")
        except UnsatisfiedConstraint as refused:
            answers.append(str(refused))
    try:
        pk.r1cs.check(limbs_from_ints(changed, 4))
        wanted = "accepted"
    except UnsatisfiedConstraint as refused:
        wanted = str(refused)
    if any(answer != wanted for answer in answers):
        raise Difference(f"of a changed witness backends say {answers}, the oracle {wanted}")


def _system(rng: random.Random, curve: Curve, values: list[int], public: int, rows: int) -> R1CS:
    """Random rows of A and B; each row of C is a multiple of one variable, chosen so that the values satisfy it."""
    r = curve.fr.modulus
    a, b, c = [], [], []
    for _ in range(rows):
        left, right = ({rng.randrange(len(values)): rng.choice((1, r - 1, rng.randrange(1, r)))
                        for _ in range(rng.choice((0, 1, 1, 2, 4)))} for _ in range(2))  # fmt: skip
        product = _inner(left, values, r) * _inner(right, values, r) % r
        target = rng.choice((0, rng.randrange(len(values))))
        target = target if values[target] else 0
        a.append(left)
        b.append(right)
        c.append({target: product * pow(values[target], -1, r) % r} if product else {})
    return R1CS(curve, *(_sparse(curve, matrix) for matrix in (a, b, c)), variables=len(values), public=public)


def _inner(row: dict[int, int], values: list[int], r: int) -> int:
    return sum(coefficient * values[column] for column, coefficient in row.items()) % r


def _sparse(curve: Curve, rows: list[dict[int, int]]) -> SparseMatrix:
    entries = [(column, value) for row in rows for column, value in sorted(row.items())]
    return SparseMatrix(
        np.cumsum([0, *(len(row) for row in rows)], dtype=np.int64),
        np.array([column for column, _ in entries], np.int32),
        montgomery_from_ints(curve.fr, [value for _, value in entries]).reshape(-1, 4),
    )
