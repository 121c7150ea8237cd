"""The care for workers without Ray: handles are objects whose methods answer by futures."""

import asyncio
from concurrent.futures import Future

import pytest

from fastpath import worker_care
from fastpath.decisions import Effects
from fastpath.worker_care import Driver, WorkerCare


class GoneError(Exception):
    pass


class Method:
    """Answers with the next of what it was given; the last again and again."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.calls = []

    def remote(self, *arguments):
        self.calls.append(arguments)
        return self

    def future(self):
        future = Future()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
        return future


class Handle:
    def __init__(self, *health, probe=None):
        self.health = Method(*health)
        self.load_key = Method(None)
        if probe is not None:
            self.probe = Method(probe)


class FakeScheduler:
    def __init__(self):
        self.heard = []

    def probed(self, _now, name, *, passed):
        self.heard.append((name, passed))

    def worker_back(self, name):
        self.heard.append((name, "back"))


class Bench:
    def __init__(self, **handles):
        self.scheduler = FakeScheduler()
        self.handles = handles
        self.restarted, self.tasks, self.advanced = [], [], 0
        driver = Driver(self.advance, self.spawn, self.restarted.append, self.remove, GoneError)
        self.care = WorkerCare(self.scheduler, handles, driver)

    def advance(self):
        self.advanced += 1

    def spawn(self, work):
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    async def remove(self, name):
        del self.handles[name]

    def run(self, work):
        """Do something, and everything that follows from it."""

        async def go():
            work()
            while pending := [task for task in self.tasks if not task.done()]:
                await asyncio.wait(pending)

        asyncio.run(go())


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(worker_care, "HEALTH_EVERY_S", 0.0)


def test_a_lost_worker_is_asked_until_it_answers():
    handle = Handle(RuntimeError(), RuntimeError(), {"pid": 1})
    bench = Bench(w=handle)
    bench.run(lambda: [bench.care.watch("w", handle) for _ in range(2)])  # twice: it is watched once
    assert bench.scheduler.heard == [("w", "back")]
    assert len(handle.health.calls) == 3
    assert bench.advanced == 1


def test_one_that_has_ended_for_good_is_removed():
    bench = Bench(w=Handle(RuntimeError(), GoneError()))
    bench.run(lambda: bench.care.watch("w", bench.handles["w"]))
    assert bench.handles == {}
    assert bench.scheduler.heard == []


def test_one_that_was_replaced_is_asked_no_more():
    bench = Bench(w=Handle({"pid": 1}))
    replaced = Handle({"pid": 2})
    bench.run(lambda: bench.care.watch("w", replaced))
    assert replaced.health.calls == []


def test_a_recycled_worker_is_back_only_as_another_process():
    handle = Handle({"pid": 1}, {"pid": 1}, RuntimeError(), {"pid": 2})
    bench = Bench(w=handle)
    bench.run(lambda: bench.care.carry_out(Effects(recycles=["w", "unknown"])))
    assert bench.restarted == [handle]
    assert bench.scheduler.heard == [("w", "back")]
    assert len(handle.health.calls) == 4


@pytest.mark.parametrize(("answer", "passed"), [(None, True), (RuntimeError(), False)])
def test_a_known_answer_is_asked_for(answer, passed):
    bench = Bench(w=Handle({"pid": 1}, probe=answer))
    bench.handles["w"].probe = Method(answer)
    bench.run(lambda: bench.care.carry_out(Effects(probes=["w"])))
    assert bench.scheduler.heard == [("w", passed)]


def test_one_without_a_known_answer_is_asked_for_its_health():
    bench = Bench(w=Handle({"pid": 1}))
    bench.run(lambda: bench.care.carry_out(Effects(probes=["w"])))
    assert bench.scheduler.heard == [("w", True)]


def test_keys_are_loaded_ahead_where_a_worker_can():
    bench = Bench(w=Handle({"pid": 1}))
    bench.run(lambda: bench.care.carry_out(Effects(preloads={"w": ["k", "l"]}, forgets={"w": ["m"], "gone": ["k"]})))
    assert bench.handles["w"].load_key.calls == [("k",), ("l",)]
