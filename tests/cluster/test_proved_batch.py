"""The verification here is real: what does not prove this process' own statement does not count."""

import io
import time

import pytest

from cluster.batch import Job
from cluster.proved_batch import await_verified
from cluster.rendering import Console
from cluster.service_keys import Key
from fastpath.errors import DeadlineExceeded
from fastpath.job import JobRecord, JobState
from prover.circuits import get_circuit
from prover.groth16 import prove, setup


class Arrived:
    """A batch whose results are all here."""

    def __init__(self, records):
        self.jobs = tuple(Job(record.index, f"job-{record.index}", str) for record in records)
        for job, record in zip(self.jobs, records, strict=True):
            job.finish(record)

    def __len__(self):
        return len(self.jobs)

    def as_completed(self):
        return iter(self.jobs)


@pytest.fixture(scope="module")
def proven():
    circuit = get_circuit("multiply", "bn254")
    pk = setup(circuit.r1cs, circuit.curve)
    witnesses = circuit.random_witnesses(3, seed=7)
    proofs = [prove(pk, witness).to_bytes() for witness in witnesses]
    statements = circuit.public_inputs(witnesses)
    return Key(pk.key_id, pk.metadata, pk.verifying_key, circuit), statements, proofs


def outcome(key, statements, records):
    log = io.StringIO()
    console = Console(as_json=False, out=io.StringIO(), log=log)
    return await_verified(console, "multiply", key, statements, Arrived(records), time.perf_counter()), log.getvalue()


def done(index, payload, statement):
    return JobRecord("", "", index, JobState.DONE, payload=payload, public_inputs=statement.tobytes())


def test_good_proofs_count(proven):
    key, statements, proofs = proven
    proved, log = outcome(key, statements, [done(i, proofs[i], statements[i]) for i in range(3)])
    assert (proved.proofs, proved.verified, proved.complete, log) == (3, 3, True, "")
    assert proved.proofs_per_s > 0


def test_a_proof_of_another_statement_does_not_count(proven):
    key, statements, proofs = proven
    swapped = [done(0, proofs[1], statements[1]), done(1, proofs[1], statements[1]), done(2, proofs[2], statements[2])]
    proved, log = outcome(key, statements, swapped)
    assert (proved.proofs, proved.verified, proved.invalid, proved.complete) == (3, 2, {0}, False)
    assert "do not verify: 0" in log


def test_bytes_that_are_no_proof_do_not_count(proven):
    key, statements, proofs = proven
    records = [done(0, b"\xff" * 256, statements[0]), done(1, proofs[1][:-1], statements[1])]
    proved, _ = outcome(key, statements, [*records, done(2, proofs[2], statements[2])])
    assert proved.invalid == {0, 1}


def test_failed_jobs_are_named_and_the_others_count(proven):
    key, statements, proofs = proven
    records = [done(0, proofs[0], statements[0]), done(1, proofs[1], statements[1])]
    failed = JobRecord("", "", 2, JobState.EXPIRED, error=DeadlineExceeded("too late"))
    proved, log = outcome(key, statements, [*records, failed])
    assert (proved.proofs, proved.verified, list(proved.errors), proved.complete) == (2, 2, [2], False)
    assert "item 2: too late" in log


def test_nothing_but_failures(proven):
    key, statements, _ = proven
    failed = [JobRecord("", "", i, JobState.FAILED, error=DeadlineExceeded("x")) for i in range(3)]
    assert outcome(key, statements, failed)[0].verified == 0
