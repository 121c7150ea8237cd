"""The worker's own methods, in this process; that it restarts and is restarted is for the scenarios."""

import sys
import threading
import time
import uuid

import numpy as np
import pytest

from kernels import get_backend
from prover import BadInput, Cancelled, KeyNotFound, Proof, UnsatisfiedConstraint, groth16

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def vault(ray_cluster, directory):
    from cluster import key_vault
    from cluster.vault_calls import RayVaultCalls

    namespace = f"worker-{uuid.uuid4()}"
    actor = key_vault.start(namespace, directory)
    yield RayVaultCalls(key_vault.ACTOR_NAME, namespace)
    ray_cluster.kill(actor)


@pytest.fixture(scope="module")
def worker(vault, directory):
    from prover.worker import ProverWorker

    worker = ProverWorker("w0", vault, 2, str(directory))
    worker.health()
    yield worker
    worker._pool.close()


@pytest.fixture(scope="module")
def multiply_id(worker):
    return worker.setup_circuit("multiply", "bls12_381", {})


@pytest.fixture
def witnesses(multiply):
    return multiply.random_witnesses(4)


def run(ray, worker, key_id, array, rows):
    reference = ray.put(array)
    return worker.run_group(key_id, [[reference] for _ in rows], rows, [f"job-{row}" for row in rows])


def test_each_row_gets_its_proof_in_order(ray_cluster, worker, multiply_id, multiply, witnesses):
    answers = run(ray_cluster, worker, multiply_id, witnesses, [3, 0, 2])
    assert [answer["status"] for answer in answers] == ["ok"] * 3
    statements = [np.frombuffer(answer["public_inputs"], np.uint64).reshape(-1, 4) for answer in answers]
    assert np.array_equal(np.stack(statements), multiply.public_inputs(witnesses)[[3, 0, 2]])
    verifying_key = worker._keys.get(multiply_id).verifying_key
    groth16.verify_batch(verifying_key, [Proof.from_bytes(answer["payload"]) for answer in answers], statements)
    assert all(answer["seconds"] > 0 for answer in answers)


def test_rows_may_come_from_several_batches(ray_cluster, worker, multiply_id, witnesses):
    first, second = ray_cluster.put(witnesses[:2]), ray_cluster.put(witnesses[2:])
    answers = worker.run_group(multiply_id, [[first], [second], [first]], [1, 0, 0], ["a", "b", "c"])
    products = [np.frombuffer(answer["public_inputs"], np.uint64) for answer in answers]
    assert np.array_equal(np.stack(products), witnesses[[1, 2, 0], 1])


def test_bad_items_fail_alone(ray_cluster, worker, multiply_id, witnesses):
    witnesses[1, 1, 0] ^= np.uint64(1)
    witnesses[2, 3, 3] = np.uint64(2**64 - 1)
    answers = run(ray_cluster, worker, multiply_id, witnesses, [0, 1, 2, 3, 4, -1])
    assert [answer["status"] for answer in answers] == ["ok", "error", "error", "ok", "error", "error"]
    assert [type(answer["error"]) for answer in answers if answer["error"]] == [
        UnsatisfiedConstraint,
        BadInput,
        BadInput,
        BadInput,
    ]
    assert not answers[1]["payload"]
    assert not answers[1]["public_inputs"]


@pytest.mark.parametrize("submitted", [None, 7, "witness", np.zeros((4, 3, 4), np.uint64), np.zeros(4)])
def test_what_is_no_witness_is_refused(ray_cluster, worker, multiply_id, submitted):
    (answer,) = run(ray_cluster, worker, multiply_id, submitted, [0])
    assert isinstance(answer["error"], BadInput)


def test_witnesses_that_are_gone_with_their_submitter_fail_alone(ray_cluster, worker, multiply_id, witnesses):
    class Submitter:
        def put(self, array):
            import ray

            return [ray.put(array)]

    submitter = ray_cluster.remote(Submitter).options(num_cpus=0).remote()
    (theirs,) = ray_cluster.get(submitter.put.remote(np.repeat(witnesses, 1000, axis=0)))
    ray_cluster.kill(submitter)
    ours = ray_cluster.put(witnesses)
    time.sleep(1)
    answers = worker.run_group(multiply_id, [[ours], [theirs], [ours]], [0, 0, 1], ["a", "b", "c"])
    assert [answer["status"] for answer in answers] == ["ok", "error", "ok"]
    with pytest.raises(BadInput, match="gone with the client"):
        raise answers[1]["error"]


class Control:
    """What a worker reports to."""

    def __init__(self):
        self.reports = []

    def report(self, worker, job_ids, state):
        self.reports.append((worker, job_ids, state))

    def heard(self):
        return self.reports


