"""A prover worker is killed while it proves."""

import os
import signal

import numpy as np
import pytest

from prover import groth16

pytestmark = pytest.mark.ray

BATCH = 600  # more than two calls of a worker, whatever its speed: some are under way when the first has ended


def test_all_proofs_of_a_batch_arrive_once_when_its_worker_is_killed(client):
    key = client.circuit("ringct", depth=1, inputs=1, outputs=1)
    witnesses = key.circuit.random_witnesses(BATCH)
    (worker,) = client.workers()
    before = client.stats().counters
    batch = client.prove_batch(key, witnesses)
    arriving = batch.as_completed()
    jobs = [next(arriving)]
    os.kill(worker["pid"], signal.SIGKILL)
    jobs += arriving
    after = client.stats().counters
    assert after.worker_losses == before.worker_losses + 1, "the batch was over before its worker was killed"
    assert after.requeued > before.requeued
    assert after.completed == before.completed + BATCH

    assert sorted(job.index for job in jobs) == list(range(BATCH))
    assert [job.error for job in jobs] == [None] * BATCH
    ordered = sorted(jobs, key=lambda job: job.index)
    statements = np.stack([job.public_inputs for job in ordered])
    assert np.array_equal(statements, key.circuit.public_inputs(witnesses))
    groth16.verify_batch(key.verifying_key, [job.proof for job in ordered], statements)
    (revived,) = client.workers()
    assert revived["alive"]
    assert revived["pid"] != worker["pid"]
