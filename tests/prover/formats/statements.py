"""Small proven statements with any number of public inputs, on either curve."""

import functools
from dataclasses import dataclass

import numpy as np

from kernels import get_backend, get_curve
from kernels.backend import SparseMatrix
from kernels.encoding import ints_from_limbs, limbs_from_ints, montgomery_from_ints
from prover import groth16
from prover.groth16 import Proof, ProvingKey
from prover.r1cs import R1CS


@dataclass(frozen=True)
class Statement:
    key: ProvingKey
    proof: Proof
    public_inputs: list[int]

    @property
    def curve(self):
        return self.key.curve

    @property
    def vk(self):
        return self.key.verifying_key


@functools.cache
def proven(curve_name, public):
    """A proof of knowledge of w and w^2, with the public inputs (w + i) 3^i for i = 1, 2, ..., some of them large."""
    curve = get_curve(curve_name)
    r = curve.fr.modulus
    w = r // 7
    private = public + 1
    a = [{private: 1}, *({private: 1, 0: i} for i in range(1, public + 1))]
    b = [{private: 1}, *({0: pow(3, i, r)} for i in range(1, public + 1))]
    c = [{private + 1: 1}, *({i: 1} for i in range(1, public + 1))]
    system = R1CS(curve, *(_sparse(curve, rows) for rows in (a, b, c)), variables=public + 3, public=public)
    statement = [(w + i) * pow(3, i, r) % r for i in range(1, public + 1)]
    witness = limbs_from_ints([1, *statement, w, w * w % r], 4)
    key = groth16.setup(system, curve)
    proof = groth16.prove(key, witness, get_backend())
    return Statement(key, proof, ints_from_limbs(witness[1 : 1 + public]))


def _sparse(curve, rows):
    entries = [(column, value) for row in rows for column, value in sorted(row.items())]
    return SparseMatrix(
        indptr=np.cumsum([0, *(len(row) for row in rows)], dtype=np.int64),
        indices=np.array([column for column, _ in entries], dtype=np.int32),
        coefficients=montgomery_from_ints(curve.fr, [value for _, value in entries]),
    )
