"""The actor on a real Ray, with workers that pretend."""

import asyncio
import contextlib
import os
import pickle
import signal
import sys
import time
import uuid
from types import SimpleNamespace

import pytest

from fastpath.conflicts import Access
from fastpath.errors import (
    BadRequest,
    DeadlineExceeded,
    IdempotencyConflict,
    Overloaded,
    Unavailable,
    UnknownJob,
    WorkerLost,
)
from fastpath.job import JobState
from fastpath.settings import SchedulerSettings
from fastpath.workers import WorkerOffer

pytestmark = pytest.mark.ray


class InvalidProofError(Exception):
    code = "invalid_proof"


class FakeWorker:
    """Doubles its items. Items: n >= 0 is doubled, -1 fails, -2 kills the process, -3 hangs, -4 is proved wrongly."""

    def __init__(self, item_s=0.0, control=None):
        self.item_s = item_s
        self.control = control  # FastPath and its own name there, for a worker that reports
        self.cancelled = []
        self.ran = []
        self.probed = 0
        self.loaded = []

    def run_group(self, key_id, witness_refs, rows, job_ids):
        import ray

        answers = []
        if self.control is not None:
            fastpath, name = self.control
            ray.get(fastpath.report.remote(name, job_ids, "running"))
        for (reference,), row, job_id in zip(witness_refs, rows, job_ids, strict=True):
            item = ray.get(reference)[row]
            time.sleep(self.item_s)
            if item == -2:
                os.kill(os.getpid(), signal.SIGKILL)
            if item == -3:
                time.sleep(1e6)
            self.ran.append(job_id)
            error = {-1: ValueError("item is -1"), -4: InvalidProofError()}.get(item)
            answers.append(
                {
                    "status": "error" if error else "ok",
                    "payload": b"" if error else str(2 * item).encode(),
                    "public_inputs": key_id.encode(),
                    "error": error,
                    "seconds": self.item_s,
                }
            )
        return answers

    def cancel(self, job_ids):
        self.cancelled += job_ids

    def health(self):
        return {
            "pid": os.getpid(),
            "cancelled": self.cancelled,
            "ran": self.ran,
            "probed": self.probed,
            "loaded": self.loaded,
        }

    def probe(self):
        self.probed += 1

    def load_key(self, key_id):
        self.loaded.append(key_id)

    def release_key(self, key_id):
        self.loaded.remove(key_id)

    def steps(self, job_ids):
        return dict.fromkeys(job_ids, "doubling")


@pytest.fixture
def service(ray_cluster):
    """A function that starts a service with workers; everything it started ends with the test."""
    ray, started = ray_cluster, []
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests

    def start(workers=1, item_s=0.0, reports=False, **settings):
        from fastpath import actor

        fastpath = actor.start("tests", name=f"fastpath-{uuid.uuid4()}", settings=SchedulerSettings(**settings))
        options = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": 0, "max_concurrency": 2}
        controls = [[fastpath, f"w{i}"] if reports else None for i in range(workers)]
        handles = [ray.remote(FakeWorker).options(**options).remote(item_s, control) for control in controls]
        started.extend([fastpath, *handles])
        ray.get([handle.health.remote() for handle in handles], timeout=60)
        offer = WorkerOffer(reports=reports)
        ray.get([fastpath.register_worker.remote(f"w{i}", handle, offer) for i, handle in enumerate(handles)])
        return fastpath, handles

    yield start
    for handle in started:
        with contextlib.suppress(Exception):
            ray.kill(handle)


def submit(ray, fastpath, items, **options):
    call = fastpath.submit_batch.remote("double", [ray.put(items)], len(items), 8, **options)
    receipt = ray.get(call, timeout=30)
    return receipt.batch_id, list(receipt.job_ids)


def collect(ray, fastpath, batch_id, count, timeout_s=60.0):
    records, end = [], time.monotonic() + timeout_s
    while len(records) < count and time.monotonic() < end:
        records += ray.get(fastpath.poll.remote(batch_id, len(records), 5.0), timeout=30)
    assert sorted(record.index for record in records) == list(range(count))
    return sorted(records, key=lambda record: record.index)


