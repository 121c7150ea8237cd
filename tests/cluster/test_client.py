"""The client against a real service."""

import io
from contextlib import redirect_stderr

import numpy as np
import pytest

from cluster import Client, Settings
from fastpath.errors import DeadlineExceeded, Unavailable
from prover import KeyNotFound, groth16
from prover.errors import BadInput
from prover.groth16.phases import Phase

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def key(client):
    return client.circuit("multiply")


def test_every_witness_of_an_array_gets_its_own_verified_proof(client, key):
    witnesses = key.circuit.random_witnesses(9)
    batch = client.prove_batch(key, witnesses)
    jobs = sorted(batch.as_completed(), key=lambda job: job.index)
    assert [job.index for job in jobs] == list(range(9))
    statements = [job.public_inputs for job in jobs]
    assert np.array_equal(np.stack(statements), key.circuit.public_inputs(witnesses))
    groth16.verify_batch(key.verifying_key, [job.proof for job in jobs], statements)
    assert all(job.status == "done" and job.error is None and job.latency_s > 0 for job in jobs)
    assert {job.job_id for job in jobs} == {job.job_id for job in batch.jobs}


def test_a_second_look_at_a_batch_yields_the_same_jobs(client, key):
    batch = client.prove_batch(key, key.circuit.random_witnesses(3))
    first = [job.index for job in batch.as_completed()]
    assert [job.index for job in batch.as_completed()] == first
    assert [proof.to_bytes() for proof in batch.results()] == [job.proof.to_bytes() for job in batch.jobs]


def test_progress_goes_to_standard_error(client, key):
    with redirect_stderr(io.StringIO()) as shown:
        client.prove_batch(key, key.circuit.random_witnesses(2)).results(progress=True)
    assert "2/2" in shown.getvalue()


def test_a_circuit_is_set_up_once(client, key):
    assert client.circuit("multiply") is key
    assert client.key(key.key_id) is key
    assert key.metadata.circuit == "multiply"
    assert [entry["key_id"] for entry in client.list_keys()].count(key.key_id) == 1


def test_a_removed_key_is_unknown_and_can_be_made_again(client):
    key = client.circuit("ringct", depth=1, inputs=1, outputs=2)
    client.remove_key(key.key_id)
    witnesses = key.circuit.random_witnesses(1)
    with pytest.raises(KeyNotFound):
        client.prove_batch(key.key_id, witnesses)
    assert isinstance(client.prove_batch(key, witnesses).results(return_exceptions=True)[0], KeyNotFound)
    again = client.circuit("ringct", depth=1, inputs=1, outputs=2)
    assert len(client.prove_batch(again, witnesses).results()) == 1


def test_both_curves_are_served(client):
    key = client.circuit("multiply", curve="bn254")
    (job,) = client.prove_batch(key, key.circuit.random_witnesses(1)).as_completed()
    groth16.verify(key.verifying_key, job.proof, job.public_inputs)


def test_jobs_end_at_their_deadline(client, key):
    batch = client.prove_batch(key, key.circuit.random_witnesses(1), deadline_s=1e-6)
    (error,) = batch.results(return_exceptions=True)
    assert isinstance(error, DeadlineExceeded)
    with pytest.raises(DeadlineExceeded) as raised:
        batch.results()
    assert "item 0 of the batch" in raised.value.__notes__


def test_a_cancelled_batch_ends_early(client):
    key = client.circuit("ringct", depth=1, inputs=1, outputs=1)
    before = client.stats().counters.cancelled
    batch = client.prove_batch(key, key.circuit.random_witnesses(64))
    cancellation = batch.cancel()
    assert cancellation.cancelled + cancellation.already_finished == 64
    states = [job.status for job in batch.as_completed()]
    assert states.count("cancelled") == cancellation.cancelled > 0
    assert client.stats().counters.cancelled == before + cancellation.cancelled


def test_the_service_describes_itself(client, key):
    client.prove_batch(key, key.circuit.random_witnesses(2)).results()
    (worker,) = client.workers()
    assert worker["alive"]
    assert worker["threads"] == 2
    assert worker["pool_tasks"] > 0
    assert client.stats().counters.verified_proofs >= 2
    assert client.service_info().metrics_address.startswith("http://127.0.0.1:")


def test_a_client_finds_a_running_service_by_address_and_namespace(client, key):
    info = client.service_info()
    with Client.connect(info.address, info.namespace) as other:
        (proof,) = other.prove_batch(key.key_id, key.circuit.random_witnesses(1)).results()
    assert proof.curve == "bls12_381"
    assert client.stats().executed > 0  # the one that left has ended nothing


def test_no_service_is_reported_as_unavailable(client, tmp_path):
    with pytest.raises(Unavailable, match="fastpath-prover up"):
        Client.connect(settings=Settings(state_dir=tmp_path))
    with pytest.raises(Unavailable, match="nowhere"):
        Client.connect(client.service_info().address, "nowhere")
    with pytest.raises(Unavailable, match="another Ray"):
        Client.connect("127.0.0.1:1", "nowhere")


def test_the_same_batch_under_one_idempotency_key_is_proved_once(client, key):
    witnesses = key.circuit.random_witnesses(3)
    before = client.stats().counters.submitted
    first = client.prove_batch(key, witnesses, idempotency_key="order 7")
    again = client.prove_batch(key, witnesses, idempotency_key="order 7")
    assert again.batch_id == first.batch_id
    assert [job.error for job in again.as_completed()] == [None] * 3
    assert client.stats().counters.submitted == before + 3
    conflicting = client.prove_batch(key, witnesses, idempotency_key="order 8")
    with pytest.raises(BadInput, match="another payload"):
        client.prove_batch(key, key.circuit.random_witnesses(3), idempotency_key="order 8")
    conflicting.cancel()


def test_a_batch_may_be_for_another_tenant_than_the_clients(client, key):
    witnesses = key.circuit.random_witnesses(1)
    batches = [client.prove_batch(key, witnesses, **options) for options in ({}, {"tenant": "blue"})]
    assert [batch.status().tenant for batch in batches] == ["default", "blue"]
    with pytest.raises(BadInput, match="tenant"):
        client.prove_batch(key, witnesses, tenant="")
    for batch in batches:
        batch.results()


def test_items_that_share_state_are_proved_in_order(client, key):
    witnesses = list(key.circuit.random_witnesses(4))
    batch = client.prove_batch(key, [*witnesses[:2], witnesses[2][:-1], witnesses[3]], conflict_keys=[["pool"]] * 4)
    assert [job.index for job in batch.as_completed()] == [2, 0, 1, 3]
    with pytest.raises(BadInput, match="one for each"):
        client.prove_batch(key, witnesses, conflict_keys=[["pool"]])


def test_a_running_job_tells_its_phase_and_what_is_left(client):
    ringct = client.circuit("ringct", depth=8, inputs=8, outputs=8)
    batch = client.prove_batch(ringct, ringct.circuit.random_witnesses(4))
    seen = set()
    while not (status := batch.status()).finished:
        if status.states.get("running"):
            assert status.remaining_s > 0
            seen |= {job.look().step for job in batch.jobs}
            break
    assert seen & set(map(str, Phase))
    batch.cancel()
