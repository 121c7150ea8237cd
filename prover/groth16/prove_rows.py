"""Many small proofs of one key together: every step is one call for all of them.

A proof of a few constraints costs less than the Python around its kernels, so the steps of
:mod:`prover.groth16.prove` run here over rows of witnesses. One step differs. Instead of s A + r B_g1, of points that
are new in every proof, C sums s z_i and r z_i over the fixed points of the queries, which have tables:
C = sum of l_i z_i and h_j + s (alpha + sum of z_i u_i(tau)) + r (beta + sum of z_i v_i(tau)) + r s delta.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from kernels.encoding import limbs_from_ints
from prover.errors import Cancelled, ProverError
from prover.groth16.phases import OnPhase, Phase, run_phase
from prover.groth16.prepare import prepare, prepare_rows
from prover.groth16.proof import Proof
from prover.groth16.witness_map import witness_map
from prover.randomness import Randomness, SystemRandomness

if TYPE_CHECKING:
    from kernels.backend import Backend
    from kernels.encoding import Limbs
    from prover.groth16.keys import ProvingKey
    from prover.table_store import TableStore

MOST_CONSTRAINTS = 64
"""Domain size up to which proofs are made together: beyond, s A and r B_g1 cost less than a longer sum for C."""

MOST_ROWS = 128
"""Proofs made together: some tens of milliseconds, after which a cancelled one is noticed."""

Outcome = Proof | ProverError


def prove_rows(
    pk: ProvingKey,
    witnesses: Limbs,
    backend: Backend,
    rng: Randomness | None = None,
    should_stop: Callable[[int], bool] | None = None,
    on_phase: OnPhase | None = None,
    tables: TableStore | None = None,
) -> list[Outcome]:
    """Prove every witness, unverified: the caller must verify the proofs before anyone sees them.

    Parameters
    ----------
    witnesses
        ``uint64[rows, variables, 4]``, standard form.
    rng
        Source of the blindings, for tests; None for the operating system's.
    should_stop
        Asked for each row before and after.
    on_phase
        Called for each step with the seconds it took for all rows.
    tables
        See :func:`prover.groth16.prepare.prepare`.

    Returns
    -------
    For each witness its proof, or the error that prevented it.
    """
    stop = should_stop or (lambda _: False)
    outcomes: list[Outcome | None] = [Cancelled("cancelled") if stop(row) else None for row in range(len(witnesses))]
    with run_phase(Phase.CHECK_WITNESS, on_phase, None):
        for row, error in enumerate(pk.r1cs.check_batch(witnesses, backend)):
            outcomes[row] = outcomes[row] or error
    sound = [row for row, outcome in enumerate(outcomes) if outcome is None]
    if sound:
        chosen = witnesses if len(sound) == len(witnesses) else witnesses[sound]
        source = rng or SystemRandomness(2 * len(sound), pk.curve.fr.modulus)
        proofs = _prove(pk, chosen, backend, source, on_phase, tables)
        for row, proof in zip(sound, proofs, strict=True):
            outcomes[row] = Cancelled("cancelled") if stop(row) else proof
    return [outcome for outcome in outcomes if outcome is not None]


def _prove(
    pk: ProvingKey,
    witnesses: Limbs,
    backend: Backend,
    rng: Randomness,
    on_phase: OnPhase | None,
    tables: TableStore | None,
) -> list[Proof]:
    curve, order, rows = pk.curve, pk.curve.fr.modulus, len(witnesses)
    key, together = prepare(pk, backend, tables=tables), prepare_rows(pk, backend, tables)
    blindings = limbs_from_ints([rng.randbelow(order) for _ in range(2 * rows)], 4)
    ones, r, s = limbs_from_ints([1] * rows, 4), blindings[0::2], blindings[1::2]
    with run_phase(Phase.WITNESS_MAP, on_phase, None):
        h = witness_map(pk.r1cs, witnesses, pk.domain_size, backend)
    with run_phase(Phase.MSM_A, on_phase, None):
        A = backend.msm(key.a.bases, key.a.rows_of_scalars(witnesses, ones, r))
    with run_phase(Phase.MSM_B_G1, on_phase, None):  # its share of C's sum
        s_z, r_z = _scaled(backend, pk, witnesses, s), _scaled(backend, pk, witnesses, r)
    with run_phase(Phase.MSM_B_G2, on_phase, None):
        B = backend.msm(key.b_g2.bases, key.b_g2.rows_of_scalars(witnesses, ones, s))
    with run_phase(Phase.MSM_C, on_phase, None):
        values = np.concatenate([witnesses[:, pk.metadata.public + 1 :], h, s_z, r_z], axis=1)
        rs = backend.multiply(curve, backend.to_montgomery(curve, r), s)
        C = backend.msm(together.bases, together.rows_of_scalars(values, s, r, rs))
    return Proof.of_rows(curve, A, B, C)


def _scaled(backend: Backend, pk: ProvingKey, witnesses: Limbs, factors: Limbs) -> Limbs:
    """Each row times its factor, in standard form: a Montgomery product with the factor in Montgomery form."""
    montgomery = backend.to_montgomery(pk.curve, factors)
    return backend.multiply(pk.curve, witnesses, np.repeat(montgomery[:, np.newaxis], witnesses.shape[1], axis=1))
