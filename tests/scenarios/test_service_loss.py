"""Parts of the service die that no job can be rerun on."""

import os
import signal
import time

import pytest

from fastpath.errors import Unavailable

pytestmark = pytest.mark.ray


def test_losing_fastpath_is_told_at_once_to_whoever_waits_or_submits(start_service, ray_cluster):
    client = start_service()
    key = client.circuit("ringct", depth=1, inputs=1, outputs=1)
    witnesses = key.circuit.random_witnesses(16)
    arriving = client.prove_batch(key, witnesses).as_completed()
    next(arriving)
    began = time.monotonic()
    ray_cluster.kill(client._actors.fastpath)
    with pytest.raises(Unavailable, match="start the service again"):
        list(arriving)
    with pytest.raises(Unavailable):
        client.prove_batch(key, witnesses)
    with pytest.raises(Unavailable):
        client.stats()
    assert time.monotonic() - began < 15


def test_proving_goes_on_when_vault_and_worker_are_killed_between_batches(start_service, ray_cluster):
    client = start_service()
    key = client.circuit("multiply")
    witnesses = key.circuit.random_witnesses(4)
    assert all(job.error is None for job in client.prove_batch(key, witnesses).as_completed())
    (worker,) = client.workers()
    vault = ray_cluster.get(client._actors.vault.health.remote())
    for pid in (vault["pid"], worker["pid"]):
        os.kill(pid, signal.SIGKILL)
    other = client.circuit("ringct", depth=1, inputs=1, outputs=1)
    assert len(client.prove_batch(other, other.circuit.random_witnesses(1)).results()) == 1
    # The new worker maps the key from the new vault, which has read it from disk again.
    assert all(job.error is None for job in client.prove_batch(key, witnesses).as_completed())
