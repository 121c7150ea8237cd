"""A machine with several NUMA nodes, as far as it can be pretended."""

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.ray


def cpus_of_proving_threads(pid):
    """Where the kernel lets them run."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    proving = [task for task in tasks if (task / "comm").read_text(encoding="utf-8").startswith("prover-work")]
    return [os.sched_getaffinity(int(task.name)) for task in proving]


def test_each_node_has_a_worker_on_its_own_cpus_and_all_prove(monkeypatch, start_service):
    from cluster import Client, service

    cpus = sorted(os.sched_getaffinity(0))
    nodes = [{cpus[0]}, {cpus[-1]}]
    monkeypatch.setattr(service, "numa_nodes", lambda: nodes)
    client = start_service()
    assert [(worker["name"], worker["threads"], set(worker["cpus"])) for worker in client.workers()] == [
        ("prover-worker-0", 1, nodes[0]),
        ("prover-worker-1", 1, nodes[1]),
    ]
    key = client.circuit("ringct", depth=1, inputs=1, outputs=1)
    batch = client.prove_batch(key, key.circuit.random_witnesses(16))
    assert [job.error for job in batch.as_completed()] == [None] * 16
    for worker, node in zip(client.workers(), nodes, strict=True):
        assert worker["completed"] > 0
        assert cpus_of_proving_threads(worker["pid"]) == [node]
    info = client.service_info()
    with Client.connect(info.address, info.namespace) as other:
        assert [worker["pid"] for worker in other.workers()] == [worker["pid"] for worker in client.workers()]
