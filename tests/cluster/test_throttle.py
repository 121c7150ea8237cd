import random
import threading

import pytest

from cluster.throttle import Throttle
from fastpath.errors import BadRequest, Overloaded


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def run(throttle, clock, requests, accepts_a_second, rate, latency_s=0.01):
    """Send at a steady rate to a service that takes so many a second; return how many were sent and taken."""
    sent = taken = 0
    room = 1.0
    for _ in range(requests):
        clock.now += 1 / rate
        room = min(room + accepts_a_second / rate, 5.0)
        try:
            throttle.check()
        except Overloaded:
            continue
        sent += 1
        accepted = room >= 1
        room -= accepted
        taken += accepted
        throttle.answered(accepted=accepted, latency_s=latency_s, retry_after_s=3.0)
    return sent, taken


def make(**options):
    clock = Clock()
    return Throttle(clock=clock, rng=random.Random(1), **options), clock


def test_a_service_that_takes_everything_is_never_throttled():
    throttle, clock = make()
    assert run(throttle, clock, 500, 10.0, 10.0) == (500, 500)
    assert throttle.refusal_probability == 0.0


def test_no_more_than_k_times_what_is_taken_is_sent():
    throttle, clock = make()
    run(throttle, clock, 2_000, 5.0, 50.0)
    sent, taken = run(throttle, clock, 2_000, 5.0, 50.0)
    assert taken >= 0.8 * 5.0 * 2_000 / 50
    assert sent <= 2.3 * taken


def test_a_few_refusals_among_many_change_nothing():
    throttle, clock = make()
    sent, _ = run(throttle, clock, 1_000, 6.0, 10.0)
    assert sent == 1_000


def test_a_service_that_is_gone_is_asked_now_and_then_and_trusted_again():
    throttle, clock = make(window_s=10.0)
    sent, _ = run(throttle, clock, 1_000, 0.0, 10.0)
    assert 5 <= sent <= 200
    sent, taken = run(throttle, clock, 1_500, 20.0, 10.0)
    assert throttle.refusal_probability == 0.0
    assert taken == sent > 700


def test_slow_answers_widen_the_window():
    throttle, clock = make(window_s=10.0)
    for _ in range(2_000):
        clock.now += 0.1
        throttle.answered(accepted=True, latency_s=60.0)
    assert throttle._requests.half_life_s == pytest.approx(240.0, rel=0.05)


def test_a_throttled_request_names_the_time_the_service_named():
    throttle, clock = make()
    clock.now = 100.0
    for _ in range(200):
        throttle.answered(accepted=False, latency_s=0.01, retry_after_s=40.0)
        throttle.answered(accepted=False, latency_s=0.01, retry_after_s=1.0)  # of a smaller batch
    assert throttle.refusal_probability > 0.99
    with pytest.raises(Overloaded) as refusal:
        throttle.check()
    assert refusal.value.retry_after_s == 40.0
    assert refusal.value.ticket == ""


def test_threads_may_share_it():
    throttle = Throttle(rng=random.Random(1))
    threads = [
        threading.Thread(target=lambda: [throttle.answered(accepted=True, latency_s=0.0) for _ in range(500)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert throttle._requests.total == pytest.approx(2_000, rel=0.05)


@pytest.mark.parametrize("wrong", [{"ratio": 0.5}, {"window_s": 0.0}])
def test_wrong_throttles_are_refused(wrong):
    with pytest.raises(BadRequest):
        Throttle(**wrong)