def test_every_item_gets_its_own_result_and_a_bad_one_stops_no_other(ray_cluster, service):
    fastpath, _ = service(workers=2)
    batch_id, job_ids = submit(ray_cluster, fastpath, [1, -1, 3], submitter="test")
    good, bad, other = collect(ray_cluster, fastpath, batch_id, 3)
    assert [good.job_id, bad.job_id, other.job_id] == job_ids
    assert (good.state, good.payload, good.public_inputs) == (JobState.DONE, b"2", b"double")
    assert other.payload == b"6"
    assert bad.state is JobState.FAILED
    assert str(bad.error) == "item is -1"
    assert ray_cluster.get(fastpath.status.remote(batch_id)).states == {"done": 2, "failed": 1}
    stats = pickle.loads(pickle.dumps(ray_cluster.get(fastpath.stats.remote())))  # noqa: S301
    assert (stats.executed, stats.failed, stats.counters.verified_proofs) == (3, 1, 2)
    ray_cluster.get(fastpath.acknowledge.remote(batch_id))
    with pytest.raises(UnknownJob):
        ray_cluster.get(fastpath.poll.remote(batch_id))


def test_no_job_is_lost_or_doubled_when_a_worker_is_killed_in_the_middle(ray_cluster, service):
    fastpath, (worker,) = service(item_s=0.02, first_group=64)
    pid = ray_cluster.get(worker.health.remote())["pid"]
    batch_id, _ = submit(ray_cluster, fastpath, list(range(64)))
    time.sleep(0.3)
    os.kill(pid, signal.SIGKILL)
    records = collect(ray_cluster, fastpath, batch_id, 64)
    assert [record.payload for record in records] == [str(2 * i).encode() for i in range(64)]
    stats = ray_cluster.get(fastpath.stats.remote())
    assert stats.counters.completed == 64
    assert stats.counters.worker_losses == 1
    assert stats.counters.requeued >= 1


def test_a_job_that_kills_workers_ends_as_a_dead_letter_and_the_others_complete(ray_cluster, service):
    fastpath, _ = service(first_group=4)
    batch_id, _ = submit(ray_cluster, fastpath, [1, -2, 3, 4])
    records = collect(ray_cluster, fastpath, batch_id, 4)
    assert [record.state.value for record in records] == ["done", "dead-letter", "done", "done"]
    assert isinstance(records[1].error, WorkerLost)


def test_a_job_that_meets_workers_that_died_idle_is_proved_by_the_last(ray_cluster, service):
    fastpath, workers = service(workers=3, reports=True)
    for pid in [health["pid"] for health in ray_cluster.get([worker.health.remote() for worker in workers])]:
        os.kill(pid, signal.SIGKILL)
    batch_id, _ = submit(ray_cluster, fastpath, [7])
    (record,) = collect(ray_cluster, fastpath, batch_id, 1)
    assert record.payload == b"14"
    # Ray may have noticed some of the deaths before the job came.
    assert ray_cluster.get(fastpath.stats.remote()).counters.dead_lettered == 0


def test_a_job_that_kills_workers_which_report_is_a_dead_letter_as_well(ray_cluster, service):
    fastpath, _ = service(first_group=2, reports=True)
    batch_id, _ = submit(ray_cluster, fastpath, [-2, 3])
    poison, good = collect(ray_cluster, fastpath, batch_id, 2)
    assert (poison.state, good.payload) == (JobState.DEAD_LETTER, b"6")
    assert ray_cluster.get(fastpath.stats.remote()).counters.worker_losses <= 3
    with pytest.raises(BadRequest, match="running or verifying"):
        ray_cluster.get(fastpath.report.remote("w0", [good.job_id], "done"))


def test_a_worker_that_hangs_is_restarted(ray_cluster, service):
    fastpath, _ = service(call_timeout_s=2.0)  # far more than a call needs on a busy machine
    hanging, _ = submit(ray_cluster, fastpath, [-3])
    following, _ = submit(ray_cluster, fastpath, [4])
    assert collect(ray_cluster, fastpath, hanging, 1)[0].state is JobState.DEAD_LETTER
    assert collect(ray_cluster, fastpath, following, 1)[0].payload == b"8"


def test_what_is_no_worker_is_refused(ray_cluster, service):
    fastpath, _ = service(workers=0)
    with pytest.raises(BadRequest, match="run_group"):
        ray_cluster.get(fastpath.register_worker.remote("w", "no handle"))
    with pytest.raises(Unavailable):
        submit(ray_cluster, fastpath, [1])


