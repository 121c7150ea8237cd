import pytest

from fastpath.forecast import Forecast
from fastpath.job import Job
from fastpath.queue import Capacity, JobQueue
from fastpath.settings import SchedulerSettings
from fastpath.workers import Workers


@pytest.fixture
def forecast():
    queue, capacity, workers = JobQueue(), Capacity(100, 1_000), Workers()
    workers.add("w", 2)
    made = Forecast(SchedulerSettings(first_group=3, group_target_s=2.0, max_group=16), queue, capacity, workers)
    made.queue, made.capacity, made.workers = queue, capacity, workers
    return made


def test_a_group_lasts_as_long_as_wanted_and_leaves_work_for_the_other_slots(forecast):
    assert forecast.group_size("k", 100) == 3
    forecast.costs.measured("k", 0.25)
    assert forecast.group_size("k", 100) == 8
    assert forecast.group_size("k", 5) == 3
    forecast.costs.measured("tiny", 0.0)
    assert forecast.group_size("tiny", 100) == 16
    forecast.costs.measured("huge", 60.0)
    assert forecast.group_size("huge", 100) == 1


def test_room_comes_when_the_excess_has_run(forecast):
    forecast.costs.measured("k", 0.5)
    forecast.capacity.take(50, 500)
    assert forecast.room_in_s(20, 0) == pytest.approx(20 * 0.5 / 2)
    assert forecast.room_in_s(0, 300) == pytest.approx(30 * 0.5 / 2)
    assert forecast.room_in_s(1, 1) >= 0.1
    forecast.workers.lost("w")
    assert forecast.room_in_s(1, 0) == 5.0


def test_the_queue_delay_follows_length_and_cost(forecast):
    for i in range(40):
        forecast.queue.add(Job(f"b-{i}", "b", i, "k", 5, 1e9, 0.0, i))
    assert (forecast.queue_delay_s, forecast.congestion) == (0.0, 1.0)
    forecast.costs.measured("k", 2.0)
    assert forecast.queue_delay_s == pytest.approx(40.0)
    assert forecast.congestion == pytest.approx(4.0)
    assert forecast.service_s("k") == 2.0
    assert forecast.service_s("unknown") > 0
