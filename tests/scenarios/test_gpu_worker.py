"""A worker with a GPU, which is emulated: a batch through the whole service, and what becomes of a lost device."""

import time

import pytest

from cluster.topology import WorkerPlan
from tests.cuda_emulator import Faults

pytestmark = pytest.mark.ray
CALLS_OF_A_START = 2_000
"""More than the calls of a device that its self-test and the warm-up make, 1,400; a batch makes some hundreds."""


@pytest.fixture
def start_gpu_service(monkeypatch, start_service, tmp_path):
    """A service whose workers are one for the CPU and one for a GPU, or the latter alone."""

    import prover.worker
    from cluster import service

    def start(first_faults=None, cpu=False):
        spent = tmp_path / "first-device-was-opened"

        def start_worker(name, namespace, vault, *, threads, key_directory, backend, gpus, control_name, **others):
            class Worker(prover.worker.ProverWorker):
                def _choose_backend(self, name, gpus):
                    from kernels.cuda.backend import CudaBackend
                    from kernels.cuda.dispatch import DispatchingBackend
                    from kernels.selection import cpu_backend
                    from tests.cuda_emulator import EmulatedDevice

                    if not gpus:
                        return super()._choose_backend(name, gpus)

                    def open_device():
                        faults = None if spent.exists() else first_faults
                        spent.touch()
                        return EmulatedDevice(seed=1, checked=False, faults=faults)

                    class OneTable(CudaBackend):
                        """Tables take a card a moment, and the emulated device most of what else it does here."""

                        def load_bases(self, curve, group, points, table_bytes=0):
                            return super().load_bases(curve, group, points, min(table_bytes, points.nbytes))

                    cuda = OneTable(open_device, cpu_backend())
                    return DispatchingBackend(cuda, cpu_backend(), measure=lambda *_: 1)

            # The same options as prover.worker.start gives, less the GPU, which Ray would look for.
            assert others == {"cpus": (), "detached": False}
            options = {"name": name, "num_cpus": 0, "max_restarts": -1, "max_task_retries": 0, "max_concurrency": 16}
            arguments = (name, vault, threads, str(key_directory), backend)
            return (
                prover.worker.actor_class(Worker)
                .options(namespace=namespace, **options)
                .remote(*arguments, curves=("bls12_381",), gpus=gpus, control=(control_name, namespace))
            )

        plans = [WorkerPlan("gpu-worker-0", 2, gpus=1), *([WorkerPlan("prover-worker-0", 1)] if cpu else [])]
        monkeypatch.setattr(service, "_plan", lambda _: plans)
        monkeypatch.setattr(prover.worker, "start", start_worker)
        return start_service()

    return start


def gpu_worker(client):
    return next(worker for worker in client.workers() if worker["name"] == "gpu-worker-0")


def test_a_batch_of_ringct_proofs_through_the_service(start_gpu_service):
    client = start_gpu_service()
    before = gpu_worker(client)
    assert before["backend"].startswith("cuda+")
    assert before["gpu"]["state"] == "healthy"
    assert before["gpu"]["device"] == "emulated CUDA device"
    assert before["gpu"]["work_bytes"] > 0
    key = client.circuit("ringct", depth=1, inputs=1, outputs=1)
    witnesses = key.circuit.random_witnesses(6).copy()
    witnesses[4, 5, 0] ^= 1
    batch = client.prove_batch(key, witnesses)
    jobs = sorted(batch.as_completed(), key=lambda job: job.index)  # proofs are verified again on this side
    assert [job.error is None for job in jobs] == [True, True, True, True, False, True]
    after = gpu_worker(client)
    assert after["gpu"]["state"] == "healthy"
    assert after["gpu"]["fallbacks"] == 0
    assert after["proofs"] == 5


@pytest.mark.gpu_full  # a second device has to start
def test_a_lost_device_costs_no_job_and_its_worker_comes_back_with_one(start_gpu_service):
    client = start_gpu_service(Faults(lost_at_call=CALLS_OF_A_START))
    first = gpu_worker(client)
    assert first["gpu"]["state"] == "healthy"
    key = client.circuit("ringct", depth=1, inputs=1, outputs=1)
    done = 0
    while gpu_worker(client)["pid"] == first["pid"] and done < 400:
        batch = client.prove_batch(key, key.circuit.random_witnesses(4))
        assert [job.error for job in batch.as_completed()] == [None] * 4
        done += 4
    end = time.monotonic() + 120
    while (again := gpu_worker(client)).get("gpu") is None or again["pid"] == first["pid"]:
        assert time.monotonic() < end
        time.sleep(0.5)
    assert again["gpu"]["state"] in {"healthy", "untested"}
    batch = client.prove_batch(key, key.circuit.random_witnesses(2))
    assert [job.error for job in batch.as_completed()] == [None] * 2
