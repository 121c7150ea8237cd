"""How much a run measures."""

from __future__ import annotations

from dataclasses import dataclass

from kernels import Group

TABLE_BYTES = 256 << 20
"""Memory for multiples of the bases where a multi-scalar multiplication has tables: what a proving key gets."""


@dataclass(frozen=True)
class Scope:
    """Sizes and repetitions of a run; every size is the binary logarithm of a number of points or constraints.

    Attributes
    ----------
    msm
        Sizes of multi-scalar multiplications in each group.
    files
        Sizes of proofs from files.
    portable_up_to
        Largest one for the backend ``portable``, which is slower.
    batches
        Circuit, its parameters, and number of proofs.
    repeat, case_s
        A case runs ``repeat`` rounds, fewer (at least three) once they have taken ``case_s`` seconds.
    proof_peer
        Whether to measure beside groth16py and snarkjs, which are installed from PyPI and npm for it.
    """

    name: str
    msm: dict[Group, tuple[int, ...]]
    portable_up_to: int
    ntt: tuple[int, ...]
    pairings: tuple[int, ...]
    proofs: tuple[int, ...]
    files: tuple[int, ...]
    memory: tuple[int, ...]
    batches: tuple[tuple[str, dict[str, int], int], ...]
    repeat: int
    case_s: float
    proof_peer: bool = True


_RINGCT = {"depth": 3, "inputs": 2, "outputs": 2}

SCOPES = {
    scope.name: scope
    for scope in (
        Scope(
            name="smallest",
            msm={"g1": (6,)},
            portable_up_to=6,
            ntt=(4,),
            pairings=(1,),
            proofs=(3,),
            files=(),
            memory=(),
            batches=(("multiply", {}, 4),),
            repeat=3,
            case_s=0,
            proof_peer=False,
        ),
        Scope(
            name="normal",
            msm={"g1": (10, 12, 14, 16, 18), "g2": (10, 12, 14, 16)},
            portable_up_to=12,
            ntt=(10, 12, 14, 16),
            pairings=(1, 4, 64),
            proofs=(12, 14, 16),
            files=(14, 16),
            memory=(14, 16),
            batches=(("ringct", _RINGCT, 16), ("multiply", {}, 256)),
            repeat=15,
            case_s=4,
        ),
        Scope(
            name="full",
            msm={"g1": (10, 11, 12, 13, 14, 15, 16, 17, 18), "g2": (10, 11, 12, 13, 14, 15, 16, 17, 18)},
            portable_up_to=16,
            ntt=(10, 12, 14, 16, 18, 20),
            pairings=(1, 4, 16, 64, 256),
            proofs=(10, 12, 14, 16, 18),
            files=(10, 12, 14, 16, 18),
            memory=(12, 14, 16, 18),
            batches=(("ringct", _RINGCT, 64), ("multiply", {}, 1024)),
            repeat=15,
            case_s=30,
        ),
    )
}
