import pytest

from fastpath.latency_recorder import LatencyRecorder


def test_latencies_are_kept_by_key_and_by_stage():
    record = LatencyRecorder()
    record.ended(1.0, 3.0, "k", {"queue": 1.0, "service": 2.0})
    record.ended(2.0, 5.0, "k", {"queue": 2.0, "service": 3.0})
    record.ended(3.0, 7.0, "failed")
    record.ended(4.0, 9.0)
    assert record.latency.count == 4
    assert {key: latency.count for key, latency in record.latency_by_key.items()} == {"k": 2, "failed": 1}
    stages = record.latency_by_stage
    assert list(stages) == ["k"]
    assert stages["k"]["queue"].max_ms == 2000
    assert stages["k"]["service"].sum_ms == 5000


def test_only_the_most_recent_keys_are_kept():
    record = LatencyRecorder()
    record.ended(1.0, 0.1, "old", {"queue": 0.1})
    for i in range(100):
        record.ended(20.0, 0.1, f"k{i}", {"queue": 0.1})
    assert len(record.latency_by_key) == 64
    assert len(record.latency_by_stage) == 16
    assert "old" not in record.latency_by_key
    assert list(record.latency_by_stage)[-1] == "k99"


def test_a_second_reading_shows_what_came_since():
    record = LatencyRecorder()
    record.ended(1.0, 1.0, "k")
    first = record.latency_by_key["k"]
    assert record.latency_by_key["k"] is first  # not read again
    record.ended(2.0, 3.0, "k")
    assert record.latency_by_key["k"].average_ms == pytest.approx(2000)
