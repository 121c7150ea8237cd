import math
import threading
import time

import pytest

from fastpath.errors import BadRequest, DeadlineExceeded, Overloaded
from fastpath.slots import Slots


def soon(_waiting):
    return 1.5


def wait_until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_slots_go_to_those_who_wait_in_order():
    slots, order = Slots(1, 10, time.monotonic), []
    slots.enter(math.inf, soon)

    def visit(name):
        slots.enter(math.inf, soon)
        order.append(name)
        slots.leave()

    threads = []
    for name in range(5):
        threads.append(threading.Thread(target=visit, args=(name,)))
        threads[-1].start()
        wait_until(lambda waiting=name + 1: slots.waiting == waiting)
        assert slots.ahead == name + 2
    slots.leave()
    for thread in threads:
        thread.join(10)
    assert order == [0, 1, 2, 3, 4]
    assert (slots.waiting, slots.ahead) == (0, 0)
    slots.enter(time.monotonic(), soon)


def test_too_many_are_refused_and_the_late_give_up():
    slots = Slots(1, 0, time.monotonic)
    slots.enter(math.inf, soon)
    with pytest.raises(Overloaded) as refusal:
        slots.enter(math.inf, soon)
    assert refusal.value.retry_after_s == 1.5
    slots = Slots(1, 1, time.monotonic)
    slots.enter(math.inf, soon)
    with pytest.raises(DeadlineExceeded):
        slots.enter(time.monotonic() + 0.01, soon)
    assert slots.waiting == 0
    slots.leave()
    slots.enter(math.inf, soon)


def test_impossible_slots_are_refused():
    for wrong in ((0, 1), (1, -1)):
        with pytest.raises(BadRequest):
            Slots(*wrong, time.monotonic)
