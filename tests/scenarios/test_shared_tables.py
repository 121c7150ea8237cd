"""Two workers of one machine use one copy of a key's tables, whatever becomes of who made or owned them."""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from kernels import get_backend
from prover import groth16
from prover.groth16.key_bases import KeyBases
from prover.groth16.key_queries import queries_of_proof
from prover.groth16.prepare import OF_PROOF, TABLE_BYTES
from prover.key_store import load_key

pytestmark = pytest.mark.ray

TIMEOUT_S = 120


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def client(ray_cluster, directory):  # noqa: ARG001 - it joins that Ray
    """A service with two workers of one thread, as on a machine with two NUMA nodes."""
    from cluster import Client, Settings, service

    cpus = sorted(os.sched_getaffinity(0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "numa_nodes", lambda: [{cpus[0]}, {cpus[-1]}])
        client = Client.local(Settings(threads=2, key_dir=directory))
    with client:
        yield client


@pytest.fixture
def ask_vault(ray_cluster, client):
    """Call a method of the service's vault."""
    from cluster.key_vault import ACTOR_NAME

    def ask(method, *arguments):
        vault = ray_cluster.get_actor(ACTOR_NAME, namespace=client.service_info().namespace)
        return ray_cluster.get(getattr(vault, method).remote(*arguments), timeout=TIMEOUT_S)

    return ask


@pytest.fixture
def set_up(ray_cluster, client, directory):
    """Make a circuit's key without having it loaded; returns it as it lies on disk."""

    def make(**parameters):
        call = client._any_worker.setup_circuit.remote("ringct", "bls12_381", parameters)
        return load_key(directory, ray_cluster.get(call, timeout=TIMEOUT_S))

    return make


def identity_of(pk):
    """The tables that a worker here asks for."""
    choose = lambda: queries_of_proof(pk, TABLE_BYTES)  # noqa: E731 - a thunk
    return KeyBases(pk.key_id, OF_PROOF, pk.curve, get_backend(), choose).identity()


def object_store_bytes(pid):
    """Resident bytes of a process that lie in the object store, which it shares with others."""
    resident, inside = 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
        if "-" in line.split()[0]:
            inside = "plasma" in line
        elif inside and line.startswith("Rss:"):
            resident += 1024 * int(line.split()[1])
    return resident


def prove(client, key, count=8):
    witnesses = key.circuit.random_witnesses(count)
    jobs = sorted(client.prove_batch(key, witnesses).as_completed(), key=lambda job: job.index)
    assert [job.error for job in jobs] == [None] * count
    statements = np.stack([job.public_inputs for job in jobs])
    groth16.verify_batch(key.verifying_key, [job.proof for job in jobs], statements)


def scrape(client):
    """The service's metrics by name and node."""
    with urllib.request.urlopen(client.service_info().metrics_address, timeout=TIMEOUT_S) as answer:  # noqa: S310 - ours
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {(sample.name, sample.labels.get("node")): sample.value for family in families for sample in family.samples}


def await_that(condition):
    end = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def kill_and_await(client, name):
    """Kill a worker, and return when Ray has restarted it."""

    def state():
        return next(worker for worker in client.workers() if worker["name"] == name)

    pid = state()["pid"]
    os.kill(pid, signal.SIGKILL)
    await_that(lambda: state()["alive"] and state().get("pid", pid) != pid)


def test_tables_are_made_once_and_lie_in_memory_that_both_workers_map(client, set_up, ask_vault):
    pk = set_up(depth=1, inputs=1, outputs=1)
    wanted, made = identity_of(pk), ask_vault("health")["tables_made"]
    before = {worker["pid"]: object_store_bytes(worker["pid"]) for worker in client.workers()}
    key = client.key(pk.key_id)  # both are asked at once to have it at hand
    prove(client, key)
    assert ask_vault("health")["tables_made"] == made + 1
    assert all(object_store_bytes(pid) - shared >= wanted.size_bytes / 2 for pid, shared in before.items())
    (entry,) = [entry for entry in client.list_keys() if entry["key_id"] == pk.key_id]
    assert list(entry["table_bytes"].values()) == [wanted.size_bytes]
    (node,) = entry["table_bytes"]
    health, metrics = ask_vault("health"), scrape(client)
    assert metrics["fastpath_table_bytes", node] == health["table_bytes"][node] >= wanted.size_bytes
    assert metrics["fastpath_table_bytes_limit", node] == health["table_bytes_limit"][node] > 0
    assert metrics["fastpath_made_tables_total", None] == health["tables_made"]
    # They outlive the worker that made them, whichever it was.
    for worker in client.workers():
        kill_and_await(client, worker["name"])
        client.warm_key(pk.key_id)
    assert ask_vault("health")["tables_made"] == made + 1
    prove(client, key)


def test_another_takes_over_from_one_that_dies_over_them_and_jobs_do_not_wait(ray_cluster, client, set_up, ask_vault):
    from prover.worker import actor_class

    class Dying:
        """A worker that begins to make tables and does not come to an end."""

        def make_tables(self, _wanted):
            threading.Event().wait()

        def die(self):
            os._exit(1)

    namespace, node = client.service_info().namespace, ray_cluster.get_runtime_context().get_node_id()
    dying = actor_class(Dying).options(name="dying", namespace=namespace, num_cpus=0, max_concurrency=2).remote()
    pk = set_up(depth=2, inputs=1, outputs=1)
    wanted, made = identity_of(pk), ask_vault("health")["tables_made"]
    assert ask_vault("tables", wanted, "dying", node, {}, "")
    assert ask_vault("health")["tables_made"] == made + 1

    from prover.circuits import get_circuit

    witnesses = get_circuit("ringct", "bls12_381", depth=2, inputs=1, outputs=1).random_witnesses(2)
    group = client._any_worker.run_group.remote(pk.key_id, [[ray_cluster.put(witnesses)]] * 2, [0, 1], ["a", "b"])
    answers = ray_cluster.get(group, timeout=TIMEOUT_S)
    assert [answer["status"] for answer in answers] == ["ok", "ok"]
    assert ask_vault("health")["tables_made"] == made + 1
    with ThreadPoolExecutor(1) as threads:
        loading = threads.submit(client.key, pk.key_id)
        dying.die.remote()
        key = loading.result(TIMEOUT_S)
    assert ask_vault("health")["tables_made"] == made + 2
    prove(client, key)


def test_tables_outlive_the_vault_in_who_has_them_and_are_made_again_for_who_has_not(client, set_up, ask_vault):
    pk = set_up(depth=1, inputs=1, outputs=2)
    key, size = client.key(pk.key_id), identity_of(pk).size_bytes
    (node,) = ask_vault("health")["table_bytes"]
    pid = ask_vault("health")["pid"]
    os.kill(pid, signal.SIGKILL)
    prove(client, key)
    kill_and_await(client, client.workers()[0]["name"])
    client.warm_key(pk.key_id)
    prove(client, key)
    health = ask_vault("health")
    assert health["pid"] != pid
    assert health["tables_made"] == 1
    # The new vault counts its own, and those of the old one as long as a worker has them.
    await_that(lambda: ask_vault("health")["table_bytes"][node] >= 2 * size)
    all_bytes = ask_vault("health")["table_bytes"][node]
    client.remove_key(pk.key_id)
    await_that(lambda: ask_vault("health")["table_bytes"].get(node, 0) == all_bytes - 2 * size)


def test_where_tables_may_take_no_room_each_worker_makes_its_own(start_service, ray_cluster):
    from cluster.key_vault import ACTOR_NAME

    small = start_service(table_mib=1)
    prove(small, small.circuit("ringct", depth=1, inputs=1, outputs=1))
    vault = ray_cluster.get_actor(ACTOR_NAME, namespace=small.service_info().namespace)
    health = ray_cluster.get(vault.health.remote(), timeout=TIMEOUT_S)
    assert (health["tables_made"], set(health["table_bytes"].values())) == (0, {0})


FULL_STORE = """
import ray, sys, time
import numpy as np
from pathlib import Path
from cluster import Client, Settings
from cluster.key_vault import ACTOR_NAME

MIB = 1 << 20

def await_free(condition):
    end = time.monotonic() + 60
    while not condition(ray.available_resources()["object_store_memory"]):
        assert time.monotonic() < end, "the store did not fill, or empty, in time"
        time.sleep(0.1)

with Client.local(Settings(threads=1, key_dir=Path(sys.argv[1]), object_store_mib=100)) as client:
    vault = ray.get_actor(ACTOR_NAME, namespace=client.service_info().namespace)
    ballast = ray.put(np.ones(70 * MIB, np.uint8))
    await_free(lambda free: free < 40 * MIB)
    key = client.circuit("ringct", depth=1, inputs=1, outputs=1)
    print(ray.get(vault.health.remote())["tables_made"])
    (job,) = client.prove_batch(key, key.circuit.random_witnesses(1)).as_completed()
    print(job.error)
    del ballast
    await_free(lambda free: free > 90 * MIB)
    key = client.circuit("ringct", depth=1, inputs=1, outputs=2)
    print(ray.get(vault.health.remote())["tables_made"])
    await_free(lambda free: free < 80 * MIB)
    client.remove_key(key.key_id)
    await_free(lambda free: free > 90 * MIB)
    print("freed")
"""


def test_a_store_that_is_full_of_other_things_takes_no_tables(tmp_path):
    """In a Ray of its own, whose store is small."""
    ran = subprocess.run(
        [sys.executable, "-c", FULL_STORE, str(tmp_path)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert ran.stdout.split() == ["0", "None", "1", "freed"], ran.stderr