def test_it_says_when_jobs_begin_and_when_their_proofs_are_verified(
    ray_cluster, worker, multiply_id, witnesses, monkeypatch
):
    namespace = f"control-{uuid.uuid4()}"
    options = {"name": "control", "namespace": namespace, "num_cpus": 0}
    control = ray_cluster.remote(Control).options(**options).remote()
    monkeypatch.setattr(worker, "_control_name", "control")
    monkeypatch.setattr(worker, "_control_namespace", namespace)
    witnesses[1, 1, 0] ^= np.uint64(1)
    run(ray_cluster, worker, multiply_id, witnesses, [0, 1, 2])
    began, verifying = ray_cluster.get(control.heard.remote())
    assert began == ("w0", ["job-0", "job-1", "job-2"], "running")
    assert verifying == ("w0", ["job-0", "job-2"], "verifying")
    ray_cluster.kill(control)
    for _ in range(2):  # whether it is heard or not, it proves
        assert run(ray_cluster, worker, multiply_id, witnesses, [0])[0]["status"] == "ok"
    assert worker._control is None


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel keeps no mark of the most memory")
def test_it_tells_what_memory_a_proof_takes(ray_cluster, worker):
    from prover.circuits import get_circuit

    key_id = worker.setup_circuit("ringct", "bls12_381", {"depth": 3, "inputs": 2, "outputs": 2})
    witnesses = get_circuit("ringct", "bls12_381", depth=3, inputs=2, outputs=2).random_witnesses(4)
    for _ in range(2):  # the first call of a key is not measured
        answers = run(ray_cluster, worker, key_id, witnesses, [0, 1, 2, 3])
    (taken,) = {answer["peak_bytes"] for answer in answers}
    vectors = 3 * 32 * worker._keys.get(key_id).domain_size  # A z, B z and C z are there at once
    assert vectors < taken < 1000 * vectors


def test_an_unknown_key_is_not_found(ray_cluster, worker, witnesses):
    with pytest.raises(KeyNotFound):
        run(ray_cluster, worker, "0" * 64, witnesses, [0])
    with pytest.raises(KeyNotFound):
        worker.load_key("0" * 64)


def test_running_jobs_stop_soon_after_they_are_cancelled(ray_cluster, worker, multiply_id, witnesses):
    key_id = worker.setup_circuit("ringct", "bls12_381", {"depth": 3, "inputs": 2, "outputs": 2})
    worker.load_key(key_id)
    from prover.circuits import get_circuit

    many = get_circuit("ringct", "bls12_381", depth=3, inputs=2, outputs=2).random_witnesses(40)
    answers = []
    group = threading.Thread(target=lambda: answers.extend(run(ray_cluster, worker, key_id, many, list(range(40)))))
    group.start()
    time.sleep(0.1)
    worker.cancel([f"job-{row}" for row in range(40)])
    cancelled_at = time.monotonic()
    group.join()
    assert time.monotonic() - cancelled_at < 5
    assert isinstance(answers[-1]["error"], Cancelled)
    assert {type(answer["error"]) for answer in answers} <= {Cancelled, type(None)}
    again = run(ray_cluster, worker, multiply_id, witnesses, [0, 1])  # the same job ids, not cancelled any more
    assert [answer["status"] for answer in again] == ["ok", "ok"]


def test_a_cancellation_may_arrive_before_its_job(ray_cluster, worker, multiply_id, witnesses):
    worker.cancel(["job-0"])
    answers = run(ray_cluster, worker, multiply_id, witnesses, [0, 1])
    assert isinstance(answers[0]["error"], Cancelled)
    assert answers[1]["status"] == "ok"


def test_a_circuit_is_set_up_once(worker, multiply_id, directory):
    assert worker.setup_circuit("multiply", "bls12_381", {}) == multiply_id
    assert (directory / multiply_id).is_dir()
    with pytest.raises(BadInput):
        worker.setup_circuit("multiply", "bls12_381", {"depth": 1})


def test_it_tells_what_it_is_and_does(worker, multiply_id):
    worker.load_key(multiply_id)
    health, backend = worker.health(), get_backend().name
    assert health["thread_rates"].keys() == {1, 2}
    assert (health["name"], health["threads"], health["backend"], health["jobs"]) == ("w0", 2, backend, 0)
    assert repr(worker) == f"ProverWorker(w0, {backend}, threads=2)"
    progress = worker.progress()
    assert progress["kernels"] >= progress["compiled"] >= 0


def test_pinned_keys_are_at_hand_again_in_a_new_worker(vault, multiply_id, directory):
    from prover.worker import ProverWorker

    vault.call("pin", multiply_id, True, timeout_s=60)
    again = ProverWorker("w1", vault, 1, str(directory))
    try:
        end = time.monotonic() + 60
        while multiply_id not in again._keys._keys._pinned:
            assert time.monotonic() < end, "not loaded"
            time.sleep(0.05)
        assert multiply_id in again._keys._keys._futures
    finally:
        again._pool.close()
        vault.call("pin", multiply_id, False, timeout_s=60)
