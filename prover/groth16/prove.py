"""Make a proof (Groth 2016, section 3.2, Prove).

For random r, s:
A = alpha + sum_i z_i u_i(tau) + r delta, B = beta + sum_i z_i v_i(tau) + s delta, and
C = (sum over private i of z_i (beta u_i + alpha v_i + w_i)(tau) + (a b - c)(tau))/delta + s A + r B - r s delta.
"""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING

import numpy as np

import kernels
from kernels.cuda.device import DeviceError
from kernels.cuda.device_backend import DeviceBackend, trusted_backend
from kernels.encoding import limbs_from_ints
from prover.errors import BadInput, DeviceFault, InvalidProof, ProverError
from prover.groth16.phases import OnPhase, Phase, ShouldStop, run_phase
from prover.groth16.prepare import prepare
from prover.groth16.proof import Proof
from prover.groth16.verify import verify
from prover.groth16.witness_map import witness_map
from prover.randomness import Randomness

if TYPE_CHECKING:
    from kernels.backend import Backend
    from kernels.encoding import Limbs
    from prover.groth16.keys import ProvingKey
    from prover.table_store import TableStore

_log = logging.getLogger(__name__)

ATTEMPTS = 2
"""How often a proof is made before an invalid one counts as a fault: a bit flip strikes once."""

DOMAIN_WORTH_THREADS = 1024
"""Below this domain size, starting threads within a proof costs more than they save (measured: about 10 ms a proof)."""


def prove(
    pk: ProvingKey,
    witness: Limbs,
    backend: Backend | None = None,
    rng: Randomness = secrets,
    threads: int = 1,
    should_stop: ShouldStop | None = None,
    on_phase: OnPhase | None = None,
) -> Proof:
    """Prove that a witness satisfies the key's constraint system; the proof is verified before it is returned.

    Parameters
    ----------
    witness
        ``uint64[variables, 4]``, standard form.
    backend
        Defaults to :func:`kernels.get_backend`.
    rng
        Source of the blinding r and s; anything but :mod:`secrets` is for tests, for a proof is zero-knowledge only
        if they are uniform, fresh and never revealed.
    threads
        At most so many; a domain below :data:`DOMAIN_WORTH_THREADS` takes one.
    should_stop
        Polled often; once it returns true the call raises :class:`~prover.errors.Cancelled`.
    on_phase
        Called with each :class:`~prover.groth16.phases.Phase` that has ended and its seconds.

    Raises
    ------
    BadInput
        If the witness is malformed; :class:`~prover.errors.UnsatisfiedConstraint` if a constraint does not hold.
    Cancelled
        If ``should_stop`` said so.
    DeviceFault
        If two proofs in a row did not verify, or the backend's device failed. A BadInput instead where the key has no
        matrix C, for then it is the witness that is wrong.
    """
    backend = backend or kernels.get_backend()
    for _ in range(ATTEMPTS):
        try:
            proof = prove_unverified(pk, witness, backend, rng, threads, should_stop, on_phase)
        except DeviceError as error:
            raise DeviceFault(f"backend {backend.name} failed: {error}; see `fastpath-prover doctor`") from error
        try:
            with run_phase(Phase.VERIFY, on_phase, should_stop):
                verify(pk.verifying_key, proof, witness[1 : pk.metadata.public + 1], trusted_backend(backend))
        except InvalidProof:
            _log.warning("backend %s made a proof that does not verify", backend.name)
            if isinstance(backend, DeviceBackend) and blames_backend(pk):
                backend.quarantine("it made a proof that does not verify")
        else:
            return proof
    raise unproven(pk, backend)


def blames_backend(pk: ProvingKey) -> bool:
    """Whether an invalid proof tells of the arithmetic: not where the witness could not be checked before."""
    return pk.r1cs.c is not None


def unproven(pk: ProvingKey, backend: Backend) -> ProverError:
    """The error for a proof that did not verify in any attempt."""
    if not blames_backend(pk):
        return BadInput(
            "the proof does not verify: the witness does not satisfy the key's circuit, or belongs to another; "
            "check it with `fastpath-prover wtns check CIRCUIT.r1cs WITNESS.wtns`"
        )
    return DeviceFault(
        f"backend {backend.name} made {ATTEMPTS} proofs in a row that do not verify; "
        "prove on another device, and check the key with validate_key"
    )


def prove_unverified(
    pk: ProvingKey,
    witness: Limbs,
    backend: Backend,
    rng: Randomness = secrets,
    threads: int = 1,
    should_stop: ShouldStop | None = None,
    on_phase: OnPhase | None = None,
    tables: TableStore | None = None,
) -> Proof:
    """Like :func:`prove`, but the caller must verify the proof before anyone sees it.

    For batches, which are verified as a whole; not part of the public interface. ``tables`` is for
    :func:`prover.groth16.prepare.prepare`.
    """
    threads = threads if pk.domain_size >= DOMAIN_WORTH_THREADS else 1
    with run_phase(Phase.CHECK_WITNESS, on_phase, should_stop):
        pk.r1cs.check(witness, backend, should_stop, threads)
    key = prepare(pk, backend, tables=tables)
    order = pk.curve.fr.modulus
    r, s = rng.randbelow(order), rng.randbelow(order)
    with run_phase(Phase.WITNESS_MAP, on_phase, should_stop):
        h = witness_map(pk.r1cs, witness, pk.domain_size, backend, threads, should_stop)
    with run_phase(Phase.MSM_A, on_phase, should_stop):
        A = backend.msm(key.a.bases, key.a.scalars(witness, 1, r), threads, should_stop)
    with run_phase(Phase.MSM_B_G1, on_phase, should_stop):
        B_g1 = backend.msm(key.b_g1.bases, key.b_g1.scalars(witness, 1, s), threads, should_stop)
    with run_phase(Phase.MSM_B_G2, on_phase, should_stop):
        B = backend.msm(key.b_g2.bases, key.b_g2.scalars(witness, 1, s), threads, should_stop)
    with run_phase(Phase.MSM_C, on_phase, should_stop):
        private = witness[pk.metadata.public + 1 :]
        scalars = key.c.scalars(np.concatenate([private, h]), -r * s % order)
        unblinded = backend.msm(key.c.bases, scalars, threads, should_stop)
        summands = backend.load_bases(pk.curve, "g1", np.stack([unblinded, A, B_g1]))
        C = backend.msm(summands, limbs_from_ints([1, s, r], 4))
    return Proof(pk.curve.name, A, B, C)
