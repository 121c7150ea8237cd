"""More work arrives than the queue may hold."""

import time

import pytest

from fastpath.errors import Overloaded

pytestmark = pytest.mark.ray


def test_a_full_queue_refuses_at_once_and_takes_the_batch_when_it_comes_back(start_service):
    client = start_service(max_jobs=8)
    key = client.circuit("ringct", depth=1, inputs=1, outputs=1)
    witnesses = key.circuit.random_witnesses(12)
    first = client.prove_batch(key, witnesses[:8])

    began = time.monotonic()
    with pytest.raises(Overloaded) as refusal:
        client.prove_batch(key, witnesses[8:])
    assert time.monotonic() - began < 1.0
    assert refusal.value.retry_after_s > 0
    assert client.stats().counters.refused == 4

    assert [job.error for job in first.as_completed()] == [None] * 8
    assert [job.error for job in client.prove_batch(key, witnesses[8:]).as_completed()] == [None] * 4
    assert client.stats().held_jobs == 0


def test_witnesses_are_bounded_in_bytes_too(start_service):
    client = start_service(max_mib=1)
    key = client.circuit("ringct", depth=1, inputs=1, outputs=1)
    witnesses = key.circuit.random_witnesses(24)
    assert 24 * witnesses[0].nbytes > 1 << 20
    first = client.prove_batch(key, witnesses[:16])
    with pytest.raises(Overloaded):
        client.prove_batch(key, witnesses[16:])
    first.cancel()
    assert all(job.error is None for job in client.prove_batch(key, witnesses[22:]).as_completed())