def test_a_service_whose_metrics_cannot_be_served_does_not_start(ray_cluster):
    from fastpath import actor

    name = f"fastpath-{uuid.uuid4()}"
    with pytest.raises(Unavailable, match="no_such_module"):
        actor.start("tests", name=name, metrics_factory="no_such_module:function")
    with pytest.raises(ValueError, match=name):
        ray_cluster.get_actor(name)


def test_a_full_queue_refuses_at_once_and_says_when_to_return(ray_cluster, service):
    fastpath, _ = service(item_s=0.5, max_jobs=4)
    submit(ray_cluster, fastpath, [1, 2, 3])
    with pytest.raises(Overloaded) as refusal:
        submit(ray_cluster, fastpath, [4, 5])
    assert 0 < refusal.value.retry_after_s < 10
    with pytest.raises(BadRequest, match="from 1 to 4"):
        submit(ray_cluster, fastpath, [1] * 5)
    with pytest.raises(BadRequest, match="deadline_s"):
        submit(ray_cluster, fastpath, [1], deadline_s=-1)
    assert ray_cluster.get(fastpath.stats.remote()).held_jobs <= 3


def test_waiting_and_running_jobs_are_cancelled(ray_cluster, service):
    fastpath, (worker,) = service(item_s=1.0, first_group=1)
    batch_id, job_ids = submit(ray_cluster, fastpath, [1, 2, 3])
    cancellation = ray_cluster.get(fastpath.cancel.remote(job_ids[1]))
    assert (cancellation.cancelled, cancellation.running) == (1, 0)
    cancellation = ray_cluster.get(fastpath.cancel.remote(batch_id))
    assert (cancellation.cancelled, cancellation.running, cancellation.already_finished) == (2, 1, 1)
    records = collect(ray_cluster, fastpath, batch_id, 3)
    assert {record.state for record in records} == {JobState.CANCELLED}
    end = time.monotonic() + 30.0  # nobody waits for the worker to have heard of it
    while not (heard := ray_cluster.get(worker.health.remote())["cancelled"]) and time.monotonic() < end:
        time.sleep(0.1)
    assert heard == [job_ids[0]]
    with pytest.raises(UnknownJob):
        ray_cluster.get(fastpath.cancel.remote("01J0000000000000000000000Z"))


def test_a_deadline_ends_waiting_and_running_jobs(ray_cluster, service):
    fastpath, _ = service(item_s=2.0, first_group=1)
    began = time.monotonic()
    batch_id, _ = submit(ray_cluster, fastpath, [1, 2], deadline_s=0.5)
    records = collect(ray_cluster, fastpath, batch_id, 2)
    assert time.monotonic() - began < 1.9
    assert {record.state for record in records} == {JobState.EXPIRED}
    assert isinstance(records[0].error, DeadlineExceeded)


def test_a_device_that_proves_wrongly_is_restarted_and_probed_before_it_gets_work(ray_cluster, service):
    fastpath, (worker,) = service(attempts=1)
    pid = ray_cluster.get(worker.health.remote())["pid"]
    wrong, _ = submit(ray_cluster, fastpath, [-4])
    assert collect(ray_cluster, fastpath, wrong, 1)[0].error.code == "invalid_proof"
    following, _ = submit(ray_cluster, fastpath, [4])
    assert collect(ray_cluster, fastpath, following, 1)[0].payload == b"8"
    # This process's connection may still lead to the process that has ended.
    health = ray_cluster.get(worker.health.options(max_task_retries=-1).remote())
    assert health["pid"] != pid
    assert health["probed"] >= 1
    stats = ray_cluster.get(fastpath.stats.remote())
    # The first time it may be the device's fault, so the job gets another attempt, after the restart and a probe.
    assert (stats.counters.invalid_proofs, stats.counters.alarms, stats.errors) == (2, 2, {"invalid_proof": 2})
    assert stats.workers[0].breaker == "closed"
    assert stats.workers[0].breaker_opened >= 1  # a probe may meet the process before it has ended


def test_status_tells_the_step_and_the_remaining_time(ray_cluster, service):
    fastpath, _ = service(item_s=0.5, max_group=1)
    collect(ray_cluster, fastpath, submit(ray_cluster, fastpath, [1])[0], 1)
    _, job_ids = submit(ray_cluster, fastpath, [1, 2, 3])
    running, waiting = ray_cluster.get([fastpath.status.remote(job_ids[i]) for i in (0, 2)])
    assert (running.state, running.step, waiting.state, waiting.step) == ("running", "doubling", "queued", "")
    assert 0 < running.remaining_s < waiting.remaining_s < 10


def test_conflicting_jobs_run_in_order_and_a_repeated_submission_once(ray_cluster, service):
    fastpath, workers = service(workers=2, item_s=0.2)
    access = Access(writes=frozenset(["pool"]))
    options = {"accesses": (access,) * 4, "idempotency_key": "i", "digest": b"d", "tenant": "a"}
    batch_id, job_ids = submit(ray_cluster, fastpath, [1, 2, 3, 4], **options)
    assert submit(ray_cluster, fastpath, [1, 2, 3, 4], **options) == (batch_id, job_ids)
    records = collect(ray_cluster, fastpath, batch_id, 4)
    assert [record.payload for record in records] == [b"2", b"4", b"6", b"8"]
    finished = ray_cluster.get(fastpath.poll.remote(batch_id))
    assert [record.index for record in finished] == [0, 1, 2, 3]
    ran = [ray_cluster.get(worker.health.remote())["ran"] for worker in workers]
    assert sum(map(len, ran)) == 4
    with pytest.raises(IdempotencyConflict):
        submit(ray_cluster, fastpath, [1, 2, 3, 4], **options | {"digest": b"other"})
    with pytest.raises(BadRequest, match="no such field"):
        submit(ray_cluster, fastpath, [1], colour="blue")


def test_a_hot_key_is_loaded_ahead(ray_cluster, service):
    fastpath, workers = service(workers=2, max_group=1)
    batch_id, _ = submit(ray_cluster, fastpath, [1] * 40)
    collect(ray_cluster, fastpath, batch_id, 40)
    assert all(ray_cluster.get(worker.health.remote())["loaded"] in ([], ["double"]) for worker in workers)
    stats = ray_cluster.get(fastpath.stats.remote())
    assert stats.hot_keys[0].key == "double"
    assert sum(worker.key_hits for worker in stats.workers) >= 38


def test_a_refusal_is_decided_in_less_than_10_ms(ray_cluster, service):
    fastpath, _ = service(max_jobs=1_000)
    witness = [ray_cluster.put([1] * 1_000)]
    ray_cluster.get(fastpath.submit_batch.remote("k", witness, 990, 8))
    refusals = [fastpath.submit_batch.remote("k", witness, 900, 8) for _ in range(200)]
    for refusal in refusals:
        with contextlib.suppress(Overloaded):
            ray_cluster.get(refusal)
    deciding = ray_cluster.get(fastpath.stats.remote()).deciding
    assert deciding.count >= 200
    assert deciding.p50_ms < 10


def test_draining_finishes_what_is_held(ray_cluster, service):
    fastpath, _ = service(item_s=0.01)
    submit(ray_cluster, fastpath, list(range(20)))
    assert ray_cluster.get(fastpath.drain.remote(30.0), timeout=60) == 0
    assert ray_cluster.get(fastpath.stats.remote()).counters.completed == 20


def test_metrics_are_served_by_the_factory_that_is_named(monkeypatch):
    from fastpath.actor import FastPath

    providers = []

    def factory(provider, namespace):
        assert namespace == "tests"
        providers.append(provider)
        assert provider().executed == 0  # registries collect while they register, on the loop's own thread
        return "http://127.0.0.1:1"

    monkeypatch.setitem(sys.modules, "some_metrics", SimpleNamespace(factory=factory))

    async def scrape():
        fastpath = FastPath("tests", metrics_factory="some_metrics:factory")
        addresses = [await fastpath.metrics_address() for _ in range(2)]
        stats = await asyncio.to_thread(providers[0])
        return addresses, stats

    addresses, stats = asyncio.run(scrape())
    assert addresses == ["http://127.0.0.1:1"] * 2
    assert len(providers) == 1
    assert stats.uptime_s > 0


def test_the_repr_tells_which_service_it_is():
    from fastpath.actor import FastPath

    assert repr(FastPath("blue", SchedulerSettings(max_jobs=7))) == "FastPath(namespace=blue, max_jobs=7)"
